"""What every selector shares: clean scores, and indices that are distinct whatever rounding did."""

from __future__ import annotations

import numpy as np

from lucida.media.errors import InputError


def checked(count: int, n: int) -> int:
    """How many of ``count`` frames will be picked when ``n`` are asked for.

    Raises:
        InputError: ``n`` or ``count`` is below one.
    """
    if count < 1:
        raise InputError(f"there are {count} frames to select from; want at least 1")
    if n < 1:
        raise InputError(f"n is {n}: want at least 1 frame")
    return min(n, count)


def cleaned(scores: np.ndarray) -> np.ndarray:
    """(T,) float64 in 0..1, the least 0 and the greatest 1; what is not a number counts as the least.

    Flat scores, and scores of which none is a number, become zeros.

    Raises:
        InputError: scores are not one row of numbers.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"scores must be one number per frame, got shape {values.shape}")
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    low, high = values[known].min(), values[known].max()
    # Infinities keep their side; dividing first keeps the largest floats from overflowing.
    values = np.where(np.isposinf(values), high, np.where(known, values, low))
    scale = max(abs(low), abs(high), 1e-300)
    span = high / scale - low / scale
    return np.zeros(len(values)) if span <= 0 else np.clip((values / scale - low / scale) / span, 0.0, 1.0)


def distinct(indices: np.ndarray, count: int) -> np.ndarray:
    """Sorted distinct indices below ``count``: each one that is taken already moves to the nearest free place."""
    taken = np.zeros(count, bool)
    for index in np.sort(np.clip(np.asarray(indices, dtype=np.int64), 0, count - 1)):
        if taken[index]:
            free = np.flatnonzero(~taken)
            index = free[np.abs(free - index).argmin()]
        taken[index] = True
    return np.flatnonzero(taken)


def best(scores: np.ndarray, n: int) -> np.ndarray:
    """Indices of the ``n`` largest, the earlier one of equals; in order of time."""
    return np.sort(np.argsort(-scores, kind="stable")[:n])
