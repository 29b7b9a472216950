"""From coarse trails to events: look closely where something changes, and only there."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lucida.media.geometry import Box
from lucida.watch.events.happenings import (
    Happening,
    Shot,
    cuts,
    edge_distance,
    happenings,
    see_shot,
    shrink_all,
)
from lucida.watch.events.head import EventHead
from lucida.watch.events.trails import Trail, joined, likeness
from lucida.watch.reason.cast import Member, comes_back, overlap, scenes_of
from lucida.watch.reason.tools import Tools
from lucida.watch.reason.watching import Name, Watched, WatchedShot, name_of

DENSE = 12.0  # frames a second of a close look
_MOVED, _RECOLOURED, _GROWN = (
    0.02,
    0.025,
    0.2,
)  # shorter sides, OKLab, log of area: changes between two coarse frames
_CUT_OFF = 0.02  # of the picture's side: a thing this near its edge may be half outside
_PAD = 0.2  # seconds around a change


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


class Refiner:
    """Close looks at a watched film, remembered from question to question.

    Args:
        watched, cast: of the coarse pass; the cast grows where a close look finds something new.
    """

    def __init__(self, watched: Watched, cast: list[Member], tools: Tools, head: EventHead) -> None:
        self.watched, self.cast, self.tools, self.head = watched, cast, tools, head
        self._owner: dict[tuple[int, int], Member] = {ref: member for member in cast for ref in member.refs}
        self._times = sorted({*watched.times, *watched.closer})
        self.refused: list[str] = []

    @property
    def times(self) -> Sequence[float]:
        """Every time that was looked at, rising."""
        return self._times

    def events(self, members: Iterable[Member], kinds: Sequence[str] | None = None) -> list[Seen]:
        """What the members do, in order of time; ``kinds``: only these events are looked for."""
        wanted = list(members)
        found: list[Seen] = []
        for s in sorted({s for member in wanted for s, _ in member.refs}):
            own = [k for member in wanted for shot, k in member.refs if shot == s]
            shot, rate = self._shot(s), self.watched.rate
            windows = [w for k in own for w in active(shot.trails[k], shot, rate, kinds, self._times)]
            for t0, t1 in merged(windows):
                self._look(s, t0, t1)
            shot = self._shot(s)
            mine = [k for k in range(len(shot.trails)) if any(self._owner.get((s, k)) is m for m in wanted)]
            for happening in happenings(shot, self.head, mine):
                if kinds is None or happening.kind in kinds:
                    found.append(self._seen(s, shot, happening))
        return _once(found)

    def support(self, t0: float, t1: float) -> float:
        """Share of [t0, t1] that lies within a twelfth of a second of a frame that was looked at."""
        return float(self._near(t0, t1)[1].mean())

    def _near(self, t0: float, t1: float) -> tuple[np.ndarray, np.ndarray]:
        """Even times over [t0, t1], and whether a frame close to each was looked at."""
        grid = np.linspace(t0, t1, max(2, round((t1 - t0) * DENSE) + 1))
        times = np.array(self._times)
        if not len(times):
            return grid, np.zeros(len(grid), bool)
        at = np.searchsorted(times, grid)
        before, after = times[np.clip(at - 1, 0, len(times) - 1)], times[np.clip(at, 0, len(times) - 1)]
        return grid, np.minimum(np.abs(grid - before), np.abs(after - grid)) <= 1 / DENSE

    def _look(self, s: int, t0: float, t1: float) -> None:
        """Frames of a span at the dense rate, followed, and joined to the trails that are known."""
        shot = self._shot(s)
        footage, step = self.tools.footage, 1 / self.watched.rate
        t0, t1 = max(t0, shot.span[0], footage.first_t), min(t1, shot.span[1] + step, footage.duration)
        grid, known = self._near(t0, t1)
        if t1 <= t0 or known.all():
            return
        t0, t1 = max(t0, grid[~known][0] - 1 / DENSE), min(t1, grid[~known][-1] + 1 / DENSE)
        look = self.tools.crop(t0, t1, DENSE)
        if look.failed:
            self.refused.append(look.note)
            return
        times, frames = zip(*look.frames, strict=True)
        small = shrink_all(frames)
        starts = [*cuts(small), len(small)]
        a, b = max(pairwise(starts), key=lambda part: part[1] - part[0])
        self.watched.close.setdefault(s, []).append((t0, t1))
        self.watched.closer = sorted({*self.watched.closer, *times[a:b]} - set(self.watched.times))
        self._times = sorted({*self._times, *times[a:b]})
        close = see_shot(times[a:b], small[a:b], shot.shape, ground=shot.ground)
        self._join(s, close, dict(zip(times[a:b], frames[a:b], strict=True)))

    def _join(self, s: int, close: Shot, frames: dict[float, np.ndarray]) -> None:
        shot = self._shot(s)
        trails, names = list(shot.trails), list(self.watched.shots[s].names)
        for trail in close.trails:
            k = _best(trail, trails)
            if k is not None:
                trails[k] = joined([trails[k], trail])
            elif len(trail.sightings) >= 4:
                names.append(self._add(s, len(trails), trail, frames))
                trails.append(trail)
        span = (min(shot.span[0], close.span[0]), max(shot.span[1], close.span[1]))
        shot = replace(shot, trails=tuple(trails), span=span)
        self.watched.shots[s] = WatchedShot(shot=shot, names=tuple(names))

    def _shot(self, s: int) -> Shot:
        return self.watched.shots[s].shot

    def _add(self, s: int, k: int, trail: Trail, frames: dict[float, np.ndarray]) -> Name | None:
        """A thing that only the close look found."""
        best = trail.best()
        name = None
        if self.tools.describer is not None and best.t in frames:
            look = self.tools.zoom(best.t, best.box)
            name = name_of(look.words[0], best.t, best.box) if look.words else None
        same = [m for m in self.cast if name is not None and m.noun == name.noun and m.colour == name.colour]
        same = [
            m for m in same if all(t.span[1] < trail.span[0] or trail.span[1] < t.span[0] for t in m.trails)
        ]
        scenes = scenes_of(self.watched)
        same = [m for m in same if comes_back(m, s, trail, m.colour, scenes)]
        member = same[0] if same else Member(name=name)
        if not same:
            self.cast.append(member)
        member.refs.append((s, k))
        member.trails.append(trail)
        self._owner[s, k] = member
        return name

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
        return [self._shot(s).trails[k] for s, k in member.refs]


def active(
    trail: Trail, shot: Shot, rate: float, kinds: Sequence[str] | None = None, looked: Sequence[float] = ()
) -> list[tuple[float, float]]:
    """Spans in which the trail may be doing something, judged by what is known of it.

    Of a movement only its beginning and its end are looked at closely: in between nothing begins. ``looked``: times of
    all frames seen, rising; a thing came after the last of them that does not show it.
    """
    step = 1 / rate
    kinds = kinds or ("enter", "leave", "jump", "approach", "stop", "change colour")
    spans: list[tuple[float, float]] = []
    sightings = trail.sightings
    first, last = sightings[0], sightings[-1]
    if "enter" in kinds and (first.t > shot.span[0] + 0.5 * step or edge_distance(first.box) < _CUT_OFF):
        k = bisect_left(looked, first.t - 1e-6)
        spans.append((looked[k - 1] if k else first.t - step, _off_edge(sightings) + _PAD))
    if "leave" in kinds and (last.t < shot.span[1] - 0.5 * step or edge_distance(last.box) < _CUT_OFF):
        k = bisect_right(looked, last.t + 1e-6)
        spans.append((_off_edge(sightings[::-1]) - _PAD, looked[k] if k < len(looked) else last.t + step))
    if not {"jump", "approach", "stop", "change colour"} & set(kinds):
        return merged(spans)
    moves: list[tuple[float, float]] = []
    for a, b in pairwise(sightings):
        recoloured = float(np.linalg.norm(a.lab - b.lab)) > _RECOLOURED
        moved = np.hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]) > _MOVED
        grown = abs(np.log(max(a.area, 1e-6) / max(b.area, 1e-6))) > _GROWN
        motion_asked = moved and bool({"jump", "approach", "stop"} & set(kinds))
        if motion_asked or ((recoloured or grown) and "change colour" in kinds):
            moves.append((a.t, b.t))
    for t0, t1 in merged(moves, 0.05):
        if t1 - t0 <= 4 * step:
            spans.append((t0 - _PAD, t1 + _PAD))
        else:
            spans += [(t0 - _PAD, t0 + 1.2 * step), (t1 - 2 * step, t1 + _PAD)]
    return merged(spans)


def _off_edge(sightings: Sequence) -> float:
    """The first time at which the thing is clear of the picture's sides; the second sighting's at the latest found."""
    for s in sightings[:16]:
        if edge_distance(s.box) > 0.015:
            return s.t
    return sightings[0].t


def merged(spans: Iterable[tuple[float, float]], gap: float = 0.25) -> list[tuple[float, float]]:
    """Spans in order, those closer than ``gap`` seconds made one."""
    found: list[tuple[float, float]] = []
    for t0, t1 in sorted(spans):
        if found and t0 - found[-1][1] <= gap:
            found[-1] = (found[-1][0], max(found[-1][1], t1))
        else:
            found.append((t0, t1))
    return found


def _best(trail: Trail, trails: Sequence[Trail]) -> int | None:
    """The known trail that a closely followed one belongs to: in the same places, else near in time and alike."""
    scored = [(overlap(known, trail), k) for k, known in enumerate(trails)]
    score, k = max(scored, default=(0.0, -1))
    if score > 0.3:
        return k
    best, found = 0.55, None
    for k, known in enumerate(trails):
        near = min(known.sightings, key=lambda s: min(abs(s.t - trail.span[0]), abs(s.t - trail.span[1])))
        mine = trail.at(near.t)
        away = np.hypot(near.centre[0] - mine.centre[0], near.centre[1] - mine.centre[1])
        alike = likeness(known, trail)
        if abs(near.t - mine.t) <= 0.45 and away < 0.1 + 0.8 * abs(near.t - mine.t) and alike > best:
            best, found = alike, k
    return found


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
