"""How noisy a training sample is, and which noise levels a sampler visits: one object for both.

A noise level τ lies in [0, 1]; 0 is data, 1 is the source. A base law (uniform, or logit-normal as in SD3,
arXiv 2403.03206) is followed by a shift τ = s·u / (1 + (s − 1)·u): s > 1 spends more time at high noise, which wide
latents need because many noisy channels together still show the data (RecTok, arXiv 2512.13421, §3; its code lets
tokenizer, generator and sampler disagree for s < 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lucida.media.errors import InputError

EDGE = 1e-6  # quantiles of the logit-normal law are taken inside [EDGE, 1 - EDGE]


@dataclass(frozen=True, kw_only=True)
class NoiseSchedule:
    """Base law and shift of noise levels.

    Attributes:
        base: uniform, or logit_normal: sigmoid(N(mean, std²)).
        mean, std: of the logit-normal law, before the shift.
        shift: s > 0; 1 leaves levels alone. See :func:`shift_of` for rules by name.

    Raises:
        InputError: shift or std is not above 0.
    """

    base: Literal["uniform", "logit_normal"] = "uniform"
    mean: float = 0.0
    std: float = 1.0
    shift: float = 1.0

    def __post_init__(self) -> None:
        for name in ("shift", "std"):
            if not getattr(self, name) > 0:
                raise InputError(f"schedule: {name} must be above 0, got {getattr(self, name)}")

    def shifted(self, u: Tensor) -> Tensor:
        """s·u / (1 + (s − 1)·u), any shape; a monotone map of [0, 1] onto itself."""
        return self.shift * u / (1 + (self.shift - 1) * u)

    def unshifted(self, level: Tensor) -> Tensor:
        """The inverse of :meth:`shifted`."""
        return level / (self.shift - (self.shift - 1) * level)

    def level(self, u: Tensor) -> Tensor:
        """The quantile function: u uniform on [0, 1] gives noise levels of this schedule, any shape."""
        if self.base == "logit_normal":
            u = torch.sigmoid(self.mean + self.std * torch.special.ndtri(u.clamp(EDGE, 1 - EDGE)))
        return self.shifted(u)

    def sample(
        self, rows: int, generator: torch.Generator | None = None, *, stratified: bool = False
    ) -> Tensor:
        """Training levels (rows,). ``stratified`` draws one from each of ``rows`` equal slices, in random order."""
        u = torch.rand(rows, generator=generator)
        if stratified:
            u = (torch.randperm(rows, generator=generator) + u) / rows
        return self.level(u)

    def grid(self, steps: int) -> Tensor:
        """The sampler's levels (steps + 1,), from 1 down to 0: equal steps, shifted as training is.

        The base law is left out, as everywhere: it says where to learn, not where to walk. Facts on RecTok count
        grid points; this counts steps.

        Raises:
            InputError: steps < 1.
        """
        if steps < 1:
            raise InputError(f"steps must be at least 1, got {steps}")
        return self.shifted(torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)).float()

    @property
    def mean_level(self) -> float:
        """Mean training level; for the uniform base s·(s − 1 − ln s)/(s − 1)², else by quadrature."""
        s = self.shift
        if self.base == "uniform":
            return 0.5 if abs(s - 1) < 1e-6 else s * (s - 1 - math.log(s)) / (s - 1) ** 2
        u = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
        return float(self.level(u).mean())


ShiftRule = Literal["none", "root", "log"]


def shift_of(
    rule: ShiftRule,
    *,
    tokens: int,
    channels: int = 1,
    base: float = 4096.0,
    slope: float = 0.5,
    most: float = 8.0,
) -> float:
    """The shift s by a named rule.

    Args:
        rule: none: 1. root: √(tokens·channels / base), RecTok and SD3; give base = tokens times the narrowest width
            of a study so that s ≥ 1 there. log: 1 + slope·log₂(tokens / 64), clamped to [1, most]: LoomVideo.
        tokens, channels: size of what is noised.

    Raises:
        InputError: an unknown rule or a size that is not positive.
    """
    if min(tokens, channels) < 1 or base <= 0:
        raise InputError(
            f"shift: sizes must be positive, got tokens {tokens}, channels {channels}, base {base}"
        )
    if rule == "none":
        return 1.0
    if rule == "root":
        return math.sqrt(tokens * channels / base)
    if rule == "log":
        return min(max(1 + slope * math.log2(tokens / 64), 1.0), most)
    raise InputError(f"shift: rule {rule!r} is not one of none, root, log")
