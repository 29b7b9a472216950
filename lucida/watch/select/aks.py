"""Adaptive keyframe selection (AKS, 2502.21271), mended: the budget goes down the tree as whole frames.

AKS halves the film until the best frames of a part stand out from its mean, and takes the best of each part. The
released code hands every leaf floor(M / 2^depth) frames: with its defaults all leaves lie at depth 5, so fewer than 32
frames give an empty selection. Here a part splits only while it has two frames to give, halves get whole numbers that
add up, and the odd one goes to the half with the better frames.
"""

from __future__ import annotations

import math

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.select.common import best, checked, cleaned


def aks(scores: np.ndarray, n: int, *, gap: float = 0.8, depth: int | None = None) -> np.ndarray:
    """Select ``n`` frames: stratified where scores are even, concentrated where a few stand out.

    Args:
        scores: (T,) relevance per frame; what is not finite counts as the lowest. Scaled to 0..1 first.
        n: frames wanted; all are returned where there are fewer.
        gap: a part is a leaf when the mean of its best frames exceeds its mean by more than this. Below 0
            the result is the top n; from 1 on it is stratified.
        depth: most halvings; default: until each part has one frame to give.

    Returns:
        (min(n, T),) int64, ascending and distinct.
    """
    if math.isnan(gap):
        raise InputError("gap must be a number, got nan")
    if depth is not None and depth < 0:
        raise InputError(f"depth must be 0 or more, got {depth}")
    n = checked(len(scores), n)
    values = cleaned(scores)
    chosen: list[int] = []
    parts = [(0, len(values), n, 0)]
    while parts:
        start, stop, budget, level = parts.pop()
        part = values[start:stop]
        picked = best(part, budget)
        stands_out = part[picked].mean() - part.mean() > gap
        if stands_out or budget < 2 or level == depth:
            chosen += (picked + start).tolist()
            continue
        middle = (start + stop) // 2
        left = _left_share(values[start:middle], values[middle:stop], budget)
        parts.append((start, middle, left, level + 1))
        parts.append((middle, stop, budget - left, level + 1))
    return np.sort(np.array(chosen, dtype=np.int64))


def _left_share(left: np.ndarray, right: np.ndarray, budget: int) -> int:
    """Frames for the left half: half of the budget, the odd one to the better half, never more than it has."""
    half, odd = divmod(budget, 2)
    if odd:
        half += bool(best_mean(left, half + 1) >= best_mean(right, half + 1))
    return min(max(half, budget - len(right)), len(left))


def best_mean(scores: np.ndarray, n: int) -> float:
    """Mean of the ``n`` largest (of all, where there are fewer); below any score for none."""
    return float(np.sort(scores)[::-1][:n].mean()) if len(scores) else -math.inf
