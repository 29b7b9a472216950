"""Where a region's number goes: well inside it, outside the regions on top of it, apart from the other numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lucida.media.region import Region

_GRID = 48  # cells per side
_APART = 0.07  # of the picture: closer numbers would touch


def anchors(regions: Sequence[Region]) -> list[tuple[float, float]]:
    """A normalised (x, y) for each region, the smallest choosing first."""
    covers = [region.cover(_GRID, _GRID) for region in regions]
    placed: dict[int, tuple[float, float]] = {}
    y, x = (np.indices((_GRID, _GRID)) + 0.5) / _GRID
    for i in sorted(range(len(regions)), key=lambda i: regions[i].area):
        inside = covers[i].copy()
        for j in range(len(regions)):
            if regions[j].area < regions[i].area:
                inside *= 1 - covers[j]
        if not inside.any():  # all of it lies under smaller ones
            inside = covers[i].copy()
        depth = inside / max(float(inside.max()), 1e-6)
        for reach in range(1, 9):  # deeper inside is better, and more so for the first few cells
            depth = depth + _eroded(inside, reach) / reach
        centre = regions[i].centre
        score = depth - 0.4 * np.hypot(x - centre[0], y - centre[1])
        for at in placed.values():
            score = score - 3 * (np.hypot(x - at[0], y - at[1]) < _APART)
        score = np.where(covers[i] > 0, score, -np.inf)
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        placed[i] = (float(x[row, column]), float(y[row, column]))
    return [placed[i] for i in range(len(regions))]


def _eroded(inside: np.ndarray, reach: int) -> np.ndarray:
    """Least value within ``reach`` cells along rows and columns; beyond the picture there is nothing."""
    padded = np.pad(inside, reach)
    n = inside.shape[0]
    shifts = ((0, reach), (2 * reach, reach), (reach, 0), (reach, 2 * reach))
    return np.minimum.reduce([inside, *(padded[a : a + n, b : b + n] for a, b in shifts)])
