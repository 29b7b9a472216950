"""A worse camera: the same picture soft, coarse, noisy and badly compressed, at its own size.

Pictures that people bring are seldom as sharp as composed ones. Whatever learns from composed pictures only, learns to
read edges that a thumbnail, a video frame or a generator's drawing does not have.
"""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageFilter

BLUR = 1.2  # pixels of the coarse picture
NOISE = 12.0  # standard deviation, of 255
QUALITY = (20, 90)  # of JPEG
COARSEST = 64  # pixels per side


def worse_camera(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random worse view of a picture: uint8 (H, W, 3) -> uint8 (H, W, 3).

    It is made smaller (its shorter side to ``COARSEST`` pixels at the least, all sizes alike on a log scale), blurred,
    with even chances noised and compressed, and enlarged again as ``Image.resized`` enlarges.
    """
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    least = min(COARSEST / shorter, 1.0)
    scale = least ** rng.random()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BICUBIC)
    small = small.filter(PIL.ImageFilter.GaussianBlur(BLUR * rng.random()))
    noisy, compressed = rng.random(2) < 0.5
    amount, quality = NOISE * rng.random(), int(rng.integers(*QUALITY))
    if noisy:
        values = np.asarray(small) + rng.normal(0, amount, (size[1], size[0], 3))
        small = PIL.Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
    if compressed:
        stored = io.BytesIO()
        small.save(stored, "JPEG", quality=quality)
        small = PIL.Image.open(stored)
    return np.asarray(small.resize((width, height), PIL.Image.Resampling.BICUBIC))
