"""What the three-tier memory does when it is over budget: the operation of least loss per byte freed.

Losses are squared distances in the space of the percepts. For two neighbours with w1 and w2 frames and means c1, c2:

    merge loss = 1/2 · guard(min(w1, w2)) · excess(|c1 - c2|²)

This is Ward's criterion w1·w2 / (w1 + w2) · |c1 - c2|² with all weights taken as one, because what a question may be
about is a thing and not its length; ``guard`` (3 for one frame, falling to 1 over some eight frames) is the
rare-evidence guard on top. ``excess`` is the distance beyond what noise explains: two means of the same thing differ by
σ²(1/w1 + 1/w2), with σ² from the median step between consecutive frames. Means of like things are weighted by frames;
unlike things are superposed in equal parts and keep their length, so that each stays findable.

Unlike blobs lie close together, so what cannot be kept is lost in few large slots while all others stay exact.
Spreading the loss evenly (a penalty on slots that hold many things) finds more events and fewer needles.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lucida.watch.memory.rows import NEEDLE, NONE, SIGN, Rows

_HULL = 0.25  # what a fold pays for the foreign time inside the union, in units of the spread
_CODE = 0.2  # what one bit per dimension loses, in units of the spread, per frame (at most two)
_GUARD = 3.0  # a single frame that stands out is worth so many events: it is cheap to keep and rare
_SHORT = 8.0  # frames over which the guard falls to one
_AGAIN = 0.25  # least worth of a needle that is like the next one, as a share of its own
_INDEX = 24 + 16 + 40  # bytes per row: links, cached distances, an entry of the queue


@dataclass
class Scale:
    """What distances mean in this stream. ``noise`` is the squared distance of a frame from what it shows, ``spread``
    that of segments from their mean; both are refreshed whenever the stream has doubled."""

    noise: float = 0.0
    spread: float = 1e-12
    due: int = 0  # frames seen at which the two are taken over again

    def values(self) -> list[float]:
        """For saving."""
        return [self.noise, self.spread, float(self.due)]


@dataclass
class Operations:
    """Rows with cached distances (to the next and the next but one) and a queue of operations by loss per byte."""

    rows: Rows
    needle_limit: int
    scale: Scale = field(default_factory=Scale)
    _to_next: list[float] = field(default_factory=list)
    _over_next: list[float] = field(default_factory=list)
    _score: list[float] = field(default_factory=list)
    _queues: tuple[list, list] = field(default_factory=lambda: ([], []))  # of segments, of needles

    @property
    def index_bytes(self) -> int:
        """Of all that can be rebuilt."""
        return _INDEX * (self.rows.fines + self.rows.coarses)

    def append(self, vector: np.ndarray, thumb: bytes, **values: float) -> None:
        """A new last segment."""
        row = self.rows.new(vector, thumb, **values)
        self.rows.append(row)
        self._refresh(row)

    def settle(self, seen: int, step: float) -> None:
        """Take over noise and spread anew whenever the stream has doubled; all losses follow."""
        if seen >= self.scale.due:
            off = self._segment_vectors() - self.mean()
            weights = self.rows.col["weight"][self.rows.segments()]
            self.scale.spread = max(float(np.average((off * off).sum(axis=1), weights=weights)), 1e-12)
            self.scale.noise = 0.5 * step
            self.scale.due = 2 * seen
            self.rescore()

    def mean(self) -> np.ndarray:
        """(d,) over all frames that left the ring."""
        return np.average(
            self._segment_vectors(), axis=0, weights=self.rows.col["weight"][self.rows.segments()]
        )

    def _segment_vectors(self) -> np.ndarray:
        return np.stack([self.rows.vector(row) for row in self.rows.segments()])

    def step(self) -> None:
        """Apply the operation of least loss per byte; needles first while they exceed their share."""
        heads = [self._head(queue) for queue in self._queues]
        if self.rows.needle_bytes > self.needle_limit and heads[1]:
            choice = 1
        elif heads[0] and heads[1]:
            choice = int(heads[1] < heads[0])
        else:
            assert heads[0] or heads[1], "nothing left to give way"
            choice = 0 if heads[0] else 1
        _, _, row, _, action = heapq.heappop(self._queues[choice])
        {"merge": self._merge, "fold": self._fold, "code": self._coarsen, "drop": self._drop}[action](row)

    def _head(self, queue: list) -> tuple | None:
        stamp = self.rows.link["stamp"]
        while queue and stamp[queue[0][2]] != queue[0][3]:
            heapq.heappop(queue)
        return queue[0] if queue else None

    def drop_thumb(self) -> None:
        """Forget the thumbnail of the row that would give way first."""
        col = self.rows.col
        # By what is saved, not by the row's number, so that a restored memory does the same.
        first = min(self.rows.thumbs, key=lambda row: (self._score[row], col["t0"][row], col["kind"][row]))
        self.rows.set_thumb(first, None)

    # -- losses ---------------------------------------------------------------------------------------------------

    def _excess(self, squared: float, first: float, second: float) -> float:
        return max(squared - self.scale.noise * (1 / first + 1 / second), 0.1 * squared)

    def _loss(self, squared: float, a: int, b: int) -> float:
        """Of averaging rows a and b."""
        first, second = float(self.rows.col["weight"][a]), float(self.rows.col["weight"][b])
        guard = 1 + (_GUARD - 1) * math.exp((1 - min(first, second)) / _SHORT)
        return 0.5 * guard * self._excess(squared, first, second)

    def _freed(self, a: int, b: int) -> int:
        """A merged row takes the precision of the heavier."""
        weight = self.rows.col["weight"]
        return self.rows.size(b if weight[a] >= weight[b] else a)

    def _options(self, row: int) -> list[tuple[float, str]]:
        rows, col, link = self.rows, self.rows.col, self.rows.link
        size, options = rows.size(row), []
        before, after = int(link["before"][row]), int(link["after"][row])
        if col["kind"][row] & NEEDLE:
            worth = float(col["extra"][row])
            if after != NONE:
                like = self._excess(
                    self._to_next[row], float(col["weight"][row]), float(col["weight"][after])
                )
                worth = min(worth, max(like, _AGAIN * worth))
            options.append((worth / size, "drop"))
        else:
            if after != NONE:
                options.append(
                    (self._loss(self._to_next[row], row, after) / self._freed(row, after), "merge")
                )
            if before != NONE and after != NONE:
                share = float(col["weight"][row])
                share /= share + float(col["weight"][before]) + float(col["weight"][after])
                loss = self._loss(self._over_next[before], before, after) + _HULL * self.scale.spread * share
                options.append((loss / self._freed(before, after), "fold"))
        if rows.centre is not None and not col["kind"][row] & SIGN:
            loss = _CODE * self.scale.spread * min(float(col["weight"][row]), 2.0)
            options.append((loss / (rows.fine_bytes - rows.coarse_bytes), "code"))
        return options

    def _rescore(self, row: int) -> None:
        """Put the best option of a row into its queue; older entries of the row become stale."""
        self.rows.link["stamp"][row] += 1
        self._score[row] = math.inf  # the newest one-bit segment has no options
        if options := self._options(row):
            score, action = min(options)
            self._score[row] = score
            needle = int(self.rows.col["kind"][row]) & NEEDLE
            entry = (score, float(self.rows.col["t0"][row]), row, int(self.rows.link["stamp"][row]), action)
            heapq.heappush(self._queues[needle], entry)
            if len(self._queues[needle]) > 64 + 8 * (self.rows.fines + self.rows.coarses):
                stamp = self.rows.link["stamp"]
                self._queues[needle][:] = [
                    entry for entry in self._queues[needle] if stamp[entry[2]] == entry[3]
                ]
                heapq.heapify(self._queues[needle])

    def rescore(self) -> None:
        """All rows, from the cached distances."""
        for queue in self._queues:
            queue.clear()
        for row in self.rows.ordered().tolist():
            self._rescore(row)

    def _refresh(self, row: int) -> None:
        """After ``row`` or its neighbours changed: five distances, three losses."""
        rows, link = self.rows, self.rows.link
        while len(self._to_next) < rows.top:
            self._to_next.append(0.0)
            self._over_next.append(0.0)
            self._score.append(0.0)
        before, after = int(link["before"][row]), int(link["after"][row])
        if before != NONE:
            self._to_next[before] = rows.distance(before, row)
            if (further := int(link["before"][before])) != NONE:
                self._over_next[further] = rows.distance(further, row)
            if after != NONE:
                self._over_next[before] = rows.distance(before, after)
        if after != NONE:
            self._to_next[row] = rows.distance(row, after)
            if (further := int(link["after"][after])) != NONE:
                self._over_next[row] = rows.distance(row, further)
        for changed in (before, row, after):
            if changed != NONE:
                self._rescore(changed)

    # -- operations -----------------------------------------------------------------------------------------------

    def _merge(self, row: int) -> None:
        other = int(self.rows.link["after"][row])
        self._join(row, other, self._to_next[row])
        self._chain(row, [self._needles(row), self._needles(other)])
        self.rows.remove(other)
        self._refresh(row)

    def _fold(self, row: int) -> None:
        """The two neighbours become one segment that spans ``row`` too; ``row`` becomes a needle of it."""
        rows, col, link = self.rows, self.rows.col, self.rows.link
        before, after = int(link["before"][row]), int(link["after"][row])
        squared, like = min((self._to_next[before], before), (self._to_next[row], after))
        beside = float(col["weight"][before] + col["weight"][after] - col["weight"][like])
        kept = float(col["weight"][row])
        excess = self._excess(squared, kept, beside + float(col["weight"][like]))
        worth = 0.5 * _GUARD * excess * kept / (kept + 0.5)  # one frame may be a flash
        self._join(before, after, self._over_next[before])
        col["weight"][before] += col["weight"][row]
        inner = self._needles(row)
        link["before"][row] = link["after"][row] = link["head"][row] = link["tail"][row] = NONE
        col["extra"][row] = worth
        col["kind"][row] |= NEEDLE
        rows.needle_bytes += rows.size(row)
        self._rescore(row)
        self._chain(before, [self._needles(before), (row, row), inner, self._needles(after)])
        rows.remove(after)
        self._refresh(before)

    def _coarsen(self, row: int) -> None:
        self.rows.coarsen(row)
        if not self.rows.col["kind"][row] & NEEDLE:
            self._refresh(row)
            return
        before, after = int(self.rows.link["before"][row]), int(self.rows.link["after"][row])
        if after != NONE:
            self._to_next[row] = self.rows.distance(row, after)
        self._rescore(row)
        if before != NONE:
            self._to_next[before] = self.rows.distance(before, row)
            self._rescore(before)

    def _drop(self, row: int) -> None:
        """Forget a needle; its frames stay part of its segment's weight."""
        rows, link = self.rows, self.rows.link
        before, after, owner = (int(link[name][row]) for name in ("before", "after", "head"))
        for here, other, end, near in ((before, after, "head", "after"), (after, before, "tail", "before")):
            if here != NONE:
                link[near][here] = other
            else:  # an end of its chain: the other one takes its place
                link[end][owner] = other
                if other != NONE:
                    link["head"][other] = owner
        rows.needle_bytes -= rows.size(row)
        rows.remove(row)
        if before != NONE:
            if after != NONE:
                self._to_next[before] = rows.distance(before, after)
            self._rescore(before)

    def _join(self, row: int, other: int, squared: float) -> None:
        """``other`` into ``row``, both segments; ``row`` takes over its end, key frame and place."""
        rows, col, link = self.rows, self.rows.col, self.rows.link
        heavier = row if col["weight"][row] >= col["weight"][other] else other
        first, second = float(col["weight"][row]), float(col["weight"][other])
        like = min(1.0, max(0.0, 1 - self._excess(squared, first, second) / (2 * self.scale.spread)))
        varieties = float(col["extra"][row]), float(col["extra"][other])
        # Like things by frames, unlike things in equal parts: the square root keeps each member of a blob equal.
        a, b = (w**like * v ** (0.5 * (1 - like)) for w, v in zip((first, second), varieties, strict=True))
        rows.combine(row, other, heavier, a / (a + b), like)
        thumb = rows.thumbs.get(heavier) or rows.thumbs.get(row) or rows.thumbs.get(other)
        rows.set_thumb(row, thumb)
        col["extra"][row] = max(varieties) + (1 - like) * min(varieties)
        col["t"][row], col["t1"][row] = col["t"][heavier], col["t1"][other]
        col["weight"][row] += col["weight"][other]
        after = int(link["after"][other])
        link["after"][row] = after
        if after != NONE:
            link["before"][after] = row
        else:
            rows.last = row

    def _needles(self, row: int) -> tuple[int, int]:
        return int(self.rows.link["head"][row]), int(self.rows.link["tail"][row])

    def _chain(self, owner: int, pieces: list[tuple[int, int]]) -> None:
        """Hang chains of needles (first, last), given in the order of time, under one segment.

        Only the two ends of a chain know their segment (in ``head``), so this is O(1) per piece.
        """
        link = self.rows.link
        pieces = [piece for piece in pieces if piece[0] != NONE]
        if not pieces:
            return
        link["head"][owner], link["tail"][owner] = pieces[0][0], pieces[-1][1]
        link["head"][pieces[0][0]] = link["head"][pieces[-1][1]] = owner
        for (_, left), (right, _) in pairwise(pieces):
            link["after"][left], link["before"][right] = right, left
            self._to_next[left] = self.rows.distance(left, right)
            self._rescore(left)

    # -- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, np.ndarray]:
        """All rows in the order of time; links and queues follow from it."""
        rows, order = self.rows, self.rows.ordered()
        out = {name: array[order] for name, array in rows.col.items()}
        coarse = (out["kind"] & SIGN) > 0
        for name, precision, here in (("fine", 0, ~coarse), ("coarse", SIGN, coarse)):
            out[name] = rows.pools[precision].data[rows.link["place"][order[here]]]
        if rows.thumbs:
            kept = [
                (place, rows.thumbs[row]) for place, row in enumerate(order.tolist()) if row in rows.thumbs
            ]
            out["thumb_rows"] = np.array([place for place, _ in kept], np.uint32)
            out["thumb_sizes"] = np.array([len(thumb) for _, thumb in kept], np.uint32)
            out["thumb_data"] = np.frombuffer(b"".join(thumb for _, thumb in kept), np.uint8)
        return out

    def restore(self, arrays: dict[str, np.ndarray], scale: list[float], thumbs: list[bytes]) -> None:
        """The inverse of :meth:`arrays`."""
        rows = self.rows
        rows.clear()
        self._to_next, self._over_next, self._score = [], [], []
        self.scale = Scale(scale[0], scale[1], int(scale[2]))
        kept = dict(zip(arrays.get("thumb_rows", np.empty(0)).tolist(), thumbs, strict=True))
        codes = {0: iter(arrays["fine"]), SIGN: iter(arrays["coarse"])}
        owner = NONE
        for place, kind in enumerate(arrays["kind"].tolist()):
            row = rows.blank(kept.get(place))
            rows.put_code(row, next(codes[kind & SIGN]), arrays["scale"][place], kind & SIGN)
            for name, array in arrays.items():
                if name in rows.col:
                    rows.col[name][row] = array[place]
            if kind & NEEDLE:
                rows.needle_bytes += rows.size(row)
                chain = self._needles(owner)
                link = rows.link
                link["head"][owner] = row if chain[0] == NONE else chain[0]
                link["tail"][owner] = row
                link["before"][row] = chain[1]
                link["head"][row] = owner
                if chain[1] != NONE:
                    link["after"][chain[1]] = row
            else:
                rows.append(row)
                owner = row
        self._to_next, self._over_next = [0.0] * rows.top, [0.0] * rows.top
        self._score = [0.0] * rows.top
        for row in rows.ordered().tolist():
            after = int(rows.link["after"][row])
            if after == NONE:
                continue
            self._to_next[row] = rows.distance(row, after)
            if not rows.col["kind"][row] & NEEDLE and (further := int(rows.link["after"][after])) != NONE:
                self._over_next[row] = rows.distance(row, further)
        self.rescore()
