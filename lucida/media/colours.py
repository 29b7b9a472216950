"""Colours for regions: far apart from each other, the same every time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Colour = tuple[int, int, int]  # sRGB bytes

DARK: Colour = (18, 18, 22)
LIGHT: Colour = (255, 255, 255)

# Linear sRGB -> cone response -> OKLab (Ottosson, 2020): distances there are distances to the eye.
_TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def palette(n: int) -> list[Colour]:
    """``n`` vivid colours; ``palette(m)`` is the start of ``palette(n)`` for m < n. They repeat after 64.

    Each is the one farthest, in OKLab, from all before it, among vivid colours neither near black nor near
    white.
    """
    colours = _farthest(64)
    return [colours[i % len(colours)] for i in range(n)]


def oklab(colours: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB bytes as (..., 3) OKLab: lightness in 0..1, and two colour axes."""
    values = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T


def readable_on(colour: Colour) -> Colour:
    """Dark or light, whichever is read more easily on ``colour``."""
    return DARK if oklab(np.array(colour))[0] > 0.62 else LIGHT


@lru_cache
def _farthest(n: int) -> list[Colour]:
    steps = np.linspace(0, 255, 13).round().astype(int)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = oklab(colours)
    vivid = (lab[:, 0] > 0.6) & (lab[:, 0] < 0.9) & (np.hypot(lab[:, 1], lab[:, 2]) > 0.1)
    colours, lab = colours[vivid], lab[vivid]
    chosen = [
        int(np.linalg.norm(lab - oklab(np.array([255, 120, 0])), axis=1).argmin())
    ]  # begin with an orange
    distance = np.full(len(lab), np.inf)
    while len(chosen) < n:
        distance = np.minimum(distance, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return [(int(r), int(g), int(b)) for r, g, b in colours[chosen]]
