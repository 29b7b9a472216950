"""From replies to a score document: what a run says, what a file says, and how sure one can be."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.bench.protocol import Protocol
from lucida.bench.records import Reply, Row, Score, to_json
from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.metrics.bootstrap import cluster_bootstrap

if TYPE_CHECKING:
    from lucida.bench.judge import Judge

SCHEMA = "lucida-bench/1"


def score_replies(
    protocol: Protocol, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
) -> Score:
    """The protocol's score of ``replies``; those with an error count as replies without text, by the protocol."""
    return protocol.score(replies, compat=compat, judge=judge)


def score_file(
    protocol: Protocol, path: str | Path, *, compat: bool = False, judge: Judge | None = None
) -> tuple[Score, dict[str, Reply], list[str]]:
    """Score saved predictions without any model: (score, replies, problems of the file).

    Raises:
        InputError: nothing in the file can be read.
    """
    replies, problems = protocol.read_predictions(Path(path))
    return score_replies(protocol, replies, compat=compat, judge=judge), replies, problems


def unknown_replies(protocol: Protocol, replies: Mapping[str, Reply]) -> list[str]:
    """A line that counts and names replies to nothing that the protocol asks; empty without any."""
    asked = {request.id for request in protocol.requests()}
    asked |= {request.id for request in protocol.follow_ups(replies)}
    unknown = [name for name in replies if name not in asked]
    if not unknown:
        return []
    shown = ", ".join(repr(name) for name in unknown[:5]) + (" …" if len(unknown) > 5 else "")
    return [f"{len(unknown)} replies have an id that is not in the data: {shown}"]


def score_document(
    protocol: Protocol,
    score: Score,
    replies: Mapping[str, Reply],
    *,
    problems: Iterable[str] = (),
    model: str = "",
    draws: int = 2000,
) -> dict[str, Any]:
    """Everything a report needs, as JSON: the score, intervals, costs, baselines, problems."""
    return {
        "schema": SCHEMA,
        "protocol": protocol.name,
        "title": protocol.title,
        "licence": protocol.licence,
        "headline": headline(protocol, score),
        "model": model or next((reply.model for reply in replies.values() if reply.model), ""),
        "data": str(protocol.data.absolute()) if getattr(protocol, "data", None) else "",
        "score": to_json(score),
        "means": means(score.rows, draws=draws),
        "costs": costs(replies),
        "baselines": baseline_table(protocol, compat=score.compat),
        "problems": [*protocol.problems, *problems, *unknown_replies(protocol, replies)],
    }


def headline(protocol: Protocol, score: Score) -> str:
    """The name that stands for the whole: the protocol's own, else the first of the summary."""
    if protocol.headline in score.summary or any(protocol.headline in row.scores for row in score.rows):
        return protocol.headline
    return next(iter(score.summary), "")


def means(rows: Sequence[Row], *, draws: int = 2000) -> dict[str, dict[str, Any]]:
    """Mean of every row score in 0..1 with its cluster-bootstrap interval at 95 %, over the rows that carry it."""
    table = {}
    for name in dict.fromkeys(name for row in rows for name in row.scores):
        taking = [row for row in rows if name in row.scores]
        values = [float(row.scores[name]) for row in taking]
        if not all(math.isfinite(value) for value in values):
            raise AssertionError(f"score {name!r} of some row is not finite")
        interval = cluster_bootstrap(values, [row.cluster for row in taking], draws=draws)
        table[name] = {"mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.items,
                       "clusters": interval.clusters}  # fmt: skip
    return table


def costs(replies: Mapping[str, Reply]) -> dict[str, Any]:
    """Seconds, tokens and further costs: mean over the replies that know them, and how many do."""
    table: dict[str, list[float]] = {}
    for reply in replies.values():
        known = {"seconds": reply.seconds, "tokens": reply.tokens, **reply.cost}
        if reply.cost.get("passes") and reply.tokens is not None:
            known["tokens per pass"] = reply.tokens * reply.cost.get("regions", 1.0) / reply.cost["passes"]
        for name, value in known.items():
            if value is not None and math.isfinite(value):
                table.setdefault(name, []).append(float(value))
    return {
        name: {"mean": math.fsum(values) / len(values), "total": math.fsum(values), "n": len(values)}
        for name, values in table.items()
    }


def baseline_table(protocol: Protocol, *, compat: bool = False) -> dict[str, dict[str, float]]:
    """Summaries of the protocol's trivial baselines and oracles by name."""
    return {
        name: dict(protocol.score(replies, compat=compat).summary)
        for name, replies in protocol.baselines().items()
    }


def write_scores(folder: Path, documents: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Write ``NAME.json`` for each document into ``folder``."""
    paths = []
    for name, document in documents.items():
        paths.append(folder / f"{name}.json")
        atomic_write(paths[-1], json.dumps(document, indent=1, allow_nan=False) + "\n")
    return paths


def read_score(path: str | Path) -> dict[str, Any]:
    """A score document, from its file or from a run folder (``score.json``).

    Raises:
        InputError: there is none, or it is something else.
    """
    path = Path(path).expanduser()
    file = path / "score.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        hint = " (score the run first: lucida bench score)" if path.is_dir() else ""
        raise InputError(f"{file}: {error.strerror or error}{hint}") from error
    except ValueError as error:
        raise InputError(f"{file}: not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "score" not in document:
        raise InputError(f"{file}: not a score document")
    return document


def rows_of(document: Mapping[str, Any]) -> list[Row]:
    """The rows of a score document."""
    return [Row(**{**row, "requests": tuple(row.get("requests", ()))}) for row in document["score"]["rows"]]
