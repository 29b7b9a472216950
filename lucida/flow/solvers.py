"""From source to data: walk a field down a grid of noise levels, counting passes, with an event per step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from lucida.flow.guidance import Field, Guided, unguided
from lucida.flow.path import data_of
from lucida.media.errors import InputError

Method = Literal["euler", "heun"]


@dataclass(frozen=True, eq=False)
class StepEvent:
    """What one step saw and did: enough for a live preview and for a strip.

    Attributes:
        step, steps: from 1 to ``steps``.
        level, next_level: τ before and after.
        data: x̂ as predicted at ``level`` (B, ...); what the picture will look like.
        x: the state at ``next_level`` (B, ...).
        passes: network evaluations so far (NFE).
    """

    step: int
    steps: int
    level: float
    next_level: float
    data: Tensor
    x: Tensor
    passes: int


@dataclass(frozen=True, eq=False)
class Solved:
    """The end of the walk: ``x`` (B, ...) at the grid's last level, and network evaluations (NFE)."""

    x: Tensor
    passes: int


@torch.no_grad()
def solve(
    field: Field | Guided,
    x: Tensor,
    grid: Tensor,
    *,
    method: Method = "euler",
    on_event: Callable[[StepEvent], None] | None = None,
) -> Solved:
    """Integrate dx/dτ = v(x, τ) from grid[0] to grid[-1].

    Heun's method averages the slopes at both ends of a step; its last step to τ = 0 is Euler's, since no network is
    trained at a state without noise. Euler costs n field calls, Heun 2n − 1 (2n where the grid ends above 0).

    Args:
        field: a velocity field, or a guided combination (each pass counts).
        x: (B, ...) at grid[0], normally the source.
        grid: (n + 1,) falling levels in [0, 1], from ``NoiseSchedule.grid``.

    Raises:
        InputError: the grid does not fall, or the method is unknown.
    """
    if method not in ("euler", "heun"):
        raise InputError(f"solver {method!r} is not one of euler, heun")
    levels = [float(level) for level in grid]
    falls = all(a > b for a, b in pairwise(levels))
    if len(levels) < 2 or not falls or levels[0] > 1 or levels[-1] < 0:
        raise InputError("solver: the grid must be two or more falling levels inside [0, 1]")
    guided = field if isinstance(field, Guided) else unguided(field)
    passes, steps = 0, len(levels) - 1
    for step, (level, after) in enumerate(pairwise(levels), start=1):
        slope = guided(x, _same(x, level))
        passes += guided.passes(level)
        data = data_of(x, slope, _same(x, level))
        ahead = x + (after - level) * slope
        if method == "heun" and after > 0:
            ahead = x + (after - level) / 2 * (slope + guided(ahead, _same(x, after)))
            passes += guided.passes(after)
        elif after == 0:
            ahead = data  # the same number without a rounding
        x = ahead
        if on_event is not None:
            on_event(StepEvent(step, steps, level, after, data, x, passes))
    return Solved(x, passes)


def _same(x: Tensor, level: float) -> Tensor:
    return torch.full((len(x),), level, dtype=x.dtype if x.is_floating_point() else None, device=x.device)
