"""Two runs of one protocol, item by item: paired difference with a cluster bootstrap, and what could be seen at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lucida.bench.power import detectable, paired_sd
from lucida.bench.scoring import rows_of
from lucida.media.errors import InputError
from lucida.metrics.bootstrap import Interval, paired_difference


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A minus B on one row score.

    Attributes:
        difference: mean of A minus mean of B over the shared rows, with its interval.
        mean_a, mean_b: over the shared rows. only_a, only_b: rows that the other one lacks.
        wins, losses, ties: rows where A is higher, lower, equal.
        detectable: the smallest true difference that this many clusters would show in 80 % of studies.
    """

    protocol: str
    score: str
    difference: Interval
    mean_a: float
    mean_b: float
    wins: int
    losses: int
    ties: int
    only_a: int
    only_b: int
    detectable: float
    warnings: tuple[str, ...] = ()


def compare(
    a: Mapping[str, Any], b: Mapping[str, Any], *, score: str | None = None, draws: int = 5000
) -> list[Comparison]:
    """Compare two score documents on one row score, or on all that they share.

    Raises:
        InputError: other protocols, no shared row, or no such score.
    """
    if a["protocol"] != b["protocol"]:
        raise InputError(f"cannot compare {a['protocol']} with {b['protocol']}")
    rows_a, rows_b = ({row.id: row for row in rows_of(document)} for document in (a, b))
    shared = [name for name in rows_a if name in rows_b]
    if not shared:
        raise InputError("the two runs share no row")
    names = list(dict.fromkeys(name for key in shared for name in rows_a[key].scores))
    names = [name for name in names if any(name in rows_b[key].scores for key in shared)]
    if score is not None and score not in names:
        raise InputError(f"--score {score}: want one of {', '.join(names)}")
    warnings = tuple(_differences(a["score"], b["score"]))
    results = []
    for name in names if score is None else [score]:
        keys = [key for key in shared if name in rows_a[key].scores and name in rows_b[key].scores]
        first, second = (np.array([rows[key].scores[name] for key in keys]) for rows in (rows_a, rows_b))
        clusters = [rows_a[key].cluster for key in keys]
        gap = first - second
        results.append(Comparison(
            protocol=a["protocol"], score=name, mean_a=float(first.mean()), mean_b=float(second.mean()),
            difference=paired_difference(first, second, clusters, draws=draws), warnings=warnings,
            wins=int((gap > 0).sum()), losses=int((gap < 0).sum()), ties=int((gap == 0).sum()),
            only_a=len(rows_a) - len(shared), only_b=len(rows_b) - len(shared),
            detectable=detectable(*paired_sd(gap, clusters)),
        ))  # fmt: skip
    return results


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What makes two scores unlike beside the model."""
    lines = []
    if a.get("compat", False) != b.get("compat", False):
        lines.append("one was scored with --compat, the other without")
    before, after = a.get("provenance", {}), b.get("provenance", {})
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            lines.append(f"{name} differs: {before.get(name)} against {after.get(name)}")
    return lines
