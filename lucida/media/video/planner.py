"""Seek or go on? The cheapest way to decode a handful of frames, as a pure function of packet positions.

A *packet number* counts a video stream's packets in decoding order; a *stamp* is a presentation timestamp. They
disagree as soon as there are B-frames, and both matter: decoding can only start at a keyframe packet, while what such
a start can show is decided by stamps (a picture with an earlier stamp than the keyframe it follows, as in an open
GOP, leans on the group before).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SEEK_COST = 6
"""What a seek costs beside the decoding it leads to, counted in decoded frames (see ``benchmarks/decode.py``)."""


class Point(NamedTuple):
    """One picture: when it is shown and which packet holds it."""

    stamp: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an open decoder stands.

    Attributes:
        next: number of the packet that it would be given next.
        clean: from this packet on, nothing was left out; pictures before it may never come.
        shown: stamp of the last picture that came out; earlier ones are gone.
    """

    next: int
    clean: int
    shown: int

    def reaches(self, point: Point) -> bool:
        """Whether going on from here brings ``point`` out."""
        return point.number >= self.next or (point.number >= self.clean and point.stamp > self.shown)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One stretch of decoding without a seek inside.

    Attributes:
        start: packet number of the keyframe to seek to; None: go on from where the decoder stands.
        wanted: packet numbers of the pictures to keep, in the order in which they are shown.
    """

    start: int | None
    wanted: tuple[int, ...]


def keyframe_before(point: Point, keys: Sequence[Point]) -> int:
    """Index in ``keys`` of the last keyframe from which ``point`` can be decoded (0 if there is none: start there).

    Args:
        point: the picture.
        keys: the keyframes in decoding order.
    """
    index = bisect_right(keys, point.number, key=lambda key: key.number) - 1
    while index > 0 and keys[index].stamp > point.stamp:
        index -= 1
    return max(index, 0)


def plan(
    wanted: Sequence[Point], keys: Sequence[Point], *, place: Place | None = None, seek_cost: int = SEEK_COST
) -> list[Segment]:
    """Decide which stretches to decode so that every wanted picture comes out, with little work.

    Pictures are visited in the order in which they are shown. For each, going on costs the packets between here and
    it; seeking costs ``seek_cost`` and the packets from its keyframe to it. So within a GOP we always go on, and we
    step over a keyframe without a seek when it lies less than ``seek_cost`` packets ahead.

    Args:
        wanted: the pictures, in any order; duplicates count once.
        keys: the keyframes in decoding order; at least one.
        place: where the decoder stands, or None when it has to be positioned first.
        seek_cost: the price of a seek in decoded frames; 0 never goes on past a keyframe.

    Returns:
        Segments that together want every picture once; only the first can have ``start=None``.

    Raises:
        ValueError: no keyframes, or a negative price.
    """
    if not keys:
        raise ValueError("keys is empty: a decoder has to start somewhere")
    if seek_cost < 0:
        raise ValueError(f"seek_cost must not be negative, got {seek_cost}")
    segments: list[tuple[int | None, list[int]]] = []
    here = place.next if place else 0  # the packet that the decoder would be given next
    base = place.clean if place else 0  # pictures in packets before this one cannot come out any more
    for point in sorted(set(wanted)):
        start = keys[keyframe_before(point, keys)].number
        reachable = point.number >= base if segments else place is not None and place.reaches(point)
        if not (reachable and start - here <= seek_cost):
            segments.append((start, []))
            here = base = start
        elif not segments:
            segments.append((None, []))
        segments[-1][1].append(point.number)
        here = max(here, point.number + 1)
    return [Segment(start=start, wanted=tuple(numbers)) for start, numbers in segments]
