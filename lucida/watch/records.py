"""What passes between watching, remembering, reasoning and answering (survey 2606.07433, eqs. 1-4).

Times are presentation timestamps in seconds, never frame numbers divided by a rate; boxes are normalised xyxy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lucida.media.errors import InputError
from lucida.media.records import Evidence


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a tower makes of n frames: ``vectors`` (n, d) float32 of length one, ``classes`` (n, C) probabilities."""

    vectors: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Percept:
    """z_t of eq. (1): one frame, audio onset or line of text, as the memory receives it.

    Attributes:
        t: presentation time. duration: seconds of stream that this percept stands for.
        vector: (d,) float32 of length one; what retrieval compares.
        tokens: (n, d') float16, finer features.
        thumb: JPEG for the contact sheet and the describer; counts towards the budget when kept.
        source: "frame" | "audio" | "text".
        index: number of the frame in decoding order, -1 if there is none.
        text: a subtitle line, and the like.
    """

    t: float
    duration: float
    vector: np.ndarray
    tokens: np.ndarray | None = None
    thumb: bytes | None = None
    source: str = "frame"
    index: int = -1
    text: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.t):
            raise InputError(f"percept: t must be a time in seconds, got {self.t}")
        if not 0 <= self.duration < math.inf:
            raise InputError(f"percept at {self.t:g} s: duration must be at least 0, got {self.duration}")
        if self.vector.ndim != 1 or self.vector.dtype != np.float32:
            raise InputError(
                f"percept at {self.t:g} s: vector must be (d,) float32, got {self.vector.shape} {self.vector.dtype}"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Hit:
    """What a read of the memory returns, best first.

    Attributes:
        t0, t1: the span it stands for. t: its key time, the timestamp of a frame that can be decoded.
        score: how well it fits the query, comparable inside one read.
        vector: (d,) float32, as stored (after quantisation).
        weight: percepts that were merged into it.
        tier: where it lay ("near", "event", "long", ...).
    """

    t0: float
    t1: float
    t: float
    score: float
    vector: np.ndarray
    thumb: bytes | None = None
    weight: float = 1.0
    tier: str = ""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Bytes, in four accounts that are never added up in secret (facts, design rule 2 of section 2.4).

    Attributes:
        state: what the write rule keeps; never exceeds the budget of a bounded memory.
        index: what makes reading faster and can be rebuilt. archive: what grows with the stream.
        read: touched by the last read.
    """

    state: int
    index: int = 0
    archive: int = 0
    read: int = 0


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A trigger fired at ``t`` for what began at ``t0``; ``score`` is the trigger's own statistic."""

    t: float
    t0: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """One action of a reasoner: the tool, its arguments, what it cost, what it showed."""

    tool: str
    args: Mapping[str, Any] = field(default_factory=dict)
    frames: int = 0
    pixels: int = 0
    evidence: tuple[Evidence, ...] = ()
    observation: str = ""  # words for the log; an error is an observation too


@dataclass(frozen=True, kw_only=True)
class Trace:
    """R of eq. (3): how an answer came about, and all that it rests on."""

    question: str
    steps: tuple[Step, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    confidence: float | None = None  # what the evidence allows, in 0..1
    inspected: tuple[str, ...] = ()  # in words, for an abstention

    @property
    def frames(self) -> int:
        """Frames inspected, all steps together."""
        return sum(step.frames for step in self.steps)
