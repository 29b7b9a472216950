"""A registered query in the engine: how a frame, a line of text, a sound or an observed event bears on it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from lucida.media.errors import InputError
from lucida.media.geometry import Box
from lucida.media.video import Frame
from lucida.watch.bridge import colour_share
from lucida.watch.protocols import Tower, Trigger
from lucida.watch.records import Seen
from lucida.watch.stream.detector import EventDetector, Observed
from lucida.watch.stream.listener import Change, Listener
from lucida.watch.stream.notices import Notice, Shown
from lucida.watch.stream.onsets import Onset
from lucida.watch.stream.subtitles import Line
from lucida.watch.stream.tape import Tape, jpeg_of, picture_of
from lucida.watch.tower_view import heat_box

if TYPE_CHECKING:
    from lucida.watch.stream.engine import EngineConfig, Scorer

SOUND = frozenset("sound sounds noise noises bang onset onsets".split())
PLAIN_COLOUR = 0.02  # share of a colour that means nothing, for queries of colour alone
NOUN_LEVEL = (
    4.0  # score that the crop of an observed thing needs for the query's noun: people reach 3.5 as dogs
)
COLOUR_LEVEL = 2.0  # the same for a query of colour alone
READ_AS = {"enter": "read as its first being seen", "leave": "read as its no longer being seen"}
CROP = 0.15  # margin around the box of an observed thing


@runtime_checkable
class Locator(Protocol):
    """A tower that can say where in a frame the evidence for class weights lies."""

    def locate(self, frame: np.ndarray, weights: np.ndarray) -> np.ndarray: ...


class Registered:
    """One query: its reading, its listener, the best frame so far.

    Attributes:
        number: of its latest event. doubt: what nothing checks, in words.
        anything: it names neither thing nor colour ("something enters"): the detector alone tells.
    """

    def __init__(
        self, text: str, reading: Any, trigger: Trigger, config: EngineConfig, detector: EventDetector | None
    ) -> None:
        self.text, self.reading, self.config = text, reading, config
        self.listener = Listener(trigger, config.baseline, config.gate)
        self.number = 0
        self.sound = reading is None
        self.verb = None if self.sound else reading.words.verb
        self._detector = detector
        self.wants_detector = detector is not None and self.verb in detector.verbs
        self.anything = not self.sound and not reading.names and reading.words.colour is None
        if self.anything and not self.wants_detector:
            raise InputError(
                f"query {text!r}: names no thing, and nothing follows things here to tell what they do"
            )
        self.doubt = "" if self.sound else self._doubt()
        self._best: Shown | None = None
        self._best_level = -math.inf
        self._best_share: float | None = None
        self._silent = (
            False  # the event that is on is not told: it was there from the start, or a detector tells
        )

    @staticmethod
    def is_sound(text: str) -> bool:
        """Whether a query asks for sounds as such ("a loud noise")."""
        return bool(SOUND & set(text.lower().split()))

    @property
    def on(self) -> bool:
        """Whether its event goes on."""
        return self.listener.on

    @property
    def going(self) -> float | None:
        """When the event that was told and goes on was last seen; None if there is none."""
        return self.listener.seen if self.on and not self._silent else None

    @property
    def _blind(self) -> str:
        """Why the detector cannot tell at present; "" if it can, or if none is wanted."""
        return self._detector.blind if self._detector is not None and self.wants_detector else ""

    @property
    def bytes(self) -> int:
        """Of the evidence frame it holds."""
        return len(self._best.jpeg) if self._best is not None else 0

    def see(self, frame: Frame, seen: Seen, tower: Tower, scorer: Scorer, first: float) -> list[Notice]:
        """A frame that was looked at.

        Where a detector tells when things enter and leave, the listener goes on in silence: it speaks while the
        detector is blind.
        """
        if self.sound or self.anything or (self.wants_detector and self.verb not in READ_AS):
            return []
        score, share = self._score(frame.pixels, seen, tower, scorer)
        was_on = self.on
        change = self.listener.step(frame.t, score)
        if not was_on or (change is not None and change.begins):
            self._keep(frame, share)
        if change is None:
            return []
        if change.begins:
            self._silent = (
                self.verb == "leave"
                or (self.verb == "enter" and change.alarm.t0 - first < self.config.settle)
                or (self.wants_detector and not self._blind)
            )
            return [] if self._silent else [self._notice("event", change, frame.t, tower)]
        return self._ended(change, frame.t, tower)

    def observe(
        self, observed: list[Observed], frame: Frame, tower: Tower, scorer: Scorer, tape: Tape | None
    ) -> list[Notice]:
        """What a detector saw: the verb must be ours, and the thing in its box our noun and colour."""
        found = []
        for each in observed:
            if each.verb != self.verb:
                continue
            past = picture_of(each.jpeg) if each.jpeg else None
            if past is None and tape is not None and each.t < frame.t:
                past = tape.at(each.t)
            pixels = frame.pixels if past is None else past
            level, share = each.score, None
            if not self.anything:
                crop = cropped(pixels, each.box)
                level, share = self._score(crop, tower.see([crop]), tower, scorer)
                named = bool(each.label) and each.label == self.reading.words.noun
                if level < (NOUN_LEVEL if self.reading.names else COLOUR_LEVEL) and not named:
                    continue
            jpeg = jpeg_of(pixels, most=self.config.evidence)
            shown = Shown(t=each.t, index=frame.index if past is None else -1, jpeg=jpeg, box=each.box)
            found.append(
                Notice(
                    kind="event", number=0, query=self.text, source="frame", t=frame.t, t0=each.t0, t1=each.t1,
                    score=level, statistic=each.score, shown=shown, colour=self._coloured(share), doubt=self.doubt,
                )
            )  # fmt: skip
        return found

    def read_line(self, line: Line, scorer: Scorer) -> Notice | None:
        """A line of text: told when it holds the query's noun, or a word of the query that names no class."""
        if self.sound:
            return None
        words = self.reading.words
        wanted = words.noun or words.phrase
        said = f" {' '.join(_plain(line.text))} "
        if not wanted or not any(f" {form} " in said for form in (wanted, wanted + "s", wanted + "es")):
            return None
        return Notice(
            kind="event", number=0, query=self.text, source="text", t=line.t0, t0=line.t0, t1=line.t1, score=1.0,
            text=line.text, doubt="said, not seen",
        )  # fmt: skip

    def hear(self, onset: Onset) -> Notice | None:
        """A sound begins: told to queries that ask for sounds."""
        if not self.sound:
            return None
        return Notice(
            kind="event", number=0, query=self.text, source="audio", t=onset.known, t0=onset.t, t1=onset.known,
            score=onset.strength, doubt="an onset of any sound",
        )  # fmt: skip

    def finish(self, t: float) -> Notice | None:
        """The stream ends while the event goes on."""
        change = self.listener.finish()
        if change is None or self._silent:
            return None
        return self._notice("end", change, t, None)

    def state(self) -> dict[str, np.ndarray]:
        """The listener's numbers and the evidence frame."""
        best = self._best
        share = math.nan if self._best_share is None else self._best_share
        known = [best.t, best.index, self._best_level, share] if best is not None else []
        jpeg = np.frombuffer(best.jpeg, np.uint8) if best is not None else np.zeros(0, np.uint8)
        return self.listener.state() | {
            "best": np.array(known),
            "jpeg": jpeg.copy(),
            "number": np.array([float(self.number), float(self._silent)]),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken."""
        self.listener.restore(state)
        self.number, self._silent = int(state["number"][0]), bool(state["number"][1])
        self._forget()
        if len(state["best"]):
            t, index, self._best_level, share = (float(x) for x in state["best"])
            self._best = Shown(t=t, index=int(index), jpeg=state["jpeg"].tobytes())
            self._best_share = None if math.isnan(share) else share

    def _score(
        self, pixels: np.ndarray, seen: Seen, tower: Tower, scorer: Scorer
    ) -> tuple[float, float | None]:
        """The query's score of a frame, and the share of its colour where that was measured."""
        colour = self.reading.words.colour
        score = float(scorer.scores(seen, self.reading)[0])
        if colour is None:
            return score, None
        if not self.reading.names:
            share = colour_share(pixels, colour)
            return 1.5 * math.log(max(share, 1e-3) / PLAIN_COLOUR), share
        if score <= self.config.gate.low:
            return score, None  # without the thing its colour does not matter
        heat = tower.locate(pixels, self.reading.weights) if isinstance(tower, Locator) else None
        share = colour_share(pixels, colour, heat)
        weigh = getattr(scorer, "with_colour", None)
        return (score if weigh is None else weigh(score, share)), share

    def _keep(self, frame: Frame, share: float | None) -> None:
        """Hold the best frame since the score last was ordinary: it will be the evidence."""
        level = self.listener.level
        if level < self.config.gate.low and not self.on:
            self._forget()
        elif level > self._best_level:
            jpeg = jpeg_of(frame.pixels, most=self.config.evidence)
            self._best = Shown(t=frame.t, index=frame.index, jpeg=jpeg)
            self._best_level, self._best_share = level, share

    def _forget(self) -> None:
        self._best, self._best_level, self._best_share = None, -math.inf, None

    def _ended(self, change: Change, t: float, tower: Tower) -> list[Notice]:
        if self.verb == "leave":
            told_elsewhere = self.wants_detector and not self._blind
            notice = None if told_elsewhere else self._notice("event", change, t, tower)
        else:
            notice = None if self._silent else self._notice("end", change, t, None)
        self._silent = False
        self._forget()
        return [] if notice is None else [notice]

    def _notice(self, kind: str, change: Change, t: float, tower: Tower | None) -> Notice:
        shown, t0, t1 = None, change.alarm.t0, change.t1
        if kind == "event":
            shown = self._located(tower)
            if self.verb == "leave":
                t0, t1 = change.t1, t
        return Notice(
            kind=kind, number=self.number, query=self.text, source="frame", t=t, t0=t0, t1=t1,
            score=self._best_level if kind == "event" and shown else change.level,
            statistic=change.alarm.score, shown=shown, colour=self._coloured(self._best_share),
            doubt=self._blind_doubt(),
        )  # fmt: skip

    def _located(self, tower: Tower | None) -> Shown | None:
        if self._best is None or not isinstance(tower, Locator) or not self.reading.names:
            return self._best
        return replace(
            self._best, box=heat_box(tower.locate(picture_of(self._best.jpeg), self.reading.weights))
        )

    def _coloured(self, share: float | None) -> tuple[str, float] | None:
        colour = self.reading.words.colour
        return None if share is None or colour is None else (colour, share)

    def _doubt(self) -> str:
        doubts = [self.reading.doubt] if self.reading.doubt else []
        if self.verb and not self.wants_detector:
            doubts.append(f"{self.verb!r} is {READ_AS.get(self.verb, 'not checked')}")
        return "; ".join(doubts)

    def _blind_doubt(self) -> str:
        """The query's doubt, and what the listener does in place of a detector that is blind."""
        if not self._blind or self.verb is None:
            return self.doubt
        instead = f"{self._blind}, so {self.verb!r} is {READ_AS[self.verb]}"
        return "; ".join([self.doubt, instead] if self.doubt else [instead])


def cropped(pixels: np.ndarray, box: Box) -> np.ndarray:
    """The box with a margin, (h, w, 3), at least 2 x 2 pixels."""
    height, width = pixels.shape[:2]
    dx, dy = CROP * (box[2] - box[0]), CROP * (box[3] - box[1])
    x0, y0 = int(max(0.0, box[0] - dx) * width), int(max(0.0, box[1] - dy) * height)
    x1, y1 = math.ceil(min(1.0, box[2] + dx) * width), math.ceil(min(1.0, box[3] + dy) * height)
    return pixels[min(y0, height - 2) : max(y1, y0 + 2), min(x0, width - 2) : max(x1, x0 + 2)]


def _plain(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()
