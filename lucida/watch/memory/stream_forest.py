"""StreamForest's event memory (2509.24871): events cut at dips of similarity, merged by a penalty of three terms.

Penalty of a pair of neighbours: 0.4·(1 − similarity) + 0.2·mean time / now + 0.4·merges / most merges. The second term
merges the distant past first, the third keeps one event from swallowing all others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from lucida.watch.compress.temporal import cosines
from lucida.watch.memory.adjacent import Adjacent
from lucida.watch.memory.codec import Precision
from lucida.watch.records import Percept, Sizes


class StreamForest(Adjacent):
    """Rows of one event follow each other; the queue of single frames comes last.

    The queue holds 18 frames and cuts within the oldest 8 as published, less where the budget is smaller.
    """

    name = "stream-forest"
    least = 8
    extra: ClassVar[dict[str, str]] = {"event": "u4", "merges": "u4"}  # event 0 is the queue
    tiers = ("event", "queue")

    def __init__(self, budget: int, dim: int, *, precision: Precision = "int8") -> None:
        super().__init__(budget, dim, precision=precision)
        self.window = max(2, min(8, self.capacity // 8))
        self.short = max(1, min(18, self.capacity // 4))
        self.made = 0  # events so far
        self._means: dict[int, np.ndarray] = {}  # of the rows of an event, while they stay the same

    def admit(self, percept: Percept) -> None:
        """Queue it; a full queue gives its oldest frames, up to the deepest dip, to a new event."""
        self.push(percept, event=0, merges=0)
        start = int(np.count_nonzero(self.slots["event"]))
        if self.slots.count - start < self.short + self.window:
            return
        cut = start + 1 + int(np.argmin(self.similar(start, start + self.window)))
        self.made += 1
        self.slots["event"][start:cut] = self.made

    def shrink(self) -> None:
        """Merge the two neighbouring events of least penalty; their frames become ceil((a + b) / 2)."""
        events = self.slots["event"]
        stored = int(np.count_nonzero(events))
        starts = np.flatnonzero(np.diff(events[:stored], prepend=0))
        if len(starts) < 2:  # a single event, or only the queue: pair its own most similar neighbours
            first, last = (0, stored) if stored >= 2 else (stored, self.slots.count)
            self._means.clear()
            self.join(first + int(np.argmax(self.similar(first, last - 1))))
            return
        counts = np.diff(starts, append=stored)
        means = self._event_means(starts, stored)
        weights = np.add.reduceat(self.slots["weight"][:stored], starts)
        times = np.add.reduceat(self.slots["t"][:stored] * self.slots["weight"][:stored], starts) / weights
        merges = self.slots["merges"][starts].astype(np.float64)
        share = np.maximum(weights[:-1] + weights[1:], 1)
        between = (times[:-1] * weights[:-1] + times[1:] * weights[1:]) / share
        joined = merges[:-1] + merges[1:] + 1
        penalty = 0.4 * (1 - cosines(means[:-1], means[1:]))
        penalty += 0.2 * between / max(self.intake.t, 1e-9) + 0.4 * joined / joined.max()
        pair = int(np.argmin(penalty))
        first, last = int(starts[pair]), int(starts[pair] + counts[pair] + counts[pair + 1])
        for start in starts[pair : pair + 2]:
            del self._means[int(events[start])]
        self.slots["event"][first:last] = events[first]
        self.slots["merges"][first:last] = int(joined[pair])
        for _ in range((last - first) // 2):
            self.join(first + int(np.argmax(self.similar(first, last - 1))))
            last -= 1

    def _event_means(self, starts: np.ndarray, stored: int) -> np.ndarray:
        """(events, d) means of the rows that begin at ``starts``."""
        names = self.slots["event"][starts].tolist()
        for name, first, last in zip(names, starts.tolist(), [*starts[1:].tolist(), stored], strict=True):
            if name not in self._means:
                self._means[name] = self.slots.vectors(slice(first, last)).mean(axis=0)
        return np.stack([self._means[name] for name in names])

    def sizes(self) -> Sizes:
        """With the means of events as index."""
        sizes = super().sizes()
        return replace(sizes, index=sizes.index + 4 * self.dim * len(self._means))

    def tier_of(self) -> np.ndarray:
        """Events before the queue."""
        return (self.slots["event"] == 0).astype(int)

    def rule_state(self) -> float:
        """Events so far."""
        return float(self.made)

    def rule_restore(self, value: float) -> None:
        """Events so far."""
        self.made = int(value)
        self._means.clear()
