"""Inverse-transform selection (BOLT, 2503.21483), mended: exactly n distinct frames whatever the scores are.

BOLT inverts the cumulated scores^alpha at n even quantiles, so one strong frame swallows several quantiles (59 of 64
picks distinct), flat scores give NaN, and n = 1 reads past the end. Here a frame is picked with the *inclusion*
p_t = min(1, c s_t^alpha), sum p = n, and the cumulated inclusions are inverted at 1/2, 3/2, ...: no frame
can hold two of those points (systematic sampling with unequal probabilities, Madow 1949). Flat scores give
bin middles, a large alpha the top n.
"""

from __future__ import annotations

import math

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.select.common import checked, cleaned, distinct

FLOOR = 1e-9  # the share a worthless frame keeps, so that n frames can always be found


def inverse(scores: np.ndarray, n: int, *, alpha: float = 2.0) -> np.ndarray:
    """Select ``n`` frames, denser where ``scores`` (T,) are high.

    Args:
        scores: relevance per frame; what is not finite counts as the lowest.
        n: frames wanted; all are returned where there are fewer.
        alpha: how strongly to concentrate: 0 is uniform, large is the top n.

    Returns:
        (min(n, T),) int64, ascending and distinct.
    """
    if not (math.isfinite(alpha) and alpha >= 0):
        raise InputError(f"alpha must be 0 or more, got {alpha}")
    n = checked(len(scores), n)
    share = inclusions(cleaned(scores), n, alpha)
    edges = np.cumsum(share)
    edges *= n / edges[-1]
    points = np.arange(n) + 0.5
    return distinct(np.searchsorted(edges, points, side="right"), len(share))


def inclusions(scores: np.ndarray, n: int, alpha: float) -> np.ndarray:
    """(T,) p_t = min(1, c s_t^alpha) with sum n, for ``scores`` in 0..1; worthless frames share what is left over."""
    if alpha == 0 or not scores.any():
        return np.full(len(scores), n / len(scores))
    # In logarithms, so that a large alpha orders the frames instead of rounding all but one to zero.
    logs = alpha * np.log(np.maximum(scores, FLOOR))
    order = np.argsort(-logs, kind="stable")
    share = np.empty(len(scores))
    # Water filling: take the largest as certain while their proportional share of the rest would exceed one.
    for certain in range(n + 1):
        rest = order[certain:]
        share[order[:certain]] = 1.0
        if certain == n or not len(rest):
            share[rest] = 0.0
            return share
        weight = np.exp(logs[rest] - logs[rest[0]])
        scale = (n - certain) / weight.sum()
        if scale <= 1.0 + 1e-12:  # the largest weight is 1
            share[rest] = scale * weight
            return share
    return share
