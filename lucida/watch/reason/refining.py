"""From coarse trails to events: look where most is open, follow everything anew, look again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lucida.media.geometry import Box
from lucida.watch.events.happenings import Happening, Shot, happenings
from lucida.watch.events.head import EventHead
from lucida.watch.events.sightings import Trail
from lucida.watch.reason.cast import Member, cast_of
from lucida.watch.reason.doubts import FINEST, Aim, gaps_of, worths
from lucida.watch.reason.looking import Looker
from lucida.watch.reason.tools import Tools
from lucida.watch.reason.watching import Watched
from lucida.world.clip_records import EVENT_KINDS

ROUNDS = 8  # of looks and following anew for one question
LEAST_WORTH = 0.2  # below which a gap is not looked into
_SHORT = 0.2  # seconds: a gap in which nothing is missed
_FEWEST, _SHARE = 3, 0.34  # of the frames left, looked at in one round: what they show decides about the rest


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """An event and whose it is. ``support``: share of it that was looked at closely. ``track``: boxes by time."""

    kind: str
    t0: float
    t1: float
    score: float
    support: float
    who: Member
    other: Member | None
    side: str
    t: float
    box: Box
    track: dict[float, Box]


@dataclass(frozen=True, kw_only=True)
class Want:
    """What a question wants to know of these members: whether and when they do one of ``kinds``, within ``span``."""

    members: tuple[Member, ...]
    kinds: tuple[str, ...] = EVENT_KINDS
    span: tuple[float, float] | None = None


class Refiner:
    """Close looks at a watched film, remembered from question to question.

    Args:
        watched: the coarse pass; it is added to. tools: over the same film, with its ledger.

    Attributes:
        cast: as known by now; it is drawn up anew after every look.
        open: worth of the best look that the budget did not allow, 0..1.
    """

    def __init__(self, watched: Watched, tools: Tools, head: EventHead) -> None:
        self.watched, self.tools, self.head = watched, tools, head
        self.looker = Looker(watched, tools)
        self.refused: list[str] = []
        self.open = 0.0
        self._tried: set[float] = set()  # looked for there and no new frame found
        self._recast()

    def _recast(self) -> None:
        self.cast = cast_of(self.watched)
        self._owner = {ref: member for member in self.cast for ref in member.refs}
        self._times = sorted({*self.watched.times, *self.watched.closer})

    @property
    def times(self) -> Sequence[float]:
        """Every time that was looked at, rising."""
        return self._times

    def refine(self, wanted: Callable[[], Sequence[Want]]) -> None:
        """Look until nothing that is wanted is worth another frame or the budget is spent.

        Args:
            wanted: asked anew in every round, as the cast changes with what is seen.
        """
        touched: set[int] = set()
        for _ in range(ROUNDS):
            wishes = self._wishes(wanted())
            if not wishes:
                break
            left = self.tools.ledger.left
            batch = wishes[: max(_FEWEST, round(_SHARE * left))]
            touched |= self.look({s: [t for _, x, t in batch if x == s] for s in {s for _, s, _ in batch}})
            if not left:
                self.open = max(self.open, wishes[0][0])
                break
        if any([self.looker.name(s) for s in sorted(touched)]):
            self._recast()

    def fill(self, wanted: Sequence[Member], most: int, enough: Callable[[], bool]) -> None:
        """Look evenly where these members were seen (anywhere, without any), at most ``most`` frames, until ``enough``.

        What was not found may still have been missed; the longest gaps come first.
        """
        shots = {s for member in wanted for s, _ in member.refs} or set(range(len(self.watched.shots)))
        before = len(self._times)
        touched: set[int] = set()
        for _ in range(ROUNDS):
            most, before = most - (len(self._times) - before), len(self._times)
            if most <= 0 or enough():
                break
            gaps = sorted(
                (float(a - b), s, float(a + b) / 2) for s in sorted(shots) for a, b in self._gaps(s)
            )
            gaps = [gap for gap in gaps if gap[0] < -_SHORT and gap[2] not in self._tried]
            batch = gaps[: min(most, max(_FEWEST, round(0.5 * most)))]
            if not batch:
                break
            touched |= self.look({s: [t for _, x, t in batch if x == s] for s in {s for _, s, _ in batch}})
        if any([self.looker.name(s) for s in sorted(touched)]):
            self._recast()

    def _gaps(self, s: int) -> np.ndarray:
        """(n, 2): the gaps of a shot that may be divided; none where the camera moves."""
        shot, footage, step = self.watched.shots[s].shot, self.tools.footage, 1 / self.watched.rate
        if shot.moving:
            return np.zeros((0, 2))
        return gaps_of(
            self._times,
            (max(shot.span[0] - step, footage.first_t), min(shot.span[1] + step, footage.duration)),
        )

    def look(self, times: Mapping[int, Sequence[float]]) -> set[int]:
        """Frames of these shots at these times (most wanted first); the shots that had any."""
        before = len(self._times)
        for s, wanted in times.items():
            if note := self.looker.look(s, wanted):
                self.refused.append(note)
        seen = {*self.watched.times, *self.watched.closer}
        for t in (t for wanted in times.values() for t in wanted):
            if all(abs(t - other) > 1e-3 for other in seen):
                self._tried.add(t)
        self._recast()
        return set(times) if len(self._times) > before else set()

    def look_near(self, t: float) -> None:
        """One frame at ``t``, unless one close to it was seen."""
        if self.support(t, t):
            return
        found = [
            s for s, seen in enumerate(self.watched.shots) if seen.shot.span[0] <= t <= seen.shot.span[1]
        ]
        if found and not self.watched.shots[found[0]].shot.moving:
            self.look({found[0]: [t]})

    def _wishes(self, wanted: Sequence[Want]) -> list[tuple[float, int, float]]:
        """(worth, shot, time), best first."""
        found = []
        for s, seen in enumerate(self.watched.shots):
            aims = [
                Aim(trails=trails, kinds=want.kinds, span=want.span)
                for want in wanted
                if (trails := tuple(k for member in want.members for shot, k in member.refs if shot == s))
            ]
            gaps = self._gaps(s)
            if not aims or not len(gaps):
                continue
            for worth, (a, b) in zip(
                worths(seen.shot, aims, self.head, self._times, gaps), gaps, strict=True
            ):
                t = float(a + b) / 2
                if worth >= LEAST_WORTH and t not in self._tried:
                    found.append((float(worth), s, t))
        return sorted(found, reverse=True)

    def events(self, members: Iterable[Member], kinds: Sequence[str] | None = None) -> list[Seen]:
        """What the members do as far as is known, in order of time; ``kinds``: only these."""
        wanted = list(members)
        found: list[Seen] = []
        for s in sorted({s for member in wanted for s, _ in member.refs}):
            shot = self.watched.shots[s].shot
            mine = [k for member in wanted for x, k in member.refs if x == s]
            for happening in happenings(shot, self.head, mine):
                if kinds is None or happening.kind in kinds:
                    found.append(self._seen(s, shot, happening))
        return _once(found)

    def support(self, t0: float, t1: float) -> float:
        """Share of [t0, t1] that lies within a twelfth of a second of a frame that was looked at."""
        grid = np.linspace(t0, t1, max(2, round((t1 - t0) * FINEST) + 1))
        times = np.array(self._times)
        if not len(times):
            return 0.0
        at = np.searchsorted(times, grid)
        before, after = times[np.clip(at - 1, 0, len(times) - 1)], times[np.clip(at, 0, len(times) - 1)]
        return float((np.minimum(np.abs(grid - before), np.abs(after - grid)) <= 1 / FINEST).mean())

    def _seen(self, s: int, shot: Shot, h: Happening) -> Seen:
        who = self._owner[s, h.trail]
        trail = shot.trails[h.trail]
        track = {x.t: x.box for x in trail.sightings if h.t0 - 1e-3 <= x.t <= h.t1 + 1e-3}
        return Seen(
            kind=h.kind, t0=h.t0, t1=h.t1, score=h.score, support=self.support(h.t0, h.t1), who=who,
            other=None if h.other is None else self._owner.get((s, h.other)), side=h.side, t=h.t, box=h.box,
            track=track,
        )  # fmt: skip

    def trails_of(self, member: Member) -> list[Trail]:
        """A member's trails as known by now."""
        return [self.watched.shots[s].shot.trails[k] for s, k in member.refs]


def _once(events: list[Seen]) -> list[Seen]:
    """Events in order of time; one that two overlapping chunks both hold counts once, the surer of them."""
    kept: list[Seen] = []
    for event in sorted(events, key=lambda e: -e.score):
        if not any(
            e.kind == event.kind and e.who is event.who and min(e.t1, event.t1) > max(e.t0, event.t0)
            for e in kept
        ):
            kept.append(event)
    return sorted(kept, key=lambda e: (e.t0, e.t1))
