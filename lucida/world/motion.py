"""How the things of a clip move: closed-form scripts, so that any moment can be asked for without the others.

Positions are sprite centres in pixels, (x, y), y downward. Speeds are pixels per second.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import hypot

Point = tuple[float, float]


@dataclass(frozen=True)
class Travel:
    """From ``points[0]`` along a polyline to ``points[-1]``: even speed, then even slowing to rest.

    The law of motion is s(t) = v (t - t0) until ``brake`` seconds before ``t1``, then constant deceleration
    to rest; ``brake = 0`` keeps the full speed to the end, as a thing that leaves the picture does.
    """

    t0: float
    t1: float
    points: tuple[Point, ...]
    brake: float = 0.0

    @cached_property
    def length(self) -> float:
        """Length of the path in pixels."""
        return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(self.points))

    @cached_property
    def speed(self) -> float:
        """Speed before braking, pixels per second: braking covers half the ground of that time at speed."""
        return self.length / (self.t1 - self.t0 - self.brake / 2)

    def way(self, t: float) -> float:
        """Pixels covered at time ``t``."""
        if t <= self.t0:
            return 0.0
        if t >= self.t1:
            return self.length
        left = self.t1 - t
        if left >= self.brake:
            return self.speed * (t - self.t0)
        return self.length - self.speed * left * left / (2 * self.brake)

    def when(self, way: float) -> float:
        """The time at which ``way`` pixels are covered: the inverse of :meth:`way`."""
        slowing_from = self.length - self.speed * self.brake / 2
        if way <= slowing_from:
            return self.t0 + way / self.speed
        return self.t1 - (2 * self.brake * max(0.0, self.length - way) / self.speed) ** 0.5

    def at(self, t: float) -> Point:
        """The position at time ``t``."""
        left = self.way(t)
        for a, b in pairwise(self.points):
            step = hypot(b[0] - a[0], b[1] - a[1])
            if left <= step and step > 0:
                share = left / step
                return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
            left -= step
        return self.points[-1]


@dataclass(frozen=True)
class Jump:
    """Straight up by ``height`` pixels and down again on a parabola."""

    t0: float
    t1: float
    height: float

    def lift(self, t: float) -> float:
        """Pixels above the ground at time ``t``."""
        share = (t - self.t0) / (self.t1 - self.t0)
        return 4 * self.height * share * (1 - share) if 0 < share < 1 else 0.0


@dataclass(frozen=True)
class Recolour:
    """An even cross-fade from one colour word to another."""

    t0: float
    t1: float
    before: str
    after: str


@dataclass(frozen=True)
class Paint:
    """The colour at a moment: ``before`` with ``share`` of ``after`` laid over it."""

    before: str | None
    after: str | None = None
    share: float = 0.0

    @property
    def word(self) -> str | None:
        """The colour one would name: the nearer of the two."""
        return self.after if self.share >= 0.5 else self.before


@dataclass(frozen=True)
class Script:
    """Everything one thing does in a clip. Each of the lists is in time order and without overlaps."""

    start: Point  # where it is before it first travels; outside the picture for a thing that enters later
    colour: str | None
    travels: tuple[Travel, ...] = ()
    jumps: tuple[Jump, ...] = ()
    recolours: tuple[Recolour, ...] = ()
    _times: dict[str, list[float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def _begun(self, name: str, actions: Sequence[Travel | Jump | Recolour], t: float) -> int:
        """Index of the last action begun at or before ``t``, or -1. Bisection: an hour has thousands."""
        if name not in self._times:
            self._times[name] = [action.t0 for action in actions]
        return bisect_right(self._times[name], t) - 1

    def ground(self, t: float) -> Point:
        """The position at ``t`` without the lift of a jump."""
        last = self._begun("travels", self.travels, t)
        return self.start if last < 0 else self.travels[last].at(t)

    def at(self, t: float) -> Point:
        """The position of the sprite's centre at ``t``, (x, y) in pixels."""
        x, y = self.ground(t)
        last = self._begun("jumps", self.jumps, t)
        return (x, y) if last < 0 else (x, y - self.jumps[last].lift(t))

    def settled(self, t0: float, t1: float) -> bool:
        """Whether it neither travels nor jumps at any time of [t0, t1]."""
        for name, actions in (("travels", self.travels), ("jumps", self.jumps)):
            last = self._begun(name, actions, t1)
            while last >= 0 and actions[last].t0 >= t1:  # begun exactly at t1: not within
                last -= 1
            if last >= 0 and actions[last].t1 > t0:
                return False
        return True

    def paint(self, t: float) -> Paint:
        """The colour at ``t``."""
        last = self._begun("recolours", self.recolours, t)
        if last < 0:
            return Paint(self.colour)
        change = self.recolours[last]
        share = (t - change.t0) / (change.t1 - change.t0)
        return Paint(change.before, change.after, share) if share < 1 else Paint(change.after)


def outside(centre: Point, extent: tuple[int, int], size: tuple[int, int]) -> str | None:
    """The side of the picture beyond which a box lies wholly, or None while any of it is inside.

    ``extent`` and ``size`` are (height, width); a box that only touches the edge is outside.
    """
    (x, y), (h, w), (height, width) = centre, extent, size
    tiny = 1e-6  # a thing that waits outside waits exactly at the edge
    if x + w / 2 <= tiny:
        return "left"
    if x - w / 2 >= width - tiny:
        return "right"
    if y + h / 2 <= tiny:
        return "top"
    return "bottom" if y - h / 2 >= height - tiny else None


def inside(centre: Point, extent: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether a box lies wholly inside the picture."""
    (x, y), (h, w), (height, width) = centre, extent, size
    tiny = 1e-6
    return (
        x - w / 2 >= -tiny and x + w / 2 <= width + tiny and y - h / 2 >= -tiny and y + h / 2 <= height + tiny
    )


def gap(a: Point, extent_a: tuple[int, int], b: Point, extent_b: tuple[int, int]) -> float:
    """Distance between two boxes in pixels; 0 when they touch or overlap."""
    dx = abs(a[0] - b[0]) - (extent_a[1] + extent_b[1]) / 2
    dy = abs(a[1] - b[1]) - (extent_a[0] + extent_b[0]) / 2
    return hypot(max(0.0, dx), max(0.0, dy))
