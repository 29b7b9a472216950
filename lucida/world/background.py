"""Backgrounds: plain, gradient, stripes, checks, smooth noise, photographs; muted, and unlike what stands on
them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from lucida.media.errors import InputError
from lucida.world.palette import to_rgb

KINDS = ("plain", "gradient", "stripes", "checks", "noise")
_CANDIDATES = 32


def muted_colours(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3) Lab of low chroma, from fairly dark to nearly white."""
    light = rng.uniform(38.0, 95.0, count)
    chroma = rng.uniform(0.0, 20.0, count)
    hue = rng.uniform(0.0, 2 * np.pi, count)
    return np.stack([light, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)


def choose_colours(rng: np.random.Generator, objects: np.ndarray, contrast: float) -> np.ndarray:
    """(2, 3) float32 sRGB: two related muted colours, both ``contrast`` from every object colour if possible.

    Args:
        objects: (N, 3) Lab, the main colours of what will stand on the background.
        contrast: Lab distance. The first of 32 drawn pairs that reaches it is taken, else the best of them.
    """
    first = muted_colours(rng, _CANDIDATES)
    second = first + rng.uniform(-1.0, 1.0, (_CANDIDATES, 3)) * np.array([16.0, 8.0, 8.0])
    second[:, 0] = second[:, 0].clip(30.0, 97.0)
    pairs = np.stack([first, second], axis=1)  # (C, 2, 3)
    distance = np.linalg.norm(pairs[:, :, None] - objects[None, None], axis=-1).min((1, 2))
    reached = distance >= contrast
    return to_rgb(pairs[reached.argmax() if reached.any() else distance.argmax()]).astype(np.float32)


def _grid(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel in units of the shorter side, (H, 1) and (1, W) float32."""
    height, width = size
    short = min(size)
    return (
        np.arange(height, dtype=np.float32)[:, None] / short,
        np.arange(width, dtype=np.float32)[None] / short,
    )


def _mix(colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(H, W) weight in 0..1 -> (H, W, 3) uint8 between the two colours, by a table of 256 steps."""
    steps = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    table = (colours[0] * (1 - steps) + colours[1] * steps).astype(np.uint8)
    return table[(weight * 255).astype(np.uint8)]


@lru_cache(maxsize=64)
def _photograph(path: Path) -> PILImage.Image:
    try:
        with PILImage.open(path) as image:
            image.draft("RGB", (768, 768))
            image = image.convert("RGB")
            image.thumbnail((768, 768))
            return image
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read background {path}: {error}") from error


def _photo_crop(rng: np.random.Generator, path: Path, size: tuple[int, int]) -> np.ndarray:
    """A random crop of the right aspect, at least half of what fits, resized to ``size``."""
    image = _photograph(path)
    height, width = size
    scale = min(image.width / width, image.height / height) * rng.uniform(0.5, 1.0)
    crop_w, crop_h = width * scale, height * scale
    left, top = rng.uniform(0, image.width - crop_w), rng.uniform(0, image.height - crop_h)
    box = (left, top, left + crop_w, top + crop_h)
    return np.array(image.resize((width, height), PILImage.Resampling.BILINEAR, box=box))


def paint_background(
    rng: np.random.Generator,
    size: tuple[int, int],
    objects: np.ndarray,
    *,
    contrast: float,
    photographs: tuple[Path, ...] = (),
    photo_share: float = 0.0,
) -> tuple[np.ndarray, str]:
    """Draw one background.

    Args:
        size: (height, width).
        objects: (N, 3) Lab main colours of the objects.

    Returns:
        (H, W, 3) uint8, writable, and its kind: one of KINDS or "photo".
    """
    if photographs and rng.random() < photo_share:
        return _photo_crop(rng, photographs[int(rng.integers(len(photographs)))], size), "photo"
    kind = KINDS[int(rng.integers(len(KINDS)))]
    colours = choose_colours(rng, objects, contrast)
    if kind == "plain":
        return np.broadcast_to(colours[0].astype(np.uint8), (*size, 3)).copy(), kind
    rows, columns = _grid(size)
    angle = rng.uniform(0.0, np.pi)
    along = columns * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle))
    if kind == "gradient":
        low, high = float(along.min()), float(along.max())
        return _mix(colours, (along - low) / (high - low + 1e-6)), kind
    if kind == "stripes":
        return _mix(colours, np.floor(along / np.float32(rng.uniform(0.08, 0.3))) % 2), kind
    if kind == "checks":
        period = np.float32(rng.uniform(0.08, 0.3))
        across = rows * np.float32(np.cos(angle)) - columns * np.float32(np.sin(angle))
        return _mix(colours, (np.floor(along / period) + np.floor(across / period)) % 2), kind
    cells = rng.integers(3, 9, 2)
    small = PILImage.fromarray(rng.integers(0, 256, tuple(cells), dtype=np.uint8))
    smooth = small.resize((size[1], size[0]), PILImage.Resampling.BICUBIC)
    return _mix(colours, np.asarray(smooth, dtype=np.float32) / 255), kind
