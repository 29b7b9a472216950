"""Finite scalar quantisation: each channel is rounded to a few values (FSQ, arXiv 2309.15505).

No code book to learn or to lose: the codes are the grid of all combinations, 8·5·5·5 = 1,000 of them for the levels
that stand in for about ten bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FiniteScalar(nn.Module):
    """Rounds (..., C) to the grid with ``levels`` values per channel, and names the grid's points 0 .. codes − 1."""

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 3:
            raise ValueError(f"levels must be 3 or more per channel, got {tuple(levels)}")
        self.levels = tuple(levels)
        self.codes = math.prod(levels)
        sizes = torch.tensor(levels)
        self.register_buffer("sizes", sizes, persistent=False)
        self.register_buffer("basis", torch.cat((sizes.new_ones(1), sizes[:-1].cumprod(0))), persistent=False)

    def bound(self, z: Tensor) -> Tensor:
        """Squash so that rounding gives exactly ``levels`` whole values, in −⌊L/2⌋ .. ⌈L/2⌉ − 1."""
        sizes = self.get_buffer("sizes").to(z)
        half = (sizes - 1) * (1 + 1e-3) / 2
        offset = torch.where(sizes % 2 == 0, 0.5, 0.0)
        return torch.tanh(z + torch.atanh(offset / half)) * half - offset

    def forward(self, z: Tensor) -> Tensor:
        """Grid points in [−1, 1], with the gradient of the unrounded value (straight through)."""
        bounded = self.bound(z)
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / (self.get_buffer("sizes") // 2).to(z)

    def ids(self, points: Tensor) -> Tensor:
        """Grid points (..., C) in [−1, 1] -> ids (...) int64."""
        half = self.get_buffer("sizes") // 2
        digits = (points * half).round().long() + half
        return (digits * self.get_buffer("basis")).sum(-1)

    def points(self, ids: Tensor) -> Tensor:
        """Ids (...) -> grid points (..., C) float32; the inverse of :meth:`ids`.

        Raises:
            ValueError: an id is not below ``codes``.
        """
        if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= self.codes):
            raise ValueError(f"ids must lie in 0..{self.codes - 1}, got {int(ids.min())}..{int(ids.max())}")
        sizes, half = self.get_buffer("sizes"), self.get_buffer("sizes") // 2
        digits = ids.unsqueeze(-1) // self.get_buffer("basis") % sizes
        return (digits - half).float() / half
