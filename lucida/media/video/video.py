"""A video as pictures in time: exact at any moment, whatever the container."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import BinaryIO, Self

import numpy as np

from lucida.media.errors import InputError
from lucida.media.video.clock import clock_of
from lucida.media.video.fetcher import Fetcher
from lucida.media.video.frame import Frame
from lucida.media.video.opening import Source, picture_stream
from lucida.media.video.packets import PacketIndex, scan
from lucida.media.video.pixels import Developer
from lucida.media.video.reader import Work
from lucida.media.video.streaming import count_pictures, first_picture, resample, sequence

BATCH = 8  # pictures decoded at a time where results are handed out one by one


class Video:
    """A video file.

    **Time** is in seconds since the start of the container: ``t = PTS · time_base − pts_offset``, where ``pts_offset``
    is the earliest timestamp of any stream in the file (which broadcasts and cut recordings do not begin at zero).
    Pictures and sound share this axis, and it is the one that players show. The first picture is at 0.0 unless sound
    begins before it. A frame's rate is never used to tell its time.

    Opening decodes one picture. Questions about the whole file (``duration``, ``frame_count``, ``at`` …) read all its
    packets once, without decoding, and remember where every picture is. A video is not to be shared between threads.

    Args:
        file: path, bytes, or a seekable binary file object (read at its own pace; it must stay open).

    Attributes:
        name: what messages call it.
        size: (height, width) in pixels after rotation.
        rotation: degrees clockwise by which stored pictures are turned to stand upright: 0, 90, 180, 270.
        fps: the nominal rate in the header, or None. For display only.
        codec: such as ``"h264"``.
        has_audio: whether there is a sound track.
        pts_offset: seconds subtracted from every timestamp.
        work: what decoding has cost so far.

    Raises:
        InputError: missing, empty, cut off before its index, not a video, sound only, undecodable.
    """

    def __init__(self, file: str | os.PathLike[str] | bytes | BinaryIO) -> None:
        self._source = Source(file)
        self.name = self._source.name
        self.work = Work()
        with self._source.open() as container:
            stream = picture_stream(container, self.name)
            self._clock = clock_of(container, stream)
            self.pts_offset = float(self._clock.origin)
            self.codec = stream.codec.canonical_name
            self.has_audio = bool(container.streams.audio)
            rate: Fraction | None = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else None
            self._orientation, self.size = first_picture(container, stream, self.name)
        self.rotation = self._orientation.rotation
        self._cut = self._source.framing.cut
        self._warned = False
        self._fetcher: Fetcher | None = None
        if self._cut:
            self._note_cut()

    def __repr__(self) -> str:
        return f"Video({self.name!r}, size={self.size}, codec={self.codec!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the next request opens it again."""
        if self._fetcher is not None:
            self._fetcher.close()

    # -- what the whole file says ------------------------------------------------------------------------------------

    @property
    def index(self) -> PacketIndex:
        """The packet index, read on first use."""
        return self._fetch.index

    @property
    def _fetch(self) -> Fetcher:
        if self._fetcher is None:
            with self._source.open() as container:
                stream = picture_stream(container, self.name)
                index = scan(container, stream, self._clock, self.name)
            if index.slots:
                index = self._matched(index)
            if not len(index.numbers):
                raise InputError(f"{self.name}: its edit list leaves no picture to show")
            if index.cut:
                self._note_cut()
            self._fetcher = Fetcher(self._source, index, self._orientation, self.work)
        return self._fetcher

    def _matched(self, index: PacketIndex) -> PacketIndex:
        """An index by slots holds only if there is a picture for each: that takes decoding them all once."""
        pictures, slots = count_pictures(self._source), len(index.numbers)
        if pictures < slots:
            warnings.warn(
                f"{self.name}: {slots} timestamps for {pictures} pictures; times may be early by the difference",
                stacklevel=4,
            )
        return index.without(range(pictures, slots))

    @property
    def frame_count(self) -> int:
        """Pictures in the file."""
        return int(self.index.ranks[-1]) + 1

    @property
    def first_t(self) -> float:
        """Seconds of the first picture."""
        return float(self.index.seconds[0])

    @property
    def last_t(self) -> float:
        """Seconds of the last picture."""
        return float(self.index.seconds[-1])

    @property
    def duration(self) -> float:
        """Seconds from the start of the file to the end of its last picture."""
        return self.index.end

    @property
    def variable_rate(self) -> bool:
        """Whether pictures stray by more than a tick of the clock from an even grid."""
        return self.index.variable

    @property
    def truncated(self) -> bool:
        """Whether the file is shorter than it says or ends inside a picture.

        A stream without a stated length (TS, live MKV) that was cut exactly between two pictures cannot be told.
        """
        return self.index.cut or self._cut

    def times(self) -> np.ndarray:
        """(frame_count,) float64: the times of all pictures, ascending."""
        return self.index.seconds.copy()

    def keyframe_times(self) -> list[float]:
        """Times at which decoding can start."""
        return [self._clock.seconds(int(self.index.stamps[key.number])) for key in self.index.keys]

    # -- pictures ----------------------------------------------------------------------------------------------------

    def at(self, times: Iterable[float]) -> list[Frame]:
        """The picture on screen at each time: the last one that appeared at or before it.

        Before the first picture that is the first, after the end the last. Results come in the order asked, duplicates
        included; the decoder makes one pass in the order of the film, seeking where that is cheaper than going on.

        Raises:
            InputError: a time that is not a finite number.
        """
        wanted = np.array([_finite(t, f"times[{i}]") for i, t in enumerate(times)], dtype=np.float64)
        while True:
            numbers = self.index.on_screen(wanted)
            frames = self._frames(numbers)
            if all(int(number) in frames for number in numbers):
                return [frames[int(number)] for number in numbers]
            # a picture that cannot be decoded was never on screen: ask again, now that the index knows

    def between(self, t0: float, t1: float, fps: float | None = None) -> Iterator[Frame]:
        """Pictures of the half-open stretch [t0, t1), so that neighbouring stretches share none.

        Args:
            t0: start in seconds.
            t1: end in seconds; must not lie before the start.
            fps: None: every picture that appears within the stretch. A rate: the picture on screen at t0 + k/fps,
                as long as that lies between the beginning and the end of the film.

        Raises:
            InputError: times that are not finite or run backwards, or a rate that is not above zero.
        """
        _finite(t0, "t0")
        if _finite(t1, "t1") < t0:
            raise InputError(f"t1 must not lie before t0, got t0={t0} and t1={t1}")
        return self._every(t0, t1) if fps is None else self._sampled(t0, t1, _rate(fps))

    def stream(self, fps: float | None = None) -> Iterator[Frame]:
        """All pictures from the beginning, in constant memory and without reading ahead.

        Args:
            fps: None: every picture. A rate: the picture on screen at first_t + k/fps, until the last one ends.

        Raises:
            InputError: a rate that is not above zero.
        """
        if fps is not None:
            _rate(fps)
        frames = sequence(self._source, Developer(self._orientation), self._clock, self.work)
        return (frame for frame, _ in frames) if fps is None else resample(frames, fps)

    def _every(self, t0: float, t1: float) -> Iterator[Frame]:
        first, last = np.searchsorted(self.index.seconds, [t0, t1], side="left")
        numbers = self.index.numbers[first:last]
        for start in range(0, len(numbers), BATCH):
            batch = numbers[start : start + BATCH]
            frames = self._frames(batch)
            yield from (frames[int(number)] for number in batch if int(number) in frames)

    def _sampled(self, t0: float, t1: float, fps: float) -> Iterator[Frame]:
        index = self.index
        begin, end = float(index.seconds[0]), min(t1, max(index.end, math.nextafter(self.last_t, math.inf)))
        first, last = max(0, math.floor((begin - t0) * fps)), math.ceil((end - t0) * fps)
        for start in range(first, last + 1, BATCH):
            times = (t0 + k / fps for k in range(start, start + BATCH))
            yield from self.at([t for t in times if begin <= t < end])

    def _frames(self, numbers: np.ndarray) -> dict[int, Frame]:
        frames = self._fetch.frames(numbers)
        if self._fetch.cut:
            self._note_cut()
        return frames

    def _note_cut(self) -> None:
        self._cut = True
        if not self._warned:
            self._warned = True
            warnings.warn(f"{self.name}: cut off; the pictures up to there are used", stacklevel=3)


def _finite(value: float, field_name: str) -> float:
    if not math.isfinite(value):
        raise InputError(f"{field_name} must be a finite number of seconds, got {value}")
    return float(value)


def _rate(fps: float) -> float:
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"fps must be above zero, got {fps}")
    return fps
