"""When the slots of a span are revealed: a window on the shared clock, an order, and a reveal law.

All spans of a canvas share one clock of ``steps`` forward passes. A plan says in which part of the clock its span is
written and how many of its slots are revealed at each pass there. Text-first, semi-parallel and fully parallel
generation differ only in their windows (MMaDA-Parallel); block diffusion is the order "block"; a causal twin is the
order "left-to-right" at one slot per pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Order = Literal["confidence", "block", "left-to-right"]
Law = Literal["linear", "cosine", "counts", "threshold", "factor"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a span is written.

    Attributes:
        steps: forward passes of the whole clock; the window takes its share. Threshold and factor laws may end earlier.
        window: (a, b), fractions of the clock; the span is written in passes floor(a*steps) .. ceil(b*steps)-1.
        order: "confidence": surest first anywhere; "block": surest first inside the leftmost unfinished block;
            "left-to-right": the leftmost open slots.
        law: linear and cosine give n(s)/n = s/S and 1 - cos(pi s / 2S); "counts" reveals ``counts[s]`` slots at pass s;
            "threshold" reveals all slots at least ``threshold`` sure; "factor" the largest k with
            (k + 1)(1 - c_k) < factor, c_k the k-th highest confidence (Fast-dLLM, 2505.22618, section 3.3).
            The last two reveal at least one slot a pass, and all that is left at the last pass of the window.
        counts: slots per pass for the law "counts"; the last pass reveals the rest.
        block: slots per block for the order "block".
        revisable: committed slots may be masked again while the clock runs (PerceptionDLM's released rule); else frozen.
        temperature: 0 is greedy; above, tokens are drawn with Gumbel noise.
        tail: an answer's tail of end tokens is cut off at once when every slot of it is at least this sure of the end.
    """

    steps: int = 4
    window: tuple[float, float] = (0.0, 1.0)
    order: Order = "confidence"
    law: Law = "linear"
    counts: tuple[int, ...] = ()
    threshold: float = 0.9
    factor: float = 1.0
    block: int = 8
    revisable: bool = False
    temperature: float = 0.0
    tail: float = 0.5

    def __post_init__(self) -> None:
        a, b = self.window
        if not 0 <= a < b <= 1:
            raise ValueError(f"plan window must satisfy 0 <= a < b <= 1, got {self.window}")
        if self.steps < 1:
            raise ValueError(f"plan steps must be at least 1, got {self.steps}")
        if self.law == "counts" and not self.counts:
            raise ValueError("plan law 'counts' needs counts, got ()")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"plan threshold must lie in (0, 1], got {self.threshold}")
        if self.temperature < 0:
            raise ValueError(f"plan temperature must not be negative, got {self.temperature}")
        if self.revisable and self.law not in ("linear", "cosine"):
            raise ValueError(f"a revisable plan needs a linear or cosine law, got {self.law!r}")
        if self.order == "block" and self.block < 1:
            raise ValueError(f"plan block must be at least 1, got {self.block}")

    @property
    def first(self) -> int:
        """First pass of the window."""
        return math.floor(self.window[0] * self.steps + 1e-9)

    @property
    def last(self) -> int:
        """Last pass of the window (inclusive)."""
        return max(self.first, math.ceil(self.window[1] * self.steps - 1e-9) - 1)

    def revealed_after(self, step: int, slots: int) -> int | None:
        """Slots of ``slots`` that a counting law wants revealed after pass ``step``; None where confidence decides.

        Always ``slots`` at the end of the window, so that no mask can be left.
        """
        if step >= self.last:
            return slots
        done, of = step - self.first + 1, self.last - self.first + 1
        if self.law == "linear":
            return math.ceil(slots * done / of)
        if self.law == "cosine":
            return math.ceil(slots * (1 - math.cos(math.pi * done / (2 * of))))
        if self.law == "counts":
            return min(slots, sum(self.counts[:done]))
        return None


def causal_plan(slots: int) -> Plan:
    """One slot per pass, left to right: how the autoregressive twin writes."""
    return Plan(steps=slots, order="left-to-right", law="counts", counts=(1,) * slots)
