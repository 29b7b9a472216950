"""Masks and the rings around them: filling polygons by pixel centres, tracing masks along pixel edges.

The two are exact inverses: ``rasterise(trace(mask), size) == mask`` for every mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def rasterise(rings: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels whose centres lie inside ``rings`` by the even-odd rule.

    Args:
        rings: each (N, 2) float (x, y) in pixels, closing itself. Edges that are walked twice cancel exactly,
            so rings may be joined by bridges of no width.
        size: (height, width).
    """
    height, width = size
    crossings = np.zeros((height, width + 1), dtype=np.uint8)
    if len(rings):
        start = np.concatenate([np.asarray(ring, dtype=np.float64) for ring in rings])
        end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
        rows, columns = _crossings(start, end, size)
        np.add.at(crossings, (rows, columns), 1)  # modulo 256 keeps the parity
    return np.bitwise_and(np.cumsum(crossings[:, :width], axis=1, dtype=np.uint8), 1).astype(bool)


def _crossings(start: np.ndarray, end: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where edges (N, 2) cross the lines of pixel centres: rows, and the first columns right of each."""
    height, width = size
    swap = (start[:, 1] > end[:, 1])[:, None]  # walk down, so that both directions compute the same crossing
    low, high = np.where(swap, end, start), np.where(swap, start, end)
    first = np.clip(np.ceil(low[:, 1] - 0.5), 0, height).astype(int)  # rows whose centre is in [y0, y1)
    last = np.clip(np.ceil(high[:, 1] - 0.5), 0, height).astype(int)
    spans = last - first
    edge = np.repeat(np.arange(len(spans)), spans)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(spans) - spans, spans) + first[edge]
    slope = (high[edge, 0] - low[edge, 0]) / (high[edge, 1] - low[edge, 1])
    x = low[edge, 0] + (rows + 0.5 - low[edge, 1]) * slope
    return rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)


def trace(mask: np.ndarray) -> list[np.ndarray]:
    """The rings of ``mask`` (H, W) along pixel edges: each (N, 2) int (x, y) of its corners, in pixels.

    Outer rings run clockwise on the screen, holes the other way. Pixels that touch only at a corner belong to
    different rings. Ordered by their topmost, then leftmost corner.

    A corner is where the 2 x 2 pixels around a grid point hold one, three, or two diagonal ones (then two
    corners lie there). Along a grid line corners pair up as the ends of edges, so sorting gives all edges
    at once.
    """
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    a, b = padded[:-1, :-1], padded[:-1, 1:]
    c, d = padded[1:, :-1], padded[1:, 1:]
    diagonal = (a == d) & (b == c) & (a != b)
    corner = a ^ b ^ c ^ d
    y, x = np.nonzero(corner | diagonal)
    times = np.where(diagonal[y, x], 2, 1)
    rank = np.arange(times.sum()) - np.repeat(
        np.cumsum(times) - times, times
    )  # 1 for the second at one point
    double, y, x = np.repeat(times, times) == 2, np.repeat(y, times), np.repeat(x, times)
    # Of two corners at one point, the first ends the left edge of its row. In its column it ends the upper
    # edge where the pixels are upper left and lower right, and begins the lower edge where they are the
    # other two.
    in_column = np.where(double & ~a[y, x], 1 - rank, rank)
    by_column = np.lexsort((in_column, y, x))
    partner = np.arange(len(y)) ^ 1
    down = np.empty_like(partner)
    down[by_column] = by_column[partner]
    return _walk(partner.tolist(), down.tolist(), np.stack([x, y], axis=1), d[y, x])


def _walk(across: list[int], down: list[int], points: np.ndarray, inside: np.ndarray) -> list[np.ndarray]:
    """Follow edges, across and down in turn, into rings; ``inside``: the pixel below right of it is set."""
    seen = bytearray(len(across))
    rings = []
    for first in range(len(across)):
        if seen[first]:
            continue
        ring, here = [], first
        # An outer ring's topmost, leftmost corner has the region below right: going right is clockwise.
        turns = (across, down) if inside[first] else (down, across)
        while not seen[here]:
            seen[here] = 1
            ring.append(here)
            here = turns[0][here]
            seen[here] = 1
            ring.append(here)
            here = turns[1][here]
        rings.append(points[ring])
    return rings
