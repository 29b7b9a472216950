"""Places and paths a thing of a clip may take: pure proposals, judged by the planner.

Points are sprite centres in pixels; ``extent`` and ``size`` are (height, width).
"""

from __future__ import annotations

import numpy as np

from lucida.world.motion import Point

SIDES = ("left", "right", "top", "bottom")
Extent = tuple[int, int]


def inner_place(rng: np.random.Generator, extent: Extent, size: Extent) -> Point:
    """A place wholly inside the picture, a little off its edges."""
    (h, w), (height, width) = extent, size
    margin = 0.02 * min(size)
    return (
        float(rng.uniform(w / 2 + margin, max(w / 2 + margin, width - w / 2 - margin))),
        float(rng.uniform(h / 2 + margin, max(h / 2 + margin, height - h / 2 - margin))),
    )


def edge_place(rng: np.random.Generator, extent: Extent, size: Extent, side: str) -> Point:
    """A place just outside ``side``: the box touches the edge and shows nothing."""
    (h, w), (height, width) = extent, size
    x, y = inner_place(rng, extent, size)
    match side:
        case "left":
            return -w / 2, y
        case "right":
            return width + w / 2, y
        case "top":
            return x, -h / 2
    return x, height + h / 2


def waiting_place(extent: Extent, size: Extent) -> Point:
    """Where a thing waits that is not in the picture at time 0."""
    return -extent[1] / 2, size[0] / 2


def beside(
    rng: np.random.Generator, extent: Extent, place: Point, other: Extent, start: Point, near: float
) -> Point:
    """A place beside the box ``other`` at ``place``, facing ``start``, 0.2 to 0.9 of ``near`` away."""
    (h, w), (oh, ow) = extent, other
    space = near * float(rng.uniform(0.2, 0.9))
    dx, dy = start[0] - place[0], start[1] - place[1]
    slide = float(rng.uniform(-0.2, 0.2))
    if abs(dx) * (h + oh) >= abs(dy) * (w + ow):  # it faces a vertical side of the other box
        reach = (w + ow) / 2 + space
        return place[0] + (reach if dx > 0 else -reach), place[1] + slide * oh
    reach = (h + oh) / 2 + space
    return place[0] + slide * ow, place[1] + (reach if dy > 0 else -reach)


def overlap_share(a: Point, extent_a: Extent, b: Point, extent_b: Extent, size: Extent) -> float:
    """The share that box ``b`` covers of box ``a``, as far as it is in the picture; 0 when it is not."""
    (ha, wa), (hb, wb), (height, width) = extent_a, extent_b, size
    x0, x1 = max(0.0, a[0] - wa / 2), min(float(width), a[0] + wa / 2)
    y0, y1 = max(0.0, a[1] - ha / 2), min(float(height), a[1] + ha / 2)
    if x1 <= x0 or y1 <= y0:
        return 0.0
    dx = min(x1, b[0] + wb / 2) - max(x0, b[0] - wb / 2)
    dy = min(y1, b[1] + hb / 2) - max(y0, b[1] - hb / 2)
    return max(0.0, dx) * max(0.0, dy) / ((x1 - x0) * (y1 - y0))
