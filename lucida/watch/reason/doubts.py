"""Where to look next: the gaps between frames seen that leave most open of what a question asks.

Nothing is known of the time between two frames but what the tracker bridges and the event head guesses. A gap is worth
a look by how long it is and by what may lie in it: the beginning or the end of an event (an error there costs a share
of that event's length), a moment of which the head is in two minds, a thing that comes, goes or moves, a thing that
the tracker lost in the middle of the picture. A look into the middle of a gap halves it; halves are gaps again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lucida.watch.events.happenings import Shot, edge_distance
from lucida.watch.events.head import EventHead, Run, runs
from lucida.watch.events.kinematics import signals
from lucida.watch.events.sightings import Trail
from lucida.world.clip_records import EVENT_KINDS

FINEST = 12.0  # frames a second beyond which no gap is divided
_LONG = 0.34  # seconds: a gap from which length adds nothing
_HIDES, _HIDDEN = (
    (0.3, 0.7),
    0.6,
)  # seconds of a gap from which something short may hide in it, up to the worth of that
_ACTIVE, _LOST, _TWO_MINDS = (
    0.35,
    0.5,
    0.8,
)  # worth of a gap for what may lie in it; an end of an event has up to 1
_MOVED, _RECOLOURED, _GROWN = (
    0.02,
    0.025,
    0.2,
)  # shares of a side, OKLab, log of area: changes between two frames
_OTHER_LAB, _OTHER_SIZE = 0.08, 0.45  # OKLab, log of area: one thing seldom changes so much at once
_CUT_OFF, _MIDDLE = 0.02, 0.06  # of the picture's side: half outside it may be; it did not cross the edge


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What is asked of one shot: these trails (indices) and kinds of event, within ``span`` if given."""

    trails: tuple[int, ...]
    kinds: tuple[str, ...] = EVENT_KINDS
    span: tuple[float, float] | None = None


def gaps_of(looked: Sequence[float], span: tuple[float, float]) -> np.ndarray:
    """(n, 2) seconds: the stretches inside ``span`` without a frame that are long enough to be divided.

    Args:
        looked: times of all frames seen, rising.
    """
    inside = [t for t in looked if span[0] - 1e-6 <= t <= span[1] + 1e-6]
    edges = np.array(sorted({span[0], *inside, span[1]}))
    found = np.stack([edges[:-1], edges[1:]], 1)
    return found[found[:, 1] - found[:, 0] > 1.5 / FINEST]


def worths(
    shot: Shot, aims: Sequence[Aim], head: EventHead, looked: Sequence[float], found: np.ndarray
) -> np.ndarray:
    """(n,) in 0..1: what a look into each of ``gaps_of``'s gaps (n, 2) is worth."""
    worth = np.zeros(len(found))
    for aim in aims:
        mine = _HIDDEN * np.clip((found[:, 1] - found[:, 0] - _HIDES[0]) / (_HIDES[1] - _HIDES[0]), 0, 1)
        for k in aim.trails:
            trail = shot.trails[k]
            others = [other for i, other in enumerate(shot.trails) if i != k]
            grid, values = signals(trail, others, shot.span, shot.shape)
            probabilities = head.probabilities(values)
            columns = [i for i, kind in enumerate(head.config.kinds) if kind in aim.kinds]
            open_ = 4 * probabilities[:, columns] * (1 - probabilities[:, columns])
            for run in runs(probabilities, grid, head.config.kinds, high=0.35):
                if run.kind in aim.kinds:
                    _raise_ends(mine, found, run)
            for a, b in active(trail, shot, aim.kinds, looked):
                _raise(mine, (found[:, 0] < b) & (found[:, 1] > a), _ACTIVE)
            for n, (a, b) in enumerate(found):
                within = (grid >= a) & (grid <= b)
                if within.any():
                    mine[n] = max(mine[n], _TWO_MINDS * float(open_[within].max()))
        if aim.span is not None:
            mine[(found[:, 1] < aim.span[0]) | (found[:, 0] > aim.span[1])] = 0
        worth = np.maximum(worth, mine)
    if any(aim.trails for aim in aims):
        for a, b in lost(shot, looked):
            _raise(worth, (found[:, 0] < b) & (found[:, 1] > a) & _allowed(found, aims), _LOST)
    return worth * np.sqrt(np.minimum(1, (found[:, 1] - found[:, 0]) / _LONG))


def _allowed(found: np.ndarray, aims: Sequence[Aim]) -> np.ndarray:
    if any(aim.span is None for aim in aims):
        return np.ones(len(found), bool)
    spans = [aim.span for aim in aims if aim.span is not None]
    return np.any([(found[:, 1] >= a) & (found[:, 0] <= b) for a, b in spans], axis=0)


def _raise(worth: np.ndarray, where: np.ndarray, to: float) -> None:
    worth[where] = np.maximum(worth[where], to)


def _raise_ends(worth: np.ndarray, found: np.ndarray, run: Run) -> None:
    """The gaps that an event's ends lie in, by the share of the event that hangs on them."""
    length = np.clip((found[:, 1] - found[:, 0]) / (0.5 * max(0.2, run.t1 - run.t0)), 0, 1)
    for end in (run.t0, run.t1):
        holds = (found[:, 0] - 0.02 <= end) & (end <= found[:, 1] + 0.02)
        worth[holds] = np.maximum(worth[holds], length[holds])


def lost(shot: Shot, looked: Sequence[float]) -> list[tuple[float, float]]:
    """Where what followed a thing was at a loss: it went or came in the middle of the picture, was not seen in a frame
    between two that show it, or became another thing at once."""
    spans = []
    for trail in shot.trails:
        if len(trail.sightings) < 2:
            continue
        first, last = trail.sightings[0], trail.sightings[-1]
        if first.t > shot.span[0] + 1e-6 and edge_distance(first.box) > _MIDDLE:
            spans.append(_around(looked, first.t))
        if last.t < shot.span[1] - 1e-6 and edge_distance(last.box) > _MIDDLE:
            spans.append(_around(looked, last.t))
        for a, b in pairwise(trail.sightings):
            skipped = bisect_left(looked, b.t - 1e-6) - bisect_right(looked, a.t + 1e-6)
            other = float(np.linalg.norm(a.lab - b.lab)) > _OTHER_LAB
            size = abs(np.log(max(a.area, 1e-6) / max(b.area, 1e-6)))
            if (
                skipped > 0
                or other
                or (size > _OTHER_SIZE and min(edge_distance(a.box), edge_distance(b.box)) > _CUT_OFF)
            ):
                spans.append((a.t, b.t))
    return spans


def _around(looked: Sequence[float], t: float) -> tuple[float, float]:
    """From the frame before ``t`` to the one after it."""
    a, b = bisect_left(looked, t - 1e-6), bisect_right(looked, t + 1e-6)
    return looked[max(0, a - 1)], looked[min(len(looked) - 1, b)]


def active(
    trail: Trail, shot: Shot, kinds: Sequence[str], looked: Sequence[float]
) -> list[tuple[float, float]]:
    """Spans in which the trail may be doing something, judged by what is known of it.

    Of a movement only its beginning and its end: in between nothing begins. ``looked``: times of all frames seen,
    rising; a thing came after the last of them that does not show it.
    """
    spans: list[tuple[float, float]] = []
    sightings = trail.sightings
    first, last = sightings[0], sightings[-1]
    if "enter" in kinds and (first.t > shot.span[0] + 1e-6 or edge_distance(first.box) < _CUT_OFF):
        spans.append((_around(looked, first.t)[0], _around(looked, _off_edge(sightings))[1]))
    if "leave" in kinds and (last.t < shot.span[1] - 1e-6 or edge_distance(last.box) < _CUT_OFF):
        spans.append((_around(looked, _off_edge(sightings[::-1]))[0], _around(looked, last.t)[1]))
    in_motion = bool({"jump", "approach", "stop"} & set(kinds))
    moves: list[tuple[float, float]] = []
    for a, b in pairwise(sightings):
        recoloured = float(np.linalg.norm(a.lab - b.lab)) > _RECOLOURED
        moved = np.hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]) > _MOVED
        grown = abs(np.log(max(a.area, 1e-6) / max(b.area, 1e-6))) > _GROWN
        if (in_motion and moved) or ((recoloured or grown) and "change colour" in kinds):
            moves.append((a.t, b.t))
    for t0, t1 in merged(moves, 0.05):
        spans += [(t0 - 0.01, min(t1, t0 + 0.3)), (max(t0, t1 - 0.3), t1 + 0.01)]
        if t1 - t0 <= 1.2:
            spans.append((t0, t1))
    return merged(spans, 0.0)


def _off_edge(sightings: Sequence) -> float:
    """The first time at which the thing is clear of the picture's sides; the first sighting's if it never is."""
    for s in sightings[:16]:
        if edge_distance(s.box) > 0.015:
            return s.t
    return sightings[0].t


def merged(spans: Sequence[tuple[float, float]], gap: float = 0.25) -> list[tuple[float, float]]:
    """Spans in order, those closer than ``gap`` seconds made one."""
    found: list[tuple[float, float]] = []
    for t0, t1 in sorted(spans):
        if found and t0 - found[-1][1] <= gap:
            found[-1] = (found[-1][0], max(found[-1][1], t1))
        else:
            found.append((t0, t1))
    return found
