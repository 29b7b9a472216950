"""Confidence intervals: cluster bootstrap of a mean, of a paired difference, and Wilson's for a proportion.

Regions of one scene share a picture, a layout and an encoder pass, so they are not independent; scenes are. The
bootstrap therefore draws whole clusters (Cameron, Gelbach and Miller 2008 discuss why). The mean is over items:
the sum over the drawn clusters divided by the number of items in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lucida.media.errors import InputError

_BLOCK = 2_000_000  # entries of the resampling table made at once


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its interval at ``level``. ``items`` and ``clusters`` are what it rests on."""

    mean: float
    low: float
    high: float
    items: int
    clusters: int
    level: float = 0.95

    @property
    def half(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level: {level} is not between 0 and 1")


def _clustered(
    values: ArrayLike, clusters: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(sum, number of items) of each cluster; every item is its own cluster where none are given."""
    data = np.asarray(values, np.float64)
    if data.ndim != 1 or data.size == 0:
        raise InputError(f"values: shape {data.shape} is not a list of at least one number")
    if not np.isfinite(data).all():
        raise InputError("values: some are not finite")
    if clusters is None:
        return data, np.ones_like(data)
    names = np.asarray(clusters)
    if names.shape != data.shape:
        raise InputError(f"clusters: {names.size} for {data.size} values")
    _, index = np.unique(names, return_inverse=True)
    sums, sizes = np.bincount(index, weights=data), np.bincount(index)
    return sums.astype(np.float64), sizes.astype(np.float64)


def cluster_bootstrap(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean of ``values`` over resampled clusters.

    Args:
        values: (N,) numbers; booleans are a proportion.
        clusters: (N,) labels of any kind, such as scene seeds; None makes every value its own cluster.
        level: coverage aimed at.
        draws: resamples.
        seed: of the resampling, so that a report is reproducible.

    Raises:
        InputError: nothing to average, a value that is not finite, or lengths that differ.
    """
    _check_level(level)
    if draws < 1:
        raise InputError(f"draws: {draws} is less than 1")
    sums, sizes = _clustered(values, clusters)
    rng = np.random.default_rng(seed)
    number = len(sums)
    means = np.empty(draws)
    step = max(1, _BLOCK // number)
    for start in range(0, draws, step):
        stop = min(draws, start + step)
        times = rng.multinomial(number, np.full(number, 1 / number), size=stop - start)  # (draws, clusters)
        means[start:stop] = (times @ sums) / (times @ sizes)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        mean=float(sums.sum() / sizes.sum()), low=float(low), high=float(high),
        items=int(sizes.sum()), clusters=number, level=level,
    )  # fmt: skip


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of mean(a) - mean(b), where ``a[k]`` and ``b[k]`` score the same item.

    Raises:
        InputError: as :func:`cluster_bootstrap`, or ``a`` and ``b`` differ in length.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape:
        raise InputError(f"paired values: {first.size} against {second.size}")
    return cluster_bootstrap(first - second, clusters, level=level, draws=draws, seed=seed)


def wilson(successes: int, trials: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval (Wilson 1927) of a proportion of independent trials; sound at 0 and at 1.

    Raises:
        InputError: no trials, or successes outside 0..trials.
    """
    _check_level(level)
    if trials < 1 or not 0 <= successes <= trials:
        raise InputError(f"wilson: {successes} successes of {trials} trials")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, scale = successes / trials, 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / scale
    half = z / scale * float(np.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)))
    # At the ends the bound is exactly the proportion; rounding must not put it a hair inside.
    low, high = (0.0 if successes == 0 else centre - half), (1.0 if successes == trials else centre + half)
    return Interval(mean=p, low=low, high=high, items=trials, clusters=trials, level=level)
