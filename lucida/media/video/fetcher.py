"""Pictures by packet number, whatever it takes: plan, decode, and where that fails start earlier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lucida.media.errors import InputError
from lucida.media.video.frame import Frame
from lucida.media.video.opening import Source
from lucida.media.video.packets import PacketIndex
from lucida.media.video.pixels import Developer, Orientation
from lucida.media.video.planner import Point, Segment, keyframe_before, plan
from lucida.media.video.reader import Picture, Reader, Work


class Fetcher:
    """Decodes the pictures asked for, and learns which ones cannot be decoded.

    Args:
        source: the file.
        index: its packet index.
        orientation: how its pictures are turned.
        work: counters.

    Attributes:
        index: the packet index without the pictures that proved undecodable.
        cut: the file turned out to end inside its last picture.
    """

    def __init__(self, source: Source, index: PacketIndex, orientation: Orientation, work: Work) -> None:
        self._source, self._orientation, self._work = source, orientation, work
        self.index = index
        self.cut = False
        # Where packets have no stated length, the file may end inside the last one.
        self._doubtful = None if source.framing.whole_packets else len(index.stamps) - 1
        self._reader: Reader | None = None
        self._kept: dict[int, Frame] = {}

    def close(self) -> None:
        """Let go of the file; the next request opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def frames(self, numbers: Iterable[int]) -> dict[int, Frame]:
        """The pictures in some packets; those that cannot be decoded are missing, and leave the index.

        Raises:
            InputError: none of the file's pictures can be decoded.
        """
        index, wanted = self.index, {int(number) for number in numbers}
        frames = {number: frame for number, frame in self._kept.items() if number in wanted}
        pictures = self._pictures(sorted(index.point(number) for number in wanted - frames.keys()))
        for number, picture in pictures.items():
            at = index.place_of[number]
            t, rank = float(index.seconds[at]), int(index.ranks[at])
            frames[number] = Frame(picture.pixels, t, rank, picture.damaged)
        if frames:  # who asks for moments one after the other often means the same picture again
            latest = max(frames, key=index.point)
            self._kept = {latest: frames[latest]}
        return frames

    def _pictures(self, points: list[Point]) -> dict[int, Picture]:
        if not points:
            return {}
        if self._reader is None:
            self._reader = self._open()
        pictures = self._reader.take([point.number for point in points])
        planned = [p for p in points if p.number not in pictures and p.number != self._doubtful]
        pictures |= self._reader.run(plan(planned, self.index.keys, place=self._reader.place))
        missing = [point.number for point in points if point.number not in pictures]
        if missing:
            pictures |= self._recover(missing)
        if self._doubtful in pictures:
            self._doubtful = None
            if self._reader is not None:
                self._reader.doubtful = None
        return pictures

    def _open(self, *, careful: bool = False) -> Reader:
        develop = Developer(self._orientation)
        return Reader(self._source, self.index, develop, self._work, doubtful=self._doubtful, careful=careful)

    def _recover(self, missing: Sequence[int]) -> dict[int, Picture]:
        """Pictures that did not come out: decode carefully, start earlier, then at the very beginning.

        Some streams flag packets as keyframes from which decoding does not really start (intra refresh, cut
        recordings); others are damaged. What a pass over the whole file does not bring out does not exist.
        """
        keys, pictures = self.index.keys, {}
        first = min(keyframe_before(self.index.point(number), keys) for number in missing)
        for start in dict.fromkeys(keys[max(first - back, 0)].number for back in (0, 2, first)):
            reader = self._open(careful=True)
            try:
                pictures = reader.run([Segment(start=start, wanted=tuple(missing))])
            finally:
                reader.close()
            if reader.broken:
                self.cut = True
                self._strike(reader.broken)
            if all(number in pictures or number in reader.broken for number in missing):
                break
            if start == 0:  # this pass went to the end, in vain
                self._strike({int(number) for number in self.index.numbers} - reader.came)
        return pictures

    def _strike(self, dead: set[int]) -> None:
        """Take pictures that cannot be decoded off the index."""
        self.index = self.index.without(dead)
        self.close()
        if not len(self.index.numbers):
            raise InputError(f"{self._source.name}: no picture could be decoded")
