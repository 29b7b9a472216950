"""Learning rate in stages: warm-up, stable, decay (WSD).

The stable stage is where a run can be stopped, shipped and taken up again on another machine: there the optimiser
re-warms from the averaged weights. The decay stage is short and always the last.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """``peak``: rate of the stable stage; ``warmup``, ``decay``: steps of the ramps; ``final``: last fraction of it."""

    peak: float = 1e-3
    warmup: int = 100
    decay: int = 0
    final: float = 0.05


def learning_rate(step: int, steps: int, config: ScheduleConfig) -> float:
    """Rate at ``step`` of ``steps``: linear up, constant, then linear down to ``final`` x ``peak``."""
    if step < config.warmup:
        return config.peak * (step + 1) / config.warmup
    left = steps - step
    if left <= config.decay:
        return config.peak * (config.final + (1 - config.final) * left / config.decay)
    return config.peak


def stage(step: int, steps: int, config: ScheduleConfig) -> str:
    """Name of the stage that ``step`` belongs to."""
    if step < config.warmup:
        return "warm-up"
    return "decay" if steps - step <= config.decay else "stable"
