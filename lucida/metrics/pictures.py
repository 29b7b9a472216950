"""How close two pictures are: PSNR and SSIM.

Both take floats in [0, ``peak``] or uint8, per picture, and average over nothing else: a set's score is the mean of its
pictures' scores (averaging errors first would let one bad picture hide among good ones, and gives another number).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lucida.media.errors import InputError

WINDOW, SIGMA = 11, 1.5  # of SSIM's Gaussian, as published
K1, K2 = 0.01, 0.03


def psnr(a: ArrayLike, b: ArrayLike, *, peak: float | None = None) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio in dB of each pair.

    Args:
        a, b: (..., H, W, 3) or (H, W, 3) of equal shape and kind.
        peak: largest possible value; by default 255 for uint8 and 1 for floats.

    Returns:
        (...); infinite where the pictures are equal.
    """
    x, y, top = _pair(a, b, peak)
    error = np.square(x - y).mean(axis=(-3, -2, -1))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(top**2 / error)


def ssim(a: ArrayLike, b: ArrayLike, *, peak: float | None = None) -> NDArray[np.float64]:
    """Structural similarity (Wang et al. 2004, eq. 13) of each pair, mean over colour channels.

    An 11-pixel Gaussian window of sigma 1.5, weighted population moments, windows inside the picture only.

    Args:
        a, b: (..., H, W, C), both sides at least 11.

    Returns:
        (...), at most 1.

    Raises:
        InputError: pictures of different shapes, or smaller than the window.
    """
    x, y, top = _pair(a, b, peak)
    if min(x.shape[-3:-1]) < WINDOW:
        raise InputError(
            f"ssim: pictures are {x.shape[-2]}x{x.shape[-3]}; each side must be at least {WINDOW}"
        )
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    cov = _blur(x * y) - mean_x * mean_y
    c1, c2 = (K1 * top) ** 2, (K2 * top) ** 2
    both = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    return (both / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean(axis=(-3, -2, -1))


def _pair(a: ArrayLike, b: ArrayLike, peak: float | None) -> tuple[NDArray, NDArray, float]:
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.ndim < 3 or x.dtype.kind != y.dtype.kind:
        raise InputError(
            f"pictures differ: {x.shape} {x.dtype} against {y.shape} {y.dtype}; want (..., H, W, C)"
        )
    top = peak if peak is not None else 255.0 if x.dtype == np.uint8 else 1.0
    return x.astype(np.float64), y.astype(np.float64), top


def _blur(x: NDArray) -> NDArray:
    """Gaussian window means over the two axes before the last, inside the picture only."""
    at = np.arange(WINDOW) - WINDOW // 2
    weight = np.array([math.exp(-(i**2) / (2 * SIGMA**2)) for i in at])
    weight /= weight.sum()
    for axis in (-3, -2):
        windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW, axis=axis)  # (..., WINDOW) appended
        x = windows @ weight
    return x
