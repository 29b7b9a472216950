"""Who is in a film: trails of one thing gathered under one name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from lucida.metrics.geometry import box_iou
from lucida.watch.events.sightings import Trail, likeness
from lucida.watch.reason.question import Thing
from lucida.watch.reason.watching import Name, Watched

Alike = Callable[[str, str], float]  # two nouns -> 0..1
_SAME = 0.3  # mean IoU of two trails at common times from which they follow one thing
_COLOURS = 0.55  # colours in common of one thing lost and found again
_ACROSS = 0.65  # the same across a cut, where place and motion say nothing and names may be wrong
GUESSED = 0.45  # what a name is worth outside the describer's world
NEAR_WORD = 0.6  # likeness of two nouns from which one will do for the other


@dataclass
class Member:
    """One thing of the cast.

    ``refs``: (shot, trail) pairs in order of time. ``known``: it was seen before a plain ground, as the describer knows
    it; elsewhere its names are guesses and worth less. ``heard``: every noun that was said of it.
    """

    name: Name | None
    known: bool = False
    refs: list[tuple[int, int]] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    @property
    def noun(self) -> str | None:
        """What it is called, or None where nothing says."""
        return None if self.name is None else self.name.noun

    @property
    def colour(self) -> str | None:
        """Its colour word, or None where nothing says."""
        return None if self.name is None else self.name.colour

    @property
    def spans(self) -> list[tuple[float, float]]:
        """When it is seen; stretches closer than a second are one."""
        found: list[tuple[float, float]] = []
        for t0, t1 in sorted(trail.span for trail in self.trails):
            if found and t0 - found[-1][1] < 1.0:
                found[-1] = (found[-1][0], max(found[-1][1], t1))
            else:
                found.append((t0, t1))
        return found


def cast_of(watched: Watched) -> list[Member]:
    """Every thing of the film, in order of first sight.

    Two trails are one thing where they are in the same place at the same times (chunks overlap), or where one begins
    after the other has ended and noun and colour, or noun and looks, are the same. Across a cut the looks must agree
    in any case: two things of one (perhaps wrong) name are two.
    """
    members: list[Member] = []
    scenes = scenes_of(watched)
    for s, seen in enumerate(watched.shots):
        for k, trail in enumerate(seen.shot.trails):
            name = seen.names[k]
            if name is None and len(trail.sightings) < 3:
                continue
            member = next((m for m in members if _same(m, s, trail, name, scenes)), None)
            if member is None:
                member = Member(name=name)
                members.append(member)
            elif member.name is None:
                member.name = name
            member.known |= seen.shot.ground.table is not None
            member.refs.append((s, k))
            member.trails.append(trail)
            member.heard += [said.noun for said in seen.heard[k] if said.noun]
    return members


def scenes_of(watched: Watched) -> list[int]:
    """Per shot, the number of the scene it is of: chunks of one long shot overlap in time, and a cut begins another."""
    scenes: list[int] = []
    for i, seen in enumerate(watched.shots):
        joined = i > 0 and seen.shot.span[0] <= watched.shots[i - 1].shot.span[1]
        scenes.append(0 if not i else scenes[-1] + (not joined))
    return scenes


def _same(member: Member, shot: int, trail: Trail, name: Name | None, scenes: list[int]) -> bool:
    overlapping = [t for t in member.trails if t.span[0] <= trail.span[1] and trail.span[0] <= t.span[1]]
    if overlapping:
        return any(overlap(t, trail) > _SAME for t in overlapping)
    if name is None or name.noun is None or member.noun != name.noun:
        return False
    return comes_back(member, shot, trail, name.colour, scenes)


def comes_back(member: Member, shot: int, trail: Trail, colour: str | None, scenes: list[int]) -> bool:
    """Whether a trail may be a member of the same noun seen again."""
    alike = likeness(member.trails[-1], trail)
    if all(scenes[s] != scenes[shot] for s, _ in member.refs):
        return alike > _ACROSS
    return member.colour == colour or alike > _COLOURS


def overlap(a: Trail, b: Trail, within: float = 0.02) -> float:
    """Mean IoU of two trails at the times (to ``within`` seconds) that both have; 0 without any."""
    times = b.times
    scores = []
    for s in a.sightings:
        k = int(np.abs(times - s.t).argmin())
        if abs(times[k] - s.t) <= within:
            scores.append(float(box_iou(np.array(s.box), np.array(b.sightings[k].box))))
    return float(np.mean(scores)) if scores else 0.0


def fit(thing: Thing, member: Member, alike: Alike | None = None) -> float:
    """0..1: how well a member is what a question speaks of. A colour that is given must not be another one."""
    if thing.colour is not None and member.colour not in (None, thing.colour):
        return 0.0
    missing = 0.8 if thing.colour is not None and member.colour is None else 1.0
    if not thing.noun:
        return missing
    missing *= 1.0 if member.known else GUESSED
    if member.noun is None:
        return 0.0
    if member.noun == thing.noun:
        return 0.97 * missing
    if thing.noun in member.heard:  # it was outvoted, which says how likely it is
        return 0.97 * missing * member.heard.count(thing.noun) / len(member.heard)
    likely = alike(thing.noun, member.noun) if alike is not None else 0.0
    return missing * likely if likely >= NEAR_WORD else 0.0


def chosen(thing: Thing, cast: Iterable[Member], alike: Alike | None = None) -> list[tuple[float, Member]]:
    """The members that fit, best first; exact names leave out merely similar ones."""
    scored = sorted(((fit(thing, m, alike), i, m) for i, m in enumerate(cast)), key=lambda x: (-x[0], x[1]))
    kept = [(score, m) for score, _, m in scored if score > 0]
    if thing.noun and any(m.noun == thing.noun for _, m in kept):
        kept = [(score, m) for score, m in kept if m.noun == thing.noun]
    return kept


def phrase(member: Member, cast: Iterable[Member]) -> str:
    """What to call a member: its noun, with its colour where another member has the same noun."""
    if member.noun is None:
        return "thing"
    twins = [m for m in cast if m.noun == member.noun and m.colour != member.colour]
    return f"{member.colour} {member.noun}" if twins and member.colour else member.noun
