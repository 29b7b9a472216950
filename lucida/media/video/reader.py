"""One open decoder over one file, driven by segments, that always knows which packet comes next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from lucida.media.errors import InputError
from lucida.media.video.opening import Source, decode, picture_stream, set_threads
from lucida.media.video.packets import PacketIndex, is_flush
from lucida.media.video.pixels import Developer
from lucida.media.video.planner import Place, Segment, keyframe_before

SKIPPABLE = frozenset({"h264", "hevc"})
"""Codecs whose pictures that nothing refers to can be left undecoded at no cost to the others."""

NEAR = 16
"""A keyframe at most this many packets ahead is reached by stepping over packets instead of by a seek."""


class Picture(NamedTuple):
    """A decoded picture: (H, W, 3) uint8 RGB, and whether the decoder had to patch damaged parts."""

    pixels: np.ndarray
    damaged: bool


@dataclass
class Work:
    """What decoding has cost so far."""

    sent: int = 0  # packets given to the decoder
    decoded: int = 0  # pictures that came out of it, wanted or not
    seeks: int = 0
    opened: int = 0  # times the file was opened


class _Astray(Exception):
    """The demuxer gives other packets than it gave when the file was indexed."""


class Reader:
    """Decodes the segments of a plan.

    A seek is trusted only after the packet on which it lands is recognised, by its timestamp, as one at or before
    the keyframe asked for, and only as long as the packets that follow are those of the index. Where that fails
    the reader opens the file anew and steps forward without decoding, which is slower and always right.

    Args:
        source: the file.
        index: its packet index.
        developer: turns frames into pixels.
        work: counters, shared with whoever wants to know.
        doubtful: number of a packet that the file may end inside of. Only careful readers keep its picture, for only
            they are told whether it is whole.
        careful: decode everything, one frame at a time; for files in which something did not come out.

    Attributes:
        came: numbers of all pictures that came out (careful readers only).
        broken: the doubtful one, once it has come out in part only.
    """

    def __init__(
        self,
        source: Source,
        index: PacketIndex,
        developer: Developer,
        work: Work,
        *,
        doubtful: int | None = None,
        careful: bool = False,
    ) -> None:
        self._source, self._index, self._develop, self._work = source, index, developer, work
        self._careful = careful
        self.doubtful = doubtful
        self._seekable = True
        self._by_stamp = True  # seek by keyframes' presentation stamps; some demuxers want decoding stamps
        self.came: set[int] = set()
        self.broken: set[int] = set()
        self._reopen()

    def _reopen(self) -> None:
        self.close()
        self._container = self._source.open()
        self._stream = picture_stream(self._container, self._source.name)
        set_threads(self._stream, frames=not self._careful)
        self._context = self._stream.codec_context
        self._may_skip = not self._careful and not self._index.slots and self._context.name in SKIPPABLE
        self._packets: Iterator[Packet] = self._container.demux(self._stream)
        self._work.opened += 1
        self._held: Packet | None = None  # read ahead, to see where a seek landed
        self._number = 0  # of the packet that comes next
        self._clean = 0  # see Place
        self._shown = 0  # see Place
        self._emitted = 0  # pictures since the file was opened
        self._spare: dict[int, VideoFrame] = {}  # pictures of the last decoding step that nobody wanted
        self._live = False  # whether the decoder can simply be given more packets

    def close(self) -> None:
        """Close the file; the reader is then of no further use."""
        container = getattr(self, "_container", None)
        if container is not None:
            container.close()

    @property
    def place(self) -> Place | None:
        """Where the decoder stands, for the planner; None when it has to be positioned first."""
        if not self._live:
            return None
        if self._index.slots:
            return Place(next=self._emitted, clean=self._emitted, shown=self._emitted - 1)
        return Place(next=self._number, clean=self._clean, shown=self._shown)

    def run(self, segments: Sequence[Segment]) -> dict[int, Picture]:
        """Decode ``segments`` in order and return the wanted pictures by packet number; some may be missing."""
        pictures: dict[int, Picture] = {}
        for position, segment in enumerate(segments):
            drain = position + 1 < len(segments)
            try:
                self._run(segment, pictures, drain=drain)
            except _Astray:
                self._seekable = False
                self._reopen()
                start = segment.start if segment.start is not None else self._start_for(segment.wanted)
                try:
                    self._run(Segment(start=start, wanted=segment.wanted), pictures, drain=drain)
                except _Astray as error:
                    raise InputError(f"{self._source.name}: changed while it was being read") from error
        return pictures

    def _start_for(self, wanted: Sequence[int]) -> int:
        keys = self._index.keys
        return min(keys[keyframe_before(self._index.point(number), keys)].number for number in wanted)

    def _run(self, segment: Segment, pictures: dict[int, Picture], *, drain: bool) -> None:
        if segment.start is not None:
            self._go_to(segment.start)
        wanted = set(segment.wanted) - pictures.keys()
        # A frame may be two packets (one per field), so the packet behind a wanted one is decoded too.
        keep = wanted | {number + 1 for number in wanted}
        top = max(keep, default=0)
        while wanted:
            number = self._number
            # Where a seek comes next, the last pictures are pressed out instead of feeding more.
            packet = None if drain and number > top and not self._index.slots else self._next()
            if packet is not None:
                skip = self._may_skip and number < top and number not in keep
                self._context.skip_frame = "NONREF" if skip else "DEFAULT"
                if skip:
                    self._clean = number + 1
            self._work.sent += packet is not None
            self._spare = {}
            for frame in decode(self._stream, packet):
                came = self._identify(frame)
                if came is None or (came == self.doubtful and not self._careful):
                    continue
                if came not in wanted:
                    self._spare[came] = frame
                    continue
                wanted.discard(came)
                if frame.is_corrupt and came == self.doubtful:
                    self.broken.add(came)
                else:
                    pictures[came] = Picture(self._develop(frame), frame.is_corrupt)
            if packet is None:
                self._live = False
                break

    def take(self, numbers: Collection[int]) -> dict[int, Picture]:
        """Pictures that came out together with those last wanted, so that nobody decodes them again."""
        found = {number: frame for number, frame in self._spare.items() if number in numbers}
        return {number: Picture(self._develop(frame), frame.is_corrupt) for number, frame in found.items()}

    def _identify(self, frame: VideoFrame) -> int | None:
        """The number of the picture that came out; None for one that the decoder made up."""
        number = self._emitted if self._index.slots else self._index.picture_with.get(frame.pts)
        self._emitted += 1
        self._work.decoded += 1
        if number is not None:
            if self._careful:
                self.came.add(number)
            if not self._index.slots:
                self._shown = max(self._shown, int(self._index.stamps[number]))
        return number

    def _next(self) -> Packet | None:
        """The next packet, checked against the index; None at the end."""
        if self._number >= len(self._index.stamps):
            return None
        try:
            packet = self._held if self._held is not None else next(self._packets, None)
            self._held = None
        except FFmpegError:
            return None
        if packet is None or is_flush(packet):
            return None
        if not self._index.slots and packet.pts != self._index.stamps[self._number]:
            raise _Astray
        self._number += 1
        return packet

    def _go_to(self, start: int) -> None:
        """Make packet ``start`` the next one, with an empty decoder."""
        if self._index.slots:
            self._reopen()
        elif not self._number <= start <= self._number + NEAR:
            if self._seekable and not self._seek(start):
                self._seekable = False
                self._reopen()
            elif self._number > start:
                self._reopen()
        while self._number < start and self._next() is not None:
            pass  # stepping over packets without decoding them costs next to nothing
        self._context.flush_buffers()
        self._clean, self._shown, self._live = start, int(self._index.stamps[start]) - 1, True

    def _seek(self, start: int) -> bool:
        """Seek to packet ``start`` or a little before; False if the demuxer cannot be brought there."""
        for by_stamp in (self._by_stamp, not self._by_stamp):
            landed = self._land(start, by_stamp=by_stamp)
            if landed is not None and landed <= start:
                self._by_stamp = by_stamp
                return True
        return False

    def _land(self, start: int, *, by_stamp: bool) -> int | None:
        """Seek once; the number of the packet that then comes, or None if it is not one we can name."""
        target = int(self._index.stamps[start]) if by_stamp else self._index.key_decode_stamps.get(start)
        if target is None:
            return None
        self._work.seeks += 1
        try:
            self._container.seek(target, stream=self._stream, backward=True)
            self._packets = self._container.demux(self._stream)
            self._held = next(self._packets, None)
        except FFmpegError:
            return None
        if self._held is None or is_flush(self._held):
            return None
        landed = self._index.packet_with.get(self._held.pts)
        self._number = landed if landed is not None else 0
        return landed
