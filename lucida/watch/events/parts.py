"""The connected parts of a picture, and what can be said of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

BINS = 4  # per channel of a colour histogram


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A connected part of one small picture. Lengths are its pixels.

    Attributes:
        box: (x0, y0, x1, y1), the right and lower edge outside.
        centre: (x, y) of mass. area: pixels.
        lab: (3,) mean OKLab colour. histogram: (BINS³,) of its colours, adding up to 1.
        mask: (y1 - y0, x1 - x0) bool, inside the box. patch: (y1 - y0, x1 - x0, 3) float32 OKLab.
    """

    box: tuple[int, int, int, int]
    centre: tuple[float, float]
    area: int
    lab: np.ndarray
    histogram: np.ndarray
    mask: np.ndarray
    patch: np.ndarray


def closed(masks: np.ndarray) -> np.ndarray:
    """(T, H, W) bool masks with gaps of up to two pixels filled; the border of the picture counts as empty."""
    grown = F.max_pool2d(torch.from_numpy(masks[:, None]).float(), 3, 1, 1)
    return (-F.max_pool2d(-F.pad(grown, (1, 1, 1, 1), value=1.0), 3, 1)).numpy()[:, 0] > 0


def parts_of(labels: np.ndarray, lab: np.ndarray, least: int) -> list[Part]:
    """The parts of one frame with at least ``least`` pixels, largest first.

    Args:
        labels: (H, W) of ``label_mask``, -1 outside. lab: (H, W, 3) float32 OKLab.
    """
    flat = labels.ravel()
    names, counts = np.unique(flat[flat >= 0], return_counts=True)
    found = [
        part_of(labels == name, lab) for name, count in zip(names, counts, strict=True) if count >= least
    ]
    return sorted(found, key=lambda part: (-part.area, part.box))


def part_of(mask: np.ndarray, lab: np.ndarray) -> Part:
    """One non-empty (H, W) bool mask as a part."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    own, patch = mask[y0:y1, x0:x1], lab[y0:y1, x0:x1]
    ys, xs = np.nonzero(own)
    colours = patch[own]
    return Part(
        box=(x0, y0, x1, y1), centre=(float(xs.mean()) + x0 + 0.5, float(ys.mean()) + y0 + 0.5), area=len(ys),
        lab=colours.mean(0), histogram=histogram(colours), mask=own, patch=patch,
    )  # fmt: skip


def histogram(colours: np.ndarray) -> np.ndarray:
    """(BINS³,) float32 shares of (N, 3) OKLab colours; lightness 0..1, a and b -0.3..0.3."""
    scaled = (colours - (0.0, -0.3, -0.3)) / (1.0, 0.6, 0.6) * BINS
    index = np.clip(scaled, 0, BINS - 1).astype(int)
    flat = (index[:, 0] * BINS + index[:, 1]) * BINS + index[:, 2]
    return np.bincount(flat, minlength=BINS**3).astype(np.float32) / len(colours)


def united(parts: list[Part], lab: np.ndarray) -> Part:
    """Several parts of one frame as one."""
    mask = np.zeros(lab.shape[:2], bool)
    for part in parts:
        x0, y0, x1, y1 = part.box
        mask[y0:y1, x0:x1] |= part.mask
    return part_of(mask, lab)
