"""Planning who moves when: random actions, one after another or overlapping, none of them doubtful.

The planner proposes an action, reads its events off with ``events.travel_events`` and keeps it only if they
are the wanted ones, everything at rest keeps clear of everything else, and no event is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import hypot, inf

import numpy as np

from lucida.world import motion_paths as paths
from lucida.world.clip_records import EVENT_KINDS, Event
from lucida.world.events import FAR, NEAR, travel_events
from lucida.world.motion import Jump, Recolour, Script, Travel, outside
from lucida.world.motion_floor import Actor, Floor


@dataclass(frozen=True)
class Guest:
    """A thing that only crosses the picture, in front of everything, between ``t0`` and ``t1``."""

    actor: Actor
    t0: float
    t1: float


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """Times in seconds, speeds in shorter sides of the picture per second."""

    at_start: float = 0.6  # chance that a thing is in the picture from the start
    pause: tuple[float, float] = (0.25, 0.8)  # between the end of an action and the next
    overlap: float = 0.25  # chance that the next action begins while the last one still runs
    speed: tuple[float, float] = (0.3, 0.65)
    brake: float = 0.4
    jump: tuple[float, float] = (0.55, 0.75)  # duration
    recolour: float = 0.5
    turn: float = 0.3  # chance that a journey has a corner
    pass_through: float = 0.2  # chance that a thing that enters goes straight on out of the picture
    hidden: float = 0.3  # the share of an event's subject that nearer things may cover
    kinds: tuple[str, ...] = EVENT_KINDS  # what may happen


def plan_motion(
    rng: np.random.Generator,
    actors: Sequence[Actor],
    size: tuple[int, int],
    seconds: float,
    config: MotionConfig,
    guests: Sequence[Guest] = (),
) -> tuple[Script, ...]:
    """A script for every actor, then for every guest.

    ``size`` is the picture's (height, width); the last action ends before ``seconds``. Of up to a dozen plans the
    first in which everything is seen.
    """
    scripts: tuple[Script, ...] = ()
    for _ in range(12):
        scripts = _Plan(rng, actors, size, seconds, config, guests).run()
        shown = zip(scripts, actors, strict=False)
        if all(script.travels or not outside(script.start, actor.extent, size) for script, actor in shown):
            break
    return scripts


class _Plan(Floor):
    def __init__(
        self,
        rng: np.random.Generator,
        actors: Sequence[Actor],
        size: tuple[int, int],
        seconds: float,
        config: MotionConfig,
        guests: Sequence[Guest],
    ) -> None:
        super().__init__(rng, [*actors, *(guest.actor for guest in guests)], size)
        self.config, self.end = config, seconds - 0.25
        self.free = [0.0] * len(actors) + [inf] * len(guests)  # from when a thing may act again
        self.done = dict.fromkeys(config.kinds, 0)
        self.recent: list[Event] = []
        for index, actor in enumerate(actors):
            place = self.clear_place(index) if rng.random() < config.at_start else None
            self.scripts.append(Script(place or paths.waiting_place(actor.extent, size), actor.colour))
        self.scripts += [self.crossing(guest) for guest in guests]

    def crossing(self, guest: Guest) -> Script:
        """From one of two opposite sides straight to the other."""
        sides = [str(side) for side in self.rng.permutation(["left", "right"])]
        ends = [paths.edge_place(self.rng, guest.actor.extent, self.size, side) for side in sides]
        return Script(ends[0], guest.actor.colour, (Travel(guest.t0, guest.t1, tuple(ends)),))

    def run(self) -> tuple[Script, ...]:
        now = float(self.rng.uniform(0.3, 0.7))
        while now < self.end:
            span = self.act(now)
            if span is None:
                now += 0.3
            elif self.rng.random() < self.config.overlap:
                now = span[0] + float(self.rng.uniform(0.3, 0.8)) * (span[1] - span[0])
            else:
                now = span[1] + float(self.rng.uniform(*self.config.pause))
        return tuple(self.scripts)

    def act(self, now: float) -> tuple[float, float] | None:
        """Add one action beginning at ``now``; its time span, or None when nothing can be done."""
        self.recent = [event for event in self.recent if event.t1 > now]
        wish = {
            kind: self.rng.random() ** (1 + self.done[kind]) for kind in self.config.kinds
        }  # rarer ones first
        if "approach" in wish:  # it seldom succeeds, so it is tried as if it had not been seen
            wish["approach"] **= 1 / (1 + self.done["approach"])
        for kind in sorted(wish, key=lambda kind: -wish[kind]):
            for _ in range(18 if kind == "approach" else 6):  # most places beside a thing will not do
                ready = [i for i in range(len(self.actors)) if self.free[i] <= now and self.may(i, kind)]
                if not ready:
                    break
                index = ready[int(self.rng.integers(len(ready)))]
                if span := self.attempt(index, kind, now):
                    return span
        return None

    def may(self, index: int, kind: str) -> bool:
        if self.away(index):
            return kind == "enter"
        return bool(self.actors[index].palette) if kind == "change colour" else kind != "enter"

    def attempt(self, index: int, kind: str, now: float) -> tuple[float, float] | None:
        if kind == "jump":
            return self.jump(index, now)
        if kind == "change colour":
            return self.recolour(index, now)
        return self.travel(index, kind, now)

    # the three sorts of action

    def jump(self, index: int, now: float) -> tuple[float, float] | None:
        (height, _), (_, y) = self.actors[index].extent, self.rest(index)
        room = y - height / 2
        lift = min(room, float(self.rng.uniform(0.7, 1.1)) * height)
        t1 = now + float(self.rng.uniform(*self.config.jump))
        if lift < 0.08 * self.short or t1 > self.end:
            return None
        script = self.scripts[index]
        new = replace(script, jumps=(*script.jumps, Jump(now, t1, lift)))
        return self.keep(index, new, [_plain("jump", index, now, t1)])

    def recolour(self, index: int, now: float) -> tuple[float, float] | None:
        script, t1 = self.scripts[index], now + self.config.recolour
        before = script.paint(now).word
        choices = [word for word in self.actors[index].palette if word != before]
        if before is None or not choices or t1 > self.end:
            return None
        change = Recolour(now, t1, before, choices[int(self.rng.integers(len(choices)))])
        new = replace(script, recolours=(*script.recolours, change))
        return self.keep(index, new, [_plain("change colour", index, now, t1)])

    def travel(self, index: int, kind: str, now: float) -> tuple[float, float] | None:
        rng, actor = self.rng, self.actors[index]
        goal = kind
        if kind == "enter":
            goal = (
                "leave" if rng.random() < self.config.pass_through else str(rng.choice(["stop", "approach"]))
            )
        start = self.rest(index)
        if kind == "enter":
            start = paths.edge_place(rng, actor.extent, self.size, str(rng.choice(paths.SIDES)))
        other = None
        if goal == "approach":
            others = [
                i for i, free in enumerate(self.free) if i != index and free <= now and not self.away(i)
            ]
            if not others:
                return None
            other = others[int(rng.integers(len(others)))]
            theirs = self.actors[other].extent
            finish = paths.beside(rng, actor.extent, self.rest(other), theirs, start, NEAR * self.short)
        elif goal == "leave":
            sides = [side for side in paths.SIDES if side != outside(start, actor.extent, self.size)]
            finish = paths.edge_place(rng, actor.extent, self.size, str(rng.choice(sides)))
        else:
            finish = paths.inner_place(rng, actor.extent, self.size)
        if goal != "leave" and not self.clear(index, finish, but=other):
            return None
        points = [start, finish]
        if goal != "approach" and rng.random() < self.config.turn:
            points.insert(1, paths.inner_place(rng, actor.extent, self.size))
        steps = [hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
        if min(steps) < FAR * self.short:  # too short to be seen as a journey
            return None
        speed = float(rng.uniform(*self.config.speed)) * self.short
        brake = 0.0 if goal == "leave" else self.config.brake
        journey = Travel(now, now + sum(steps) / speed + brake / 2, tuple(points), brake)
        if journey.t1 > self.end:
            return None
        script = self.scripts[index]
        new = replace(script, travels=(*script.travels, journey))
        scripts = [*self.scripts[:index], new, *self.scripts[index + 1 :]]
        found = travel_events(scripts, self.actors, self.size, index, journey)
        wanted = ([kind] if kind == "enter" else []) + [goal]
        if [event.kind for event in found] != wanted or found[-1].other != other:
            return None
        last = found[-1].t0 if goal == "leave" else found[-1].t1
        if len(found) == 2 and last - found[0].t1 < 0.4:  # it cuts a corner, or hardly moves once inside
            return None
        span = self.keep(index, new, found)
        if span and other is not None:
            self.free[other] = span[1] + 0.2  # what is approached holds still
        return span

    def keep(self, index: int, new: Script, found: list[Event]) -> tuple[float, float] | None:
        """Adopt ``new`` unless an event would be hidden; the time span of the action."""
        old, self.scripts[index] = self.scripts[index], new
        if any(self.hidden(event, self.config.hidden) for event in (*self.recent, *found)):
            self.scripts[index] = old
            return None
        self.recent += found
        for event in found:
            self.done[event.kind] = self.done.get(event.kind, 0) + 1
        t0, t1 = min(event.t0 for event in found), max(event.t1 for event in found)
        if found[0].kind in ("stop", "leave", "approach"):
            t0 = new.travels[-1].t0
        self.free[index] = t1 + 0.2
        return t0, t1


def _plain(kind: str, subject: int, t0: float, t1: float) -> Event:
    return Event(kind=kind, subject=subject, t0=t0, t1=t1)
