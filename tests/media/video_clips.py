"""Small films whose every picture says, in its pixels, which one it is and when it is shown; and awkward files of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from lucida.media.video import write_video

SIZE = (96, 128)
NUMBER_BITS, TIME_BITS, COLUMNS = 12, 20, 8
MILLISECOND = 1000
Times = Sequence[float]


def picture(number: int, t: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(h, w, 3) with ``number`` and ``t`` in milliseconds as black and white blocks over a moving pattern."""
    h, w = size
    y, x = np.mgrid[:h, :w]
    wave = 90 + 60 * np.sin((x + 3 * number) / 5.0) * np.cos((y - 2 * number) / 7.0)
    pixels = np.repeat(wave[..., None], 3, axis=2)
    pixels[..., 0] += x % 50
    code = number | round(t * MILLISECOND) << NUMBER_BITS
    for bit, (rows, columns) in enumerate(_blocks(size)):
        pixels[rows, columns] = 235 if code >> bit & 1 else 16
    return pixels.astype(np.uint8)


def burnt(pixels: np.ndarray) -> tuple[int, float]:
    """The number and the time (seconds, to a millisecond) that a picture carries."""
    code = 0
    for bit, (rows, columns) in enumerate(_blocks(pixels.shape[:2])):
        block = pixels[rows, columns]
        inner = block[block.shape[0] // 4 : -(block.shape[0] // 4), block.shape[1] // 4 : -(block.shape[1] // 4)]
        assert not 90 < inner.mean() < 160, "the code is not legible"
        code |= int(inner.mean() > 128) << bit
    return code & (1 << NUMBER_BITS) - 1, (code >> NUMBER_BITS) / MILLISECOND


def _blocks(size: tuple[int, int]) -> list[tuple[slice, slice]]:
    side = min(size[0] // 6, size[1] // COLUMNS)
    places = (divmod(bit, COLUMNS) for bit in range(NUMBER_BITS + TIME_BITS))
    return [(slice(r * side, (r + 1) * side), slice(c * side, (c + 1) * side)) for r, c in places]


def even(count: int, fps: float = 25.0, start: float = 0.0) -> Times:
    """Evenly spaced times."""
    return [start + k / fps for k in range(count)]


def uneven(count: int, seed: int = 0) -> Times:
    """Times with gaps from 10 ms to half a second, in whole milliseconds so that every container can hold them."""
    gaps = np.random.default_rng(seed).choice([10, 17, 33, 40, 100, 500], size=count - 1)
    return [0.0, *(np.cumsum(gaps) / MILLISECOND).tolist()]


def film(path: Path, times: Times, *, size: tuple[int, int] = SIZE, **options) -> Path:
    """Write pictures at ``times``; the time burnt in counts from the first one."""
    options = {"gop": 30, "bframes": 3, "codec_options": {"preset": "veryfast"}} | options
    turns = options.get("rotation", 0) // 90  # stored turned the other way, so that it is upright when shown
    pictures = (np.rot90(picture(k, t - times[0], size), turns) for k, t in enumerate(times))
    return write_video(path, zip(times, pictures, strict=True), **options)


def raw_film(
    target: Path | io.RawIOBase,
    stamps: Iterable[int],
    *,
    format: str,
    time_base: Fraction = Fraction(1, 1000),
    gop: int = 30,
    container_options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
) -> None:
    """Write with PyAV alone: any timestamps, any target, even what ``write_video`` refuses."""
    where = str(target) if isinstance(target, Path) else target
    with av.open(where, "w", format=format, container_options=container_options or {}) as container:
        options = {"g": str(gop), "bf": "3", "preset": "veryfast", "crf": "18", **(codec_options or {})}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = time_base
        first: int | None = None
        for number, stamp in enumerate(stamps):
            first = stamp if first is None else first
            pixels = picture(number, float((stamp - first) * time_base))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class Pipe(io.RawIOBase):
    """A target that cannot be rewound: what a live recording is written to."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data) -> int:
        self.data += bytes(data)
        return len(data)


def cut(path: Path, share: float) -> Path:
    """A copy of the first ``share`` of a file's bytes."""
    data = path.read_bytes()
    target = path.with_name(f"cut-{round(share * 100)}-{path.name}")
    target.write_bytes(data[: int(len(data) * share)])
    return target


def naive(path: Path) -> list[tuple[int, float]]:
    """What PyAV alone, decoding everything in order on one thread, says each picture is: the oracle."""
    shown = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            shown.append(burnt(frame.to_ndarray(format="rgb24")))
    return shown


Maker = Callable[[Path], Path]
