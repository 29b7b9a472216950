"""What the engine says, and the small records around it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lucida.media.geometry import Box
from lucida.media.video import Frame
from lucida.watch.stream.onsets import Onset
from lucida.watch.stream.subtitles import Line


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """The frame that shows an event best: its time, place in the film, JPEG, and where in it."""

    t: float
    index: int
    jpeg: bytes = field(repr=False)
    box: Box | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Notice:
    """Something to report, as soon as it is known.

    Attributes:
        kind: "event" when it begins (or, for something that leaves, has happened), "end" when it is over.
        number: of the event, from 1; its end has the same.
        query: as given. source: frame | text | audio.
        t: stream time at which it is told. t0, t1: the span known so far.
        score: standard deviations above the query's baseline at the best frame. statistic: the trigger's own.
        shown: the evidence frame, None for sound and text. text: the line of text.
        colour: (word, share) measured there. doubt: what nothing has checked.
    """

    kind: str
    number: int
    query: str
    source: str
    t: float
    t0: float
    t1: float
    score: float
    statistic: float = 0.0
    shown: Shown | None = None
    text: str = ""
    colour: tuple[str, float] | None = None
    doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where the engine stands: stream time, frames given and looked at, bytes of its whole state, events told."""

    t: float
    frames: int
    looked: int
    bytes: int
    events: int


def timeline(
    frames: Iterable[Frame], lines: Iterable[Line] = (), onsets: Iterable[Onset] = ()
) -> Iterator[Frame | Line | Onset]:
    """Everything on one clock, in the order in which it becomes known; of equal times sound and text come first.

    Frames are not read ahead by more than the one that is compared.
    """
    keyed = (
        ((onset.known, 0, i, onset) for i, onset in enumerate(onsets)),
        ((line.t0, 1, i, line) for i, line in enumerate(lines)),
        ((frame.t, 2, i, frame) for i, frame in enumerate(frames)),
    )
    return (item[3] for item in heapq.merge(*keyed))
