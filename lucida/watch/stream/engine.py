"""The clocked engine: frames in by their timestamps, notices out, and nothing looks ahead.

Two kinds of queries are kept apart (survey section 1, modes b and c). A *registered* query is known in advance: every
frame is scored for it and a trigger decides. An *unknown future* query can only read the memory, and the memory is
written without any query: registering one changes no byte of it. Every notice and every byte of state at
time t is a function of frames up to t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lucida.media.errors import InputError
from lucida.media.video import Frame
from lucida.watch.protocols import Memory, Tower, Trigger
from lucida.watch.query import LONGEST, take_apart
from lucida.watch.records import Hit, Percept, Seen, Sizes
from lucida.watch.stream.baseline import BaselineConfig
from lucida.watch.stream.detector import EventDetector, Observed
from lucida.watch.stream.listener import GateConfig
from lucida.watch.stream.notices import Notice, Status
from lucida.watch.stream.onsets import Onset
from lucida.watch.stream.registered import Registered
from lucida.watch.stream.subtitles import Line
from lucida.watch.stream.tape import Cut, Tape, jpeg_of, picture_of
from lucida.watch.stream.triggers import Cusum

SMALL_STATE = 2048  # bytes of numbers that a registered query keeps, rounded up


@runtime_checkable
class Scorer(Protocol):
    """Text against what a tower saw: the bridge, or a model with a text tower of its own."""

    def read(self, text: str) -> Any: ...

    def scores(self, seen: Seen, reading: Any) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How often to look, and when to speak."""

    fps: float = 2.0  # frames per second that are looked at
    per_hour: float = 1.0  # false alarms per hour and query, by construction (see ``calibrate``)
    k: float = 1.0  # CUSUM reference: half of the smallest shift worth finding, in standard deviations
    settle: float = 2.0  # seconds from the start in which what is seen has been there already, not entered
    evidence: int = 48 << 10  # most bytes of an evidence frame
    thumb: int = 96  # longer side of the pictures in the memory; 0 keeps none
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    gate: GateConfig = field(default_factory=GateConfig)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and 0 < self.fps <= 240):
            raise InputError(f"fps must be above 0 and at most 240, got {self.fps}")
        if not self.per_hour > 0:
            raise InputError(f"per_hour must be above 0, got {self.per_hour}")


class Engine:
    """Watches a stream.

    Args:
        tower: frames to vectors and class probabilities.
        scorer: text to scores.
        memory: written with every frame looked at, never with a query; None remembers nothing.
        tape: for clips and past frames; None keeps none.
        detector: recognises verbs, and is given every frame; None, and one that cannot tell for the moment, reads
            "enters" as the onset of a thing, "leaves" as its end, and says that nothing checks other verbs.
        trigger: makes the trigger of a query; default: CUSUM at the configured rate.
        config: see ``EngineConfig``.
    """

    def __init__(
        self,
        tower: Tower,
        scorer: Scorer,
        memory: Memory | None = None,
        *,
        tape: Tape | None = None,
        detector: EventDetector | None = None,
        trigger: Callable[[], Trigger] | None = None,
        config: EngineConfig | None = None,
    ) -> None:
        self.config = config or EngineConfig()
        self.tower, self.scorer, self.memory, self.tape, self.detector = tower, scorer, memory, tape, detector
        self._trigger = trigger or (
            lambda: Cusum.for_rate(self.config.per_hour, self.config.fps, k=self.config.k)
        )
        self.registered: list[Registered] = []
        self.cuts: list[Cut] = []  # clips that are complete; whoever writes them takes them off
        self._t = self._last_frame = -math.inf
        self._first: float | None = None
        self._frames = self._looked = self._events = self._due = 0

    def register(self, text: str) -> Registered:
        """Listen for ``text`` from now on.

        Raises:
            InputError: the scorer cannot make sense of it, or it names no thing and there is no detector for its verb.
        """
        reading = None if Registered.is_sound(text) else self.scorer.read(text)
        query = Registered(text, reading, self._trigger(), self.config, self.detector)
        self.registered.append(query)
        return query

    def ask(self, text: str, k: int = 5) -> list[Hit]:
        """Answer a query that nobody knew of before: what the memory holds that fits it best. Changes no state."""
        if self.memory is None:
            raise InputError("this engine was given no memory to ask")
        vector = getattr(self.tower, "query_vector", None)
        if vector is None:
            raise InputError(f"{type(self.tower).__name__} has no vectors for text")
        weights = self.scorer.read(text).weights
        if not np.any(weights):
            raise InputError(f"query {text!r}: names no thing that the memory could be searched for")
        return self.memory.read(vector(weights), k)

    def step(self, item: Frame | Line | Onset) -> list[Notice]:
        """Take the next thing on the clock; what there is to report now.

        Raises:
            InputError: a frame that is not later than the one before.
        """
        if isinstance(item, Frame):
            return self._frame(item)
        self._t = max(self._t, item.t0 if isinstance(item, Line) else item.known)
        if isinstance(item, Line):
            self._remember_line(item)
            found = [query.read_line(item, self.scorer) for query in self.registered]
        else:
            found = [query.hear(item) for query in self.registered]
        return [self._numbered(notice) for notice in found if notice is not None]

    def finish(self) -> list[Notice]:
        """The stream is over: what was only just done, ends of what goes on. Open clips become complete."""
        late = self.detector.finish() if self.detector is not None else []
        told = [n for each in late for n in self._observed([each], Frame(picture_of(each.jpeg), self._t, -1))]
        ends = [notice for query in self.registered if (notice := query.finish(self._t)) is not None]
        notices = [*told, *(self._numbered(notice) for notice in ends)]
        if self.tape is not None:
            self.cuts += self.tape.finish()
        return notices

    def status(self) -> Status:
        """Counts and bytes so far."""
        t = self._t if math.isfinite(self._t) else 0.0
        return Status(t=t, frames=self._frames, looked=self._looked, bytes=self.bytes, events=self._events)

    @property
    def bytes(self) -> int:
        """Memory, tape, evidence and detector together."""
        held = self.memory.sizes().state if self.memory is not None else 0
        held += self.tape.bytes if self.tape is not None else 0
        held += self.detector.bytes if self.detector is not None else 0
        return held + sum(query.bytes + SMALL_STATE for query in self.registered)

    def sizes(self) -> Sizes | None:
        """The memory's four accounts."""
        return self.memory.sizes() if self.memory is not None else None

    def state(self) -> dict[str, np.ndarray]:
        """Memory, listeners and clock as arrays; restored, later answers are identical. Without tape and detector."""
        clock = [self._t, self._last_frame, math.nan if self._first is None else self._first]
        state = {
            "clock": np.array([*clock, self._frames, self._looked, self._events, self._due], dtype=np.float64)
        }
        if self.memory is not None:
            state |= {f"memory.{key}": value for key, value in self.memory.state().items()}
        for number, query in enumerate(self.registered):
            state |= {f"query{number}.{key}": value for key, value in query.state().items()}
        return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken, in an engine made alike with the same queries registered."""
        self._t, self._last_frame, first, *counts = (float(x) for x in state["clock"])
        self._first = None if math.isnan(first) else first
        self._frames, self._looked, self._events, self._due = (int(x) for x in counts)
        if self.memory is not None:
            self.memory.restore(_under(state, "memory."))
        for number, query in enumerate(self.registered):
            query.restore(_under(state, f"query{number}."))

    def _frame(self, frame: Frame) -> list[Notice]:
        if frame.t <= self._last_frame:
            raise InputError(f"frame at {frame.t:g} s comes after one at {self._last_frame:g} s")
        self._last_frame, self._t = frame.t, max(self._t, frame.t)
        self._first = frame.t if self._first is None else self._first
        self._frames += 1
        if self.tape is not None:
            self.cuts += self.tape.add(frame.t, frame.pixels)
        observed = self.detector.step(frame.t, frame.pixels) if self.detector is not None else []
        notices = self._observed(observed, frame)
        step = int((frame.t - self._first) * self.config.fps + 1e-6)
        if step < self._due:
            return notices
        self._due = step + 1
        self._looked += 1
        seen = self.tower.see([frame.pixels])
        self._remember(frame, seen)
        for query in self.registered:
            found = query.see(frame, seen, self.tower, self.scorer, self._first)
            notices += [self._told(query, notice) for notice in found]
            if self.tape is not None and query.going is not None:
                self.tape.lasts(query.number, query.going)
        return notices

    def _observed(self, observed: list[Observed], frame: Frame) -> list[Notice]:
        """What a detector saw, as far as a query asks for it."""
        if not observed:
            return []
        asking = [query for query in self.registered if query.wants_detector]
        return [
            self._told(query, notice)
            for query in asking
            for notice in query.observe(observed, frame, self.tower, self.scorer, self.tape)
        ]

    def _told(self, query: Registered, notice: Notice) -> Notice:
        """The notice with its number; an event begins a clip."""
        notice = self._numbered(notice)
        if notice.kind == "event":
            query.number = notice.number
            if self.tape is not None:
                self.tape.begin(query.number, notice.t0, notice.t)
        return notice

    def _numbered(self, notice: Notice) -> Notice:
        if notice.kind != "event":
            return notice
        self._events += 1
        return replace(notice, number=self._events)

    def _remember(self, frame: Frame, seen: Seen) -> None:
        if self.memory is None:
            return
        thumb = jpeg_of(frame.pixels, side=self.config.thumb) if self.config.thumb else None
        percept = Percept(
            t=frame.t, duration=1 / self.config.fps, vector=seen.vectors[0], thumb=thumb, index=frame.index
        )
        self.memory.write(percept)

    def _remember_line(self, line: Line) -> None:
        """A line of text that names a class is remembered as that class's vector."""
        vector = getattr(self.tower, "query_vector", None)
        if self.memory is None or vector is None or len(line.text) > LONGEST:
            return
        try:
            words = take_apart(line.text)
        except InputError:
            return
        if words.classes:
            weights = np.zeros(1000)
            weights[list(words.classes)] = 1 / len(words.classes)
            self.memory.write(
                Percept(t=self._t, duration=0.0, vector=vector(weights), source="text", text=line.text)
            )


def watch(engine: Engine, items: Iterable[Frame | Line | Onset]) -> list[Notice]:
    """All notices of a finite stream, ends included."""
    notices = [notice for item in items for notice in engine.step(item)]
    return notices + engine.finish()


def _under(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
