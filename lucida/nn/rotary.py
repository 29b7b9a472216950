"""Rotary position embedding (Su et al. 2021, RoFormer, eq. 34), in the half-split layout that Llama-style weights use.

Shape legend: M tokens, K head width.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def axial_rotations(positions: Tensor, split: Sequence[int], theta: float = 10_000.0) -> Tensor:
    """Rotary angles for positions with several axes, such as (t, y, x): each axis turns its own part of a head.

    Args:
        positions: (*N, M, A) whole or real, may be negative (references lie at negative times).
        split: A even widths that add up to the head width K.
        theta: base, for every axis.

    Returns:
        (2, *N, 1, M, K/2), as :func:`rotations` gives.

    Raises:
        ValueError: the axes do not fit ``split``.
    """
    if positions.shape[-1] != len(split):
        raise ValueError(f"positions have {positions.shape[-1]} axes, split {tuple(split)} has {len(split)}")
    parts = [rotations(positions[..., axis], width, theta) for axis, width in enumerate(split) if width]
    return torch.cat(parts, dim=-1)


def axes_split(width: int, axes: int) -> tuple[int, ...]:
    """Even widths for ``axes`` equal axes that add up to a head ``width``; the first axes get what is left over."""
    pairs, rest = divmod(width // 2, axes)
    if width % 2 or pairs == 0:
        raise ValueError(f"head width {width} cannot be split among {axes} axes")
    return tuple(2 * (pairs + (axis < rest)) for axis in range(axes))
