"""What proposing regions looks at: colour, tower features of three depths and edges, on one small raster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lucida.media.colours import oklab
from lucida.media.image import Image
from lucida.models.tower import Tower, to_pixels

SIDE = 256  # longest side of the raster in pixels
TOWER_SIDE = 448  # longest side of what the tower sees; at 640 it finds parts before wholes
_CHANNELS = (12, 16, 16)  # kept of the 40, 112 and 320 channels of stride 8, 16 and 32
_LEAST_SIDE = 16


@dataclass(frozen=True)
class Sight:
    """Everything on one raster of (H, W) pixels.

    Attributes:
        lab: (H, W, 3) float32 OKLab, the two colour axes doubled.
        maps: of stride 8, 16 and 32, each (H, W, k) float32: the picture's principal components, mean energy 1.
        edge: (H, W) float32 in 0..1, how likely an outline passes here.
    """

    lab: np.ndarray
    maps: tuple[np.ndarray, np.ndarray, np.ndarray]
    edge: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the raster."""
        return self.edge.shape[0], self.edge.shape[1]


def see(image: Image, tower: Tower) -> Sight:
    """Look at a picture of any size."""
    size = raster_size(image.size)
    lab = (oklab(image.resized(size).pixels) * (1, 2, 2)).astype(np.float32)
    maps = [_enlarged(principal(f, k), size) for f, k in zip(_depths(image, tower), _CHANNELS, strict=True)]
    slopes = [_scaled(slope(f)) for f in (smooth(lab), maps[0], maps[1])]
    return Sight(lab, (maps[0], maps[1], maps[2]), (slopes[0] + 0.5 * slopes[1] + 0.5 * slopes[2]) / 2)


def raster_size(size: tuple[int, int], side: int = SIDE) -> tuple[int, int]:
    """(height, width) of a raster for a picture: ``side`` long, never larger than the picture.

    A long thin picture keeps 16 pixels of its short side as far as that makes no more than side * side pixels.
    """
    height, width = size
    scale = max(side / max(size), _LEAST_SIDE / min(size))
    scale = min(scale, side / (height * width) ** 0.5, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))


@torch.inference_mode()
def _depths(image: Image, tower: Tower) -> tuple[np.ndarray, ...]:
    """The tower's maps of stride 8, 16 and 32, each (C, h, w)."""
    scale = TOWER_SIDE / max(image.size)
    height, width = (max(64, round(side * scale / 32) * 32) for side in image.size)
    device = next(tower.parameters()).device
    seen = tower(to_pixels(image.resized((height, width)).pixels).to(device))
    return tuple(_array(f) for f in (seen.stride8, seen.stride16, tower.deepest(seen)))


def _array(f: Tensor) -> np.ndarray:
    return f[0].float().cpu().numpy()


def principal(f: np.ndarray, channels: int) -> np.ndarray:
    """(C, h, w) → (k, h, w) float32: the ``channels`` directions in which the cells of this picture differ most."""
    cells = f.reshape(len(f), -1).T.astype(np.float64)
    cells -= cells.mean(0)
    _, vectors = np.linalg.eigh(cells.T @ cells / len(cells))
    kept = cells @ vectors[:, ::-1][:, :channels]
    kept /= np.sqrt((kept**2).sum(1).mean()) + 1e-6
    return kept.T.reshape(-1, *f.shape[1:]).astype(np.float32)


def _enlarged(f: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(k, h, w) → (H, W, k), bilinear."""
    large = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(f))[None], size, mode="bilinear", align_corners=False
    )
    return np.ascontiguousarray(large[0].numpy().transpose(1, 2, 0))


def smooth(f: np.ndarray) -> np.ndarray:
    """Mean of 3 × 3 pixels of (H, W, k)."""
    f = np.pad(f, ((1, 1), (1, 1), (0, 0)), mode="edge")
    f = f[:-2] + f[1:-1] + f[2:]
    return (f[:, :-2] + f[:, 1:-1] + f[:, 2:]) / 9


def slope(f: np.ndarray) -> np.ndarray:
    """(H, W) float32 length of the gradient of (H, W, k)."""
    total = np.zeros(f.shape[:2], np.float32)
    for axis in (0, 1):
        if f.shape[axis] > 1:
            total += (np.gradient(f, axis=axis) ** 2).sum(-1)
    return np.sqrt(total)


def _scaled(f: np.ndarray) -> np.ndarray:
    """To 0..1, so that the strongest twentieth is 1."""
    return np.minimum(f / (np.percentile(f, 95) + 1e-6), 1)
