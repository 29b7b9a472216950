"""Evidence in space: sets of boxes as pixels and as objects. Boxes are normalised xyxy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lucida.metrics.geometry import box_iou

Box = tuple[float, float, float, float]


def pixels_iou(a: Sequence[Box], b: Sequence[Box]) -> float:
    """Area of the intersection of two unions of boxes over the area of the union of all; 0 where that is empty."""
    xs = sorted({v for box in (*a, *b) for v in (box[0], box[2])})
    ys = sorted({v for box in (*a, *b) for v in (box[1], box[3])})
    both = either = 0.0
    for x0, x1 in pairwise(xs):
        for y0, y1 in pairwise(ys):
            first, second = (
                any(r[0] <= x0 and x1 <= r[2] and r[1] <= y0 and y1 <= r[3] for r in boxes)
                for boxes in (a, b)
            )
            area = (x1 - x0) * (y1 - y0)
            both += area * (first and second)
            either += area * (first or second)
    return both / either if either > 0 else 0.0


def objects_iou(truth: Sequence[Box], said: Sequence[Box]) -> float:
    """IoU summed over the best one-to-one matching, over the larger number of boxes: extra and missing boxes cost.

    Exact up to 12 true boxes; beyond that pairs are taken greedily, best first.
    """
    if not truth or not said:
        return 0.0
    table = [[float(box_iou(t, s)) for t in truth] for s in said]
    if len(truth) > 12:
        pairs = sorted(
            ((table[i][j], i, j) for i in range(len(said)) for j in range(len(truth))), reverse=True
        )
        rows, columns, total = set(), set(), 0.0
        for value, i, j in pairs:
            if i not in rows and j not in columns:
                rows.add(i)
                columns.add(j)
                total += value
        return total / max(len(truth), len(said))
    best = {0: 0.0}  # taken true boxes as bits -> the largest sum so far
    for row in table:
        step = dict(best)
        for taken, total in best.items():
            for j, value in enumerate(row):
                if value > 0 and not taken >> j & 1:
                    key = taken | 1 << j
                    step[key] = max(step.get(key, 0.0), total + value)
        best = step
    return max(best.values()) / max(len(truth), len(said))


def clipped(box: Sequence[float]) -> Box | None:
    """``box`` within 0..1; ``None`` where nothing is left of it."""
    x0, y0, x1, y1 = (min(1.0, max(0.0, float(v))) for v in box)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
