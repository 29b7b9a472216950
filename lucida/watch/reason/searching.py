"""Budgeted evidence search: coarse to fine, every answer with the spans and boxes it rests on.

The order is: who in the cast is meant; looks where most is open about it; the events found; the answer,
with a confidence that can never exceed what was looked at. Where the thing is not found, or the verb is none of the
six, or the evidence is too thin, the answer is an abstention that says what was inspected.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lucida.watch.reason.cast import chosen, phrase
from lucida.watch.reason.finding import Finder, changing
from lucida.watch.reason.findings import Findings, Result, away, nothing, span_text
from lucida.watch.reason.question import Clause, Question, understand
from lucida.watch.reason.steady import UNFOLLOWED, doubt_of, steady_share
from lucida.world.scene import place_word

KNOWN = "enter, leave, jump, approach, stop and change colour"


class Searcher(Finder):
    """Answers questions about one watched film; what was looked at for one question serves the next."""

    def reason(self, question: str | Question) -> Findings:
        """Search for the answer.

        Raises:
            InputError: the question has no known form.
        """
        asked = understand(question) if isinstance(question, str) else question
        begin, self.refiner.open = len(self.tools.ledger.steps), 0.0
        text, evidence, confidence, withheld = self._answer(asked)
        if confidence < self.least and not withheld:
            text, withheld = f"not sure enough ({confidence:.2f}) of: {text}", True
        return Findings(
            question=asked.text, steps=tuple(self.tools.ledger.steps[begin:]), evidence=tuple(evidence),
            confidence=float(np.clip(confidence, 0, 1)), inspected=self.inspected(), text=text, withheld=withheld,
            doubt=doubt_of(self.watched),
        )  # fmt: skip

    def inspected(self) -> tuple[str, ...]:
        """What was looked at, in words."""
        times = self.refiner.times
        if not times:
            return ("nothing: no frame could be looked at",)
        lines = [f"{len(self.watched.times)} frames from {times[0]:.1f} s to {times[-1]:.1f} s"]
        closer = sorted(span for spans in self.watched.close.values() for span in spans)
        if closer:
            shown = ", ".join(f"{a:.1f}-{b:.1f} s" for a, b in closer[:6])
            lines.append(f"closely: {shown}{' and more' if len(closer) > 6 else ''}")
        if self.cast:
            names = [phrase(m, self.cast) for m in self.cast if m.noun]
            lines.append(f"things followed: {', '.join(dict.fromkeys(names)) or len(self.cast)}")
        lines += [line for line in [doubt_of(self.watched)] if line]
        return tuple([*lines, *dict.fromkeys(self.refiner.refused)])

    # -- one method per kind of question ------------------------------------------------------------------------------

    def _answer(self, q: Question) -> Result:
        if q.kind == "sound":
            return nothing("the question is about sound, which is not listened to")
        for clause in (q.clause, q.second):
            if clause is not None and clause.kind is None:
                return self._strange_verb(clause)
        if not steady_share(self.watched) and q.kind not in ("exists", "visible"):
            return nothing("the camera moves throughout, so nothing can be followed nor what it does be told")
        by_kind: dict[str, Callable[[Question], Result]] = {
            "when": self._when, "happens": self._when, "how often": self._how_often, "how many": self._how_many,
            "count": self._count, "present": self._present, "exists": self._exists, "visible": self._visible,
            "after": self._neighbour, "before": self._neighbour, "order": self._order, "becomes": self._colour_change,
            "was": self._colour_change, "colour": self._at_moment, "where": self._at_moment, "side": self._side,
            "who": self._who,
        }  # fmt: skip
        self._look(q)
        return by_kind[q.kind](q)

    def _when(self, q: Question) -> Result:
        """When does it happen, and does it at all?"""
        assert q.clause is not None
        found, sure, missing = self._find(q.clause)
        if missing:
            return nothing(missing)
        if not found:
            return "never" if q.kind == "when" else "no", self._seen_spans(q.clause.subject), sure, False
        event = found[-1] if q.pick == "last" else found[0] if q.pick else max(found, key=lambda e: e.score)
        listed = [event] if q.pick else [event, *(e for e in found if e is not event)]
        text = span_text(event) if q.kind == "when" else "yes"
        return text, [self._cite(e) for e in listed], self._sure(event) * sure, False

    def _how_often(self, q: Question) -> Result:
        assert q.clause is not None
        found, sure, missing = self._find(q.clause)
        if missing:
            return nothing(missing)
        return str(len(found)), [self._cite(e) for e in found], sure * self._every(found), False

    def _how_many(self, q: Question) -> Result:
        assert q.clause is not None
        found, sure, missing = self._find(q.clause)
        if missing and q.clause.subject.noun:
            return "0", [], 0.5 * self._unbroken(), False
        count = len({id(e.who) for e in found})
        return str(count), [self._cite(e) for e in found], sure * self._every(found), False

    def _who(self, q: Question) -> Result:
        assert q.clause is not None
        found, sure, _ = self._find(q.clause)
        if not found:
            return "nothing", [], sure, False
        names = list(dict.fromkeys(phrase(e.who, self.cast) for e in found))
        return " and ".join(names), [self._cite(e) for e in found], sure * self._every(found), False

    def _side(self, q: Question) -> Result:
        assert q.clause is not None
        found, sure, missing = self._find(q.clause)
        if missing or not found:
            return nothing(missing or "that was not seen to happen")
        return found[0].side or "none", [self._cite(found[0])], self._sure(found[0]) * sure, False

    def _order(self, q: Question) -> Result:
        assert q.clause is not None and q.second is not None
        first, sure_a, missing_a = self._find(q.clause)
        second, sure_b, missing_b = self._find(q.second)
        if missing_a or missing_b or not first or not second:
            return nothing(missing_a or missing_b or "one of the two was not seen to happen")
        a, b = first[0], second[0]
        sure = min(self._sure(a) * sure_a, self._sure(b) * sure_b)
        return "yes" if a.t0 < b.t0 else "no", [self._cite(a), self._cite(b)], sure, False

    def _neighbour(self, q: Question) -> Result:
        assert q.clause is not None
        found, sure, missing = self._find(q.clause)
        if missing or not found:
            return nothing(missing or "that was not seen to happen")
        anchor = found[0]
        later, earlier = self._neighbours(anchor)
        if not (later if q.kind == "after" else earlier):
            return "nothing", [self._cite(anchor)], 0.6 * self._sure(anchor) * sure * self._unbroken(), False
        event = min(later, key=lambda e: e.t0) if q.kind == "after" else max(earlier, key=lambda e: e.t1)
        confidence = min(self._sure(anchor), self._sure(event)) * sure * self._unbroken()
        return self._sentence(event), [self._cite(anchor), self._cite(event)], confidence, False

    def _colour_change(self, q: Question) -> Result:
        assert q.thing is not None
        found, sure, missing = self._find(changing(q.thing))
        if missing or not found:
            return nothing(missing or "that was not seen to change colour")
        event = found[0]
        colour, cost = self._colour_at(event.who, event.t1 + 0.1 if q.kind == "becomes" else event.t0 - 0.1)
        if colour is None:
            return nothing("its colour could not be told")
        cited = [self._cite(event)]
        if q.kind == "was":
            t0 = max(event.t0 - 0.5, event.who.trails[0].span[0])
            cited.append(
                self._place(phrase(event.who, self.cast), min(t0, event.t0), event.t0, {event.t: event.box})
            )
        return colour, cited, self._sure(event) * sure * cost, False

    def _at_moment(self, q: Question) -> Result:
        """Where is it, or what colour has it, when something happens (or where it is seen best)?"""
        assert q.thing is not None
        members = chosen(q.thing, self.cast, self.alike)
        if not members:
            return nothing(f"no {q.thing.text} was found")
        fit, who = members[0]
        sure, cited, t = fit, [], None
        if q.clause is not None:
            found, share, missing = self._find(q.clause)
            if missing or not found:
                return nothing(missing or "that was not seen to happen")
            t = (found[0].t0 + found[0].t1) / 2
            sure, cited = min(fit, self._sure(found[0]) * share), [self._cite(found[0])]
        trail = min(
            self.refiner.trails_of(who),
            key=lambda x: away(x.span, t) if t is not None else -len(x.sightings),
        )
        if t is not None and away(trail.span, t) > 0.5:
            return nothing(f"the {q.thing.text} is not in the picture then")
        shown = trail.at(t) if t is not None else trail.best()
        cited = [*cited, self._place(phrase(who, self.cast), shown.t, shown.t, {shown.t: shown.box})]
        if q.kind == "where":
            x0, y0, x1, y1 = shown.box
            return place_word(((x0 + x1) / 2, (y0 + y1) / 2)), cited, sure, False
        colour, cost = self._colour_at(who, shown.t)
        return (colour, cited, sure * cost, False) if colour else nothing("its colour could not be told")

    def _present(self, q: Question) -> Result:
        assert q.clause is not None
        found, sure, missing = self._find(q.clause)
        if missing or not found:
            return nothing(missing or "that was not seen to happen")
        t = (found[0].t0 + found[0].t1) / 2
        there = [(m, x) for m in self.cast for x in self.refiner.trails_of(m) if away(x.span, t) < 0.1]
        cited = [self._place(phrase(m, self.cast), t, t, {x.at(t).t: x.at(t).box}) for m, x in there]
        return (
            str(len({id(m) for m, _ in there})),
            [self._cite(found[0]), *cited],
            0.9 * self._sure(found[0]) * sure,
            False,
        )

    def _count(self, q: Question) -> Result:
        assert q.thing is not None
        members = [m for _, m in chosen(q.thing, self.cast, self.alike)]
        sure = min((f for f, _ in chosen(q.thing, self.cast, self.alike)), default=0.6) * self._coverage()
        sure *= steady_share(self.watched)
        return str(len(members)), [e for m in members for e in self._shown(m)], sure, False

    def _exists(self, q: Question) -> Result:
        assert q.thing is not None
        members = chosen(q.thing, self.cast, self.alike)
        if members:
            return "yes", self._shown(members[0][1]), members[0][0] * self._coverage(), False
        hit, stands_out = self._remembered(q.thing)
        if hit is not None:
            return "yes", [hit], hit.score or 0.0, False
        steady = steady_share(self.watched) == 1
        if steady and all(seen.shot.ground.table is not None for seen in self.watched.shots):
            return "no", [], 0.7 * self._coverage(), False
        if stands_out is None:
            return nothing(f"{q.thing.text!r} is nothing that can be recognised in such footage")
        sure = (0.5 if steady else UNFOLLOWED) * self._coverage() * float(np.clip(2 - stands_out / 2, 0, 1))
        return "no", [], sure, False

    def _visible(self, q: Question) -> Result:
        assert q.thing is not None
        members = chosen(q.thing, self.cast, self.alike)
        if not members:
            hit, _ = self._remembered(q.thing)
            if hit is None or hit.t0 is None or hit.t1 is None:
                return nothing(f"no {q.thing.text} was found")
            return f"{hit.t0:.2f}-{hit.t1:.2f} s", [hit], hit.score or 0.0, False
        spans = [span for _, m in members for span in m.spans]
        text = " and ".join(f"{a:.2f}-{b:.2f} s" for a, b in sorted(spans)[:8])
        return text, [e for _, m in members for e in self._shown(m)], members[0][0] * self._coverage(), False

    def _strange_verb(self, clause: Clause) -> Result:
        cited = self._seen_spans(clause.subject)
        where = f"; the {clause.subject.text} is seen, but not what it does" if cited else ""
        return (
            f"{clause.verb!r} is not something that can be recognised here (only {KNOWN}){where}",
            cited,
            0.0,
            True,
        )
