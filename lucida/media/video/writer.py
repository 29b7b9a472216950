"""Writing a video file, whole or not at all, with exactly the times it was given."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.media.video.pixels import HD_HEIGHT

TIME_BASE = Fraction(1, 90_000)  # every usual frame rate is a whole number of these ticks
AUDIO_BLOCK = 1024  # samples per AAC frame
AUDIO_LEAD = 0.5  # seconds by which sound is encoded ahead of the pictures, so that the two interleave
BT709, BT601 = 1, 6  # colour matrix, primaries and transfer codes of H.273


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[tuple[float, np.ndarray]],
    *,
    fps: float | Fraction = 25,
    time_base: Fraction = TIME_BASE,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    crf: float = 18,
    gop: int | None = None,
    bframes: int | None = None,
    rotation: int = 0,
    audio: tuple[int, np.ndarray] | None = None,
    threads: int = 1,
    format: str | None = None,
    codec_options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
) -> Path:
    """Write pictures, each with its own time, and optionally sound; ``path`` appears only once it is complete.

    With the same arguments and library versions the bytes are the same on every machine (hence one thread).

    Args:
        path: its suffix names the container, unless ``format`` does.
        frames: (t, pixels): t in seconds ≥ 0, strictly ascending also after rounding to ``time_base``, not
            necessarily evenly spaced; pixels (H, W, 3) uint8 RGB, all of one size.
        fps: the nominal rate, for the header and the encoder's bit budget; it moves no picture.
        time_base: seconds per tick. AVI needs 1/fps; Matroska rounds to milliseconds whatever is asked.
        codec: an FFmpeg video encoder.
        pix_fmt: how it stores colour; ``yuv420p`` plays everywhere and needs even sizes.
        crf: quality of x264, x265 and the like (0 lossless … 51); ignored by encoders that have none.
        gop: largest distance between keyframes, in pictures; None leaves it to the encoder.
        bframes: largest run of B-frames; None leaves it to the encoder.
        rotation: degrees clockwise by which a player must turn the stored pictures: 0, 90, 180 or 270.
        audio: (rate, samples): rate in Hz; samples (n,) or (n, channels ≤ 2) float in [−1, 1]; sample 0 is heard at
            t = 0. Stored as AAC.
        threads: encoder threads; 0 uses all, with bytes that depend on the machine.
        format: FFmpeg's name of the container.
        codec_options: further options of the encoder.
        container_options: further options of the container.

    Returns:
        ``path``.

    Raises:
        InputError: no frames; a frame's time, shape or type; an unknown codec or container; a path that cannot be
            written.
    """
    target = Path(path)
    if rotation not in (0, 90, 180, 270):
        raise InputError(f"rotation must be 0, 90, 180 or 270, got {rotation}")
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"fps must be above zero, got {fps}")
    _check_names(codec, pix_fmt)
    sound = _checked_sound(audio)
    options = {"crf": f"{crf:g}"} if codec.startswith(("libx26", "libsvt", "libaom", "libvpx")) else {}
    options |= {"g": str(gop)} if gop is not None else {}
    options |= {"bf": str(bframes)} if bframes is not None else {}
    options |= codec_options or {}
    muxing = {"fflags": "+bitexact"}
    muxing |= {"movflags": "+faststart"} if target.suffix in (".mp4", ".mov") else {}
    muxing |= container_options or {}
    with atomic_path(target) as temporary:
        try:
            with _opened(temporary, target, format, muxing) as container:
                rate = Fraction(fps).limit_denominator(1_000_000)
                stream = container.add_stream(codec, rate=rate, options=options)
                assert isinstance(stream, VideoStream)
                stream.pix_fmt = pix_fmt
                stream.codec_context.time_base = time_base
                stream.codec_context.thread_count = threads
                if rotation:
                    stream.set_display_rotation(-rotation)  # FFmpeg counts the other way round
                voice = _Voice(container, *sound) if sound else None
                _write_frames(container, stream, frames, time_base, voice)
                if voice:
                    voice.up_to(math.inf)
        except FFmpegError as error:
            raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _check_names(codec: str, pix_fmt: str) -> None:
    try:
        kind = av.Codec(codec, "w").type
    except ValueError as error:
        raise InputError(f"codec {codec!r} is not an encoder of this FFmpeg") from error
    if kind != "video":
        raise InputError(f"codec must be a video encoder, got {codec!r}")
    try:
        VideoFormat(pix_fmt)
    except ValueError as error:
        raise InputError(f"pix_fmt {pix_fmt!r} is not a pixel format") from error


def _opened(path: Path, target: Path, format: str | None, options: dict[str, str]) -> OutputContainer:
    try:
        return av.open(str(path), "w", format=format, container_options=options)
    except ValueError as error:
        raise InputError(
            f"cannot write {target}: no container is called {format or target.suffix!r}"
        ) from error


def _write_frames(
    container: OutputContainer,
    stream: VideoStream,
    frames: Iterable[tuple[float, np.ndarray]],
    time_base: Fraction,
    voice: _Voice | None,
) -> None:
    reformatter, context = VideoReformatter(), stream.codec_context
    size: tuple[int, int] | None = None
    stored = VideoFormat(str(stream.pix_fmt))
    span = ColorRange.JPEG if stored.is_rgb or stored.name.startswith("yuvj") else ColorRange.MPEG
    last = -1
    for number, (t, pixels) in enumerate(frames):
        if not (math.isfinite(t) and t >= 0):
            raise InputError(f"frame {number}: time must be finite and not negative, got {t}")
        tick = round(Fraction(t) / time_base)
        if tick <= last:
            raise InputError(f"frame {number}: time {t} is not a tick ({time_base} s) after the one before")
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            given = f"{pixels.shape} {pixels.dtype}"
            raise InputError(f"frame {number}: pixels must be (H, W, 3) uint8, got {given}")
        if size is None:
            size = pixels.shape[:2]
            halved_h, halved_w = stored.chroma_height(2) == 1, stored.chroma_width(2) == 1
            if (halved_h and size[0] % 2) or (halved_w and size[1] % 2):
                raise InputError(f"{stream.pix_fmt} needs an even height and width, got {size}; use yuv444p")
            context.height, context.width = size
            if not stored.is_rgb:
                matrix = BT709 if size[0] > HD_HEIGHT else BT601
                context.colorspace = context.color_primaries = context.color_trc = matrix
                context.color_range = span
        if pixels.shape[:2] != size:
            raise InputError(f"frame {number}: size {pixels.shape[:2]} differs from the first one's {size}")
        frame = reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"),
            format=stream.pix_fmt,
            dst_colorspace=Colorspace.ITU709 if size[0] > HD_HEIGHT else Colorspace.ITU601,
            dst_color_range=span,
            threads=1,
        )
        frame.pts, frame.time_base = tick, time_base
        if voice:
            voice.up_to(t + AUDIO_LEAD)
        container.mux(stream.encode(frame))
        last = tick
    if size is None:
        raise InputError("frames is empty: a video needs at least one")
    container.mux(stream.encode(None))


class _Voice:
    """The sound track, encoded a little ahead of the pictures."""

    def __init__(self, container: OutputContainer, rate: int, samples: np.ndarray) -> None:
        self._container, self._rate, self._samples, self._at = container, rate, samples, 0
        stream = container.add_stream("aac", rate=rate, layout="mono" if len(samples) == 1 else "stereo")
        assert isinstance(stream, AudioStream)
        self._stream = stream

    def up_to(self, t: float) -> None:
        """Encode until ``t`` seconds; infinity finishes the track."""
        count = self._samples.shape[1]
        end = count if math.isinf(t) else min(count, math.ceil(t * self._rate))
        while self._at < end:
            block = np.ascontiguousarray(self._samples[:, self._at : self._at + AUDIO_BLOCK])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._stream.layout.name)
            frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
            frame.pts = self._at
            self._at += block.shape[1]
            self._container.mux(self._stream.encode(frame))
        if math.isinf(t):
            self._container.mux(self._stream.encode(None))


def _checked_sound(audio: tuple[int, np.ndarray] | None) -> tuple[int, np.ndarray] | None:
    """(rate, (channels, n) float32), or None."""
    if audio is None:
        return None
    rate, samples = audio
    if rate <= 0:
        raise InputError(f"audio rate must be above zero, got {rate}")
    shaped = np.asarray(samples, dtype=np.float32)
    shaped = shaped[None] if shaped.ndim == 1 else shaped.T
    if shaped.ndim != 2 or shaped.shape[0] not in (1, 2) or not shaped.shape[1]:
        raise InputError(f"audio samples must be (n,), (n, 1) or (n, 2), n > 0, got {np.shape(samples)}")
    if not np.isfinite(shaped).all():
        raise InputError("audio samples contain a value that is not finite")
    return rate, shaped
