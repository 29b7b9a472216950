"""What the latents are to mean: the frozen ImageNet tower's view of a larger rendering, cut to its main directions.

The tower looks at the same scene at ``render`` pixels; its cells are averaged to one per token and projected to at
most 128 principal components, fitted once on training scenes and kept, so that every bank has the same directions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from torch.nn import functional

from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.models.tower import Tower, to_pixels
from lucida.world.fingerprint import world_fingerprint
from lucida.world.scene import draw_scene

FITTED = 150  # training scenes that the principal directions are fitted on
MOST = 128


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """``side``: the tokenizer's picture. ``grid``: tokens per side. ``render``: the teacher's picture.
    ``channels``: principal components kept."""

    side: int = 64
    grid: int = 8
    render: int = 256
    channels: int = 64

    def __post_init__(self) -> None:
        cells = self.render // 16
        if self.render % 16 or cells % self.grid or self.render % self.side or self.side % self.grid:
            raise InputError(
                f"teacher: render {self.render} must be a multiple of 16 and of side {self.side}, and its "
                f"{cells} cells per side a multiple of grid {self.grid}"
            )
        if not 1 <= self.channels <= MOST:
            raise InputError(f"teacher: channels must be 1 to {MOST}, got {self.channels}")

    @property
    def name(self) -> str:
        """Short hash of all that the features depend on."""
        wanted = {**asdict(self), "world": world_fingerprint(), "fitted": FITTED}
        return hashlib.blake2b(json.dumps(wanted, sort_keys=True).encode(), digest_size=6).hexdigest()


def small(pixels: np.ndarray, side: int) -> np.ndarray:
    """A rendering (R, R, 3) uint8 reduced to (side, side, 3) by area, as the tokenizer sees it."""
    return np.asarray(PILImage.fromarray(pixels).resize((side, side), PILImage.Resampling.BOX))


@torch.inference_mode()
def tower_cells(pixels: np.ndarray, tower: Tower, grid: int) -> Tensor:
    """Tower cells averaged to one per token: (B, R, R, 3) uint8 -> (B, grid², 272)."""
    cells = tower(to_pixels(pixels)).cells
    return functional.adaptive_avg_pool2d(cells, grid).flatten(2).transpose(1, 2)


@dataclass(frozen=True, eq=False)
class Directions:
    """Centre (272,) and principal directions (272, F) of tower cells; features have unit mean square overall."""

    centre: Tensor
    basis: Tensor
    kept: float  # share of the variance

    def __call__(self, cells: Tensor) -> Tensor:
        """(..., 272) -> (..., F)."""
        return (cells - self.centre) @ self.basis


def fit_directions(cells: Tensor, channels: int) -> Directions:
    """Principal components of (P, 272) cells."""
    centre = cells.mean(0)
    covariance = torch.cov((cells - centre).double().T)
    values, vectors = torch.linalg.eigh(covariance)
    top = vectors[:, -channels:].flip(1)
    # The sign of an eigenvector is arbitrary: make its largest entry positive.
    top = top * top.gather(0, top.abs().argmax(0, keepdim=True)).sign()
    scale = values[-channels:].sum().sqrt() / channels**0.5
    return Directions(centre, (top / scale).float(), float(values[-channels:].sum() / values.sum()))


def directions(
    folder: Path, config: TeacherConfig, tower: Callable[[], Tower], progress: Callable[[str], None]
) -> Directions:
    """The kept directions of this teacher, fitted on the first training scenes where there are none yet."""
    path = folder / f"teacher-{config.name}.pt"
    if path.is_file():
        state = torch.load(path, weights_only=True)
        return Directions(state["centre"], state["basis"], state["kept"])
    progress(f"teacher: principal directions of {FITTED} scenes")
    seeing, parts = tower(), []
    for start in range(0, FITTED, 25):
        size = (config.render, config.render)
        scenes = [draw_scene(seed, size=size).pixels for seed in range(start, min(start + 25, FITTED))]
        parts.append(tower_cells(np.stack(scenes), seeing, config.grid).flatten(0, 1))
    found = fit_directions(torch.cat(parts), config.channels)
    with atomic_path(path) as temporary:
        torch.save({"centre": found.centre, "basis": found.basis, "kept": found.kept}, temporary)
    return found
