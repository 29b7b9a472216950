"""Two runs of one protocol, item by item: paired difference with a cluster bootstrap, and what could be seen at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lucida.bench.power import detectable, paired_sd
from lucida.bench.protocol import PROTOCOLS, protocol_class
from lucida.bench.records import Row
from lucida.bench.scoring import composed_draws, resampled, rows_of
from lucida.media.errors import InputError
from lucida.metrics.bootstrap import Interval, paired_difference


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A minus B on one row score.

    Attributes:
        difference: mean of A minus mean of B over the shared rows, with its interval.
        mean_a, mean_b: over the shared rows. only_a, only_b: rows that the other one lacks.
        wins, losses, ties: rows where A is higher, lower, equal; all 0 for a figure that is no mean of rows.
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
    warnings = tuple(_differences(a["score"], b["score"]))
    pairs = [(rows_a[key], rows_b[key]) for key in shared]
    composed = _composed(a["protocol"], pairs, warnings, len(rows_a), len(rows_b), draws)
    if score is not None and score not in names and score not in composed:
        raise InputError(f"--score {score}: want one of {', '.join([*composed, *names])}")
    results = [one for name, one in composed.items() if score in (None, name)]
    for name in names:
        if score not in (None, name):
            continue
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


def _composed(
    protocol: str, pairs: list[tuple[Row, Row]], warnings: tuple[str, ...], n_a: int, n_b: int, draws: int
) -> dict[str, Comparison]:
    """Figures composed of several means: the same clusters are drawn for both models."""
    if protocol not in PROTOCOLS:
        return {}
    kind = protocol_class(protocol)
    first = [one for one, _ in pairs]
    second = [replace(two, cluster=one.cluster) for one, two in pairs]
    clusters = list(dict.fromkeys(row.cluster for row in first))
    once, times = np.ones((1, len(clusters))), resampled(len(clusters), draws)
    found: dict[str, Comparison] = {}
    points = [composed_draws(kind, rows, clusters, once) for rows in (first, second)]
    many = [composed_draws(kind, rows, clusters, times) for rows in (first, second)]
    for name in points[0]:
        if name not in points[1] or not np.isfinite([points[0][name][0], points[1][name][0]]).all():
            continue
        gaps = many[0][name] - many[1][name]
        gaps = gaps[np.isfinite(gaps)]
        if not len(gaps):
            continue
        mean_a, mean_b = (float(one[name][0]) for one in points)
        low, high = (float(value) for value in np.quantile(gaps, [0.025, 0.975]))
        gap = Interval(mean=mean_a - mean_b, low=low, high=high, items=len(pairs), clusters=len(clusters))
        found[name] = Comparison(
            protocol=protocol, score=name, difference=gap, mean_a=mean_a, mean_b=mean_b, warnings=warnings, wins=0,
            losses=0, ties=0, only_a=n_a - len(pairs), only_b=n_b - len(pairs),
            detectable=detectable(float(gaps.std()) * len(clusters) ** 0.5, len(clusters)),
        )  # fmt: skip
    return found


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
