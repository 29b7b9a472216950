"""The bit-packed run lengths ("rle-pack") in which Label Studio stores a brush.

A stream of bits, most significant first::

    32  number of values            5  bits per value - 1       4 x 4  the four sizes a length may have - 1
    then blocks until all values are there:
    1   0 = different values, 1 = one value repeated
    2   which of the four sizes     that many bits: length - 1
    the value (or ``length`` values)

padded with zeros to whole bytes.
"""

from __future__ import annotations

import numpy as np

from lucida.media.errors import InputError

_SIZES = (3, 4, 8, 16)  # bits a length may take in what we write; a run is at most 2**16 long
_WORD = 8
_MOST_VALUES = 4 * (
    1 << 29
)  # a header may claim any number: beyond half a billion RGBA pixels it is not believed


def encode(values: np.ndarray, repeat: int = 1) -> bytes:
    """Pack ``values`` (N,) uint8, each written ``repeat`` times, as runs of equal values."""
    values = np.asarray(values, dtype=np.uint8)
    changes = np.flatnonzero(np.diff(values)) + 1
    starts = np.concatenate([[0], changes]).astype(np.int64) if values.size else np.zeros(0, np.int64)
    lengths = np.diff(np.concatenate([starts, [values.size]])) * repeat
    longest = 1 << _SIZES[-1]
    pieces = -(-lengths // longest)  # a run longer than the largest size is cut
    run = np.repeat(np.arange(len(lengths)), pieces)
    last = np.cumsum(pieces) - 1
    size = np.full(len(run), longest)
    size[last] = lengths - (pieces - 1) * longest
    which = np.searchsorted(1 << np.array(_SIZES), size)
    bits = np.array(_SIZES)[which]
    code = (((4 | which) << bits) | (size - 1)) << _WORD | values[
        starts[run]
    ]  # flag 1, size, length - 1, value
    header = values.size * repeat
    for field, width in ((_WORD - 1, 5), *((each - 1, 4) for each in _SIZES)):
        header = header << width | field
    return np.packbits(
        np.concatenate([_bits(np.array([header]), np.array([53])), _bits(code, 3 + bits + _WORD)])
    ).tobytes()


def decode(data: bytes, name: str = "rle") -> np.ndarray:
    """Unpack to (N,) values, uint8 or wider.

    Raises:
        InputError: the data ends too early, or holds more than it says.
    """
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))
    reader = _Reader(data, name)
    count, word = reader.read(32), reader.read(5) + 1
    sizes = [reader.read(4) + 1 for _ in range(4)]
    if count > _MOST_VALUES:
        raise InputError(f"{name} claims {count} values, more than any picture has")
    out = np.empty(count, dtype=np.uint8 if word <= 8 else np.uint32)
    weights = 1 << np.arange(word - 1, -1, -1, dtype=np.int64)
    done = 0
    while done < count:
        repeated = reader.read(1)
        length = reader.read(sizes[reader.read(2)]) + 1
        if done + length > count:
            raise InputError(f"{name} holds more values than the {count} it claims")
        if repeated:
            out[done : done + length] = reader.read(word)
        else:
            start = reader.skip(length * word)
            out[done : done + length] = bits[start : start + length * word].reshape(length, word) @ weights
        done += length
    return out


def _bits(codes: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The lowest ``widths[i]`` bits of each ``codes[i]``, most significant first, one after another."""
    code = np.repeat(codes.astype(np.uint64), widths)
    ends = np.repeat(np.cumsum(widths), widths)
    shift = (ends - 1 - np.arange(len(ends))).astype(np.uint64)
    return ((code >> shift) & np.uint64(1)).astype(np.uint8)


class _Reader:
    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        self.at = 0  # in bits

    def skip(self, width: int) -> int:
        """Move on by ``width`` bits; returns where they began."""
        start = self.at
        self.at += width
        if self.at > 8 * len(self.data):
            raise InputError(f"{self.name} is cut short")
        return start

    def read(self, width: int) -> int:
        """The next ``width`` bits as a number."""
        start = self.skip(width)
        first, last = start // 8, -(-self.at // 8)
        chunk = int.from_bytes(self.data[first:last], "big")
        return (chunk >> (8 * last - self.at)) & ((1 << width) - 1)
