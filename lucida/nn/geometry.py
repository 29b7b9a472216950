"""Where a token lies in the picture: Fourier features of a box.

Canvas tokens that stand for a part of the picture (cells, replayed features, covers, markers) carry the box of that
part. Sines and cosines of its centre and size at octave frequencies (Tancik et al. 2020) let a linear layer tell
places apart down to about 1/64 of the picture, whatever the grid, so no table depends on the picture's resolution.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def fourier_box(boxes: Tensor, octaves: int) -> Tensor:
    """(..., 4) normalised xyxy -> (..., 4 * (1 + 2 * octaves)): centre and size, plain and as sines and cosines."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    values = torch.stack(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), dim=-1) * 2 - 1
    frequency = math.pi * 2.0 ** torch.arange(octaves, device=boxes.device, dtype=boxes.dtype)
    angle = values.unsqueeze(-1) * frequency
    return torch.cat((values.unsqueeze(-1), angle.sin(), angle.cos()), dim=-1).flatten(-2)


class BoxEmbedding(nn.Module):
    """Linear map of :func:`fourier_box` to the model width: (..., 4) -> (..., D)."""

    def __init__(self, width: int, octaves: int = 6) -> None:
        super().__init__()
        self.octaves = octaves
        self.project = nn.Linear(4 * (1 + 2 * octaves), width, bias=False)

    def forward(self, boxes: Tensor) -> Tensor:
        """(..., 4) -> (..., D)."""
        return self.project(fourier_box(boxes, self.octaves))
