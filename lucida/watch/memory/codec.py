"""How many bytes a vector costs: float32, float16, int8 with a scale, or one bit per dimension.

Every memory can be given every codec, so that memories are compared at equal bytes and equal precision. The one-bit
codec is that of RaBitQ: subtract a centre, mix the dimensions by a fixed random orthogonal map, keep the signs and one
factor that makes the estimated inner product unbiased. A fast Walsh-Hadamard transform is the map, so nothing d×d is
kept. Shape legend: n rows, d dimensions, w code width.
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

    def encode(self, vector: np.ndarray, centre: np.ndarray | None = None) -> tuple[np.ndarray, np.float32]:
        """(d,) -> code (w,) and scale; ``centre`` (d,) is what the one-bit code is taken around (None: the origin)."""
        if self.precision == "sign":
            mixed = mix(vector if centre is None else vector - centre)
            total = float(np.abs(mixed).sum())
            factor = float(np.dot(mixed, mixed)) / total if total > 0 else 0.0
            return np.packbits(mixed > 0), np.float32(factor)
        if self.precision == "int8":
            top = float(np.abs(vector).max())
            scale = top / 127 if top > 0 else 1.0
            return np.rint(vector / scale).astype(np.int8), np.float32(scale)
        return vector.astype(self.dtype), np.float32(1)

    def decode(self, codes: np.ndarray, scales: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
        """(n, w), (n,) -> (n, d) float32."""
        if self.precision == "sign":
            # Shrunk by 2/pi to the least-squares reconstruction: the stored factor is for inner products.
            plain = unmix(signs(codes) * (scales[:, None] * np.float32(2 / math.pi)))
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
        mixed = mix(query) if self.precision == "sign" else query
        base = 0.0 if centre is None else float(np.dot(query, centre))
        for start in range(0, len(codes), _CHUNK):
            part = slice(start, start + _CHUNK)
            if self.precision == "sign":
                out[part] = base + (signs(codes[part]) @ mixed) * scales[part]
                continue
            rows = self.decode(codes[part], scales[part])
            out[part] = rows @ query
            if cosine:
                out[part] /= np.maximum(np.sqrt(np.einsum("nd,nd->n", rows, rows)), 1e-12)
        return out


def signs(codes: np.ndarray) -> np.ndarray:
    """(..., w) uint8 -> (..., 8w) float32 of -1 and +1."""
    return np.unpackbits(codes, axis=-1).astype(np.float32) * 2 - 1


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
        part, half = vectors[..., start : start + size], 1
        while half < size:
            pairs = part.reshape(*part.shape[:-1], size // (2 * half), 2, half)
            low, high = pairs[..., 0, :], pairs[..., 1, :]
            part = np.stack((low + high, low - high), axis=-2).reshape(part.shape)
            half *= 2
        out[..., start : start + size] = part * np.float32(size**-0.5)
    return out


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
