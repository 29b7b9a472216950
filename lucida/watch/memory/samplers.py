"""The baselines that every memory is measured against: the last frames, a random sample, an even sample."""

from __future__ import annotations

import numpy as np

from lucida.watch.memory.codec import Precision
from lucida.watch.memory.slots import SlotMemory
from lucida.watch.records import Percept


class Recency(SlotMemory):
    """The newest frames that fit: the baseline that beats most published streaming memories (SimpleStream)."""

    name = "recency"

    def admit(self, percept: Percept) -> None:
        """Keep it."""
        append(self, percept)

    def shrink(self) -> None:
        """Drop the oldest."""
        self.slots.delete(0)


class Reservoir(SlotMemory):
    """A uniform random sample of all frames seen (Vitter's algorithm R); the draws depend on seed and count alone."""

    name = "reservoir"

    def __init__(self, budget: int, dim: int, *, precision: Precision = "int8", seed: int = 0) -> None:
        super().__init__(budget, dim, precision=precision)
        self.seed = seed

    def admit(self, percept: Percept) -> None:
        """Keep it with probability capacity / seen, in the place of a random other."""
        if self.slots.count < self.capacity:
            append(self, percept)
        elif (row := draw(self.seed, self.seen) % self.seen) < self.slots.count:
            self.slots.delete(row)
            append(self, percept)

    def shrink(self) -> None:
        """Thumbnails made the bytes run over: drop a random slot."""
        self.slots.delete(draw(self.seed, -self.seen) % self.slots.count)


class Uniform(SlotMemory):
    """Every n-th frame; n doubles whenever the memory is full, and every second slot goes."""

    name = "uniform"
    stride = 1

    def admit(self, percept: Percept) -> None:
        """Keep it if its turn has come."""
        if (self.seen - 1) % self.stride == 0:
            append(self, percept)

    def shrink(self) -> None:
        """Halve the rate."""
        self.stride *= 2
        self.slots.keep(np.arange(0, self.slots.count, 2))

    def rule_state(self) -> float:
        """The stride."""
        return float(self.stride)

    def rule_restore(self, value: float) -> None:
        """The stride."""
        self.stride = int(value)


def append(memory: SlotMemory, percept: Percept, **values: float) -> None:
    """The percept as a slot of its own at the end of the memory's table."""
    span = {"t0": percept.t, "t1": percept.t + percept.duration, "t": percept.t, "weight": 1.0}
    slots = memory.slots
    if slots.count and slots["t1"][-1] > percept.t:
        slots.put(slots.count - 1, None, t1=max(percept.t, float(slots["t0"][-1])))  # spans never overlap
    slots.append(slots.codec.enter(percept.vector), percept.thumb, **span, **values)


def draw(seed: int, count: int) -> int:
    """64 well mixed bits of (seed, count) (splitmix64), so that no generator's state has to be saved."""
    mask = (1 << 64) - 1
    value = (seed * 0x9E3779B97F4A7C15 + count * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & mask
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = ((value ^ (value >> shift)) * factor) & mask
    return value ^ (value >> 31)
