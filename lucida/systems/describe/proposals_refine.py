"""Outlines that follow the picture: a coarse mask is drawn anew, at the picture's resolution, along its colours.

A guided filter (He, Sun & Tang, "Guided Image Filtering", TPAMI 2013): near its outline the mask becomes, window by
window, a linear function of a guide picture, so that it steps where the guide steps. The guide is the one mix of the
colour channels that tells this mask's inside best from its outside near the outline (Fisher's discriminant).
"""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage

from lucida.media.components import label_mask

_ANY = 0.01  # guide variance, of 1 between inside and outside, below which a window keeps its mean


def refine(mask: np.ndarray, lab: np.ndarray, radius: int) -> np.ndarray:
    """(H, W) bool mask whose outline is moved by at most about ``radius`` pixels to where the colours change.

    Args:
        lab: (H, W, 3) float32, any colour space.
        radius: of the window in pixels, about how wrong the outline may be.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return mask
    reach = 2 * radius + 1
    window = (
        slice(max(rows[0] - reach, 0), rows[-1] + reach + 1),
        slice(max(columns[0] - reach, 0), columns[-1] + reach + 1),
    )
    part, colours = mask[window], lab[window]
    inside = part.astype(np.float32)
    near = box_mean(inside[None], 2 * radius)[0]
    band = (near > 1e-3) & (near < 1 - 1e-3)
    guide = _guide(part, colours, band)
    if guide is None:
        return mask
    means = box_mean(np.stack([guide, inside, guide * inside, guide * guide]), radius)
    slope = (means[2] - means[0] * means[1]) / (means[3] - means[0] ** 2 + _ANY)
    slope, level = box_mean(np.stack([slope, means[1] - slope * means[0]]), radius)
    fresh = slope * guide + level > 0.5
    result = mask.copy()
    result[window] = np.where(band, fresh, part)
    return tidy(result) if result.any() else mask


def _guide(mask: np.ndarray, colours: np.ndarray, band: np.ndarray) -> np.ndarray | None:
    """(H, W) float32: the discriminant, scaled so that inside and outside are 1 apart on average."""
    inner, outer = colours[band & mask], colours[band & ~mask]
    if len(inner) < 8 or len(outer) < 8:
        return None
    apart = inner.mean(0, dtype=np.float64) - outer.mean(0, dtype=np.float64)
    within = np.cov(inner, rowvar=False) + np.cov(outer, rowvar=False) + 1e-4 * np.eye(colours.shape[2])
    mix = np.linalg.solve(within, apart)
    scale = float(mix @ apart)
    return None if scale < 1e-9 else colours @ (mix / scale).astype(np.float32)


def box_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over (2 radius + 1)² pixels of each of (k, H, W) float32; windows are cut at the border."""
    for axis in (1, 2):
        length = values.shape[axis]
        sums = np.zeros([n + (k == axis) for k, n in enumerate(values.shape)])
        np.cumsum(values, axis=axis, dtype=np.float64, out=sums[:, 1:] if axis == 1 else sums[:, :, 1:])
        at = np.arange(length)
        high, low = np.minimum(at + radius + 1, length), np.maximum(at - radius, 0)
        shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
        values = ((sums.take(high, axis) - sums.take(low, axis)) / (high - low).reshape(shape)).astype(
            np.float32
        )
    return values


def tidy(mask: np.ndarray, share: float = 0.04) -> np.ndarray:
    """Without islands and holes smaller than ``share`` of the mask."""
    area = int(mask.sum())
    for flip in (False, True):
        labels, parts = label_mask(mask ^ flip, diagonal=not flip)
        sizes = np.bincount(labels[labels >= 0], minlength=parts)
        small = np.flatnonzero(sizes < share * area)
        if 0 < len(small) < parts:
            drop = np.zeros(parts + 1, bool)
            drop[small] = True
            mask = mask ^ drop[labels]  # label -1 is the last entry, which is never dropped
    return mask


def enlarged(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) bool at another ``size``: bilinear, cut at one half."""
    if mask.shape == tuple(size):
        return mask
    picture = PILImage.fromarray((mask * 255).astype(np.uint8))
    return np.asarray(picture.resize((size[1], size[0]), PILImage.Resampling.BILINEAR)) > 127
