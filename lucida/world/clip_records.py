"""What the world says about a clip: objects, timed events, questions with evidence. Plain frozen records.

Times are seconds on the clip's own clock (the presentation timestamps of its frames). Positions inside the
world are pixels; whatever leaves it (evidence) carries normalised xyxy boxes, like everything else in Lucida.
"""

from __future__ import annotations

from dataclasses import dataclass

from lucida.world.records import Box

EVENT_KINDS = ("enter", "leave", "jump", "approach", "stop", "change colour")


@dataclass(frozen=True, kw_only=True)
class ClipObject:
    """One thing of a clip. ``index`` is its place in paint order (0 = furthest back) and in mask arrays."""

    index: int
    noun: str
    colour: str | None  # the colour it has at time 0; None: the artwork has no colour attribute
    size: str  # one of records.SIZES
    extent: tuple[int, int]  # (height, width) of the drawn sprite in pixels, transparent border cut away
    phrase: str  # what a question calls it: "fox", or "red fox" when two things share the noun
    source: str = ""  # code point or cut-out file name


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens. The meaning of ``t0`` and ``t1`` for each kind is in ``events.py``."""

    kind: str  # one of EVENT_KINDS
    subject: int
    other: int | None = None  # only approach: what it comes to stand beside
    t0: float
    t1: float
    detail: str = ""  # enter, leave: the side of the picture; change colour: the new colour
    text: str = ""  # "the fox enters"


@dataclass(frozen=True, kw_only=True)
class ClipEvidence:
    """When and where a question's answer is to be seen: a span, and a box at a key time inside it."""

    label: str  # "fox enters"
    t0: float
    t1: float
    object: int | None = None
    t: float | None = None  # the key time of ``box``
    box: Box | None = None  # of the visible mask at ``t``


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a derivation: ``op`` applied to ``args`` gave ``value``.

    An argument of the form ``"$3"`` is the value of step 3. ``clip_questions_replay.replay`` recomputes every
    step from the clip's records alone, so a derivation is not a story about the answer but the way to it.
    """

    op: str
    args: tuple[str | int | float | None, ...]
    value: object  # str | int | float | bool | None | tuple of these
    text: str


@dataclass(frozen=True, kw_only=True)
class ClipQuestion:
    """A question about a clip with one right answer, the evidence that makes it right, and the way to it."""

    kind: str
    text: str
    answer: str
    answer_type: str  # span | number | colour | noun | place | side | yesno | event | none
    evidence: tuple[ClipEvidence, ...]
    derivation: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Needle:
    """A rare event of a stream: a thing that appears nowhere else crosses the picture once."""

    noun: str
    colour: str | None
    t0: float  # first seen
    t1: float  # last seen
    segment: int
