"""What ``lucida bench run`` and ``score`` share: names of folders, both scorers, and the lines that are printed."""

from __future__ import annotations

import json as json_module
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.bench.judge import Judge
    from lucida.bench.protocol import Protocol
    from lucida.bench.records import Reply
    from lucida.bench.runner import RunResult


def options_of(pairs: tuple[str, ...] | list[str] | None) -> dict[str, Any]:
    """``name=value`` texts as a mapping; a value that is JSON is that value.

    Raises:
        InputError: a text without ``=``.
    """
    options: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--option {pair}: want name=value")
        try:
            options[name] = json_module.loads(value)
        except ValueError:
            options[name] = value
    return options


def default_out(protocol: str, model: str) -> Path:
    """Always the same for one protocol and model, so that the same command carries on."""
    return Path("runs") / "bench" / protocol / re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")[-80:]


def shard_of() -> tuple[int, int] | None:
    """This process's share under ``accelerate launch`` (or torchrun); None when it is alone.

    ``accelerate launch --cpu --num_processes 2`` starts one process without a word; that is said here.
    """
    try:
        index, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError as error:
        raise InputError(f"RANK or WORLD_SIZE is not a number: {error}") from error
    if count == 1 and {"ACCELERATE_USE_CPU", "MASTER_ADDR"} <= os.environ.keys() and "RANK" not in os.environ:
        sys.stderr.write(
            "lucida: warning: accelerate started one process only and it does everything; "
            "give accelerate launch --multi_gpu (with or without GPUs), or use torchrun\n"
        )
    return (index, count) if count > 1 else None


class Progress:
    """A line on stderr every few seconds; silent where stderr is no terminal, but for the last."""

    def __init__(self, every: float = 2.0) -> None:
        self.every, self._begin, self._last = every, time.monotonic(), 0.0

    def __call__(self, done: int, total: int, result: RunResult) -> None:
        """As :data:`lucida.bench.runner.Say`."""
        now = time.monotonic()
        if not sys.stderr.isatty() or (now - self._last < self.every and done < total):
            return
        self._last = now
        known = f"{result.replayed} replayed, {result.cached} from the cache"
        line = f"{done}/{total} replies, {known}, {now - self._begin:.0f} s"
        sys.stderr.write(f"\r{line}\x1b[K" + ("\n" if done == total else ""))
        sys.stderr.flush()


def scored(
    protocol: Protocol, replies: Mapping[str, Reply], problems: list[str], *, judge: Judge | None, model: str = ""
) -> dict[str, dict[str, Any]]:
    """Both score documents: ``score`` (mended) and ``score-compat`` (as released)."""
    from lucida.bench.judges import score_with_judge, tally
    from lucida.bench.scoring import score_document, score_replies

    documents = {}
    for name, compat in (("score", False), ("score-compat", True)):

        def scoring(asked: Judge | None, compat: bool = compat) -> Any:
            return score_replies(protocol, replies, compat=compat, judge=asked)

        score = scoring(None) if judge is None else score_with_judge(scoring, judge)
        documents[name] = score_document(protocol, score, replies, problems=problems, model=model)
        if judge is not None and score.judged is None and not compat:
            sys.stderr.write(f"lucida: warning: {protocol.name} needs no judge; the one given was not asked\n")
    if judge is not None and (line := tally(judge)):
        sys.stderr.write(f"{line}\n")
    return documents


def lines_of(document: Mapping[str, Any]) -> list[str]:
    """A score in a few lines."""
    score = document["score"]
    lines = [f"{document['title']}: {document['model']}" + (" (as released)" if score.get("compat") else "")]
    width = max((len(name) for name in score["summary"]), default=0)
    judged = score.get("judged") or {}
    for name in dict.fromkeys([*score["summary"], *judged]):
        value, ceiling = score["summary"].get(name), score.get("ceilings", {}).get(name)
        more = f"  with judge {judged[name]:.2f}" if name in judged else ""
        more += f"  (ceiling {ceiling:.1f})" if ceiling and ceiling < 99.95 else ""
        lines.append(f"  {name:<{width}}  {'–' if value is None else f'{value:.2f}'}{more}")
    headline = document["headline"]
    for name, words in ((headline, ""), (f"judged_{headline}", " with judge")):
        if (mean := document["means"].get(name)) is not None:
            lines.append(f"  95 % interval of {headline}{words}: {100 * mean['low']:.2f} to {100 * mean['high']:.2f}, "
                         f"{mean['n']} rows in {mean['clusters']} clusters")  # fmt: skip
    trivial = {
        name: summary[headline]
        for name, summary in document["baselines"].items()
        if not name.startswith("oracle") and headline in summary
    }
    if trivial:
        lines.append("  trivial baselines: " + ", ".join(f"{name} {value:.2f}" for name, value in trivial.items()))
    counts = ", ".join(f"{count} {name}" for name, count in score["statuses"].items() if count)
    lines.append(f"  n = {score['n']}; rows: {counts or 'none'}")
    reasons = Counter(row["note"] for row in score["rows"] if row.get("status") == "error" and row.get("note"))
    lines += [f"  error in {count} rows: {reason[:200]}" for reason, count in reasons.most_common(3)]
    lines += [f"  note: {note}" for note in score.get("notes", ())]
    if document["problems"]:
        lines.append(f"  {len(document['problems'])} problems, the first: {document['problems'][0]}")
    return lines
