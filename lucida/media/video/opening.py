"""From a path, bytes or a file object to an open container; every way that can fail is one clear line."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lucida.media.errors import InputError
from lucida.media.video.framing import Framing, examine

# Demuxers that hold pictures over time, or sound (so that an audio file is told from rubbish). Left out on
# purpose: play lists, which reach for other files and hosts; still pictures; and FFmpeg's willingness to see text
# as a film.
FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,ogg,asf,gif,apng,mxf,nut,rm,dv,ivf,wtv,gxf,"
    "yuv4mpegpipe,h264,hevc,m4v,mjpeg,obu,wav,w64,mp3,aac,flac,aiff,caf,ac3,eac3,amr,au,ape"
)
MAX_THREADS = 4  # frame threads hold frames back; more than a few only delays the first one


class Source:
    """A video file that can be opened again and again, each time with a position of its own.

    Attributes:
        name: what messages call it.
        framing: what its outermost structure says (see ``framing``).
    """

    def __init__(self, file: str | os.PathLike[str] | bytes | BinaryIO) -> None:
        self._file: Path | bytes | BinaryIO
        self._options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        if isinstance(file, str | os.PathLike):
            self._file, self.name = Path(file), os.fspath(file)
            self._check_path(self._file)
        elif isinstance(file, bytes):
            self._file, self.name = file, f"<{len(file)} bytes>"
        elif hasattr(file, "read") and hasattr(file, "seek"):
            self._file, self.name = file, str(getattr(file, "name", "<file object>"))
        else:
            kind = type(file).__name__
            raise InputError(f"video must be a path, bytes or a seekable binary file, not {kind}")
        self._lock = threading.Lock()
        try:
            with self._raw() as raw:
                if not raw.read(1):
                    raise InputError(f"{self.name}: empty file (0 bytes)")
                self.framing: Framing = examine(raw)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read ({error.strerror or error})") from error

    @staticmethod
    def _check_path(path: Path) -> None:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not a video")
        if not path.is_file():
            raise InputError(f"{path}: not an ordinary file (a pipe or device cannot be searched for frames)")

    def _raw(self) -> BinaryIO:
        if isinstance(self._file, Path):
            return self._file.open("rb")
        if isinstance(self._file, bytes):
            return io.BytesIO(self._file)
        return io.BufferedReader(_Window(self._file, self._lock))

    def open(self) -> InputContainer:
        """A fresh container at the start of the file.

        Raises:
            InputError: not a container Lucida reads, or cut off before its index.
        """
        if not self.framing.indexed:
            raise InputError(f"{self.name}: cut off before its index (no 'moov' box): no frame can be found")
        try:
            return self._open(self._options)
        except (FFmpegError, OSError, ValueError) as error:
            # A fragmented MP4 cut inside a fragment's header cannot be indexed ahead, only played from the start.
            if self.framing.cut and "fflags" not in self._options:
                self._options = {**self._options, "fflags": "+ignidx"}
                return self.open()
            if self.framing.cut:
                raise InputError(f"{self.name}: cut off before the first frame could be found") from error
            raise InputError(f"{self.name}: not a video file, or damaged beyond reading") from error

    def _open(self, options: dict[str, str]) -> InputContainer:
        file = f"file:{self._file}" if isinstance(self._file, Path) else self._raw()
        # metadata is not ours to judge: a badly encoded title must not make a video unreadable
        return av.open(file, mode="r", options=options, metadata_errors="replace")


class _Window(io.RawIOBase):
    """A read-only view of a shared file object that keeps its own position."""

    def __init__(self, file: BinaryIO, lock: threading.Lock) -> None:
        self._file, self._lock, self._at = file, lock, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with self._lock:
            if whence == os.SEEK_END:
                self._at = self._file.seek(offset, os.SEEK_END)
            else:
                self._at = offset if whence == os.SEEK_SET else self._at + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        with self._lock:
            self._file.seek(self._at)
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def picture_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream of moving pictures, with its decoder set up; cover art does not count.

    Raises:
        InputError: there is none, or FFmpeg has no decoder for it.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        if container.streams.audio:
            raise InputError(f"{name}: has sound but no pictures")
        raise InputError(f"{name}: has no video stream")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    if stream.codec_context is None:
        raise InputError(f"{name}: no decoder for its video codec")
    if stream.time_base is None:
        raise InputError(f"{name}: its video stream has no time base")
    return stream


def set_threads(stream: VideoStream, *, frames: bool) -> None:
    """Let the decoder use a few threads; ``frames`` also lets it work on several frames at once.

    Frame threads report an error late, and PyAV cannot fetch the frames behind an error at the end of the stream;
    so files that may end in half a picture are decoded without them.
    """
    stream.codec_context.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
    stream.codec_context.thread_type = "AUTO" if frames else "SLICE"


def decode(stream: VideoStream, packet: Packet | None) -> list[VideoFrame]:
    """The pictures that come out for one packet, or (None) at the end; a damaged one is left out."""
    if packet is not None and not packet.size:
        return []  # AVI's way to say "no change"; the decoder would take it for the end
    try:
        return stream.codec_context.decode(packet)
    except (FFmpegError, EOFError):
        return []
