"""Who stands where while a clip is being planned: rest places, clearances, and what hides what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lucida.world import motion_paths as paths
from lucida.world.clip_records import Event
from lucida.world.events import CLEAR
from lucida.world.motion import Point, Script, gap, inside, outside


class Actor(Protocol):
    """What the planner needs of a thing. ``palette`` holds the colours it may turn, none if it never does."""

    @property
    def extent(self) -> tuple[int, int]: ...
    @property
    def phrase(self) -> str: ...
    @property
    def colour(self) -> str | None: ...
    @property
    def palette(self) -> tuple[str, ...]: ...


class Floor:
    """The scripts so far, and questions about where that leaves everything.

    Attributes:
        scripts: of the first actors or of all; they are replaced while actions are added.
    """

    def __init__(self, rng: np.random.Generator, actors: Sequence[Actor], size: tuple[int, int]) -> None:
        self.rng, self.actors, self.size, self.short = rng, actors, size, min(size)
        self.scripts: list[Script] = []

    def rest(self, index: int) -> Point:
        """Where a thing stays once everything planned so far is over."""
        script = self.scripts[index]
        return script.travels[-1].points[-1] if script.travels else script.start

    def away(self, index: int) -> bool:
        """Whether that is outside the picture."""
        return outside(self.rest(index), self.actors[index].extent, self.size) is not None

    def clear(self, index: int, place: Point, but: int | None = None) -> bool:
        """Whether ``place`` would keep ``index`` inside and clear of everything else at rest."""
        extent = self.actors[index].extent
        return inside(place, extent, self.size) and all(
            other in (index, but)
            or self.away(other)
            or gap(place, extent, self.rest(other), self.actors[other].extent) >= CLEAR * self.short
            for other in range(len(self.scripts))
        )

    def clear_place(self, index: int) -> Point | None:
        """A random place at which it would be clear, None when a dozen tries find none."""
        for _ in range(12):
            place = paths.inner_place(self.rng, self.actors[index].extent, self.size)
            if self.clear(index, place):
                return place
        return None

    def hidden(self, event: Event, most: float) -> bool:
        """Whether nearer things cover more than ``most`` of an event's subject, or of what it approaches."""
        for index in (event.subject, event.other):
            if index is None:
                continue
            for share in (0.05, 0.35, 0.65, 0.95):
                t = event.t0 + share * (event.t1 - event.t0)
                place, extent = self.scripts[index].at(t), self.actors[index].extent
                nearer = zip(self.scripts[index + 1 :], self.actors[index + 1 :], strict=True)
                covered = sum(
                    paths.overlap_share(place, extent, script.at(t), actor.extent, self.size)
                    for script, actor in nearer
                )
                if covered > most:
                    return True
        return False
