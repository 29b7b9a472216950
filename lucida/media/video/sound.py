"""The sound of a file, on the same time axis as its pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from lucida.media.errors import InputError
from lucida.media.video.clock import clock_of
from lucida.media.video.opening import Source

JITTER = 0.010  # seconds by which a block may miss its place (coarse clocks round) before it is moved
MAX_GAP = 3600.0  # seconds of silence that may be filled in; beyond that the timestamps are nonsense


class Sound(NamedTuple):
    """Sound with its place in time: sample ``i`` is heard at ``t0 + i / rate`` seconds.

    Attributes:
        rate: samples per second.
        samples: (n,) float32 in [−1, 1], the mean of the channels.
        t0: seconds of the first sample on the video's time axis (see ``Video``).
    """

    rate: int
    samples: np.ndarray
    t0: float


def audio(file: str | os.PathLike[str] | bytes | BinaryIO) -> Sound:
    """Read the (first, best) sound track of a video or audio file.

    Where the file's timestamps leave a hole it is filled with silence, where they overlap the later samples give way,
    so that the position of a sample always tells its time. An encoder's warm-up samples are left out.

    Raises:
        InputError: no sound, no decoder for it, or timestamps that cannot be meant.
    """
    source = Source(file)
    with source.open() as container:
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            raise InputError(f"{source.name}: has no sound")
        if stream.codec_context is None:
            raise InputError(f"{source.name}: no decoder for its audio codec")
        clock = clock_of(container, stream)
        blocks: list[np.ndarray] = []
        rate, count, t0 = 0, 0, 0.0
        for frame in _frames(container, stream):
            if not blocks:
                rate, t0 = frame.sample_rate, clock.seconds(frame.pts or 0)
            elif frame.sample_rate != rate:
                now = frame.sample_rate
                raise InputError(f"{source.name}: its sound changes from {rate} to {now} Hz midway")
            block = _mono(frame)
            if frame.pts is not None:
                here = t0 + count / rate
                late = clock.seconds(frame.pts) - here
                if late > MAX_GAP:
                    raise InputError(f"{source.name}: its sound pauses for {late:.0f} s at {here:.3f} s")
                if late > JITTER:
                    blocks.append(np.zeros(round(late * rate), np.float32))
                    count += len(blocks[-1])
                elif late < -JITTER:
                    block = block[round(-late * rate) :]
            blocks.append(block)
            count += len(block)
    if not count:
        raise InputError(f"{source.name}: its sound cannot be decoded")
    return Sound(rate, np.concatenate(blocks), t0)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except (FFmpegError, EOFError):
                continue  # a damaged block: its place is filled with silence
    except FFmpegError:
        return  # cut off here


def _mono(frame: AudioFrame) -> np.ndarray:
    """(n,) float32 in [−1, 1] from any sample format."""
    raw = frame.to_ndarray()
    channels = raw if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels).T
    if channels.dtype == np.uint8:
        channels = (channels.astype(np.float32) - 128.0) / 128.0
    elif np.issubdtype(channels.dtype, np.integer):
        channels = channels.astype(np.float64) / 2.0 ** (8 * channels.itemsize - 1)
    return channels.mean(axis=0, dtype=np.float64).astype(np.float32)
