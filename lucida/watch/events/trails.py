"""Things followed through a shot: which part of one frame is which thing of the frame before.

A thing keeps its colours and goes on roughly as it went; where two run together into one part, each is found inside it
by its own last clear picture. Times are given, never assumed even, so a few frames a second with a dense stretch among
them are followed like any others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import hypot

import numpy as np

from lucida.media.components import label_mask
from lucida.watch.events.ground import Ground, dilated
from lucida.watch.events.parts import Part, part_of, parts_of, united
from lucida.watch.events.sightings import Sighting, Trail

_LOST = 0.8  # seconds (and at least two frames) that a thing may be out of sight and still be the same
_DEAREST = 1.15  # cost of a match that is still one
_STILL = 0.03  # mean OKLab difference of a thing from its last clear picture up to which it has not moved
_SAME = 0.004  # of the same: a place that fits so well is not compared with those beside it
LEAST = 0.0012  # share of the picture below which a part is noise
SIGHTING = 256  # bytes of one, rounded up
_SPEED = 0.9  # longer sides of the picture per second: nothing goes faster


@dataclass
class _Live:
    """A thing being followed. Lengths in small pixels."""

    last: Part
    clear: Part
    t: float
    velocity: tuple[float, float] = (0.0, 0.0)
    missed: int = 0
    number: int = -1
    sightings: list[Sighting] = field(default_factory=list)

    def expected(self, t: float) -> tuple[float, float, float, float]:
        dt = min(t - self.t, 0.5)
        dx, dy = self.velocity[0] * dt, self.velocity[1] * dt
        x0, y0, x1, y1 = self.last.box
        return x0 + dx, y0 + dy, x1 + dx, y1 + dy


def follow(
    times: Sequence[float], small: np.ndarray, ground: Ground, lab: np.ndarray, *, least: float = LEAST
) -> list[Trail]:
    """The things that stand before the ground.

    Args:
        times: (T,) seconds, rising. small: (T, h, w, 3) uint8. lab: the same in OKLab.
        least: share of the picture below which a part is noise.

    Returns:
        Trails in order of their first time; the longest-lived first among those that begin together.
    """
    if not len(times):
        return []
    labels, _ = label_mask(ground.masks(small, lab))
    return follow_labelled(times, list(labels), list(lab), least=least)


def follow_labelled(
    times: Sequence[float], labels: Sequence[np.ndarray], lab: Sequence[np.ndarray], *, least: float = LEAST
) -> list[Trail]:
    """``follow`` where it is known what stands before the ground: (h, w) ``label_mask`` of each picture's mask."""
    follower = Follower(least)
    for t, names, picture in zip(times, labels, lab, strict=True):
        follower.step(float(t), names, picture)
    return sorted(
        (trail for _, trail in follower.trails()), key=lambda trail: (trail.span[0], -trail.span[1])
    )


class Follower:
    """Follows things from picture to picture; what it knows rests on the pictures so far.

    Args:
        least: share of the picture below which a part is noise.
    """

    def __init__(self, least: float = LEAST) -> None:
        self.least = least
        self._live: list[_Live] = []
        self._done: list[tuple[int, Trail]] = []
        self._count = 0

    def step(self, t: float, labels: np.ndarray, lab: np.ndarray) -> None:
        """Take the next picture: (h, w) ``label_mask`` of what stands before the ground, (h, w, 3) OKLab."""
        smallest, live = max(6, round(self.least * labels.size)), self._live
        parts = _peeled(parts_of(labels, lab, smallest), live, t, lab, smallest)
        _step(live, _gathered(parts, live, t, lab), t, lab)
        for each in live:
            if each.number < 0:
                each.number, self._count = self._count, self._count + 1
        for each in [x for x in live if t - x.t > _LOST and x.missed >= 2]:
            live.remove(each)
            self._done.append((each.number, _finished(each)))

    def trails(self) -> list[tuple[int, Trail]]:
        """What was followed, each with a number that stays its own: lost things first."""
        return [*self._done, *((each.number, _finished(each)) for each in self._live if each.sightings)]

    def forget(self, before: float) -> None:
        """Let go of what was seen earlier; a thing keeps its last sighting as long as it is followed."""
        self._done = [(number, kept) for number, trail in self._done if (kept := _since(trail, before))]
        for each in self._live:
            each.sightings = [s for s in each.sightings if s.t >= before] or each.sightings[-1:]

    def drop(self) -> None:
        """Let go of one thing: the first of those that are lost, else the smallest."""
        if self._done:
            del self._done[0]
        elif self._live:
            self._live.remove(min(self._live, key=lambda each: each.last.area))

    @property
    def bytes(self) -> int:
        """Of pictures and sightings held."""
        parts = [part for each in self._live for part in {id(p): p for p in (each.last, each.clear)}.values()]
        seen = sum(len(each.sightings) for each in self._live) + sum(len(t.sightings) for _, t in self._done)
        arrays = sum(p.mask.nbytes + p.patch.nbytes + p.histogram.nbytes for p in parts)
        return arrays + SIGHTING * seen + sum(trail.histogram.nbytes for _, trail in self._done)


def _since(trail: Trail, before: float) -> Trail | None:
    kept = tuple(s for s in trail.sightings if s.t >= before)
    return replace(trail, sightings=kept) if kept else None


def _peeled(parts: list[Part], live: Sequence[_Live], t: float, lab: np.ndarray, smallest: int) -> list[Part]:
    """Note the things that stand where they stood, and give back the parts without them.

    What stands beside something at rest runs together with it; taking the known thing out of their common part leaves
    the other.
    """
    still = [(each, found) for each in live if (found := _unmoved(each, lab)) is not None]
    rest: list[Part] = []
    for part in parts:
        inside = [(each, found) for each, found in still if each.t != t and _held(found.box, part.box) > 0.8]
        if not inside:
            rest.append(part)
        elif len(inside) == 1 and part.area <= 1.3 * inside[0][1].area:
            _see(inside[0][0], part, t, lab.shape, clear=True)
        else:
            x0, y0, x1, y1 = part.box
            left, known = np.zeros(lab.shape[:2], bool), np.zeros(lab.shape[:2], bool)
            left[y0:y1, x0:x1] = part.mask
            for each, found in inside:
                a, b, c, d = found.box
                known[b:d, a:c] |= found.mask
                _see(each, found, t, lab.shape, clear=False)
            left &= ~dilated(known)
            rest += parts_of(label_mask(left)[0], lab, smallest)
    return rest


def _unmoved(each: _Live, lab: np.ndarray) -> Part | None:
    """The thing where it was last, give or take a pixel, if it looks there as it looked when it was last clear."""
    mask, patch = each.clear.mask, each.clear.patch
    h, w = mask.shape
    if each.last.mask.shape != mask.shape:
        return None
    x0, y0 = each.last.box[:2]
    if _at_edge(each.last.box, *lab.shape[:2]) and not _rests(each):
        return (
            None  # it comes in or goes out: of a plain thing that does, what was seen of it stays as it was
        )
    best, place = _STILL, None
    for top, left in ((y0 + dy, x0 + dx) for dy in (0, -1, 1) for dx in (0, -1, 1)):
        if 0 <= top <= lab.shape[0] - h and 0 <= left <= lab.shape[1] - w:
            score = _unlike(lab[top : top + h, left : left + w], patch, mask)
            if score < best:
                best, place = score, (top, left)
            if best < _SAME:
                break
    if place is None:
        return None
    whole = np.zeros(lab.shape[:2], bool)
    whole[place[0] : place[0] + h, place[1] : place[1] + w] = mask
    return part_of(whole, lab)


def _unlike(lab: np.ndarray, patch: np.ndarray, mask: np.ndarray) -> float:
    """Mean OKLab difference of two pictures (h, w, 3) within ``mask``; of a pixel 0.2 counts at most."""
    off = (lab - patch)[mask]
    return float(np.minimum(np.sqrt((off * off).sum(-1)), 0.2).mean())


def _rests(each: _Live) -> bool:
    """Whether it was last seen twice in the same place."""
    boxes = [s.box for s in each.sightings[-2:]]
    return len(boxes) == 2 and max(abs(a - b) for a, b in zip(*boxes, strict=True)) < 1e-6


def _gathered(parts: list[Part], live: Sequence[_Live], t: float, lab: np.ndarray) -> list[Part]:
    """Pieces of one thing as one part: pieces of unlike size that lie together where one thing is expected."""
    rest = list(parts)
    for each in [x for x in live if x.t != t]:
        x0, y0, x1, y1 = each.expected(t)
        mine = [p for p in rest if _held(p.box, (x0 - 1.5, y0 - 1.5, x1 + 1.5, y1 + 1.5)) > 0.75]
        others = [o for o in live if o is not each]
        mine = [p for p in mine if not any(_held(p.box, o.expected(t)) > 0.5 for o in others)]
        if len(mine) > 1 and sum(p.area for p in mine) <= 1.3 * each.clear.area:
            rest = [p for p in rest if not any(p is m for m in mine)] + [united(mine, lab)]
    return rest


def _step(live: list[_Live], parts: list[Part], t: float, lab: np.ndarray) -> None:
    """Give each part to the thing it fits best; look for the rest inside shared parts; begin new things."""
    pairs = sorted(
        (cost, i, j)
        for i, each in enumerate(live)
        if each.t != t
        for j, part in enumerate(parts)
        if (cost := _cost(each, part, t, lab.shape)) < _DEAREST
    )
    taken: dict[int, int] = {}  # part -> thing
    placed: set[int] = set()
    for _, i, j in pairs:
        if i not in placed and j not in taken:
            taken[j] = i
            placed.add(i)
    shared: dict[int, list[int]] = {}
    for i, each in enumerate(live):
        if i not in placed and each.t != t:
            inside = [(_held(each.expected(t), part.box), j) for j, part in enumerate(parts)]
            share, j = max(inside, default=(0.0, -1))
            if share > 0.5 and j in taken:
                shared.setdefault(j, [taken[j]]).append(i)
    for j, things in shared.items():
        for i in things:
            found = _found_inside(live[i], parts[j], t, lab)
            if found is not None:
                _see(live[i], found, t, lab.shape, clear=False)
                placed.add(i)
        if len([i for i in things if live[i].t == t]) > 1:
            taken[j] = -1  # given out in pieces
    for j, part in enumerate(parts):
        i = taken.get(j)
        if i is None:
            fresh = _Live(last=part, clear=part, t=t)
            live.append(fresh)
            _see(fresh, part, t, lab.shape, clear=True)
        elif i >= 0 and live[i].t != t:
            _see(live[i], part, t, lab.shape, clear=True)
    for each in live:
        if each.t != t:
            each.missed += 1


def _cost(each: _Live, part: Part, t: float, shape: tuple[int, ...]) -> float:
    """How unlike the thing the part is: colours, size, and the way from where it was expected."""
    height, width = shape[:2]
    longer = max(height, width)
    x0, y0, x1, y1 = each.expected(t)
    away = hypot(
        (x0 + x1) / 2 - (part.box[0] + part.box[2]) / 2, (y0 + y1) / 2 - (part.box[1] + part.box[3]) / 2
    )
    reach = 0.04 * longer + _SPEED * longer * max(t - each.t, 1e-3)
    if away > reach + 0.3 * max(x1 - x0, y1 - y0):
        return 9.0
    colours = 1 - float(np.minimum(each.clear.histogram, part.histogram).sum())
    mean = min(1.0, float(np.linalg.norm(each.clear.lab - part.lab)) / 0.25)
    cut = _at_edge(part.box, height, width) or _at_edge(each.last.box, height, width)
    size = abs(np.log(part.area / max(1, each.last.area)))
    overlap = _overlap((x0, y0, x1, y1), part.box)
    return 0.5 * colours + 0.35 * mean + (0.12 if cut else 0.45) * size + 0.55 * away / reach - 0.35 * overlap


def _found_inside(each: _Live, part: Part, t: float, lab: np.ndarray) -> Part | None:
    """The thing inside a part that it shares, where its last clear picture fits best; None where it fits nowhere."""
    patch, mask = each.clear.patch, each.clear.mask
    h, w = mask.shape
    height, width = lab.shape[:2]
    x0, y0, x1, y1 = part.box
    ex, ey = each.expected(t)[:2]
    far = 2 + _SPEED * max(height, width) * (t - each.t)
    best, place = np.inf, None
    for top in range(max(0, y0 - 1, round(ey - far)), min(height - h, y1 + 1 - h, round(ey + far)) + 1):
        for left in range(max(0, x0 - 1, round(ex - far)), min(width - w, x1 + 1 - w, round(ex + far)) + 1):
            score = _unlike(lab[top : top + h, left : left + w], patch, mask)
            score += 0.002 * hypot(left - ex, top - ey)
            if score < best:
                best, place = score, (top, left)
    if place is None or best > 0.11:
        return None
    top, left = place
    whole = np.zeros((height, width), bool)
    whole[top : top + h, left : left + w] = mask
    return part_of(whole, lab)


def _see(each: _Live, part: Part, t: float, shape: tuple[int, ...], *, clear: bool) -> None:
    """Note that the thing is seen as ``part`` at ``t``."""
    height, width = shape[:2]
    if each.sightings:
        dt = max(t - each.t, 1e-3)
        (ax, ay), (bx, by) = each.last.centre, part.centre
        old = each.velocity
        each.velocity = (0.5 * old[0] + 0.5 * (bx - ax) / dt, 0.5 * old[1] + 0.5 * (by - ay) / dt)
    x0, y0, x1, y1 = part.box
    each.sightings.append(
        Sighting(
            t=t, box=(x0 / width, y0 / height, x1 / width, y1 / height),
            centre=(part.centre[0] / width, part.centre[1] / height), area=part.area / (height * width),
            lab=part.lab, clear=clear,
        )
    )  # fmt: skip
    each.last, each.t, each.missed = part, t, 0
    if clear and part.area >= 0.6 * each.clear.area:
        each.clear = part


def _finished(each: _Live) -> Trail:
    return Trail(sightings=tuple(each.sightings), histogram=each.clear.histogram)


def _held(inner: Sequence[float], outer: Sequence[float]) -> float:
    """Share of ``inner`` that lies in ``outer``."""
    w = min(inner[2], outer[2]) - max(inner[0], outer[0])
    h = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(0.0, w) * max(0.0, h) / area if area > 0 else 0.0


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    both = _held(a, b) * area_a
    return both / max(1e-9, area_a + area_b - both)


def _at_edge(box: Sequence[float], height: int, width: int) -> bool:
    return box[0] <= 1 or box[1] <= 1 or box[2] >= width - 1 or box[3] >= height - 1
