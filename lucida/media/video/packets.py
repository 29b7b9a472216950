"""The packet index: one pass over a file, without decoding, tells when each picture is shown and where to start."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from lucida.media.errors import InputError
from lucida.media.video.clock import Clock
from lucida.media.video.planner import Point


@dataclass(frozen=True, kw_only=True)
class PacketIndex:
    """Every picture of a stream in the order in which it is shown, and every keyframe.

    Attributes:
        stamps: (packets,) int64, presentation timestamps in decoding order.
        keys: the keyframes in decoding order; the first packet counts as one, for there decoding begins anyway.
        key_decode_stamps: decoding timestamps of the keyframes by packet number.
        numbers: (pictures,) int64, the packet of each picture, in the order shown.
        ranks: (pictures,) int64, each picture's place in that order; ``arange`` until a picture proves undecodable.
        seconds: (pictures,) float64, ascending.
        end: seconds at which the last picture leaves the screen (its own time where the file gives no duration).
        variable: pictures do not lie on an even grid (to within a tick).
        slots: stamps do not name pictures: the container has none for presentation (AVI with B-frames), or some
            occur twice. The k-th picture to come out of the decoder then takes the k-th stamp; ``numbers`` count
            pictures, not packets, and decoding always starts at the beginning.
        cut: reading stopped at an error, or the last packet is incomplete (it is left out).
    """

    stamps: np.ndarray
    keys: tuple[Point, ...]
    key_decode_stamps: dict[int, int | None]
    numbers: np.ndarray
    ranks: np.ndarray
    seconds: np.ndarray
    end: float
    variable: bool
    slots: bool
    cut: bool

    @cached_property
    def place_of(self) -> dict[int, int]:
        """Position in ``numbers`` of each packet number."""
        return {int(number): position for position, number in enumerate(self.numbers)}

    @cached_property
    def packet_with(self) -> dict[int | None, int]:
        """The packet of each stamp that occurs once: how a landing after a seek is recognised."""
        values, first, counts = np.unique(self.stamps, return_index=True, return_counts=True)
        return {int(v): int(n) for v, n, c in zip(values, first, counts, strict=True) if c == 1}

    @cached_property
    def picture_with(self) -> dict[int | None, int]:
        """The packet of each picture's stamp: how a picture that comes out of the decoder is recognised."""
        return {int(self.stamps[number]): int(number) for number in self.numbers}

    def point(self, number: int) -> Point:
        """The picture in packet ``number``."""
        return Point(number if self.slots else int(self.stamps[number]), number)

    def on_screen(self, times: np.ndarray) -> np.ndarray:
        """(n,) packet numbers of the pictures on screen at (n,) ``times``: the last shown at or before each."""
        return self.numbers[np.maximum(np.searchsorted(self.seconds, times, side="right") - 1, 0)]

    def without(self, numbers: Collection[int]) -> PacketIndex:
        """This index without pictures that turned out to be undecodable; the others keep their rank and time."""
        keep = ~np.isin(self.numbers, list(numbers))
        seconds = self.seconds[keep]
        end = float(seconds[-1]) + (self.end - float(self.seconds[-1])) if len(seconds) else 0.0
        return replace(self, numbers=self.numbers[keep], ranks=self.ranks[keep], seconds=seconds, end=end)


def is_flush(packet: Packet) -> bool:
    """Whether this is PyAV's sign for the end of a stream rather than a packet of the file."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def is_shown(packet: Packet, stream: VideoStream) -> bool:
    """Whether a packet holds a picture for the screen, and not one that an edit list drops or others only lean on."""
    if packet.is_discard or not packet.size:
        return False
    if stream.codec.canonical_name == "vp8":
        return bool(memoryview(packet)[0] >> 4 & 1)  # the frame header's show_frame bit (RFC 6386, 9.1)
    return True


def scan(container: InputContainer, stream: VideoStream, clock: Clock, name: str) -> PacketIndex:
    """Read every packet of a freshly opened file.

    Raises:
        InputError: packets without any timestamp, or no packet at all.
    """
    presented: list[int | None] = []
    decoded: list[int | None] = []
    spans: list[int] = []
    keys: list[int] = []
    shown: list[bool] = []
    cut, corrupt = False, False
    try:
        for packet in container.demux(stream):
            if is_flush(packet):
                break
            if packet.is_keyframe:
                keys.append(len(spans))
            presented.append(packet.pts)
            decoded.append(packet.dts)
            spans.append(packet.duration or 0)
            shown.append(is_shown(packet, stream))
            corrupt = packet.is_corrupt
    except FFmpegError:
        cut = True
    if corrupt and len(spans) > 1:  # the last packet is only partly there
        cut = True
        del presented[-1], decoded[-1], spans[-1], shown[-1]
    if not spans:
        raise InputError(f"{name}: its video stream holds no packets")
    slots = slots_only(container, stream) or None in presented
    stamps = [stamp for stamp in (decoded if slots else presented) if stamp is not None]
    if len(stamps) < len(spans):
        raise InputError(f"{name}: {len(spans) - len(stamps)} of its {len(spans)} frames carry no timestamp")
    key_stamps = {key: decoded[key] for key in (0, *keys) if key < len(stamps)}
    latest = list(accumulate(stamps, max))
    for a, b in pairwise(sorted(key_stamps)):
        if stamps[b] <= stamps[a] < latest[b]:
            raise InputError(f"{name}: time runs backwards at frame {b} (recordings joined?)")
    visible = {stamp for stamp, is_visible in zip(stamps, shown, strict=True) if is_visible}
    slots = slots or len(visible) < sum(shown)
    return _index(stamps, spans, key_stamps, shown, clock, slots=slots, cut=cut)


def slots_only(container: InputContainer, stream: VideoStream) -> bool:
    """Whether presentation times are the demuxer's guess: AVI has none, and pictures may be reordered."""
    reordered = stream.codec_context.has_b_frames or stream.codec.canonical_name in ("h264", "hevc")
    return container.format.name == "avi" and reordered


def _index(
    stamps: list[int],
    spans: list[int],
    keys: dict[int, int | None],
    shown: list[bool],
    clock: Clock,
    *,
    slots: bool,
    cut: bool,
) -> PacketIndex:
    values = np.array(stamps, dtype=np.int64)
    visible = np.flatnonzero(np.array(shown))
    order = visible[np.argsort(values[visible], kind="stable")]
    ticks = values[order]
    seconds = np.array([clock.seconds(int(t)) for t in ticks])
    count = len(order)
    return PacketIndex(
        stamps=values,
        keys=(Point(0, 0),) if slots else tuple(Point(stamps[key], key) for key in sorted(keys)),
        key_decode_stamps=keys,
        numbers=np.arange(count) if slots else order,
        ranks=np.arange(count),
        seconds=seconds,
        end=float(seconds[-1]) + clock.span(spans[int(order[-1])]) if count else 0.0,
        variable=_uneven(ticks),
        slots=slots,
        cut=cut,
    )


def _uneven(ticks: np.ndarray) -> bool:
    """Whether timestamps stray by more than a tick from an even grid over the same span."""
    if len(ticks) < 3:
        return False
    grid = np.linspace(ticks[0], ticks[-1], len(ticks))
    return bool(np.abs(ticks - grid).max() > 1.0)
