"""From replies to a score document: what a run says, what a file says, and how sure one can be."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucida.bench.protocol import Protocol
from lucida.bench.records import Reply, Row, Score, to_json
from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.metrics.bootstrap import cluster_bootstrap

if TYPE_CHECKING:
    from lucida.bench.judge import Judge

SCHEMA = "lucida-bench/1"
SHARED = ("passes", "token_forwards", "decode_seconds", "look_seconds")  # of a whole decode, on each of its replies


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
        "means": {**means(score.rows, draws=draws), **composites(type(protocol), score.rows, draws=draws)},
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


JUDGED = "judged_"


def composites(kind: type[Protocol], rows: Sequence[Row], *, draws: int = 2000) -> dict[str, dict[str, Any]]:
    """Figures that a protocol composes from several means, with intervals, as :func:`means` gives them.

    Whole clusters are drawn and all parts of a figure come from the same draw. Figures that rest on judged scores
    are called ``judged_…``.
    """
    table: dict[str, dict[str, Any]] = {}
    for prefix in ("", JUDGED):
        if prefix and not any(name.startswith(prefix) for row in rows for name in row.scores):
            continue
        clusters = list(dict.fromkeys(row.cluster for row in rows))
        once = composed_draws(kind, rows, clusters, np.ones((1, len(clusters))), prefix)
        many = composed_draws(kind, rows, clusters, resampled(len(clusters), draws), prefix)
        for name, point in once.items():
            known = many[name][np.isfinite(many[name])]
            if np.isfinite(point[0]) and len(known):
                low, high = np.quantile(known, [0.025, 0.975])
                table[prefix + name] = {"mean": float(point[0]), "low": float(low), "high": float(high),
                                        "n": len(rows), "clusters": len(clusters)}  # fmt: skip
    return table


def resampled(clusters: int, draws: int) -> np.ndarray:
    """(draws, clusters) how often each cluster is drawn; always the same (seed 0)."""
    return np.random.default_rng(0).multinomial(clusters, np.full(clusters, 1 / max(1, clusters)), size=draws)


def composed_draws(
    kind: type[Protocol], rows: Sequence[Row], clusters: Sequence[str], times: np.ndarray, prefix: str = ""
) -> dict[str, np.ndarray]:
    """A protocol's composed figures under each row of ``times`` (draws, clusters); NaN where a part is empty.

    Args:
        prefix: scores that begin with it take the place of those of the same name without it.
    """
    place = {name: number for number, name in enumerate(clusters)}
    names = dict.fromkeys(name for row in rows for name in row.scores)
    sums = {name: np.zeros((2, len(clusters))) for name in names}
    for row in rows:
        for name, value in row.scores.items():
            sums[name][:, place[row.cluster]] += value, 1
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {name: (times @ total) / (times @ count) for name, (total, count) in sums.items()}
        chosen = {name: value for name, value in found.items() if not name.startswith(JUDGED)}
        if prefix:
            chosen |= {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix)}
        return {name: np.asarray(value, np.float64) for name, value in kind.composed(chosen).items()}


def costs(replies: Mapping[str, Reply]) -> dict[str, Any]:
    """Seconds, tokens and further costs: mean over the replies that know them, and how many do.

    What a decode cost that several regions share (``cost["regions"]``) is divided by them, so that totals count it
    once. ``tokens per pass`` is all tokens over all passes.
    """
    table: dict[str, list[float]] = {}
    written = passes = 0.0
    for reply in replies.values():
        regions = max(1.0, reply.cost.get("regions", 1.0))
        known = {"seconds": reply.seconds, "tokens": reply.tokens, **reply.cost}
        known |= {name: reply.cost[name] / regions for name in SHARED if name in reply.cost}
        if known.pop("regions", None) is not None:
            known["regions per decode"] = regions
        if known.get("passes") and reply.tokens is not None:
            written, passes = written + reply.tokens, passes + reply.cost["passes"] / regions
        for name, value in known.items():
            if value is not None and math.isfinite(value):
                table.setdefault(name, []).append(float(value))
    found = {
        name: {"mean": math.fsum(values) / len(values), "total": math.fsum(values), "n": len(values)}
        for name, values in table.items()
    }
    if passes:
        found["tokens per pass"] = {"mean": written / passes, "total": written / passes, "n": len(table["passes"])}
    return found


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
