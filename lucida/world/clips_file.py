"""Clips and streams as real files: H.264 pictures at exactly their times, AAC tones at theirs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from lucida.world import audio
from lucida.world.clips import TICKS, Clip
from lucida.world.clips_stream import Stream


def write_clip(clip: Clip, path: str | os.PathLike[str], *, crf: float = 18, gop: int | None = None) -> Path:
    """Write ``clip`` with its sound (if it has any); decoding gives back the scripted times exactly.

    Args:
        path: its suffix names the container; MP4 and MOV keep times to the tick.
        crf: quality of x264, 0 is lossless.
        gop: largest distance between keyframes in frames, None leaves it to the encoder.

    Raises:
        InputError: the path cannot be written.
    """
    sound = clip.audio() if clip.cues else None
    return _write(path, clip.frames(), clip.size, clip.fps, sound, crf, gop)


def write_stream(
    stream: Stream,
    path: str | os.PathLike[str],
    t0: float = 0.0,
    t1: float | None = None,
    *,
    crf: float = 23,
    gop: int | None = None,
) -> Path:
    """Write [t0, t1) of ``stream``, its clock moved so that ``t0`` is 0. ``t0`` should fall on a frame.

    Frames are drawn and encoded one at a time; of the sound, 64 kB are held per second.

    Raises:
        InputError: the path cannot be written.
    """
    frames = ((t - t0, pixels) for t, pixels in stream.frames(t0, t1))
    return _write(path, frames, stream.size, stream.fps, stream.audio(t0, t1), crf, gop)


def _write(
    path: str | os.PathLike[str],
    frames: Iterable[tuple[float, np.ndarray]],
    size: tuple[int, int],
    fps: Fraction,
    sound: np.ndarray | None,
    crf: float,
    gop: int | None,
) -> Path:
    from lucida.media.video import write_video

    odd = size[0] % 2 or size[1] % 2  # colour at half size needs even sides
    return write_video(
        path, frames, fps=fps, time_base=Fraction(1, TICKS), pix_fmt="yuv444p" if odd else "yuv420p",
        crf=crf, gop=gop, audio=None if sound is None else (audio.RATE, sound),
    )  # fmt: skip
