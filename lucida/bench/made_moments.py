"""Questions about the present moment of a clip, and about what has been so far: for the streaming benchmarks.

Only what is clear is asked: nothing half in the picture or covered, no change within half a second, no two ends close
together. What comes after the moment plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lucida.bench.made_clips import Film
from lucida.world.atlas import load_atlas
from lucida.world.clip_questions_asker import APART, OFF_LINE, SEEN
from lucida.world.clip_records import ClipObject, Event
from lucida.world.events import event_text
from lucida.world.motion import inside, outside
from lucida.world.records import COLOURS, PLACES
from lucida.world.scene import place_word

STILL = 0.5  # seconds without change before the moment
UNABLE = "Unable to answer"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with its options in random order; ``gold`` is the index of the right one."""

    question: str
    options: tuple[str, ...]
    gold: int

    @property
    def answer(self) -> str:
        """The right option."""
        return self.options[self.gold]


class Moment:
    """A clip as it is when the frames before ``time`` have been shown."""

    def __init__(self, film: Film, time: float, rng: np.random.Generator) -> None:
        self.film, self.clip, self.time, self.rng = film, film.clip, time, rng
        self.seen = film.times[max(0, film.frame(time - 1e-6))]  # the last frame shown

    def ask(self, question: str, answer: str, wrong: Sequence[str], options: int = 4) -> Asked | None:
        """``answer`` among up to ``options - 1`` wrong ones; ``None`` where there is no wrong one."""
        others = [one for one in dict.fromkeys(wrong) if one != answer]
        if not others:
            return None
        picks = self.rng.permutation(len(others))[: options - 1]
        texts = [answer, *(others[int(i)] for i in picks)]
        order = [int(i) for i in self.rng.permutation(len(texts))]
        return Asked(question=question, options=tuple(texts[i] for i in order), gold=order.index(0))

    def still(self) -> list[ClipObject]:
        """The things that have stood wholly in the picture, at rest and in one colour, for half a second."""
        found, begin = [], self.seen - STILL
        for thing, script in zip(self.clip.objects, self.clip.scripts, strict=True):
            quiet = begin > 0 and script.settled(begin, self.seen)
            one_colour = not any(c.t0 < self.seen and c.t1 > begin for c in script.recolours)
            if quiet and one_colour and inside(script.at(self.seen), thing.extent, self.clip.size):
                found += [thing] if self.clip.painter.visible(thing.index, self.seen) >= SEEN else []
        return found

    def calm(self) -> bool:
        """Whether every thing is either outside or still."""
        there = [
            thing.index
            for thing, script in zip(self.clip.objects, self.clip.scripts, strict=True)
            if outside(script.at(self.seen), thing.extent, self.clip.size) is None
        ]
        return there == [thing.index for thing in self.still()]

    def past(self) -> list[Event]:
        """The events that are over, in order of their ends."""
        return sorted((e for e in self.clip.events if e.t1 <= self.seen), key=lambda event: event.t1)

    def texts(self) -> list[str]:
        """What could happen to the things of the clip, in words."""
        things = [thing.phrase for thing in self.clip.objects]
        told = [event_text(kind, thing) for thing in things for kind in ("enter", "leave", "jump", "stop")]
        return [*(event.text for event in self.clip.events), *told]

    def colour(self) -> Asked | None:
        """What colour is it now?"""
        known = [thing for thing in self.still() if self.clip.scripts[thing.index].paint(self.seen).word]
        if not known:
            return None
        thing = known[int(self.rng.integers(len(known)))]
        word = self.clip.scripts[thing.index].paint(self.seen).word
        return self.ask(f"What colour is the {thing.phrase} right now?", str(word), COLOURS)

    def place(self, only: str | None = None, question: str = "") -> Asked | None:
        """Where is it now, on a grid of three by three? ``only`` names the thing."""
        for thing in self.still():
            x, y = self.clip.scripts[thing.index].at(self.seen)
            x, y = x / self.clip.size[1], y / self.clip.size[0]
            off = min(abs(v - line) for v in (x, y) for line in (1 / 3, 2 / 3)) >= OFF_LINE
            if off and only in (None, thing.phrase):
                text = question or f"In which part of the picture is the {thing.phrase} right now?"
                return self.ask(text, place_word((x, y)), PLACES)
        return None

    def thing(self) -> Asked | None:
        """Which of these is in the picture now?"""
        if not self.calm() or not (there := self.still()):
            return None
        nouns = {thing.noun for thing in self.clip.objects}
        absent = [o.phrase for o in self.clip.objects if o not in there]
        foreign = [noun for noun in load_atlas().nouns if noun not in nouns]
        foreign = [foreign[int(i)] for i in self.rng.permutation(len(foreign))[:6]]
        return self.ask("Which of these is in the picture right now?", there[0].phrase, [*absent, *foreign])

    def count(self) -> Asked | None:
        """How many things are in the picture now?"""
        number = len(self.still())
        if not self.calm():
            return None
        return self.ask(
            "How many things are in the picture right now?", str(number), [str(n) for n in range(6)]
        )

    def doing(self) -> Asked | None:
        """What is happening now? Exactly one event has been under way for a moment, and no other is near."""
        near = [e for e in self.clip.events if e.t0 < self.seen + APART and e.t1 > self.seen - APART]
        kinds = ("enter", "leave", "jump", "approach", "change colour")
        if len(near) != 1 or near[0].kind not in kinds or not near[0].t0 + 0.1 <= self.seen <= near[0].t1:
            return None
        return self.ask("What is happening right now?", near[0].text, self.texts())

    def last(self) -> Asked | None:
        """What happened last?"""
        past = self.past()
        under_way = any(e.t0 < self.seen < e.t1 + APART for e in self.clip.events)
        if len(past) < 2 or under_way or past[-1].t1 - past[-2].t1 < APART:
            return None
        return self.ask("What is the last thing that has happened?", past[-1].text, self.texts())


def moments(film: Film, rng: np.random.Generator, *, first: float = 3.0, step: float = 1.0) -> list[Moment]:
    """Moments every ``step`` seconds from ``first`` to the end of the clip, in random order."""
    times = np.arange(first, film.clip.seconds + 1e-9, step)
    return [Moment(film, float(times[int(i)]), rng) for i in rng.permutation(len(times))]
