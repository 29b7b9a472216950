"""Where patches lie: integer grids of positions for rotary axes, and cutting pictures and clips into patches.

Shape legend: B batch, C channels, M patches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def grid_positions(shape: Sequence[int], *, offset: Sequence[int] | None = None) -> Tensor:
    """Positions (M, A) int64 of the cells of a grid, the last axis fastest; ``offset`` is added and may be negative."""
    axes = [torch.arange(n) for n in shape]
    cells = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, len(shape))
    return cells if offset is None else cells + torch.tensor(list(offset))


def patchify(x: Tensor, patch: Sequence[int]) -> Tensor:
    """(B, C, *sizes) -> (B, M, C · prod(patch)): patches in row-major order, channels slowest inside a patch.

    Raises:
        ValueError: a size is not a multiple of its patch.
    """
    sizes = x.shape[2:]
    if len(sizes) != len(patch) or any(n % p for n, p in zip(sizes, patch, strict=True)):
        raise ValueError(f"sizes {tuple(sizes)} are not multiples of the patch {tuple(patch)}")
    axes = len(patch)
    parts = [n for size, p in zip(sizes, patch, strict=True) for n in (size // p, p)]
    x = x.reshape(*x.shape[:2], *parts)  # (B, C, g0, p0, g1, p1, ...)
    grid = [2 + 2 * a for a in range(axes)]
    inside = [3 + 2 * a for a in range(axes)]
    x = x.permute(0, *grid, 1, *inside)
    return x.reshape(x.shape[0], math.prod(x.shape[1 : 1 + axes]), -1)


def unpatchify(patches: Tensor, patch: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """The inverse of :func:`patchify` for pictures or clips of ``sizes``."""
    axes = len(patch)
    counts = [n // p for n, p in zip(sizes, patch, strict=True)]
    x = patches.reshape(patches.shape[0], *counts, -1, *patch)  # (B, g0, g1, ..., C, p0, p1, ...)
    order = [0, 1 + axes]
    for axis in range(axes):
        order += [1 + axis, 2 + axes + axis]
    return x.permute(order).reshape(patches.shape[0], -1, *sizes)
