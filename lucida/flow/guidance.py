"""Guidance: several velocity fields, from the least to the most informed, combined into one.

v = v_0 + Σ s_i (v_i − v_{i−1}). With (empty, full) this is classifier-free guidance (arXiv 2207.12598), with (empty,
visual, full) the cascaded form of instruction editing (InstructPix2Pix, arXiv 2211.09800), with (worse model, model)
auto-guidance (arXiv 2406.02507). Fields whose weight comes out zero are not evaluated, and outside the interval of
noise levels only the last one is (arXiv 2404.07724).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from lucida.media.errors import InputError

Field = Callable[[Tensor, Tensor], Tensor]  # (x (B, ...), level (B,)) -> velocity (B, ...)


@dataclass(frozen=True)
class Guided:
    """A guided field. ``scales[i]`` belongs to the step from field i to field i + 1.

    Attributes:
        fields: one or more, least informed first.
        scales: one fewer; 1 everywhere means the last field alone.
        interval: guide where low ≤ τ ≤ high only.

    Raises:
        InputError: no field, a wrong number of scales, or an interval outside [0, 1].
    """

    fields: tuple[Field, ...]
    scales: tuple[float, ...] = ()
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not self.fields or len(self.scales) != len(self.fields) - 1:
            raise InputError(
                f"guidance: {len(self.fields)} fields want one scale fewer, got {len(self.scales)}"
            )
        low, high = self.interval
        if not 0 <= low <= high <= 1:
            raise InputError(f"guidance: interval must be 0 <= low <= high <= 1, got {self.interval}")

    def weights(self, level: float) -> tuple[float, ...]:
        """The weight of each field at a noise level; they add up to 1."""
        low, high = self.interval
        if not self.scales or not low <= level <= high:
            return (*(0.0 for _ in self.scales), 1.0)
        steps = (1.0, *self.scales, 0.0)
        return tuple(a - b for a, b in pairwise(steps))

    def passes(self, level: float) -> int:
        """Network evaluations that one call at this level costs."""
        return sum(weight != 0 for weight in self.weights(level))

    def __call__(self, x: Tensor, level: Tensor) -> Tensor:
        """The combined velocity at one noise level, which all samples share: (B, ...), (B,) -> (B, ...)."""
        total: Tensor | None = None
        for weight, field in zip(self.weights(float(level[0])), self.fields, strict=True):
            if weight:
                part = field(x, level) if weight == 1 else weight * field(x, level)
                total = part if total is None else total + part
        assert total is not None, "weights add up to 1, so one is not 0"
        return total


def unguided(field: Field) -> Guided:
    """The field itself."""
    return Guided((field,))


def classifier_free(
    full: Field, empty: Field, scale: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Guided:
    """empty + scale·(full − empty)."""
    return Guided((empty, full), (scale,), interval)


def cascaded(
    full: Field, visual: Field, empty: Field, *, visual_scale: float, text_scale: float,
    interval: tuple[float, float] = (0.0, 1.0),
) -> Guided:  # fmt: skip
    """empty + visual_scale·(visual − empty) + text_scale·(full − visual)."""
    return Guided((empty, visual, full), (visual_scale, text_scale), interval)


def auto(good: Field, bad: Field, scale: float, interval: tuple[float, float] = (0.0, 1.0)) -> Guided:
    """bad + scale·(good − bad); ``bad`` is a smaller or less trained model of the same thing, equally conditioned."""
    return Guided((bad, good), (scale,), interval)
