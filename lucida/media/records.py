"""What a system says, with its evidence: captions and answers. Frozen, and each checks itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lucida.media.errors import InputError
from lucida.media.region import Region
from lucida.media.track import Track


@dataclass(frozen=True)
class Evidence:
    """Something that was seen, where and when.

    Attributes:
        label: what it is.
        t0, t1: presentation times in seconds; None for a picture.
        region: where, if it stands still. track: where, if it moves. At most one of the two.
        score: confidence in 0..1, None if not known.
    """

    label: str
    t0: float | None = None
    t1: float | None = None
    region: Region | None = None
    track: Track | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        if (self.t0 is None) != (self.t1 is None):
            raise InputError(f"evidence {self.label!r} needs both times or none, got {self.t0} and {self.t1}")
        if self.t0 is not None and self.t1 is not None and not self.t0 <= self.t1 < math.inf:
            raise InputError(f"evidence {self.label!r} ends before it starts: {self.t0:g} to {self.t1:g} s")
        if self.region is not None and self.track is not None:
            raise InputError(f"evidence {self.label!r} has both a region and a track")
        _check_share(self.score, f"evidence {self.label!r}: score")


@dataclass(frozen=True)
class Caption:
    """What a region shows.

    Attributes:
        region: which; None for the whole picture.
        text: the description.
        confidence: in 0..1, None if not known.
        steps: denoising steps its group took.
        evidence: what the text rests on.
    """

    region: Region | None
    text: str
    confidence: float | None = None
    steps: int = 0
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        _check_share(self.confidence, "caption: confidence")


@dataclass(frozen=True)
class Answer:
    """An answer with what it rests on, or an abstention that says what was inspected.

    Attributes:
        text: the answer; for an abstention the reason.
        confidence: in 0..1, None if not known.
        abstained: no answer was given.
        inspected: what was looked at, in words ("frames 3.2 s to 4.8 s", "region 2"); needed for an
            abstention.
        reason: what the answer follows from, in words ("blue"); "" where none was said.
    """

    text: str
    evidence: tuple[Evidence, ...] = ()
    confidence: float | None = None
    abstained: bool = False
    inspected: tuple[str, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        _check_share(self.confidence, "answer: confidence")
        if self.abstained and not self.inspected:
            raise InputError("answer: an abstention must say what was inspected")


def _check_share(value: float | None, name: str) -> None:
    if value is not None and not 0 <= value <= 1:
        raise InputError(f"{name} must be in 0..1, got {value:g}")
