"""Where frames come from: a file, standard input, a named pipe, an address, a device; times begin at 0.

A regular file goes through ``media.video`` with all its care for timestamps. Everything else is read once,
forward, as it comes; what such a source can do to us (vanish, lose its timestamps, jump back in time,
deliver no picture) ends or is counted, never guessed over.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.video import Frame, Video
from lucida.media.video.clock import Clock
from lucida.media.video.opening import picture_stream
from lucida.media.video.pixels import Developer, orientation_of

DEVICES = frozenset(
    "v4l2 video4linux2 avfoundation dshow gdigrab x11grab kmsgrab fbdev decklink android_camera".split()
)
MADE = frozenset({"lavfi"})  # FFmpeg's own generators: they wait for the reader
ALIVE = frozenset(
    "rtsp rtsps rtmp rtmps rtp udp srt".split()
)  # protocols that go on whether or not one reads
PATIENCE = 15.0  # seconds without a byte after which an address counts as gone
UNTIMED = 64  # frames in a row without a timestamp after which a source is refused
JUMP = 64  # frames in a row before the last time after which the clock is taken to have started again


class LiveSource:
    """A source that can be read once, in order.

    Attributes:
        name: what messages call it. live: whether it goes on without us, so that frames must be dropped if we are slow.
        untimed: frames passed over because they had no timestamp; backward: because they lay before the last one.
        restarts: times the clock was taken up anew. gone: why it ended, "" for an ordinary end.
    """

    def __init__(
        self, opened: Any, name: str, *, format: str | None, live: bool, timeout: float | None = None
    ) -> None:
        self.name, self.live = name, live
        self.untimed = self.backward = self.restarts = 0
        self.gone = ""
        try:
            container = av.open(opened, mode="r", format=format, metadata_errors="replace", timeout=timeout)
        except (FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{name}: cannot be opened ({_reason(error)})") from error
        assert isinstance(container, InputContainer)
        self._container = container
        try:
            self._stream: VideoStream = picture_stream(self._container, name)
        except InputError:
            self._container.close()
            raise
        self._stream.codec_context.thread_type = "SLICE"  # frame threads hold pictures back

    def frames(self) -> Iterator[Frame]:
        """Frames as they arrive, times rising from 0.

        Raises:
            InputError: it delivers no picture at all, or none with a timestamp.
        """
        develop: Developer | None = None
        origin: float | None = None
        last, index, untimed, backward = -1.0, 0, 0, 0
        # The stream's own time base: frames pressed out at the end of a stream have none in PyAV.
        clock = Clock(self._stream.time_base or Fraction(1), Fraction(0))
        for picture in self._decoded():
            if picture.pts is None:
                self.untimed += 1
                untimed += 1
                if untimed >= UNTIMED and last < 0:
                    raise InputError(f"{self.name}: its frames carry no timestamps")
                continue
            seconds = clock.seconds(picture.pts)
            origin = seconds if origin is None else origin
            t = seconds - origin
            if t <= last:
                self.backward += 1
                backward += 1
                if backward < JUMP:
                    continue
                origin += t - last - 1e-3  # the source began again: go on a millisecond after the last frame
                t = last + 1e-3
                self.restarts += 1
            untimed = backward = 0
            develop = develop or Developer(orientation_of(picture, self._stream, self.name))
            yield Frame(develop(picture), t, index, picture.is_corrupt)
            index, last = index + 1, t
        if last < 0 and not self.gone:
            raise InputError(f"{self.name}: no picture could be decoded")
        if last < 0:
            raise InputError(f"{self.name}: {self.gone} before the first picture")

    def close(self) -> None:
        """Let go of it."""
        self._container.close()

    def _decoded(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                self.gone = f"gone ({_reason(error)})"
                return
            if packet is None:
                return
            try:
                yield from self._stream.codec_context.decode(packet if packet.size else None)
            except (FFmpegError, EOFError):
                continue  # a damaged packet: the next keyframe mends it


class FileSource:
    """A regular file: it waits for us, and every timestamp is exact. Attributes as of ``LiveSource``."""

    live = False

    def __init__(self, path: str) -> None:
        self.name, self.gone = path, ""
        self.untimed = self.backward = self.restarts = 0
        self._video = Video(path)

    def frames(self) -> Iterator[Frame]:
        """Every frame, times rising."""
        last = -1.0
        for frame in self._video.stream():
            if frame.t > last or last < 0:
                last = frame.t
                yield frame
            else:
                self.backward += 1

    def close(self) -> None:
        """Let go of the file."""
        self._video.close()


def open_source(
    source: str, *, live: bool | None = None, stdin: IO[bytes] | None = None
) -> FileSource | LiveSource:
    """Open what ``source`` names.

    Args:
        source: a file; ``-`` for standard input; an address such as ``rtsp://...`` or ``http://...``; a device as
            ``/dev/video0`` or ``FORMAT:NAME`` with FFmpeg's names (``v4l2:/dev/video1``, ``lavfi:testsrc``).
        live: whether to drop frames when we are slower than the source; default: True for cameras and the
            protocols of cameras, False for what waits.
        stdin: what ``-`` reads; default: the process's own.

    Raises:
        InputError: it is missing, cannot be opened, holds no pictures, or is an address under ``LUCIDA_OFFLINE``.
    """
    if source == "-":
        return LiveSource(stdin or sys.stdin.buffer, "standard input", format=None, live=bool(live))
    if not source.strip():
        raise InputError("source is empty: want a file, an address, a device or -")
    scheme, _, rest = source.partition(":")
    if scheme in DEVICES | MADE and rest:
        return LiveSource(rest, source, format=scheme, live=scheme in DEVICES if live is None else live)
    if re.match(r"[a-z][a-z0-9+.]*://", source):
        if settings.offline() and scheme != "file":
            raise InputError(f"{source}: an address, and LUCIDA_OFFLINE is set")
        return LiveSource(
            source, source, format=None, live=scheme in ALIVE if live is None else live, timeout=PATIENCE
        )
    return _local(source, live)


def _local(source: str, live: bool | None) -> FileSource | LiveSource:
    path = Path(source)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror or error})") from error
    if stat.S_ISCHR(mode):
        return LiveSource(source, source, format="v4l2", live=True if live is None else live)
    if stat.S_ISFIFO(mode):
        return LiveSource(os.fspath(path), source, format=None, live=bool(live))
    return FileSource(source)


def paced(frames: Iterator[Frame], fps: float) -> Iterator[Frame]:
    """The first frame at or after each step of 1/``fps`` seconds from the first one; all, where there are fewer.

    Times are the frames' own; nothing is repeated, and no frame waits for a later one.
    """
    first: float | None = None
    due = 0
    for frame in frames:
        first = frame.t if first is None else first
        step = int((frame.t - first) * fps + 1e-6)
        if step >= due:
            due = step + 1
            yield frame


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
