"""Flash-VStream v1 (2406.08085), its STAR memory with one vector per frame: newest frame, k-means, key frames.

Kept are the parts that can point at a time: the newest frames, the temporal memory (weighted k-means), and the real
frame nearest to each of the three heaviest centroids. The "abstract" memory has no time and is left out.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lucida.watch.memory.codec import Precision
from lucida.watch.memory.samplers import append, draw
from lucida.watch.memory.slots import SlotMemory
from lucida.watch.records import Percept

_KEYS = 3
_ROUNDS = 10


class FlashVStream(SlotMemory):
    """Rows: at most three key frames (weight 0, copies), then centroids, then frames that wait for the next k-means.

    A centroid's span runs from its first to its last member, so spans overlap; that is the nature of the rule.
    """

    name = "flash-vstream"
    least = 8
    extra: ClassVar[dict[str, str]] = {"kind": "u1"}
    tiers = ("centroid", "newest", "key")

    def __init__(self, budget: int, dim: int, *, precision: Precision = "int8", seed: int = 0) -> None:
        super().__init__(budget, dim, precision=precision)
        self.seed = seed
        self.fragment = max(1, min(16, self.capacity // 8))
        self.clusters = self.capacity - self.fragment - _KEYS

    def admit(self, percept: Percept) -> None:
        """Wait for the fragment to be whole, then cluster."""
        append(self, percept, kind=1)
        waiting = np.flatnonzero(self.slots["kind"] == 1)
        if len(waiting) < self.fragment:
            return
        self._key_frames(waiting)
        self.slots["kind"][self.slots["kind"] == 1] = 0
        if (count := int(np.count_nonzero(self.slots["kind"] == 0))) > self.clusters:
            self._cluster(count - self.clusters)

    def shrink(self) -> None:
        """Thumbnails made the bytes run over: cluster into one less."""
        if np.count_nonzero(self.slots["kind"] == 0) >= 2:
            self._cluster(1)
        else:
            self.slots.delete(0)

    def _cluster(self, less: int) -> None:
        """Weighted k-means from a random subset of the points, ``less`` fewer than there are.

        A point that is itself a centre stays with it, so a round only asks the points of clusters that moved.
        """
        slots = self.slots
        rows = np.flatnonzero(slots["kind"] == 0)
        points = slots.vectors()[rows]
        weights = slots["weight"][rows].astype(np.float64)
        order = sorted(range(len(rows)), key=lambda row: draw(self.seed + 1 + row, self.seen))
        chosen = np.sort(order[less:])
        centres = points[chosen].copy()
        member = np.full(len(rows), -1)
        member[chosen] = np.arange(len(chosen))
        ask = np.sort(order[:less])
        for _ in range(_ROUNDS):
            near = np.argmax(points[ask] @ centres.T - 0.5 * np.einsum("kd,kd->k", centres, centres), axis=1)
            if (near == member[ask]).all():
                break
            touched = np.unique(np.concatenate((near, member[ask][member[ask] >= 0])))
            member[ask] = near
            for cluster in touched:
                inside = np.flatnonzero(member == cluster)
                if len(inside):
                    centres[cluster] = np.average(points[inside], axis=0, weights=weights[inside])
            ask = np.flatnonzero(np.isin(member, touched))
        drop = []
        sizes = np.bincount(member[member >= 0], minlength=len(chosen))
        for cluster in np.flatnonzero(sizes >= 2):
            inside = np.flatnonzero(member == cluster)
            nearest = inside[np.argmin(((points[inside] - centres[cluster]) ** 2).sum(axis=1))]
            here, key = rows[inside], int(rows[nearest])
            values = {
                "t0": slots["t0"][here].min(),
                "t1": slots["t1"][here].max(),
                "weight": weights[inside].sum(),
            }
            slots.put(key, centres[cluster], **values)
            drop.extend(row for row in here if row != key)
        empty = rows[~np.isin(member, np.arange(len(chosen)))]
        slots.keep(np.setdiff1d(np.arange(slots.count), np.concatenate((np.array(drop, int), empty))))

    def _key_frames(self, waiting: np.ndarray) -> None:
        """For each of the heaviest centroids the nearest real frame among the old keys and the new frames."""
        slots = self.slots
        clusters = np.flatnonzero(slots["kind"] == 0)
        heavy = clusters[np.argsort(-slots["weight"][clusters], kind="stable")[:_KEYS]]
        if len(heavy) < _KEYS:
            return
        vectors = slots.vectors()
        old = np.flatnonzero(slots["kind"] == 2)
        real = np.concatenate((old, waiting))
        keys = {int(real[np.argmin(((vectors[real] - vectors[row]) ** 2).sum(axis=1))]) for row in heavy}
        for row in sorted(keys - set(old.tolist())):
            span = {name: float(slots[name][row]) for name in ("t0", "t1", "t")}
            slots.append(vectors[row], None, **span, weight=0.0, kind=2)
        gone = [row for row in old if int(row) not in keys]
        slots.keep(np.setdiff1d(np.arange(slots.count), np.array(gone, int)))

    def tier_of(self) -> np.ndarray:
        """Centroids, newest frames, key frames."""
        return self.slots["kind"].astype(int)
