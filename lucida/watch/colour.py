"""Colour words by pixel statistics: which share of some pixels a person would call red.

Every pixel takes the name of the nearest of a few shades per colour, in CIE Lab with lightness counted half (shadow
moves lightness first). It is a measurement of pixels and knows nothing of things; the bridge says which
pixels to measure.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lucida.world.palette import RAMPS, to_lab

LIGHTNESS = 0.5  # weight of lightness in the distance
SHADES = (-60.0, -20.0, 0.0, 14.0)  # offsets of lightness at which each ramp is sampled
NEUTRAL = {
    "black": ((8, 8, 10), (36, 36, 38)),
    "white": ((255, 255, 255), (235, 235, 238)),
    "grey": ((90, 91, 94), (185, 186, 190)),
}
# Photographs hold darker and duller versions than drawings do.
MUTED = {
    "red": ((120, 24, 28), (165, 60, 58)),
    "green": ((40, 70, 36), (96, 120, 70)),
    "blue": ((24, 40, 92), (80, 110, 160)),
    "brown": ((150, 110, 76), (74, 48, 32)),
    "yellow": ((200, 170, 60),),
    "orange": ((200, 100, 40),),
}
COLOURS = (*RAMPS, "black", "white")
SPELLINGS = {"gray": "grey", "violet": "purple", "turquoise": "cyan", "teal": "cyan", "golden": "yellow"}


def colour_of(word: str) -> str | None:
    """The colour a word names, or None."""
    word = SPELLINGS.get(word, word)
    return word if word in COLOURS else None


def named(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB -> (...) int: the index in ``COLOURS`` of each pixel's name."""
    flat = _lab(pixels.reshape(-1, 3))
    shades, owners = _shades()
    nearest = np.empty(len(flat), np.int64)
    for start in range(0, len(flat), 1 << 14):  # distances for a strip at a time
        part = flat[start : start + (1 << 14)]
        nearest[start : start + len(part)] = ((part[:, None] - shades) ** 2).sum(-1).argmin(1)
    return owners[nearest].reshape(pixels.shape[:-1])


def shares(pixels: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Share of each colour in (..., 3) uint8 pixels, each counted with its weight; they add up to 1."""
    names = named(pixels).ravel()
    given = np.ones(len(names)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    total = given.sum()
    counts = np.bincount(names, given if total > 0 else None, minlength=len(COLOURS))
    return dict(zip(COLOURS, (counts / counts.sum()).tolist(), strict=True))


def _lab(rgb: np.ndarray) -> np.ndarray:
    return to_lab(rgb) * (LIGHTNESS, 1.0, 1.0)


@cache
def _shades() -> tuple[np.ndarray, np.ndarray]:
    """((n, 3) weighted Lab, (n,) index in COLOURS)."""
    rows, owners = [], []
    for index, colour in enumerate(COLOURS):
        ramp = RAMPS.get(colour)
        samples = list(ramp.shade(np.array(SHADES))) if ramp else []
        samples += [np.array(rgb) for rgb in (*NEUTRAL.get(colour, ()), *MUTED.get(colour, ()))]
        rows += samples
        owners += [index] * len(samples)
    return _lab(np.array(rows)), np.array(owners)
