"""A film from its beginning, picture by picture, without an index and in constant memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from lucida.media.errors import InputError
from lucida.media.video.clock import Clock
from lucida.media.video.frame import Frame
from lucida.media.video.opening import Source, decode, picture_stream, set_threads
from lucida.media.video.packets import PacketIndex, is_flush, is_shown, scan, slots_only
from lucida.media.video.pixels import Developer, Orientation, orientation_of
from lucida.media.video.reader import Work


def first_picture(
    container: InputContainer, stream: VideoStream, name: str
) -> tuple[Orientation, tuple[int, int]]:
    """Decode up to the first picture: how the film is turned, and its (height, width) once upright.

    Raises:
        InputError: nothing in the file can be decoded.
    """
    set_threads(stream, frames=False)
    for packet, _ in _packets(container, stream):
        for frame in decode(stream, packet):
            orientation = orientation_of(frame, stream, name)
            sideways = orientation.a == 0
            return orientation, (frame.width, frame.height) if sideways else (frame.height, frame.width)
    raise InputError(f"{name}: no picture could be decoded")


def sequence(source: Source, develop: Developer, clock: Clock, work: Work) -> Iterator[tuple[Frame, float]]:
    """All pictures in the order shown, each with the time at which its packet says it ends."""
    slots: PacketIndex | None = None
    ahead: list[int] = []  # stamps of packets read but not yet shown: their count tells a picture's rank
    passed = 0
    final: int | None = None
    with source.open() as container:
        stream = picture_stream(container, source.name)
        work.opened += 1
        if slots_only(container, stream):
            slots = _slots(source, clock)
        set_threads(stream, frames=source.framing.whole_packets)
        for packet, last in _packets(container, stream):
            if packet is not None:
                if packet.pts is None and slots is None:
                    slots = _slots(source, clock)
                if slots is None and packet.pts is not None and is_shown(packet, stream):
                    heapq.heappush(ahead, packet.pts)
                    if last and not source.framing.whole_packets:
                        final = packet.pts
                work.sent += 1
            for frame in decode(stream, packet):
                work.decoded += 1
                if slots is not None:
                    if passed == len(slots.seconds):
                        return  # more pictures than timestamps
                    t = float(slots.seconds[passed])
                elif frame.pts is None or (frame.is_corrupt and frame.pts == final):
                    continue  # made up by the decoder, or the file ends inside it
                else:
                    t = clock.seconds(frame.pts)
                    while ahead and ahead[0] < frame.pts:
                        heapq.heappop(ahead)
                        passed += 1
                    if ahead and ahead[0] == frame.pts:
                        heapq.heappop(ahead)
                yield Frame(develop(frame), t, passed, frame.is_corrupt), t + clock.span(frame.duration)
                passed += 1


def count_pictures(source: Source) -> int:
    """How many pictures come out of the decoder."""
    with source.open() as container:
        stream = picture_stream(container, source.name)
        set_threads(stream, frames=False)
        return sum(len(decode(stream, packet)) for packet, _ in _packets(container, stream))


def resample(frames: Iterable[tuple[Frame, float]], fps: float) -> Iterator[Frame]:
    """The frame on screen every 1/fps seconds from the first one until the last one ends."""
    first, shown, end, count = 0.0, None, 0.0, 0
    for frame, until in frames:
        if shown is None:
            first = frame.t
        while shown is not None and first + count / fps < frame.t:
            yield shown
            count += 1
        shown, end = frame, until
    while shown is not None and (first + count / fps < end or first + count / fps <= shown.t):
        yield shown
        count += 1


def _slots(source: Source, clock: Clock) -> PacketIndex:
    with source.open() as container:
        return scan(container, picture_stream(container, source.name), clock, source.name)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[tuple[Packet | None, bool]]:
    """Packets, each with whether it is the last, then a None that flushes; a last one that is cut off is left out."""
    held: Packet | None = None
    try:
        for packet in container.demux(stream):
            if is_flush(packet):
                break
            if held is not None:
                yield held, False
            held = packet
    except FFmpegError:
        pass  # the file ends here
    if held is not None and not held.is_corrupt:
        yield held, True
    yield None, True
