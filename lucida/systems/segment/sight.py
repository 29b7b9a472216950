"""How a segmenter looks at a square: the tower's cells from three depths, and the smaller picture the field works on.

Deep cells (stride 32, before the classifier) know nouns, shallow ones grounds and edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lucida.media.errors import InputError
from lucida.models.tower import Tower

CELL = 16  # pixels of the tower's cells


@dataclass(frozen=True, kw_only=True)
class SightConfig:
    """How pictures are looked at.

    Attributes:
        side: of the square that is looked at, in pixels; larger pictures are tiled.
        stride: pixels of that square per pixel of the field.
        deep: give the network the tower's deepest map too.
    """

    side: int = 192
    stride: int = 2
    deep: bool = True

    def __post_init__(self) -> None:
        if self.side % (2 * CELL) or self.side < CELL or self.stride not in (1, 2, 4):
            raise InputError(
                f"sight: want side a multiple of {2 * CELL} and stride 1, 2 or 4, got {self.side} and {self.stride}"
            )

    @property
    def field(self) -> int:
        """Side of the field in its own pixels."""
        return self.side // self.stride

    @property
    def patch(self) -> int:
        """Field pixels per tower cell: the network's patch."""
        return CELL // self.stride

    @property
    def features(self) -> int:
        """Channels of :func:`tower_cells` with the shipped tower."""
        return 272 + 320 * self.deep


@torch.inference_mode()
def tower_cells(tower: Tower, pixels: Tensor, config: SightConfig) -> Tensor:
    """(B, 3, H, W) in [-1, 1] -> (B, F, H/16, W/16): context cells, then the deepest map, each cell normalised."""
    seen = tower(pixels)
    if not config.deep:
        return seen.cells.float()
    x = tower.deepest(seen)
    deep = functional.layer_norm(x.movedim(1, -1), x.shape[1:2]).movedim(-1, 1)
    deep = functional.interpolate(deep, scale_factor=2.0, mode="bilinear")
    return torch.cat((seen.cells, deep), 1).float()


def field_picture(pixels: np.ndarray, stride: int) -> np.ndarray:
    """(H, W, 3) uint8 reduced by a whole factor: each field pixel is the mean of its square."""
    h, w = pixels.shape[0] // stride, pixels.shape[1] // stride
    return np.rint(pixels.reshape(h, stride, w, stride, 3).mean((1, 3))).astype(np.uint8)


def field_labels(labels: np.ndarray, stride: int) -> np.ndarray:
    """(H, W) class map at the field's size: the label nearest to each field pixel's centre (codes are never mixed)."""
    return labels[stride // 2 :: stride, stride // 2 :: stride]
