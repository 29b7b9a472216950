"""Intersection over union of boxes, masks, spans and sets. Pure numpy; equal things have 1, even empty ones."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lucida.media.errors import InputError


def _ratio(
    intersection: NDArray[np.float64], union: NDArray[np.float64], equal: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """intersection / union, and where the union is empty 1 for equal things and 0 for others."""
    empty = union <= 0
    return np.where(empty, equal.astype(np.float64), intersection / np.where(empty, 1.0, union))


def box_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """IoU of xyxy boxes, any one unit for both.

    Args:
        a: (..., 4).
        b: (..., 4), broadcast against ``a``; ``box_iou(a[:, None], b[None])`` is the (N, M) table.

    Returns:
        (...) float64 in [0, 1].

    Raises:
        InputError: a box is inverted or not finite.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    for name, box in (("a", first), ("b", second)):
        if box.shape[-1:] != (4,):
            raise InputError(f"box {name}: shape {box.shape} does not end in 4")
        if not np.isfinite(box).all() or (box[..., 2:] < box[..., :2]).any():
            raise InputError(f"box {name}: {box.tolist()} is inverted or not finite")
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    intersection = np.clip(high - low, 0, None).prod(-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).prod(-1) for box in (first, second))
    return _ratio(intersection, area_a + area_b - intersection, (first == second).all(-1))


def mask_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """IoU of bool masks (..., H, W), broadcast over the leading axes.

    Raises:
        InputError: the masks have different sizes.
    """
    first, second = np.asarray(a, bool), np.asarray(b, bool)
    if first.shape[-2:] != second.shape[-2:]:
        raise InputError(f"mask sizes {first.shape[-2:]} and {second.shape[-2:]} differ")
    intersection = (first & second).sum((-2, -1)).astype(np.float64)
    union = (first | second).sum((-2, -1)).astype(np.float64)
    return _ratio(intersection, union, union == 0)


def temporal_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """IoU of time spans (..., 2) in seconds, broadcast.

    Raises:
        InputError: a span ends before it begins, or is not finite.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    for name, span in (("a", first), ("b", second)):
        if span.shape[-1:] != (2,):
            raise InputError(f"span {name}: shape {span.shape} does not end in 2")
        if not np.isfinite(span).all() or (span[..., 1] < span[..., 0]).any():
            raise InputError(f"span {name}: {span.tolist()} is inverted or not finite")
    overlap = np.minimum(first[..., 1], second[..., 1]) - np.maximum(first[..., 0], second[..., 0])
    intersection = np.clip(overlap, 0, None)
    union = (first[..., 1] - first[..., 0]) + (second[..., 1] - second[..., 0]) - intersection
    return _ratio(intersection, union, (first == second).all(-1))


def spans_iou(a: Sequence[tuple[float, float]], b: Sequence[tuple[float, float]]) -> float:
    """IoU of two unions of time spans, each in any order and possibly overlapping; no spans against none is 1."""
    edges = sorted({time for span in (*a, *b) for time in span})
    pieces = list(pairwise(edges))

    def inside(spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
        return np.array([any(t0 <= low and high <= t1 for t0, t1 in spans) for low, high in pieces], bool)

    lengths = np.array([high - low for low, high in pieces])
    first, second = inside(a), inside(b)
    union = float((lengths * (first | second)).sum())
    return float((lengths * (first & second)).sum()) / union if union > 0 else float(sorted(a) == sorted(b))


def set_iou(a: Collection[Hashable], b: Collection[Hashable]) -> float:
    """Jaccard index of two sets; 1 where both are empty."""
    first, second = set(a), set(b)
    return len(first & second) / len(first | second) if first | second else 1.0
