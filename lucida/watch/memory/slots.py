"""A table of slots in the order of time, and the memory that every published rule is written on.

A rule says only what happens to a new percept (``admit``) and which slots give way when the bytes exceed the budget
(``shrink``). Bytes are exactly those of the arrays that ``state`` returns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.memory.codec import Codec, Precision
from lucida.watch.memory.intake import Intake, refuse
from lucida.watch.memory.reading import Scored, checked_query, pick
from lucida.watch.records import Hit, Percept, Sizes

_COLUMNS: dict[str, str] = {"t0": "f8", "t1": "f8", "t": "f8", "weight": "f4", "scale": "f4"}
_HEADER = 40  # five numbers of eight bytes: the intake's four and one for the rule


class Slots:
    """Rows (span, key time, weight, code) in the order of ``t0``; ``extra`` names further columns of a rule.

    Vectors go in and out as ``codec.enter`` makes them: rules compare and average, which no orthogonal map changes.
    """

    def __init__(self, codec: Codec, extra: dict[str, str] | None = None) -> None:
        self.codec = codec
        self.columns = {**_COLUMNS, **(extra or {})}
        self.count = 0
        self.thumbs: list[bytes] = []
        self.thumb_bytes = 0
        self._arrays = {name: np.empty(16, kind) for name, kind in self.columns.items()}
        self._codes = np.empty((16, codec.width), codec.dtype)
        self.row_bytes = codec.bytes + sum(np.dtype(kind).itemsize for kind in self.columns.values()) - 4

    @property
    def bytes(self) -> int:
        """Of all rows; a kept thumbnail costs its length and eight bytes for length and row."""
        return self.count * self.row_bytes + self.thumb_bytes

    @property
    def codes(self) -> np.ndarray:
        """(n, w)"""
        return self._codes[: self.count]

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name][: self.count]

    def shown(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float32, as they were seen"""
        return self.codec.decode(self.codes[rows], self["scale"][rows])

    def vectors(self, rows: slice = slice(None)) -> np.ndarray:
        """(n, d) float32, as they went in"""
        return self.codec.decode(self.codes[rows], self["scale"][rows], mixed=True)

    def step(self, vector: np.ndarray) -> float | None:
        """Squared distance of a unit vector (d,), as seen, from the last row; None if there is no row."""
        if not self.count:
            return None
        last = slice(self.count - 1, self.count)
        return 2 - 2 * float(self.codec.scores(self.codes[last], self["scale"][last], vector)[0])

    def append(self, vector: np.ndarray, thumb: bytes | None = None, **values: float) -> None:
        """A row at the end."""
        if self.count == len(self._codes):
            size = self.count + self.count // 2
            self._codes = _grown(self._codes, size)
            self._arrays = {name: _grown(array, size) for name, array in self._arrays.items()}
        self.count += 1
        self.thumbs.append(b"")
        self.put(self.count - 1, vector, thumb or b"", **values)

    def put(self, row: int, vector: np.ndarray | None, thumb: bytes | None = None, **values: float) -> None:
        """Overwrite parts of a row; None leaves the vector or thumbnail as it is."""
        if vector is not None:
            self._codes[row], self._arrays["scale"][row] = self.codec.encode(vector, mixed=True)
        for name, value in values.items():
            self._arrays[name][row] = value
        if thumb is not None:
            self.thumb_bytes += thumb_cost(thumb) - thumb_cost(self.thumbs[row])
            self.thumbs[row] = thumb

    def delete(self, first: int, last: int | None = None) -> None:
        """Remove rows first .. last-1 (one row without ``last``)."""
        last = first + 1 if last is None else last
        self.thumb_bytes -= sum(map(thumb_cost, self.thumbs[first:last]))
        del self.thumbs[first:last]
        for array in (self._codes, *self._arrays.values()):
            array[first : self.count - (last - first)] = array[last : self.count]
        self.count -= last - first

    def keep(self, rows: np.ndarray) -> None:
        """Keep only these row numbers, in their order."""
        self.thumbs = [self.thumbs[row] for row in rows]
        self.thumb_bytes = sum(map(thumb_cost, self.thumbs))
        for array in (self._codes, *self._arrays.values()):
            array[: len(rows)] = array[rows]
        self.count = len(rows)

    def merge(self, row: int, *, weighted: bool = True) -> None:
        """Join ``row`` with the next: mean vector, joint span, the key time and thumbnail of the heavier."""
        first, second = float(self["weight"][row]), float(self["weight"][row + 1])
        a, b = (first, second) if weighted else (1.0, 1.0)
        both = self.vectors(slice(row, row + 2))
        heavier = row if first >= second else row + 1
        thumb = self.thumbs[heavier] or self.thumbs[row] or self.thumbs[row + 1]
        values = {"t1": self["t1"][row + 1], "t": self["t"][heavier], "weight": first + second}
        self.put(row, (a * both[0] + b * both[1]) / (a + b), thumb, **values)
        self.delete(row + 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of all columns, for saving."""
        out = {name: self[name].copy() for name in self.columns}
        out["codes"] = self.codes.copy()
        if self.thumb_bytes:
            out["thumb_sizes"] = np.array([len(thumb) for thumb in self.thumbs if thumb], np.uint32)
            out["thumb_rows"] = np.array([row for row, thumb in enumerate(self.thumbs) if thumb], np.uint32)
            out["thumb_data"] = np.frombuffer(b"".join(self.thumbs), np.uint8)
        return out

    def fill(self, arrays: dict[str, np.ndarray]) -> None:
        """The inverse of :meth:`arrays`."""
        self.count = len(arrays["t0"])
        if arrays["codes"].shape[1:] != (self.codec.width,) or arrays["codes"].dtype != self.codec.dtype:
            shape, kind = arrays["codes"].shape, arrays["codes"].dtype
            raise InputError(f"memory state: codes {shape} {kind} do not fit {self.codec}")
        size = max(16, self.count)
        self._codes = _grown(arrays["codes"], size)
        self._arrays = {name: _grown(arrays[name].astype(kind), size) for name, kind in self.columns.items()}
        self.thumbs, self.thumb_bytes = [b""] * self.count, 0
        if "thumb_data" in arrays:
            data, start = arrays["thumb_data"].tobytes(), 0
            for row, length in zip(
                arrays["thumb_rows"].tolist(), arrays["thumb_sizes"].tolist(), strict=True
            ):
                self.thumbs[row] = data[start : start + length]
                start += length
            self.thumb_bytes = sum(map(thumb_cost, self.thumbs))


def thumb_cost(thumb: bytes) -> int:
    """Bytes that a thumbnail takes: itself, its length and its row."""
    return len(thumb) + 8 if thumb else 0


def _grown(array: np.ndarray, size: int) -> np.ndarray:
    out = np.empty((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


class SlotMemory(ABC):
    """What the published rules share: checks, bytes, reading, saving.

    Args:
        budget: bytes that ``state`` may take, at every moment between two writes.
        dim: d of the percepts.
        precision: of the stored vectors.

    Raises:
        InputError: a budget for fewer than ``least`` slots, or a bad precision.
    """

    name: ClassVar[str]
    least: ClassVar[int] = 4
    extra: ClassVar[dict[str, str]] = {}
    tiers: ClassVar[tuple[str, ...]] = ("slot",)

    def __init__(self, budget: int, dim: int, *, precision: Precision = "int8") -> None:
        self.budget, self.dim = budget, dim
        self.slots = Slots(Codec(precision=precision, dim=dim), self.extra)
        self.capacity = (budget - _HEADER) // self.slots.row_bytes  # slots without thumbnails
        if self.capacity < self.least:
            refuse(self.name, budget, _HEADER + self.least * self.slots.row_bytes, dim)
        self.intake = Intake(budget, dim)
        self._read = 0

    @property
    def seen(self) -> int:
        """Percepts so far."""
        return self.intake.seen

    def write(self, percept: Percept) -> None:
        """Take one percept in and give way until the bytes fit. Raises InputError for time that runs back."""
        self.intake.take(percept, self.slots.step)
        self.admit(percept)
        while self.sizes().state > self.budget:
            self.shrink()

    @abstractmethod
    def admit(self, percept: Percept) -> None:
        """Put the percept where the rule wants it."""

    @abstractmethod
    def shrink(self) -> None:
        """Free at least one slot."""

    def read(self, query: np.ndarray, k: int = 5) -> list[Hit]:
        """The best distinct spans by cosine. Raises InputError for a query of another shape."""
        query = checked_query(query, self.dim, k)
        table = self.slots
        order = np.argsort(table["t0"], kind="stable")  # k-means and reservoirs do not keep the order of time
        scores = table.codec.scores(table.codes[order], table["scale"][order], query)
        self._read = table.bytes
        scored = Scored(
            t0=table["t0"][order],
            t1=table["t1"][order],
            t=table["t"][order],
            score=scores,
            error=self.intake.errors(table["weight"][order], table.codec.errors(table["scale"][order])),
            weight=table["weight"][order],
            tier=self.tier_of()[order],
            tiers=self.tiers,
            vectors=lambda rows: table.shown(order[rows]),
            thumb=lambda row: table.thumbs[int(order[row])] or None,
        )
        return pick(scored, k, 1.5 * self.intake.duration)

    def tier_of(self) -> np.ndarray:
        """(n,) int: the tier of each row."""
        return np.zeros(self.slots.count, int)

    def sizes(self) -> Sizes:
        """Exact bytes."""
        return Sizes(state=_HEADER + self.slots.bytes, read=self._read)

    def spans(self) -> list[tuple[float, float]]:
        """What is covered, by start."""
        return sorted(zip(self.slots["t0"].tolist(), self.slots["t1"].tolist(), strict=True))

    def rule_state(self) -> float:
        """One number of the rule's own (a stride, a counter)."""
        return 0.0

    def rule_restore(self, value: float) -> None:
        """The inverse of :meth:`rule_state`."""
        assert value == 0.0, f"{self.name} has no state of its own, got {value}"

    def state(self) -> dict[str, np.ndarray]:
        """All that later answers depend on."""
        header = np.array([*self.intake.values(), self.rule_state()], np.float64)
        return {"header": header, **self.slots.arrays()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a saved state. Raises InputError for a state of other settings."""
        if "header" not in state or "codes" not in state:
            raise InputError(
                f"memory state: not one of {self.name} (has {', '.join(sorted(state)) or 'nothing'})"
            )
        self.slots.fill(state)
        *values, own = state["header"].tolist()
        self.intake.restore(values)
        self.rule_restore(own)
        if self.sizes().state > self.budget:
            raise InputError(
                f"memory state of {self.sizes().state} bytes exceeds the budget of {self.budget}"
            )
