"""Frames to events: shots, ground, trails, and what each trail does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lucida.media.colours import oklab
from lucida.media.geometry import Box
from lucida.watch.events.camera import camera_moves
from lucida.watch.events.ground import Ground, find_ground, shrunk
from lucida.watch.events.head import EventHead, runs
from lucida.watch.events.kinematics import gaps, signals
from lucida.watch.events.sightings import Trail
from lucida.watch.events.trails import follow

_CUT = 0.55  # share of colours that two frames of one shot have in common, at least
_EDGE = 0.06  # of the picture's side: what comes or goes farther from it was not seen to cross it
_NEAR = 0.09  # shorter sides: what stands beside something is no farther


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """A stretch without a cut: its frames' times, ground and trails. ``shape``: (height, width) of a frame.

    ``moving``: the camera moves, so there is no ground to tell things from, and nothing was followed.
    """

    span: tuple[float, float]
    shape: tuple[int, int]
    ground: Ground
    trails: tuple[Trail, ...]
    times: tuple[float, ...] = ()
    moving: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Happening:
    """Something that a thing does. ``trail`` and ``other`` are indices into the shot's trails.

    Attributes:
        kind: one of ``EVENT_KINDS``. t0, t1: seconds. score: the head's, 0..1.
        t, box: the moment that shows it best, and where.
        side: enter and leave: of the picture.
    """

    kind: str
    t0: float
    t1: float
    score: float
    trail: int
    t: float
    box: Box
    other: int | None = None
    side: str = ""


def cuts(small: np.ndarray) -> list[int]:
    """Indices of the frames that begin a new shot, 0 first, of (T, h, w, 3) uint8 small pictures."""
    if not len(small):
        return []
    bins = (small >> 5).astype(np.int64)
    flat = ((bins[..., 0] << 6) | (bins[..., 1] << 3) | bins[..., 2]).reshape(len(small), -1)
    shares = np.stack([np.bincount(row, minlength=512) for row in flat]) / flat.shape[1]
    common = np.minimum(shares[1:], shares[:-1]).sum(1)
    changed = np.abs(small[1:].astype(np.int16) - small[:-1]).mean((1, 2, 3)) / 255
    return [0, *(int(i) + 1 for i in np.flatnonzero((common < _CUT) & (changed > 0.06)))]


def see_shot(
    times: Sequence[float], small: np.ndarray, shape: tuple[int, int], *,
    span: tuple[float, float] | None = None, ground: Ground | None = None,
) -> Shot:  # fmt: skip
    """Follow what moves in the frames of one shot.

    Args:
        times: (T,) seconds, rising. small: (T, h, w, 3) uint8 of ``shrunk``. shape: of the frames themselves.
        span: of the shot, where more of it is known than these frames.
        ground: known from other frames; without it the camera is asked first whether it stands still.
    """
    lab = oklab(small).astype(np.float32)
    moving = ground is None and camera_moves(times, lab)
    ground = ground or find_ground(small, lab)
    trails = [] if moving else follow(times, small, ground, lab)
    return Shot(span=span or (float(times[0]), float(times[-1])), shape=shape, ground=ground, trails=tuple(trails),
                times=tuple(map(float, times)), moving=moving)  # fmt: skip


def shrink_all(frames: Sequence[np.ndarray]) -> np.ndarray:
    """(T, h, w, 3) uint8 small pictures."""
    return np.stack([shrunk(frame) for frame in frames])


def happenings(shot: Shot, head: EventHead, which: Sequence[int] | None = None) -> list[Happening]:
    """What the things of a shot do, in order of time; ``which``: only these trails (indices)."""
    found: list[Happening] = []
    for index in range(len(shot.trails)) if which is None else which:
        trail = shot.trails[index]
        others = [other for k, other in enumerate(shot.trails) if k != index]
        grid, values = signals(trail, others, shot.span, shot.shape)
        for run in runs(head.probabilities(values), grid, head.config.kinds):
            ends = {"enter": trail.sightings[0], "leave": trail.sightings[-1]}.get(run.kind)
            if ends is not None and edge_distance(ends.box) > _EDGE:
                continue  # lost or found again in the middle of the picture
            found.append(_happening(shot, index, run.kind, run.t0, run.t1, run.score))
    return sorted(found, key=lambda h: (h.t0, h.t1, h.trail))


_KEY = {"enter": 1.0, "leave": 0.0, "jump": 0.5, "approach": 1.0, "stop": 1.0, "change colour": 1.0}


def _happening(shot: Shot, index: int, kind: str, t0: float, t1: float, score: float) -> Happening:
    trail = shot.trails[index]
    key = trail.at(t0 + _KEY.get(kind, 0.5) * (t1 - t0))
    side = edge_side(key.box if kind == "leave" else trail.at(t0).box) if kind in ("enter", "leave") else ""
    if kind == "leave":
        side = edge_side(trail.at(t1).box)
    other = nearest_other(shot, index, t1) if kind == "approach" else None
    return Happening(
        kind=kind, t0=t0, t1=t1, score=score, trail=index, t=key.t, box=key.box, other=other, side=side
    )


def nearest_other(shot: Shot, index: int, t: float, within: float = _NEAR) -> int | None:
    """The other thing that is nearest at ``t``, if it is within ``within`` shorter sides."""
    aspect = np.tile(np.array([shot.shape[1], shot.shape[0]]) / min(shot.shape), 2)
    own = np.array(shot.trails[index].at(t).box)[None] * aspect
    best, found = within, None
    for k, other in enumerate(shot.trails):
        if k == index or not other.span[0] - 0.2 <= t <= other.span[1] + 0.2:
            continue
        away = float(gaps(own, np.array(other.at(t).box)[None] * aspect)[0])
        if away <= best:
            best, found = away, k
    return found


def edge_distance(box: Box) -> float:
    """How far a box is from the nearest side of the picture, as a share of it."""
    return min(box[0], box[1], 1 - box[2], 1 - box[3])


def edge_side(box: Box) -> str:
    """The side of the picture that a box is nearest to."""
    away = {"left": box[0], "top": box[1], "right": 1 - box[2], "bottom": 1 - box[3]}
    return min(away, key=lambda side: away[side])
