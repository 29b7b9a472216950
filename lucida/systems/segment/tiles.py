"""A picture of any size in squares: the short side is resized, squares overlap along the long one, results are blended.

Class maps and codes are never resized (a mixture of two codes is a third class); probabilities are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from lucida.media.errors import InputError

MOST_ASPECT = 16  # times the short side, beyond which a picture is a ribbon and not looked at
OVERLAP = 1 / 3  # of a square, at least
_BUDGET = 1 << 25  # numbers held at once while enlarging


def working_size(size: tuple[int, int], side: int, stride: int) -> tuple[int, int]:
    """(height, width) at which a picture of ``size`` is looked at: the short side is ``side``.

    Raises:
        InputError: the picture is more than ``MOST_ASPECT`` times as long as wide.
    """
    short, long = min(size), max(size)
    if long > MOST_ASPECT * short:
        raise InputError(
            f"a picture of {size[1]}x{size[0]} is too long: at most {MOST_ASPECT} times its short side"
        )
    grown = max(side, round(long * side / short / stride) * stride)
    return (side, grown) if size[0] <= size[1] else (grown, side)


def starts(length: int, side: int, stride: int) -> list[int]:
    """Where squares of ``side`` begin on an axis of ``length``: evenly, overlapping, on whole field pixels."""
    if length == side:
        return [0]
    count = -(-int(length - side * OVERLAP) // int(side * (1 - OVERLAP)))
    count = max(count, 2)
    return [round((length - side) * i / (count - 1) / stride) * stride for i in range(count)]


def window(side: int) -> Tensor:
    """(side, side) blending weights: largest in the middle, never zero."""
    ramp = 1 - (torch.arange(side) * 2 + 1 - side).abs() / (side + 1)
    return ramp[:, None] * ramp[None]


class Blend:
    """Weighted mean of overlapping squares on a field of ``size``."""

    def __init__(self, size: tuple[int, int], channels: int, side: int) -> None:
        self.total, self.weight = torch.zeros(*size, channels), torch.zeros(*size, 1)
        self.window = window(side).unsqueeze(-1)

    def add(self, top: int, left: int, values: Tensor) -> None:
        """A square (side, side, channels) at (top, left)."""
        side = len(values)
        place = (slice(top, top + side), slice(left, left + side))
        self.total[place] += self.window * values
        self.weight[place] += self.window

    def mean(self) -> Tensor:
        """(h, w, channels)."""
        return self.total / self.weight


def enlarged(values: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """(h, w, C) enlarged to ``size`` with bilinear weights, a few rows at a time: (rows, (r, W, C))."""
    (h, w, channels), (height, width) = values.shape, size
    rows = max(_BUDGET // (width * channels), 1)
    x0, x1, fx = _between(width, w)
    for start in range(0, height, rows):
        part = slice(start, min(start + rows, height))
        y0, y1, fy = (index[part] for index in _between(height, h))
        band = torch.lerp(values[y0], values[y1], fy[:, None, None])
        yield part, torch.lerp(band[:, x0], band[:, x1], fx[None, :, None])


def _between(fine: int, coarse: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each fine pixel's centre: the coarse pixels before and after it, and the weight of the latter."""
    at = ((torch.arange(fine) + 0.5) * coarse / fine - 0.5).clamp(0, coarse - 1)
    low = at.floor().long()
    return low, (low + 1).clamp(max=coarse - 1), at - low


def crop(pixels: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """A (side, side, 3) square of a picture."""
    return pixels[top : top + side, left : left + side]
