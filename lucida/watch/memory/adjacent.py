"""Memories that merge the most similar neighbours in time: MA-LMM (2404.05726) and MovieChat (2307.16449).

Similarities of neighbours are cached, so a write costs O(d) and one scan of n cached numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.memory.codec import Precision
from lucida.watch.memory.samplers import append
from lucida.watch.memory.slots import SlotMemory
from lucida.watch.records import Percept, Sizes


class Adjacent(SlotMemory):
    """A table with the cached similarity of each row to the next."""

    product = False  # plain inner products instead of cosines

    def __init__(self, budget: int, dim: int, *, precision: Precision = "int8") -> None:
        super().__init__(budget, dim, precision=precision)
        self._similar = np.empty(16, np.float32)

    def similar(self, first: int, last: int) -> np.ndarray:
        """Cached similarities of the rows first .. last-1 to their next."""
        return self._similar[first:last]

    def push(self, percept: Percept, **values: float) -> None:
        """Append, and compare with the row before."""
        append(self, percept, **values)
        if self.slots.count > len(self._similar):
            self._similar = np.resize(self._similar, 2 * self.slots.count)
        self._compare(self.slots.count - 2)

    def join(self, row: int, *, weighted: bool = True) -> None:
        """Merge ``row`` with the next."""
        self.slots.merge(row, weighted=weighted)
        self._forget(row)
        self._compare(row - 1)
        self._compare(row)

    def drop(self, row: int) -> None:
        """Remove ``row``."""
        self.slots.delete(row)
        self._forget(row)
        self._compare(row - 1)

    def _forget(self, row: int) -> None:
        self._similar[row : self.slots.count] = self._similar[row + 1 : self.slots.count + 1]

    def _compare(self, row: int) -> None:
        if 0 <= row < self.slots.count - 1:
            first, second = self.slots.vectors(slice(row, row + 2))
            both = np.dot(first, second)
            if not self.product:
                both = both / max(float(np.sqrt(np.dot(first, first) * np.dot(second, second))), 1e-12)
            self._similar[row] = both

    def sizes(self) -> Sizes:
        """With the cached similarities as index."""
        return replace(super().sizes(), index=4 * max(self.slots.count - 1, 0))

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """The cache is built again."""
        super().restore(state)
        self._similar = np.empty(self.slots.count + 16, np.float32)
        for row in range(self.slots.count - 1):
            self._compare(row)


class MaLmm(Adjacent):
    """MA-LMM's memory bank with one vector per frame: over budget, the most similar neighbours become their mean.

    The mean is weighted by the frames merged. The paper merges each spatial position by itself; with one position both
    are the same rule, and here every slot keeps the span that it stands for.
    """

    name = "ma-lmm"

    def admit(self, percept: Percept) -> None:
        """Keep it."""
        self.push(percept)

    def shrink(self) -> None:
        """Merge the most similar neighbours."""
        self.join(int(np.argmax(self.similar(0, self.slots.count - 1))))


class MovieChat(Adjacent):
    """MovieChat: a short memory of one fragment, merged to two slots that join the long memory.

    Args:
        compat: None weighs averages by frames, compares by cosine, and consolidates the long memory by the same merge
            when it is over budget. ``"released"`` does what the code does: plain averages, plain inner products, and
            the oldest slots are popped.
    """

    name = "moviechat"
    tiers = ("long", "short")

    def __init__(
        self,
        budget: int,
        dim: int,
        *,
        precision: Precision = "int8",
        compat: Literal["released"] | None = None,
    ) -> None:
        super().__init__(budget, dim, precision=precision)
        if compat not in (None, "released"):
            raise InputError(f"compat must be 'released' or None, got {compat!r}")
        self.compat = compat
        self.product = compat == "released"
        self.fragment = max(3, min(16, self.capacity // 2))
        self.long = 0  # rows of the long memory; they come first

    def admit(self, percept: Percept) -> None:
        """Into the short memory; a whole fragment becomes two slots of the long one."""
        self.push(percept)
        if self.slots.count - self.long < self.fragment:
            return
        while self.slots.count - self.long > 2:
            row = self.long + int(np.argmax(self.similar(self.long, self.slots.count - 1)))
            self.join(row, weighted=self.compat is None)
        self.long = self.slots.count

    def shrink(self) -> None:
        """One slot of the long memory gives way; of the short one only if there is no other."""
        if self.compat == "released" or self.slots.count < 2:
            self.drop(0)
            self.long = max(self.long - 1, 0)
        elif self.long >= 2:
            self.join(int(np.argmax(self.similar(0, self.long - 1))))
            self.long -= 1
        else:
            self.join(int(np.argmax(self.similar(0, self.slots.count - 1))))
            self.long = min(self.long, self.slots.count)

    def tier_of(self) -> np.ndarray:
        """Long before short."""
        return (np.arange(self.slots.count) >= self.long).astype(int)

    def rule_state(self) -> float:
        """Rows of the long memory."""
        return float(self.long)

    def rule_restore(self, value: float) -> None:
        """Rows of the long memory."""
        self.long = int(value)
