"""Where labels go: near what they name, inside the picture, never on one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PixelBox = tuple[int, int, int, int]  # xyxy, x1 and y1 exclusive
_GRID = 48  # fallback positions per side


class Placer:
    """Places boxes one after another, each at the cheapest candidate that overlaps none placed before.

    Cost is the distance to the anchor in units of the label's height, plus a small rank so that labels
    prefer to sit above their anchor, plus a price for hiding regions and, more so, their centres.
    """

    def __init__(
        self,
        size: tuple[int, int],
        centres: Sequence[tuple[float, float]] = (),
        crowded: np.ndarray | None = None,
        gap: int = 2,
    ) -> None:
        """
        Args:
            size: (height, width).
            centres: (x, y) pixels not to hide.
            crowded: (G, G) bool, the cells of the picture where regions are.
            gap: pixels between a label and its region.
        """
        self.height, self.width = size
        self.gap = gap
        grid = np.zeros((1, 1)) if crowded is None else crowded.astype(np.float64)
        self.sums = np.pad(grid, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)  # (G + 1, G + 1)
        self.centres = np.array(centres, dtype=np.float64).reshape(-1, 2)
        self.placed: list[PixelBox] = []

    def place(
        self, size: tuple[int, int], anchor: PixelBox, point: tuple[float, float] | None = None
    ) -> PixelBox | None:
        """Place a label of (height, width) beside ``anchor``, not far from ``point`` (x, y) in it.

        Returns None where no free position exists.
        """
        height, width = size
        if height > self.height or width > self.width:
            return None
        corners = self._candidates(height, width, anchor)  # (K, 2) x, y
        boxes = np.concatenate([corners, corners + np.array((width, height))], axis=1)
        free = ~self._hits(boxes)
        if not free.any():
            return None
        cost = self._cost(boxes, anchor, height, point)
        best = int(np.where(free, cost, np.inf).argmin())
        x0, y0, x1, y1 = (int(value) for value in boxes[best])
        self.placed.append((x0, y0, x1, y1))
        return x0, y0, x1, y1

    def _candidates(self, height: int, width: int, anchor: PixelBox) -> np.ndarray:
        x0, y0, x1, y1 = anchor
        gap, middle_x, middle_y = self.gap, (x0 + x1 - width) // 2, (y0 + y1 - height) // 2
        beside_x, beside_y = (x0 - width - gap, x1 + gap), (y0, middle_y, y1 - height)
        above_below = (y0 - height - gap, y1 + gap, y0 + gap, y1 - height - gap, middle_y)
        near = [(x, y) for y in above_below for x in (x0, middle_x, x1 - width)]
        near += [(x, y) for y in beside_y for x in beside_x]
        columns = np.linspace(0, self.width - width, min(_GRID, self.width - width + 1)).astype(int)
        rows = np.linspace(0, self.height - height, min(_GRID, self.height - height + 1)).astype(int)
        grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        return np.clip(np.concatenate([near, grid]), 0, (self.width - width, self.height - height))

    def _hits(self, boxes: np.ndarray) -> np.ndarray:
        """(K,) bool: touches a placed box."""
        if not self.placed:
            return np.zeros(len(boxes), dtype=bool)
        other = np.array(self.placed)[None]  # (1, M, 4)
        mine = boxes[:, None]  # (K, 1, 4)
        apart = (mine[..., 0] >= other[..., 2]) | (mine[..., 2] <= other[..., 0])
        apart |= (mine[..., 1] >= other[..., 3]) | (mine[..., 3] <= other[..., 1])
        return np.logical_not(apart.all(axis=1))

    def _cost(
        self, boxes: np.ndarray, anchor: PixelBox, height: int, point: tuple[float, float] | None
    ) -> np.ndarray:
        """(K,) price of each candidate."""
        across = np.maximum(0, np.maximum(anchor[0] - boxes[:, 2], boxes[:, 0] - anchor[2]))
        down = np.maximum(0, np.maximum(anchor[1] - boxes[:, 3], boxes[:, 1] - anchor[3]))
        cost = np.maximum(0, np.hypot(across, down) - self.gap) / height
        cost = cost + 0.02 * np.minimum(np.arange(len(boxes)), 30) + 3 * self._crowding(boxes)
        if point is not None:  # an odd shape may be far from the corners of its box
            across = np.maximum(0, np.maximum(point[0] - boxes[:, 2], boxes[:, 0] - point[0]))
            down = np.maximum(0, np.maximum(point[1] - boxes[:, 3], boxes[:, 1] - point[1]))
            cost = cost + 0.15 * np.hypot(across, down) / height
        if len(self.centres):
            x, y = self.centres[:, 0], self.centres[:, 1]
            hidden = (boxes[:, :1] <= x) & (x < boxes[:, 2:3]) & (boxes[:, 1:2] <= y) & (y < boxes[:, 3:])
            cost = cost + 1.5 * hidden.sum(axis=1)
        return cost

    def _crowding(self, boxes: np.ndarray) -> np.ndarray:
        """(K,) share in 0..1 of the cells under each box that hold a region."""
        cells = self.sums.shape[0] - 1
        left, right = boxes[:, 0] * cells // self.width, -(-boxes[:, 2] * cells // self.width)
        top, bottom = boxes[:, 1] * cells // self.height, -(-boxes[:, 3] * cells // self.height)
        full = (
            self.sums[bottom, right] - self.sums[top, right] - self.sums[bottom, left] + self.sums[top, left]
        )
        return full / ((right - left) * (bottom - top))
