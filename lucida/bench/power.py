"""Minimum detectable effect: what a benchmark of this size can and cannot tell apart.

Two-sided test at level α with power 1 − β: the smallest true difference is (z_{1−α/2} + z_{1−β}) · SE, where SE is the
standard error of the mean difference over clusters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from lucida.media.errors import InputError

ALPHA, POWER = 0.05, 0.8


def factor(alpha: float = ALPHA, power: float = POWER) -> float:
    """How many standard errors a true difference must measure: 2.80 at α = 0.05 and power 0.8.

    Raises:
        InputError: a value outside (0, 1).
    """
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise InputError(f"{name} {value}: want between 0 and 1")
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)


def paired_sd(values: ArrayLike, clusters: Sequence[object]) -> tuple[float, float]:
    """(standard deviation, effective n) of a mean over clustered values, so that SE = sd / √n.

    The cluster-robust standard error of a mean is √Σ_c (Σ_{i∈c} (x_i − x̄))² / N.
    """
    data = np.asarray(values, np.float64)
    n = len(data)
    if n < 2:
        return 0.0, float(max(n, 1))
    _, index = np.unique(np.asarray([str(name) for name in clusters]), return_inverse=True)
    sums = np.bincount(index, weights=data - data.mean())
    groups = len(sums)
    error = math.sqrt(float(sums @ sums) * groups / max(1, groups - 1)) / n
    spread = float(data.std(ddof=1))
    return (spread, (spread / error) ** 2) if error > 0 and spread > 0 else (spread, float(n))


def detectable(sd: float, n: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest true mean difference that ``n`` independent paired differences of this spread show."""
    if n <= 0:
        raise InputError(f"n {n}: want more than 0")
    return factor(alpha, power) * sd / math.sqrt(n)


def two_proportions(
    n: int, rate: float, *, disagreement: float | None = None, clusters: float = 1.0, alpha: float = ALPHA,
    power: float = POWER,
) -> float:  # fmt: skip
    """The smallest detectable difference of two accuracies on the same ``n`` items.

    Args:
        n: items. rate: the accuracy around which they lie.
        disagreement: share of items on which exactly one of the two is right; None: as if independent, 2·p·(1 − p).
        clusters: design effect: variance is larger by this factor where items share videos (1: they do not).

    Raises:
        InputError: values out of range.
    """
    if n < 1 or not 0 <= rate <= 1 or clusters < 1:
        raise InputError(f"n {n}, rate {rate}, design effect {clusters}: want n >= 1, rate in 0..1, effect >= 1")
    share = 2 * rate * (1 - rate) if disagreement is None else disagreement
    if not 0 <= share <= 1:
        raise InputError(f"disagreement {share}: want 0 to 1")
    # A difference δ needs at least δ of the items to disagree; var of a paired difference is share − δ² <= share.
    return min(1.0, detectable(math.sqrt(share * clusters), n, alpha=alpha, power=power))


def items_needed(difference: float, rate: float, *, disagreement: float | None = None, clusters: float = 1.0) -> int:
    """How many items would show ``difference``: the inverse of :func:`two_proportions`.

    Raises:
        InputError: a difference that is not in (0, 1].
    """
    if not 0 < difference <= 1:
        raise InputError(f"difference {difference}: want above 0, at most 1")
    share = 2 * rate * (1 - rate) if disagreement is None else disagreement
    return max(1, math.ceil(share * clusters * (factor() / difference) ** 2))
