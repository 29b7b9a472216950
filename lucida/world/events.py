"""The six events: what each one means, and reading them off motion scripts in closed form.

=============  ===============================================  ===================================
kind           from ``t0``                                      to ``t1``
=============  ===============================================  ===================================
enter          first touch of the picture, coming from outside  wholly inside
leave          last moment wholly inside                        wholly outside
jump           leaves the ground                                lands
stop           begins to slow                                   stands still, clear of the rest
approach       sets out (from outside: is wholly inside)        stands still beside a thing at rest
change colour  the first trace of the new colour                the last trace of the old one
=============  ===============================================  ===================================

A thing that comes to rest inside the picture therefore either stops or approaches, never both. "Beside" is a
gap of at most ``NEAR`` where there was at least ``FAR`` when the approach began; the planner keeps every
other gap at rest above ``CLEAR``, so that no case is doubtful. They are shares of the picture's shorter side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lucida.world.clip_records import Event
from lucida.world.motion import Script, Travel, gap, inside, outside

NEAR, CLEAR, FAR = 0.05, 0.11, 0.16


class Thing(Protocol):
    """What the definitions need of an object: its drawn extent and its name."""

    @property
    def extent(self) -> tuple[int, int]: ...
    @property
    def phrase(self) -> str: ...


def event_text(kind: str, subject: str, other: str = "", detail: str = "") -> str:
    """The plain sentence of an event, without its full stop: "the fox approaches the red umbrella"."""
    match kind:
        case "enter" | "leave" | "jump" | "stop":
            return f"the {subject} {kind}s"
        case "approach":
            return f"the {subject} approaches the {other}"
        case "change colour":
            return f"the {subject} turns {detail}"
    raise AssertionError(kind)


def arrival(
    scripts: Sequence[Script],
    things: Sequence[Thing],
    size: tuple[int, int],
    subject: int,
    travel: Travel,
    t0: float,
) -> int | None:
    """The thing that ``subject`` stands beside when ``travel`` ends in the picture; None: it simply stops.

    ``t0`` is when the approach would begin. Of several things near enough, the nearest.
    """
    short = min(size)
    begin, end = travel.at(t0), travel.points[-1]
    best, best_gap = None, NEAR * short + 1e-6
    for index, (script, thing) in enumerate(zip(scripts, things, strict=True)):
        if index == subject or not script.settled(t0, travel.t1):
            continue
        place = script.ground(travel.t1)
        if outside(place, thing.extent, size):
            continue
        left = gap(end, things[subject].extent, place, thing.extent)
        if left <= best_gap and gap(begin, things[subject].extent, place, thing.extent) >= FAR * short:
            best, best_gap = index, left
    return best


def inner_way(travel: Travel, extent: tuple[int, int], size: tuple[int, int], *, backwards: bool) -> float:
    """Pixels of path on which a box is cut by the edge, at the start of ``travel`` or (backwards) its end.

    Needs the end in question to be outside on one side only, and the box wholly inside at the next corner.
    """
    points = travel.points[::-1] if backwards else travel.points
    (x0, y0), (x1, y1) = points[0], points[1]
    step = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    side = outside(points[0], extent, size)
    (h, w), (height, width) = extent, size
    match side:
        case "left":
            share = (w / 2 - x0) / (x1 - x0)
        case "right":
            share = (width - w / 2 - x0) / (x1 - x0)
        case "top":
            share = (h / 2 - y0) / (y1 - y0)
        case _:
            share = (height - h / 2 - y0) / (y1 - y0)
    return share * step


def travel_events(
    scripts: Sequence[Script], things: Sequence[Thing], size: tuple[int, int], subject: int, travel: Travel
) -> list[Event]:
    """The events of one journey: enter at its start, then leave, approach or stop at its end."""
    thing, found = things[subject], []
    begun = travel.t0
    came = outside(travel.points[0], thing.extent, size)
    if came:
        begun = travel.when(inner_way(travel, thing.extent, size, backwards=False))
        found.append(_event("enter", things, subject, travel.t0, begun, detail=came))
    gone = outside(travel.points[-1], thing.extent, size)
    if gone:
        cut = travel.length - inner_way(travel, thing.extent, size, backwards=True)
        found.append(_event("leave", things, subject, travel.when(cut), travel.t1, detail=gone))
        return found
    assert inside(travel.points[-1], thing.extent, size), "a journey ends wholly inside or wholly outside"
    other = arrival(scripts, things, size, subject, travel, begun)
    if other is None:
        found.append(_event("stop", things, subject, travel.t1 - travel.brake, travel.t1))
    else:
        found.append(_event("approach", things, subject, begun, travel.t1, other=other))
    return found


def script_events(
    scripts: Sequence[Script], things: Sequence[Thing], size: tuple[int, int]
) -> tuple[Event, ...]:
    """Every event of a clip, in the order of ``t0``. ``size`` is the picture's (height, width) in pixels."""
    found: list[Event] = []
    for subject, script in enumerate(scripts):
        for travel in script.travels:
            found += travel_events(scripts, things, size, subject, travel)
        found += [_event("jump", things, subject, jump.t0, jump.t1) for jump in script.jumps]
        found += [
            _event("change colour", things, subject, change.t0, change.t1, detail=change.after)
            for change in script.recolours
        ]
    return tuple(sorted(found, key=lambda event: (event.t0, event.subject, event.t1)))


def _event(
    kind: str,
    things: Sequence[Thing],
    subject: int,
    t0: float,
    t1: float,
    *,
    other: int | None = None,
    detail: str = "",
) -> Event:
    text = event_text(kind, things[subject].phrase, "" if other is None else things[other].phrase, detail)
    return Event(kind=kind, subject=subject, other=other, t0=t0, t1=t1, detail=detail, text=text)
