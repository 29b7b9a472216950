"""The rows of the three-tier memory: a partition of the past into segments, and needles nested in them.

A segment is a span of the stream and its mean vector; segments are linked in the order of time. A needle is a short
span inside a segment that was too different to be averaged away; the needles of a segment are linked as well. A row's
code is int8 (event tier) or one bit per dimension (long tier). Links are an index: they follow from the times.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from lucida.watch.memory.codec import Codec, mix, signs

NONE = -1
_COLUMNS = {"t0": "f8", "t1": "f8", "t": "f8", "weight": "f4", "extra": "f4", "scale": "f4", "kind": "u1"}
_LINKS = ("before", "after", "head", "tail", "place", "stamp")
NEEDLE, SIGN = 1, 2  # bits of `kind`


class Rows:
    """Storage with stable row numbers. ``centre`` (d,) is what one-bit codes are taken around."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.fine, self.coarse = Codec(precision="int8", dim=dim), Codec(precision="sign", dim=dim)
        columns = sum(np.dtype(kind).itemsize for name, kind in _COLUMNS.items() if name != "scale")
        self.fine_bytes, self.coarse_bytes = self.fine.bytes + columns, self.coarse.bytes + columns
        self.index_bytes = 4 * len(_LINKS)  # per row
        self.centre: np.ndarray | None = None
        self.clear()

    def clear(self) -> None:
        """No rows."""
        self.col = {name: np.zeros(16, kind) for name, kind in _COLUMNS.items()}
        self.link = {name: np.full(16, NONE, np.int32) for name in _LINKS}
        self.pools = {0: _Pool(self.fine), SIGN: _Pool(self.coarse)}
        self.free: list[int] = []
        self.top = 0
        self.first = self.last = NONE
        self.fines = self.coarses = self.needles = 0
        self.needle_bytes = 0
        self.thumbs: dict[int, bytes] = {}
        self.thumb_bytes = 0

    @property
    def bytes(self) -> int:
        """Of all rows and their thumbnails, exactly."""
        return self.fines * self.fine_bytes + self.coarses * self.coarse_bytes + self.thumb_bytes

    def size(self, row: int) -> int:
        """Bytes of one row without its thumbnail."""
        return self.coarse_bytes if self.col["kind"][row] & SIGN else self.fine_bytes

    def code(self, row: int) -> np.ndarray:
        """(w,) as stored."""
        return self.pools[int(self.col["kind"][row]) & SIGN].data[self.link["place"][row]]

    def vector(self, row: int) -> np.ndarray:
        """(d,) float32"""
        codec = self.coarse if self.col["kind"][row] & SIGN else self.fine
        return codec.decode(self.code(row)[None], self.col["scale"][row : row + 1], self.centre)[0]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float32 of row numbers (n,)"""
        out = np.empty((len(rows), self.dim), np.float32)
        kinds = self.col["kind"][rows] & SIGN
        for precision, codec in ((0, self.fine), (SIGN, self.coarse)):
            here = np.flatnonzero(kinds == precision)
            if len(here):
                codes = self.pools[precision].data[self.link["place"][rows[here]]]
                out[here] = codec.decode(codes, self.col["scale"][rows[here]], self.centre)
        return out

    def distance(self, a: int, b: int) -> float:
        """Squared distance of two rows; for one-bit codes estimated from the share of equal bits (arcsine law)."""
        kinds = (int(self.col["kind"][a]) & SIGN, int(self.col["kind"][b]) & SIGN)
        if kinds == (0, 0):
            gap = self.code(a) * self.col["scale"][a] - self.code(b) * self.col["scale"][b]
            return float(np.dot(gap, gap))
        if kinds == (SIGN, SIGN):
            lengths = [self._length(row) for row in (a, b)]
            different = int(np.bitwise_count(self.code(a) ^ self.code(b)).sum())
            cosine = math.sin(0.5 * math.pi * (1 - 2 * different / self.dim))
        else:
            fine, coarse = (a, b) if kinds[0] == 0 else (b, a)
            x = self.vector(fine) - self.centre
            lengths = [math.sqrt(float(np.dot(x, x))), self._length(coarse)]
            inner = float(np.dot(mix(x), signs(self.code(coarse)))) * float(self.col["scale"][coarse])
            cosine = min(1.0, max(-1.0, inner / max(lengths[0] * lengths[1], 1e-12)))
        return max(0.0, lengths[0] ** 2 + lengths[1] ** 2 - 2 * lengths[0] * lengths[1] * cosine)

    def _length(self, row: int) -> float:
        """Of x - centre, from the one-bit factor |x|²/Σ|x_i| ≈ |x|·sqrt(pi / 2d)."""
        return float(self.col["scale"][row]) * math.sqrt(2 * self.dim / math.pi)

    def new(self, vector: np.ndarray, thumb: bytes | None, **values: float) -> int:
        """A segment (int8) that is linked to nothing yet."""
        row = self.blank(thumb)
        for name, value in values.items():
            self.col[name][row] = value
        self._store(row, vector, 0)
        return row

    def blank(self, thumb: bytes | None) -> int:
        """A row without a code."""
        row = self.free.pop() if self.free else self.top
        if row == self.top:
            self.top += 1
            if row == len(self.col["t0"]):
                size = row + row // 2
                self.col = {name: np.resize(array, size) for name, array in self.col.items()}
                self.link = {name: np.resize(array, size) for name, array in self.link.items()}
        for name in ("before", "after", "head", "tail"):
            self.link[name][row] = NONE
        self.link["stamp"][row] += 1
        self.col["kind"][row] = 0
        self.set_thumb(row, thumb)
        return row

    def _store(self, row: int, vector: np.ndarray, precision: int) -> None:
        code, scale = (self.coarse if precision else self.fine).encode(vector, self.centre)
        self.put_code(row, code, float(scale), precision)

    def put_code(self, row: int, code: np.ndarray, scale: float, precision: int) -> None:
        """Give a new row its code."""
        self.link["place"][row] = self.pools[precision].take(code)
        self.col["scale"][row] = scale
        self.col["kind"][row] = (int(self.col["kind"][row]) & ~SIGN) | precision
        if precision:
            self.coarses += 1
        else:
            self.fines += 1

    def release(self, row: int) -> None:
        """Give back the code of a row."""
        precision = int(self.col["kind"][row]) & SIGN
        self.pools[precision].free.append(int(self.link["place"][row]))
        if precision:
            self.coarses -= 1
        else:
            self.fines -= 1

    def remove(self, row: int) -> None:
        """Free a row that nothing links to any more."""
        self.release(row)
        self.set_thumb(row, None)
        self.link["stamp"][row] += 1
        self.free.append(row)

    def combine(self, row: int, other: int, heavier: int, share: float, like: float) -> None:
        """``row`` gets the mean of both, ``share`` of it its own, in the precision of the heavier.

        The mean of like things is shorter by the noise that it has lost; the mean of unlike things keeps their
        length, so that what is superposed in it is not also faint.
        """
        precision = int(self.col["kind"][heavier]) & SIGN
        kinds = [int(self.col["kind"][each]) & SIGN for each in (row, other)]
        if precision:
            # The scale of the new code is the mean of both: taken from the mean vector, in which a decoded one-bit row
            # is short, it would fall with every merge, until what grew frame by frame is not found any more.
            (first, a), (second, b) = self._coarse(row), self._coarse(other)
            if kinds == [SIGN, SIGN]:
                # The sign of a weighted sum of two sign vectors is the heavier one; drawing bits keeps some of both.
                spins = np.roll(_spins(self.dim), hash(float(self.col["t0"][other])) % self.dim)
                above = np.where(spins < share, first, second) > 0
            else:
                above = share * first + (1 - share) * second > 0
            self.release(row)
            self.put_code(row, np.packbits(above), share * a + (1 - share) * b, SIGN)
            return
        both = self.vector(row), self.vector(other)
        vector = np.float32(share) * both[0] + np.float32(1 - share) * both[1]
        lengths = [max(float(np.sqrt(np.dot(each, each))), 1e-12) for each in (*both, vector)]
        vector *= np.float32(((share * lengths[0] + (1 - share) * lengths[1]) / lengths[2]) ** (1 - like))
        self.release(row)
        self._store(row, vector, precision)

    def _coarse(self, row: int) -> tuple[np.ndarray, float]:
        """(d,) float32 mixed around the centre, and the scale of its one-bit code."""
        if self.col["kind"][row] & SIGN:
            scale = float(self.col["scale"][row])
            return signs(self.code(row)) * np.float32(scale), scale
        vector = self.vector(row)
        return mix(vector - self.centre), float(self.coarse.encode(vector, self.centre)[1])

    def coarsen(self, row: int) -> None:
        """int8 -> one bit per dimension."""
        vector = self.vector(row)
        if self.col["kind"][row] & NEEDLE:
            self.needle_bytes += self.coarse_bytes - self.fine_bytes
        self.release(row)
        self._store(row, vector, SIGN)

    def set_thumb(self, row: int, thumb: bytes | None) -> None:
        """Keep, replace or forget the thumbnail of a row; one costs eight bytes beside its own."""
        if old := self.thumbs.pop(row, None):
            self.thumb_bytes -= len(old) + 8
        if thumb:
            self.thumbs[row] = thumb
            self.thumb_bytes += len(thumb) + 8

    def append(self, row: int) -> None:
        """Link a segment behind the last."""
        self.link["before"][row] = self.last
        if self.last != NONE:
            self.link["after"][self.last] = row
        else:
            self.first = row
        self.last = row

    def ordered(self) -> np.ndarray:
        """(n,) all row numbers by time, a segment before its needles."""
        rows = np.setdiff1d(np.arange(self.top), np.array(self.free, int), assume_unique=True)
        return rows[np.lexsort((self.col["kind"][rows] & NEEDLE, self.col["t0"][rows]))]

    def segments(self) -> list[int]:
        """Row numbers of the segments by time."""
        rows, row = [], self.first
        while row != NONE:
            rows.append(row)
            row = int(self.link["after"][row])
        return rows


class _Pool:
    """Codes of one precision; places are reused, so what is allocated follows the largest number ever held."""

    def __init__(self, codec: Codec) -> None:
        self.data = np.zeros((16, codec.width), codec.dtype)
        self.free: list[int] = []
        self.top = 0

    def take(self, code: np.ndarray) -> int:
        place = self.free.pop() if self.free else self.top
        if place == self.top:
            self.top += 1
            if place == len(self.data):
                self.data = np.concatenate((self.data, np.zeros_like(self.data[: max(place // 2, 1)])))
        self.data[place] = code
        return place


@lru_cache(maxsize=8)
def _spins(dim: int) -> np.ndarray:
    """(d,) fixed draws from 0..1."""
    return np.random.Generator(np.random.PCG64(dim + 1)).random(dim)
