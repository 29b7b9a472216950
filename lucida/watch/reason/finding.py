"""What a search looks for and finds: who is meant, the looks a question is worth, the events, how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lucida.media.geometry import Box
from lucida.media.records import Evidence
from lucida.media.region import Region
from lucida.media.track import Track
from lucida.metrics.reader import read_caption
from lucida.watch.events.head import EventHead
from lucida.watch.reason.cast import Alike, Member, chosen, phrase
from lucida.watch.reason.findings import away
from lucida.watch.reason.question import Clause, Question, Thing
from lucida.watch.reason.refining import Refiner, Seen, Want
from lucida.watch.reason.steady import steady_share
from lucida.watch.reason.tools import Tools
from lucida.watch.reason.watching import Watched
from lucida.world.clip_records import EVENT_KINDS
from lucida.world.events import event_text
from lucida.world.language import lexicon

OUTSTANDING = 2.5  # standard deviations above unrelated names from which the memory's best frame is evidence
LEAST = 0.3  # confidence below which an answer is withheld
MAKING_SURE = 0.5  # of the frames left: what a question may take where something was not found


class Finder:
    """Looks and finds in one watched film.

    Args:
        watched: the coarse pass. tools: over the same film, with its ledger. head: the event head.
        alike: likeness of two nouns, for words that are not the world's; None takes exact names only.
        least: confidence below which an answer is withheld.
        making_sure: share of the frames left that a question may take where something was not found.
    """

    def __init__(
        self,
        watched: Watched,
        tools: Tools,
        head: EventHead,
        *,
        alike: Alike | None = None,
        least: float = LEAST,
        making_sure: float = MAKING_SURE,
    ) -> None:
        self.watched, self.tools, self.alike, self.least = watched, tools, alike, least
        self.making_sure = making_sure
        self.refiner = Refiner(watched, tools, head)

    @property
    def cast(self) -> list[Member]:
        """Who is in the film, as known by now."""
        return self.refiner.cast

    def _look(self, q: Question) -> None:
        """Every look that the question is worth; answers rest on what is known then."""
        clauses = [clause for clause in (q.clause, q.second) if clause is not None]
        if q.kind in ("becomes", "was") and q.thing is not None:
            clauses = [changing(q.thing)]
        if not clauses:
            return
        self.refiner.refine(lambda: [want for clause in clauses if (want := self._want(clause)) is not None])
        self._make_sure(clauses, every=q.kind == "how many")
        if q.kind not in ("after", "before", "where", "colour", "present"):
            return
        found = self._find(clauses[0])[0]
        if found and q.kind in ("after", "before"):
            self.refiner.refine(lambda: self._beside(clauses[0], q.kind))
        elif found:
            self.refiner.look_near((found[0].t0 + found[0].t1) / 2)

    def _make_sure(self, clauses: Sequence[Clause], *, every: bool) -> None:
        """Look on where what a clause speaks of was not found, or where there may be more of it (``every``)."""

        def missing() -> list[Clause]:
            return [clause for clause in clauses if every or not self._find(clause)[0]]

        if absent := missing():
            members = [m for clause in absent for m in self._meant(clause.subject)[1]]
            self.refiner.fill(
                members, round(self.making_sure * self.tools.ledger.left), lambda: not missing()
            )
            self.refiner.refine(
                lambda: [want for clause in clauses if (want := self._want(clause)) is not None]
            )

    def _want(self, clause: Clause) -> Want | None:
        members = self._meant(clause.subject)[1]
        return Want(members=tuple(members), kinds=(clause.kind,)) if members and clause.kind else None

    def _beside(self, clause: Clause, kind: str) -> list[Want]:
        """Everything that anything does from the event of the clause on to the next event, or back to the last one."""
        found = self._find(clause)[0]
        if not found:
            return []
        anchor, everybody = found[0], self._named()
        later, earlier = self._neighbours(anchor)
        if kind == "after":
            span = anchor.t1 - 0.2, min((e.t1 for e in later), default=np.inf)
        else:
            span = max((e.t0 for e in earlier), default=-np.inf), anchor.t0 + 0.2
        return [Want(members=tuple(everybody), span=span)]

    def _find(self, clause: Clause) -> tuple[list[Seen], float, str]:
        """Events of a clause, how sure it is who is meant and that nothing was missed, and why there can be none."""
        assert clause.kind in EVENT_KINDS
        best, members = self._meant(clause.subject)
        if not members:
            return [], 0.0, f"no {clause.subject.text or 'thing'} was found"
        others = chosen(clause.other, self.cast, self.alike) if clause.other is not None else []
        if clause.other is not None and not others:
            return [], 0.0, f"no {clause.other.text} was found"
        events = self.refiner.events(members, [clause.kind])
        if others:
            events = [e for e in events if any(e.other is m for _, m in others)]
        if clause.colour is not None:
            events = [e for e in events if self._colour_at(e.who, e.t1 + 0.1)[0] in (None, clause.colour)]
        sure = best * (1 - 0.5 * self.refiner.open)
        return events, sure if events else 0.85 * sure * self._unbroken(), ""

    def _meant(self, thing: Thing) -> tuple[float, list[Member]]:
        """How well the best of the cast fits, and all that fit nearly as well."""
        members = chosen(thing, self.cast, self.alike)
        best = members[0][0] if members else 0.0
        return best, [m for fit, m in members if fit > 0.7 * best]

    def _neighbours(self, anchor: Seen) -> tuple[list[Seen], list[Seen]]:
        """What anything does after an event, and before it."""
        every = self.refiner.events(self._named())
        every = [e for e in every if not (e.who is anchor.who and e.kind == anchor.kind)]
        return [e for e in every if e.t0 >= anchor.t1 - 0.1], [e for e in every if e.t1 <= anchor.t0 + 0.1]

    def _named(self) -> list[Member]:
        return [m for m in self.cast if m.noun is not None or sum(len(t.sightings) for t in m.trails) >= 6]

    def _sure(self, event: Seen) -> float:
        """c = min(model, evidence): the head's probability, capped by how much of the event was looked at closely."""
        return min(event.score, 0.1 + 0.9 * event.support)

    def _every(self, events: Sequence[Seen]) -> float:
        """How sure it is that these are the events and that there are no more; without any, ``_find`` has said it."""
        return min(self._sure(e) for e in events) * self._unbroken() if events else 1.0

    def _unbroken(self) -> float:
        """1 where nothing could hide: less by what a moving camera took, and by 3/5 for each gap an event fits into."""
        footage = self.tools.footage
        times = np.array([footage.first_t, *self.refiner.times, max(footage.first_t, footage.duration)])
        gaps = int((np.diff(times) > max(0.45, 1.6 / self.watched.rate)).sum())
        return 0.4**gaps * steady_share(self.watched)

    def _coverage(self) -> float:
        """Share of the film that lies within a coarse step of a frame that was looked at."""
        footage = self.tools.footage
        grid = np.linspace(footage.first_t, max(footage.first_t, footage.duration - 1e-3), 200)
        times = np.array(self.refiner.times)
        if not len(times):
            return 0.0
        return float((np.abs(grid[:, None] - times[None]).min(1) <= 0.75 / self.watched.rate + 0.01).mean())

    def _colour_at(self, who: Member, t: float) -> tuple[str | None, float]:
        """A member's colour at a time, by the describer, and what the doubt costs."""
        trail = min(self.refiner.trails_of(who), key=lambda x: away(x.span, t))
        shown = trail.at(t)
        look = self.tools.zoom(shown.t, shown.box)
        return (read_caption(look.words[0], lexicon()).colour, 0.95) if look.words else (None, 0.0)

    def _remembered(self, thing: Thing) -> tuple[Evidence | None, float | None]:
        """The best span of the memory for a thing that was not followed, and how far it stands out.

        That is in standard deviations of the scores that unrelated names have at the same frame; None where the tower
        knows no such name. Below ``OUTSTANDING`` there is no evidence.
        """
        look = self.tools.seek(thing.text, 8)
        if look.failed or not look.hits:
            return None, None
        best = max(look.hits, key=lambda hit: hit.score)
        sure = float(np.clip((best.score - OUTSTANDING) / 4 + self.least, 0, 0.6))
        if best.score < OUTSTANDING:
            return None, best.score
        near = [
            h for h in look.hits if h.score >= OUTSTANDING and h.t0 <= best.t1 + 2 and h.t1 >= best.t0 - 2
        ]
        t0, t1 = min(h.t0 for h in near), max(h.t1 for h in near)
        return Evidence(thing.text, t0, t1, score=sure), best.score

    def _sentence(self, event: Seen) -> str:
        colour = self._colour_at(event.who, event.t1 + 0.1)[0] if event.kind == "change colour" else None
        other = phrase(event.other, self.cast) if event.other is not None else "something"
        return event_text(event.kind, phrase(event.who, self.cast), other, colour or "another colour")

    def _cite(self, event: Seen) -> Evidence:
        label = f"{phrase(event.who, self.cast)}: {event.kind}"
        return self._place(label, event.t0, event.t1, event.track or {event.t: event.box}, self._sure(event))

    def _place(
        self, label: str, t0: float, t1: float, boxes: dict[float, Box], score: float | None = None
    ) -> Evidence:
        track = Track({t: Region.from_box(box, self.watched.size) for t, box in boxes.items()})
        return Evidence(label, float(t0), float(t1), track=track, score=score)

    def _shown(self, member: Member) -> list[Evidence]:
        """Where a member is seen, a box or two for each stretch."""
        found = []
        for t0, t1 in member.spans:
            boxes = {s.t: s.box for trail in member.trails for s in trail.sightings if t0 <= s.t <= t1}
            step = max(1, len(boxes) // 12)
            found.append(
                self._place(phrase(member, self.cast), t0, t1, dict(list(sorted(boxes.items()))[::step]))
            )
        return found

    def _seen_spans(self, thing: Thing) -> list[Evidence]:
        return [e for _, m in chosen(thing, self.cast, self.alike)[:1] for e in self._shown(m)]


def changing(thing: Thing) -> Clause:
    """ "It changes colour"."""
    return Clause(subject=thing, kind="change colour", verb="change")
