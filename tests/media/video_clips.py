"""Small films whose every picture says in its pixels which it is and when it is shown, in awkward files."""

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
        margin = block.shape[0] // 4
        level = block[margin:-margin, margin:-margin].mean()
        assert not 90 < level < 160, "the code is not legible"
        code |= int(level > 128) << bit
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
    stream_metadata: dict[str, str] | None = None,
) -> None:
    """Write with PyAV alone: any timestamps, any target, even what ``write_video`` refuses."""
    where = str(target) if isinstance(target, Path) else target
    with av.open(where, "w", format=format, container_options=container_options or {}) as container:
        options = {"g": str(gop), "bf": "3", "preset": "veryfast", "crf": "18", **(codec_options or {})}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = time_base
        stream.metadata.update(stream_metadata or {})
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


def live(path: Path, count: int = 100) -> Path:
    """A Matroska file as a live recorder writes it: no duration, no cues, no sizes filled in afterwards."""
    pipe = Pipe()
    options = {"live": "1", "cluster_size_limit": "20000"}
    raw_film(pipe, range(0, 40 * count, 40), format="matroska", container_options=options)
    path.write_bytes(pipe.data)
    return path


def edited(path: Path) -> Path:
    """An MP4 whose edit list hides its first second: 25 pictures are there to be decoded, not to be shown."""
    raw_film(path, range(-1000, 3000, 40), format="mp4")
    return path


def before_zero(path: Path) -> Path:
    """An MP4 without an edit list whose first presentation timestamp is negative."""
    options = {"use_editlist": "0", "movflags": "negative_cts_offsets"}
    raw_film(path, range(-120, 3880, 40), format="mp4", container_options=options)
    return path


FRAGMENTS = {"container_options": {"movflags": "frag_keyframe+empty_moov"}}
OPEN_GOP = {"gop": 12, "codec_options": {"preset": "veryfast", "x264-params": "open-gop=1"}}
REFRESH = {"codec_options": {"preset": "veryfast", "x264-params": "intra-refresh=1"}}
IN_AVI = {"time_base": Fraction(1, 25)}
PLAIN = {"bframes": None, "codec_options": {"qscale": "2"}}
FFV1 = {"codec": "ffv1", "pix_fmt": "yuv444p", **PLAIN}
MJPEG = {"codec": "mjpeg", "pix_fmt": "yuvj444p", **IN_AVI, **PLAIN}
VP9 = {"codec": "libvpx-vp9", "bframes": None, "codec_options": {"deadline": "realtime"}}
MPEG2 = {"codec": "mpeg2video", "bframes": 2, "codec_options": {"qscale": "2"}, **IN_AVI}
CLICKS = (0.5, 1.0, 2.75)


def clicks(rate: int = 16_000, seconds: float = 4.0) -> np.ndarray:
    """(n,) float32 silence with five milliseconds of tone at each of ``CLICKS``."""
    samples = np.zeros(round(rate * seconds), np.float32)
    for t in CLICKS:
        tone = np.sin(2 * np.pi * 2000 * np.arange(round(rate * 0.005)) / rate)
        samples[round(t * rate) :][: len(tone)] = tone
    return samples


AWKWARD: dict[str, Callable[[Path], Path]] = {
    "b-frames.mp4": lambda p: film(p, even(100)),
    "long-gop.mp4": lambda p: film(p, even(300), gop=400),
    "uneven.mp4": lambda p: film(p, uneven(100)),
    "uneven.mkv": lambda p: film(p, uneven(100)),
    "uneven.avi": lambda p: film(p, [k / 25 for k in range(60) if k not in (9, 10, 30)], bframes=0, **IN_AVI),
    "with-sound.mov": lambda p: film(p, even(100), audio=(16_000, clicks())),
    "late.ts": lambda p: film(p, even(100, start=10.0)),
    "late.mp4": lambda p: film(p, even(100, start=5.0)),
    "with-sound.ts": lambda p: film(p, even(100, fps=30_000 / 1001), audio=(16_000, clicks())),
    "live.mkv": live,
    "fragments.mp4": lambda p: film(p, even(100), **FRAGMENTS),
    "edited.mp4": edited,
    "before-zero.mp4": before_zero,
    "turned.mp4": lambda p: film(p, even(50), rotation=90),
    "upside-down.mkv": lambda p: film(p, even(50), rotation=180),
    "slots.avi": lambda p: film(p, even(100), **IN_AVI),
    "odd.mkv": lambda p: film(p, even(40), size=(97, 131), **FFV1),
    "odd.avi": lambda p: film(p, even(40), size=(97, 131), **MJPEG),
    "open-gop.mp4": lambda p: film(p, even(100), **OPEN_GOP),
    "open-gop.ts": lambda p: film(p, even(100), **OPEN_GOP),
    "refresh.ts": lambda p: film(p, even(120), **REFRESH),
    "all-keys.mp4": lambda p: film(p, even(50), gop=1),
    "short-gop.ts": lambda p: film(p, even(60), gop=2),
    "short-gop.mkv": lambda p: film(p, even(60), gop=5),
    "vp9.webm": lambda p: film(p, even(50), **VP9),
    "mpeg2.mpg": lambda p: film(p, even(60), **MPEG2),
}
