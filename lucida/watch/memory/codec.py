"""How many bytes a vector costs: float32, float16, int8 with a scale, or one bit per dimension.

Every memory can be given every codec, so that memories are compared at equal bytes and equal precision. The one-bit
codec is that of RaBitQ: subtract a centre, mix the dimensions by a fixed random orthogonal map, keep the signs and one
factor that makes the estimated inner product unbiased. A Walsh-Hadamard transform is the map, so nothing d×d is kept.
Lengths and angles are the same before and after the map, so rules may work on mixed vectors throughout and only what
leaves a memory is mapped back. Shape legend: n rows, d dimensions, w code width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from lucida.media.errors import InputError

Precision = Literal["float32", "float16", "int8", "sign"]
_CHUNK = 4096  # rows decoded at once; bounds what a read allocates
# (256, 8): the signs that each byte stands for
_BYTES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1


@dataclass(frozen=True, kw_only=True)
class Codec:
    """Encodes vectors of ``dim`` dimensions one by one and scores them many at a time.

    Raises:
        InputError: an unknown precision, or a dimension that does not fit it.
    """

    precision: Precision
    dim: int

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise InputError(
                f"precision must be one of {', '.join(get_args(Precision))}, got {self.precision!r}"
            )
        if self.dim < 1 or (self.precision == "sign" and self.dim % 8):
            raise InputError(f"dim must be positive, and a multiple of 8 for one-bit codes, got {self.dim}")

    @property
    def width(self) -> int:
        """Elements of a code."""
        return self.dim // 8 if self.precision == "sign" else self.dim

    @property
    def dtype(self) -> np.dtype:
        """Element type of a code."""
        return np.dtype({"sign": "u1", "int8": "i1", "float16": "f2", "float32": "f4"}[self.precision])

    @property
    def bytes(self) -> int:
        """Bytes of a code and its scale."""
        return self.width * self.dtype.itemsize + 4

    def encode(
        self, vector: np.ndarray, centre: np.ndarray | None = None, *, mixed: bool = False
    ) -> tuple[np.ndarray, np.float32]:
        """(d,) -> code (w,) and scale; ``centre`` (d,) is what the one-bit code is taken around (None: the origin).

        ``mixed`` says that the vector went through :meth:`enter` already.
        """
        if self.precision == "sign":
            centred = vector if centre is None else vector - centre
            inside = centred if mixed else mix(centred)
            total = float(np.abs(inside).sum())
            factor = float(np.dot(inside, inside)) / total if total > 0 else 0.0
            return np.packbits(inside > 0), np.float32(factor)
        if self.precision == "int8":
            top = float(np.abs(vector).max())
            scale = top / 127 if top > 0 else 1.0
            return np.rint(vector / scale).astype(np.int8), np.float32(scale)
        return vector.astype(self.dtype), np.float32(1)

    def enter(self, vector: np.ndarray) -> np.ndarray:
        """(d,) -> (d,): mixed where codes are of mixed vectors, else as it is."""
        return mix(vector) if self.precision == "sign" else vector

    def decode(
        self, codes: np.ndarray, scales: np.ndarray, centre: np.ndarray | None = None, *, mixed: bool = False
    ) -> np.ndarray:
        """(n, w), (n,) -> (n, d) float32; ``mixed`` leaves them as :meth:`enter` makes them (then no centre)."""
        if self.precision == "sign":
            # Shrunk by 2/pi to the least-squares reconstruction: the stored factor is for inner products.
            inside = signs(codes) * (scales[:, None] * np.float32(2 / math.pi))
            if mixed:
                return inside
            plain = unmix(inside)
            return plain if centre is None else plain + centre
        values = codes.astype(np.float32)
        return values * scales[:, None] if self.precision == "int8" else values

    def scores(
        self,
        codes: np.ndarray,
        scales: np.ndarray,
        query: np.ndarray,
        centre: np.ndarray | None = None,
        *,
        cosine: bool = True,
    ) -> np.ndarray:
        """Inner product of the unit ``query`` (d,) with each row, estimated from the codes: (n,) float32.

        With ``cosine`` it is divided by the row's own length, except for one-bit rows, which stand for unit vectors.
        """
        out = np.empty(len(codes), np.float32)
        base = 0.0 if centre is None else float(np.dot(query, centre))
        if self.precision == "sign" and len(codes):
            # What each of the 256 bytes would add at each place: a row is then w additions, whatever d is.
            table = (mix(query).reshape(-1, 8) @ _BYTES.T).ravel()
            places = np.arange(0, 256 * self.width, 256, dtype=np.int32)
        for start in range(0, len(codes), _CHUNK):
            part = slice(start, start + _CHUNK)
            if self.precision == "sign":
                sums = np.take(table, codes[part] + places, mode="clip").sum(axis=1)
                out[part] = base + sums * scales[part]
                continue
            rows = self.decode(codes[part], scales[part])
            out[part] = rows @ query
            if cosine:
                out[part] /= np.maximum(np.sqrt(np.einsum("nd,nd->n", rows, rows)), 1e-12)
        return out

    def errors(self, scales: np.ndarray) -> np.ndarray:
        """Standard deviation of :meth:`scores` from the code alone: (n,) float32.

        One bit per dimension errs by up to |x|·sqrt((pi/2 - 1) / d) (RaBitQ): sqrt(1 - 2/pi) of the stored factor.
        """
        per = {"sign": math.sqrt(1 - 2 / math.pi), "int8": 12**-0.5}.get(self.precision, 0.0)
        return np.float32(per) * scales


def signs(codes: np.ndarray) -> np.ndarray:
    """(..., w) uint8 -> (..., 8w) float32 of -1 and +1."""
    return _BYTES[codes].reshape(*codes.shape[:-1], 8 * codes.shape[-1])


def mix(vectors: np.ndarray) -> np.ndarray:
    """(..., d) -> (..., d): the fixed random orthogonal map of dimension d (the same in every process)."""
    order, flips, blocks = _map(vectors.shape[-1])
    return _hadamard(vectors[..., order] * flips, blocks)


def unmix(vectors: np.ndarray) -> np.ndarray:
    """The inverse of :func:`mix`."""
    order, flips, blocks = _map(vectors.shape[-1])
    out = np.empty_like(vectors)
    out[..., order] = _hadamard(vectors, blocks) * flips
    return out


def _hadamard(vectors: np.ndarray, blocks: tuple[tuple[int, int], ...]) -> np.ndarray:
    out = np.empty(vectors.shape, np.float32)
    for start, size in blocks:
        # A transform of size ab is one of size a over the rows and one of size b over the columns of an a×b table.
        rows = 1 << (size.bit_length() // 2)
        part = vectors[..., start : start + size].reshape(*vectors.shape[:-1], rows, size // rows)
        part = _transform(rows) @ part.astype(np.float32) @ _transform(size // rows)
        out[..., start : start + size] = part.reshape(*vectors.shape[:-1], size)
    return out


@lru_cache(maxsize=16)
def _transform(size: int) -> np.ndarray:
    """The symmetric orthogonal Walsh-Hadamard matrix; ``size`` is a power of two."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix * np.float32(size**-0.5)


@lru_cache(maxsize=8)
def _map(dim: int) -> tuple[np.ndarray, np.ndarray, tuple[tuple[int, int], ...]]:
    """A permutation, signs, and the blocks (start, power of two) that d splits into: 384 = 256 + 128."""
    random = np.random.Generator(np.random.PCG64(dim))
    order = random.permutation(dim)
    flips = (random.integers(0, 2, dim) * 2 - 1).astype(np.float32)
    blocks, start = [], 0
    while start < dim:
        size = 1 << ((dim - start).bit_length() - 1)
        blocks.append((start, size))
        start += size
    return order, flips, tuple(blocks)
