"""When the slots of a span are revealed: a window on the shared clock, an order, and a reveal law.

The law says how many slots a pass reveals, the order says which. All spans of a canvas share one clock of ``steps``
forward passes. A plan says in which part of the clock its span is written and how many of its slots are revealed at
each pass there. Text-first, semi-parallel and fully parallel generation differ only in their windows
(MMaDA-Parallel); block diffusion is the order "block"; a causal twin is the order "left-to-right" at one slot per
pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from lucida.media.errors import InputError

Order = Literal["confidence", "block", "left-to-right"]
Law = Literal["linear", "cosine", "counts", "threshold", "factor"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a span is written.

    Attributes:
        steps: forward passes of the whole clock; the window takes its share. Threshold and factor laws may end earlier.
        window: (a, b), fractions of the clock; the span is written in passes floor(a*steps) .. floor(b*steps)-1, at
            least one. Adjoining windows share no pass, so text first is text alone and then the picture.
        order: "confidence": surest first anywhere; "block": leftmost blocks first, surest first inside a block;
            "left-to-right": the leftmost open slots.
        law: linear and cosine give n(s)/n = s/S and 1 - cos(pi s / 2S), rounded up; a pass that owes nothing is left
            out. "counts" reveals ``counts[s]`` slots at pass s. "threshold" reveals all slots at least ``threshold``
            sure; "factor" the largest k with (k + 1)(1 - c_k) < factor, c_k the k-th highest confidence (Fast-dLLM,
            2505.22618, section 3.3); these two look at one block only under the order "block" and reveal at least one
            slot a pass. Under "left-to-right" the threshold law reveals the longest run of leftmost open slots that
            are all sure enough (what a left-to-right reader would accept of a draft), the factor law one slot.
            Every law reveals all that is left at the last pass.
        counts: slots per pass for the law "counts".
        block: slots per block for the order "block" and the visibility "block".
        revisable: committed slots and drafts may be masked again while the clock runs (PerceptionDLM's released rule:
            the least sure are, by what the network would write there now); an end token cuts only at the last pass.
        temperature: 0 is greedy; above, tokens are drawn with Gumbel noise.
        tail: an answer's tail of end tokens is cut off at once when every slot of it is at least this sure of the end,
            and does not count as revealed; above 1: never.
        pooled: one law over all spans of a dense canvas that share this plan (PerceptionDLM's release has one budget
            for all regions); such spans may not hold end tokens.
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
    pooled: bool = False

    def __post_init__(self) -> None:
        a, b = self.window
        if not 0 <= a < b <= 1:
            raise InputError(f"plan window must satisfy 0 <= a < b <= 1, got {self.window}")
        if self.order not in get_args(Order):
            raise InputError(f"plan order must be one of {', '.join(get_args(Order))}, got {self.order!r}")
        if self.law not in get_args(Law):
            raise InputError(f"plan law must be one of {', '.join(get_args(Law))}, got {self.law!r}")
        if self.steps < 1:
            raise InputError(f"plan steps must be at least 1, got {self.steps}")
        if self.law == "counts" and (not self.counts or min(self.counts) < 0):
            raise InputError(f"plan law 'counts' needs counts of at least 0, got {self.counts}")
        if not 0 < self.threshold <= 1:
            raise InputError(f"plan threshold must lie in (0, 1], got {self.threshold}")
        if not self.factor > 0:
            raise InputError(f"plan factor must be positive, got {self.factor}")
        if not 0 <= self.temperature < math.inf:
            raise InputError(f"plan temperature must not be negative, got {self.temperature}")
        if not self.tail > 0:
            raise InputError(f"plan tail must be positive, got {self.tail}")
        if self.revisable and (self.law not in ("linear", "cosine") or self.order != "confidence"):
            raise InputError(
                "a revisable plan needs the order 'confidence' and a linear or cosine law, "
                f"got {self.order!r} and {self.law!r}"
            )
        if self.block < 1:
            raise InputError(f"plan block must be at least 1, got {self.block}")

    @property
    def first(self) -> int:
        """First pass of the window."""
        return math.floor(self.window[0] * self.steps + 1e-9)

    @property
    def last(self) -> int:
        """Last pass of the window (inclusive)."""
        return max(self.first, math.floor(self.window[1] * self.steps + 1e-9) - 1)

    def revealed_after(self, step: int, slots: int) -> int | None:
        """Slots of ``slots`` that a counting law wants revealed after pass ``step``; None where confidence decides.

        Nothing before the window, and always ``slots`` at its end, so that no mask can be left.
        """
        if step < self.first:
            return 0
        if step >= self.last:
            return slots
        done, of = step - self.first + 1, self.last - self.first + 1
        if self.law == "linear":
            return -(-slots * done // of)
        if self.law == "cosine":
            return math.ceil(slots * (1 - math.cos(math.pi * done / (2 * of))) - 1e-9)
        if self.law == "counts":
            return min(slots, sum(self.counts[:done]))
        return None


def causal_plan(slots: int) -> Plan:
    """One slot per pass, left to right: how the autoregressive twin writes."""
    return Plan(steps=slots, order="left-to-right", law="counts", counts=(1,) * slots)
