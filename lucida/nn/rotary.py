"""Rotary position embedding (Su et al. 2021, RoFormer, eq. 34), in the half-split layout that Llama-style weights use.

Shape legend: M tokens, K head width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotations(positions: Tensor, width: int, theta: float = 10_000.0) -> Tensor:
    """Cosines and sines for integer or real positions.

    Args:
        positions: (*N, M); angles are computed in float32, in float64 for float64 positions.
        width: head width K, even.
        theta: base of the geometric frequencies theta^(-2i/K).

    Returns:
        (2, *N, 1, M, K/2): cosine and sine, with a head axis to broadcast over.
    """
    if width % 2:
        raise ValueError(f"rotary needs an even head width, got {width}")
    kind = torch.float64 if positions.dtype == torch.float64 else torch.float32
    frequency = theta ** (-torch.arange(0, width, 2, device=positions.device, dtype=kind) / width)
    angle = positions.unsqueeze(-1).to(kind) * frequency
    return torch.stack((angle.cos(), angle.sin())).unsqueeze(-3)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i+K/2}) by its angle. ``x``: (*N, H, M, K); ``rotation``: (2, *N, 1, M, K/2)."""
    cosine, sine = rotation.to(x.dtype)
    low, high = x.chunk(2, dim=-1)
    return torch.cat((low * cosine - high * sine, high * cosine + low * sine), dim=-1)
