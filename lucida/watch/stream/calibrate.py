"""From a false-alarm rate to a CUSUM threshold, and back: the average run length (ARL) under no change.

With independent standard normal scores, S = max(0, S + z - k) is a Markov chain; cut into cells, its mean
time from 0 to beyond h solves a linear system (Brook and Evans 1972). That is what is stated. A bound that
needs no cells is Lorden's (1971): log-likelihood increments have ARL of at least exp(h), here exp(2 k h);
tests check the one against the other.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from lucida.media.errors import InputError

CELLS = 120
HOUR = 3600.0


@lru_cache(maxsize=256)
def cusum_arl(h: float, k: float) -> float:
    """Mean number of steps until S = max(0, S + z - k) exceeds ``h``, for independent z ~ N(0, 1), from S = 0."""
    if h < 0 or k <= 0:
        raise InputError(f"a CUSUM needs h >= 0 and k > 0, got h={h} and k={k}")
    width = 2 * h / (2 * CELLS - 1) if h else 1e-9
    # Cell j holds S in ((j - 1/2) w, (j + 1/2) w]; cell 0 also holds the reset at 0. From cell i, the score that
    # leads to cell j is about (j - i) w + k.
    edges = np.array([_normal_cdf((d + 0.5) * width + k) for d in range(-CELLS, CELLS)])
    steps = np.arange(CELLS)
    upper = edges[steps[None, :] - steps[:, None] + CELLS]
    lower = edges[steps[None, :] - steps[:, None] - 1 + CELLS]
    move = upper - lower
    move[:, 0] = upper[:, 0]
    return float(np.linalg.solve(np.eye(CELLS) - move, np.ones(CELLS))[0])


def cusum_threshold(per_hour: float, fps: float, k: float) -> float:
    """The least h with at most ``per_hour`` false alarms an hour on independent standard normal scores.

    Raises:
        InputError: a rate that is not above zero, or one that alarms more often than every other step.
    """
    if not (per_hour > 0 and fps > 0 and math.isfinite(per_hour) and math.isfinite(fps)):
        raise InputError(f"false alarms per hour and fps must be above 0, got {per_hour} and {fps}")
    wanted = HOUR * fps / per_hour
    if wanted < 2:
        raise InputError(
            f"{per_hour:g} false alarms per hour at {fps:g} frames per second: want at most {HOUR * fps / 2:g}"
        )
    low, high = 0.0, 1.0
    while cusum_arl(high, k) < wanted:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if cusum_arl(middle, k) < wanted else (low, middle)
    return high


def stated_rate(h: float, k: float, fps: float) -> float:
    """False alarms per hour that a CUSUM of threshold ``h`` has by construction."""
    return HOUR * fps / cusum_arl(h, k)


def lorden_bound(h: float, k: float) -> float:
    """A lower bound of the ARL: 2k(z - k) are the log-likelihood increments of a shift by 2k, so ARL >= exp(2kh)."""
    return math.exp(min(2 * k * h, 700.0))


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))
