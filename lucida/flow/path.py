"""The straight path between data and source, and the identities along it.

x_τ = (1 − τ)·data + τ·source;  v = source − data;  x̂ = x_τ − τ·v  (rectified flow, arXiv 2209.03003; DESIGN §5).

Levels may be one number per sample (B,) or one per token (B, M): a level has a leading part of the state's shape.
"""

from __future__ import annotations

from torch import Tensor


def spread(level: Tensor, like: Tensor) -> Tensor:
    """``level`` with trailing ones so that it broadcasts over ``like``.

    Raises:
        ValueError: its shape is not a leading part (or ones) of ``like``'s.
    """
    lead = like.shape[: level.dim()]
    if level.dim() > like.dim() or any(n not in (1, m) for n, m in zip(level.shape, lead, strict=True)):
        raise ValueError(f"level {tuple(level.shape)} is not a leading part of {tuple(like.shape)}")
    return level.reshape(*level.shape, *([1] * (like.dim() - level.dim()))).to(like.dtype)


def mix(data: Tensor, source: Tensor, level: Tensor) -> Tensor:
    """x_τ: (B, ...) each, level (B,) or longer. Exactly the data at τ = 0 and exactly the source at τ = 1."""
    t = spread(level, data)
    return (1 - t) * data + t * source


def velocity(data: Tensor, source: Tensor) -> Tensor:
    """v = source − data, the same at every τ."""
    return source - data


def data_of(x: Tensor, v: Tensor, level: Tensor) -> Tensor:
    """x̂ = x_τ − τ·v: the data that a velocity means."""
    return x - spread(level, x) * v


def source_of(x: Tensor, v: Tensor, level: Tensor) -> Tensor:
    """x_τ + (1 − τ)·v: the source that a velocity means."""
    return x + (1 - spread(level, x)) * v


def velocity_of(x: Tensor, data: Tensor, level: Tensor, *, floor: float = 0.05) -> Tensor:
    """v = (x_τ − x̂) / max(τ, floor): from a network that predicts the data (JiT, arXiv 2511.13720).

    Below ``floor`` the exact quotient would blow up errors of x̂; there the result is too small on purpose.
    """
    return (x - data) / spread(level, x).clamp(min=floor)
