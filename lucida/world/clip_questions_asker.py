"""What all kinds of clip question share: finding an event, citing it, judging whether a case is clear."""

from __future__ import annotations

import numpy as np

from lucida.world.clip_questions_replay import Trace
from lucida.world.clip_questions_wording import base_form, word_question
from lucida.world.clip_records import ClipEvidence, ClipQuestion, Event
from lucida.world.clips import Clip
from lucida.world.motion import inside, outside

APART = 0.25  # seconds between things whose order is asked for
OFF_LINE = 0.02  # least distance of a centre from the 3 x 3 grid's lines, as a share of the side
SEEN = 0.6  # least visible share of a thing whose place or colour is asked for

# The moment of an event at which its subject's box is cited.
_KEY = {"enter": 1.0, "leave": 0.0, "jump": 0.5, "approach": 1.0, "stop": 1.0, "change colour": 1.0}


class Asker:
    """The clip, what may be asked of it, and how a question is put together."""

    def __init__(self, clip: Clip, rng: np.random.Generator, held_out: bool) -> None:
        self.clip, self.rng, self.held_out = clip, rng, held_out
        texts = [event.text for event in clip.events]
        self.unique = [index for index, text in enumerate(texts) if texts.count(text) == 1]

    def trace(self) -> Trace:
        """A new derivation."""
        return Trace(self.clip)

    def find(self, trace: Trace, index: int, n: int = 1) -> str:
        """Steps that lead to the n-th of the events with the same text as this one; the name of the last."""
        event = self.clip.events[index]
        subject = trace.do("thing", self.clip.objects[event.subject].phrase)
        other = None if event.other is None else trace.do("thing", self.clip.objects[event.other].phrase)
        detail = event.detail if event.kind == "change colour" else None
        return trace.do("pick", trace.do("events", event.kind, subject, other, detail), n)

    def ask(
        self,
        kind: str,
        answer_type: str,
        trace: Trace,
        value: str,
        evidence: list[ClipEvidence],
        **words: str,
    ) -> ClipQuestion:
        """Close ``trace`` with the value of a step as the answer, and put the question in words."""
        trace.do("answer", value)
        text = word_question(kind, int(self.rng.integers(1 << 30)), held_out=self.held_out, **words)
        return ClipQuestion(
            kind=kind, text=text, answer=trace.value, answer_type=answer_type, evidence=tuple(evidence),
            derivation=tuple(trace.steps),
        )  # fmt: skip

    def cite(self, index: int) -> ClipEvidence:
        """An event as evidence: its span, and its subject's box at the moment that shows it best."""
        event = self.clip.events[index]
        t = event.t0 + _KEY[event.kind] * (event.t1 - event.t0)
        return ClipEvidence(
            label=event.text, t0=event.t0, t1=event.t1,
            object=event.subject, t=t, box=self.clip.box(event.subject, t),
        )  # fmt: skip

    def cite_thing(self, index: int, t: float, t0: float, t1: float) -> ClipEvidence:
        """An object as evidence: its box at ``t``, valid over [t0, t1]."""
        label = f"the {self.clip.objects[index].phrase}"
        return ClipEvidence(label=label, t0=t0, t1=t1, object=index, t=t, box=self.clip.box(index, t))

    def words(self, index: int) -> dict[str, str]:
        """What the wordings need to speak of an event."""
        event = self.clip.events[index]
        return {"event": event.text, "base": base_form(self.clip.objects, event)}

    def steady(self, index: int, event: Event) -> bool:
        """Whether a thing stays visible, of one colour and off the grid's lines all through an event."""
        clip, script, thing = self.clip, self.clip.scripts[index], self.clip.objects[index]
        t0, t1, middle = event.t0, event.t1, (event.t0 + event.t1) / 2
        if not script.settled(t0, t1) or not inside(script.at(middle), thing.extent, clip.size):
            return False
        x, y = script.at(middle)[0] / clip.size[1], script.at(middle)[1] / clip.size[0]
        off = min(abs(v - line) for v in (x, y) for line in (1 / 3, 2 / 3)) >= OFF_LINE
        one_colour = not any(c.t0 < t1 and c.t1 > t0 for c in script.recolours)
        return off and one_colour and clip.painter.visible(index, middle) >= SEEN

    def all_clear(self, t: float) -> bool:
        """Whether nothing is half in the picture or hidden at ``t``."""
        clip = self.clip
        for thing, script in zip(clip.objects, clip.scripts, strict=True):
            place = script.at(t)
            if outside(place, thing.extent, clip.size) is None and (
                not inside(place, thing.extent, clip.size) or clip.painter.visible(thing.index, t) < SEEN
            ):
                return False
        return True
