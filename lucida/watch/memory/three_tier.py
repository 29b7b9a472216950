"""The three-tier memory: a near ring, an event tier and a long tier under one budget, without a threshold to tune.

* **Near**: the newest frames as they came (int8), so that a question about now is answered as by recency.
* **Event**: frames that leave the ring become segments (int8). While there is room nothing is lost.
* **Long**: over budget, the operation that loses least per byte freed is applied until the state fits (``losses``):
  two neighbours *merge*; a segment between two like ones is *folded* away as a needle inside their union; a row is
  *coarsened* to one bit per dimension; a needle is *dropped*. What a needle or an event is worth does not grow with
  its length, so a short one is not averaged into a long blob (the rare-evidence guard), and needles may take at most
  a stated share, so that flicker cannot push out the rest.

A write costs O(d) for a bounded number of distances to neighbours, and O(log n) for the queue of operations. The sum of
the segments' weights and the ring's length is the number of frames seen; segments are disjoint and ordered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.memory.codec import Precision
from lucida.watch.memory.intake import Intake, refuse
from lucida.watch.memory.losses import Operations
from lucida.watch.memory.reading import Scored, checked_query, pick
from lucida.watch.memory.rows import NEEDLE, SIGN, Rows
from lucida.watch.memory.slots import thumb_cost
from lucida.watch.records import Hit, Percept, Sizes

_TIERS = ("event", "long", "needle", "near")
_HEADER = 8 * 8


@dataclass(frozen=True, kw_only=True)
class TierConfig:
    """Shares of the budget.

    Attributes:
        near: of the ring, at least ``near_frames`` frames while they fit into half of the budget.
        needles: most that needles may take. thumbs: most that thumbnails of past frames may take.
        one_bit: allow one-bit codes; False keeps int8 throughout (for comparisons at equal precision).
        settle: frames to see before the centre of the one-bit codes is fixed.
    """

    near: float = 0.0625
    near_frames: int = 2
    needles: float = 0.4
    thumbs: float = 0.4
    one_bit: bool = True
    settle: int = 256


@dataclass(frozen=True, eq=False)
class _Near:
    t0: float
    t1: float
    code: np.ndarray  # (d,)
    scale: np.float32
    thumb: bytes


class ThreeTier:
    """See the module's own words.

    Args:
        budget: bytes of ``state`` between two writes, thumbnails included.
        dim: d of the percepts; a multiple of 8 for one-bit codes.

    Raises:
        InputError: a budget for fewer than four rows beside the ring, or a dimension that does not fit.
    """

    name = "three-tier"

    def __init__(
        self,
        budget: int,
        dim: int,
        *,
        precision: Precision | None = None,
        config: TierConfig | None = None,
    ) -> None:
        self.budget, self.dim = budget, dim
        self.config = config or TierConfig(one_bit=precision != "int8")
        if self.config.one_bit and dim % 8:
            raise InputError(f"dim must be a multiple of 8 for one-bit codes, got {dim}")
        self.rows = Rows(dim)
        self._codec = self.rows.fine
        self._near_row = self._codec.bytes + 16
        fixed = _HEADER + 2 * dim * self.config.one_bit  # numbers, and the centre of the one-bit codes
        if budget < (need := fixed + 2 * self._near_row + 4 * self.rows.fine_bytes):
            refuse(self.name, budget, need, dim)
        frames = max(self.config.near * budget, self.config.near_frames * self._near_row)
        self._near_limit = int(min(frames, (budget - fixed) / 2))
        self._near: deque[_Near] = deque()
        self._near_bytes = 0
        self.operations = Operations(self.rows, needle_limit=int(self.config.needles * budget))
        self.intake = Intake(budget, dim)
        self._read = 0

    @property
    def seen(self) -> int:
        """Percepts so far."""
        return self.intake.seen

    def write(self, percept: Percept) -> None:
        """Take one percept in. Raises InputError for time that runs back, another shape, too large a thumbnail."""
        self.intake.take(percept, self._step)
        if self._near and (newest := self._near[-1]).t1 > percept.t:  # spans never overlap
            self._near[-1] = replace(newest, t1=percept.t)
        code, scale = self._codec.encode(percept.vector)
        thumb = percept.thumb or b""
        self._near.append(_Near(percept.t, percept.t + percept.duration, code, scale, thumb))
        self._near_bytes += self._near_row + thumb_cost(thumb)
        while self._near_bytes > self._near_limit and len(self._near) > 1:
            oldest = self._near.popleft()
            self._near_bytes -= self._near_row + thumb_cost(oldest.thumb)
            span = {"t0": oldest.t0, "t1": oldest.t1, "t": oldest.t0, "weight": 1.0, "extra": 1.0}
            self.operations.append(self._vectors([oldest])[0], oldest.thumb, **span)
        while self.rows.thumb_bytes > self.config.thumbs * self.budget:
            self.operations.drop_thumb()
        if self._size() > self.budget:
            self._shrink()

    def _step(self, vector: np.ndarray) -> float | None:
        if not self._near:
            return None
        step = vector - self._vectors([self._near[-1]])[0]
        return float(np.dot(step, step))

    def _shrink(self) -> None:
        if self.config.one_bit and self.rows.centre is None and self.seen >= self.config.settle:
            self.rows.centre = self.operations.mean().astype(np.float16).astype(np.float32)
            self.operations.rescore()
        self.operations.settle(self.seen, self.intake.step)
        while self._size() > self.budget:
            self.operations.step()

    def _size(self) -> int:
        centre = 0 if self.rows.centre is None else 2 * self.dim
        return _HEADER + centre + self._near_bytes + self.rows.bytes

    def _vectors(self, frames: Sequence[_Near]) -> np.ndarray:
        """(n, d) float32"""
        codes = np.array([frame.code for frame in frames], self._codec.dtype).reshape(-1, self.dim)
        return self._codec.decode(codes, np.array([frame.scale for frame in frames], np.float32))

    def read(self, query: np.ndarray, k: int = 5) -> list[Hit]:
        """The best distinct spans, from all tiers. Raises InputError for a query of another shape.

        Scores are inner products: a mean of many frames is shorter than a frame by the noise that it has lost, so
        dividing by lengths would prefer long events to what is in view now.
        """
        query = checked_query(query, self.dim, k)
        rows, order, near = self.rows, self.rows.ordered(), list(self._near)
        kind = rows.col["kind"][order]
        count = len(order)
        score, error = np.empty((2, count + len(near)), np.float32)
        for precision, codec in ((0, rows.fine), (SIGN, rows.coarse)):
            here = np.flatnonzero((kind & SIGN) == precision)
            if len(here):
                codes = rows.pools[precision].data[rows.link["place"][order[here]]]
                scales = rows.col["scale"][order[here]]
                score[here] = codec.scores(codes, scales, query, rows.centre, cosine=False)
                error[here] = codec.errors(scales)
        score[count:] = self._vectors(near) @ query
        error[count:] = 0
        weight = np.append(rows.col["weight"][order], np.ones(len(near), np.float32))
        tier = np.where(kind & NEEDLE, 2, np.where(kind & SIGN, 1, 0))
        self._read = self._size()
        scored = Scored(
            t0=np.append(rows.col["t0"][order], [frame.t0 for frame in near]),
            t1=np.append(rows.col["t1"][order], [frame.t1 for frame in near]),
            t=np.append(rows.col["t"][order], [frame.t0 for frame in near]),
            score=score,
            error=self.intake.errors(weight, error),
            weight=weight,
            tier=np.append(tier, np.full(len(near), 3)),
            tiers=_TIERS,
            grows=np.append((kind & NEEDLE) == 0, np.ones(len(near), bool)),
            vectors=lambda rows: self._shown(rows, order, near),
            thumb=lambda row: (
                rows.thumbs.get(int(order[row])) if row < count else near[row - count].thumb or None
            ),
        )
        return pick(scored, k, 1.5 * self.intake.duration)

    def _shown(self, places: list[int], order: np.ndarray, near: list[_Near]) -> np.ndarray:
        """(n, d) float32 of places in the order of time, the ring behind the rows."""
        out = np.empty((len(places), self.dim), np.float32)
        past = [index for index, place in enumerate(places) if place < len(order)]
        ring = [index for index, place in enumerate(places) if place >= len(order)]
        if past:
            out[past] = self.rows.vectors(order[[places[index] for index in past]])
        if ring:
            out[ring] = self._vectors([near[places[index] - len(order)] for index in ring])
        return out

    def sizes(self) -> Sizes:
        """Exact bytes; the index (links, cached distances, queue) is proportional to the rows and can be rebuilt."""
        return Sizes(state=self._size(), index=self.operations.index_bytes, read=self._read)

    def spans(self) -> list[tuple[float, float]]:
        """Of segments and ring: ordered, disjoint, all that was seen. Needles lie inside segments."""
        col = self.rows.col
        past = [(float(col["t0"][row]), float(col["t1"][row])) for row in self.rows.segments()]
        return past + [(frame.t0, frame.t1) for frame in self._near]

    def needles(self) -> list[tuple[float, float]]:
        """Spans of the needles, by start."""
        col, order = self.rows.col, self.rows.ordered()
        return [(float(col["t0"][row]), float(col["t1"][row])) for row in order if col["kind"][row] & NEEDLE]

    @property
    def mass(self) -> float:
        """Frames that segments and ring stand for: always the number seen."""
        return float(self.rows.col["weight"][self.rows.segments()].astype(np.float64).sum()) + len(self._near)

    def state(self) -> dict[str, np.ndarray]:
        """All that later answers depend on."""
        near, fixed = list(self._near), self.rows.centre
        seen, t, duration, step = self.intake.values()
        header = [seen, t, duration, fixed is not None, step, *self.operations.scale.values()]
        out = {
            "header": np.array(header, np.float64),
            "centre": np.empty(0, np.float16) if fixed is None else fixed.astype(np.float16),
            "near_t": np.array([(frame.t0, frame.t1) for frame in near], np.float64).reshape(-1, 2),
            "near_codes": np.array([frame.code for frame in near], self._codec.dtype).reshape(-1, self.dim),
            "near_scales": np.array([frame.scale for frame in near], np.float32),
            **self.operations.arrays(),
        }
        if any(frame.thumb for frame in near):
            kept = [(row, frame.thumb) for row, frame in enumerate(near) if frame.thumb]
            out["near_thumb_rows"] = np.array([row for row, _ in kept], np.uint32)
            out["near_thumb_sizes"] = np.array([len(thumb) for _, thumb in kept], np.uint32)
            out["near_thumb_data"] = np.frombuffer(b"".join(thumb for _, thumb in kept), np.uint8)
        return out

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a saved state. Raises InputError for a state of another memory or other settings."""
        missing = {"header", "centre", "near_t", "near_codes", "near_scales", "t0", "fine", "coarse"} - set(
            state
        )
        if missing:
            raise InputError(f"memory state: not one of {self.name}, it lacks {', '.join(sorted(missing))}")
        codes = state["near_codes"]
        if codes.shape[1:] != (self.dim,) or codes.dtype != self._codec.dtype:
            raise InputError(f"memory state: vectors {codes.shape} {codes.dtype} do not fit {self._codec}")
        header = state["header"].tolist()
        self.intake.restore([*header[:3], header[4]])
        fixed = bool(header[3])
        thumbs = dict(
            zip(state.get("near_thumb_rows", np.empty(0)).tolist(), cut(state, "near_thumb"), strict=True)
        )
        scales = state["near_scales"]
        self._near = deque(
            _Near(t0, t1, codes[row].copy(), scales[row], thumbs.get(row, b""))
            for row, (t0, t1) in enumerate(state["near_t"].tolist())
        )
        self._near_bytes = sum(self._near_row + thumb_cost(frame.thumb) for frame in self._near)
        self.rows.centre = state["centre"].astype(np.float32) if fixed else None
        self.operations.restore(state, header[5:], list(cut(state, "thumb")))
        if self._size() > self.budget:
            raise InputError(f"memory state of {self._size()} bytes exceeds the budget of {self.budget}")


def cut(state: dict[str, np.ndarray], name: str) -> list[bytes]:
    """Thumbnails from their joined bytes and sizes; none if none were saved."""
    if f"{name}_data" not in state:
        return []
    data, ends = state[f"{name}_data"].tobytes(), np.cumsum(state[f"{name}_sizes"]).tolist()
    return [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
