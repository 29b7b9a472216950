"""A trail as numbers on an even grid of times: what the event head reads. Lengths in shorter sides of the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lucida.watch.events.sightings import Trail

RATE = 12.0  # grid steps per second
PAD = 0.5  # seconds looked at before a thing comes and after it is gone
SIGNALS = (
    "present", "since start", "until end", "left", "top", "right", "bottom", "width", "height", "vx", "vy", "speed",
    "colour step", "lift", "way", "gap", "neighbour speed", "stale", "area", "moved",
)  # fmt: skip


def grid_of(trail: Trail, span: tuple[float, float]) -> np.ndarray:
    """(n,) seconds: the trail's life and ``PAD`` on either side, inside the shot's ``span``."""
    first, last = trail.span
    begin, end = max(span[0], first - PAD), min(span[1], last + PAD)
    return begin + np.arange(max(1, int(np.floor((end - begin) * RATE + 1e-6)) + 1)) / RATE


def signals(
    trail: Trail, others: Sequence[Trail], span: tuple[float, float], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Grid times (n,) and signals (n, len(SIGNALS)) float32 of one trail.

    Args:
        others: the other trails of the shot. span: its first and last time. shape: (height, width) of the picture.
    """
    grid = grid_of(trail, span)
    aspect = np.array([shape[1], shape[0]], float) / min(shape)  # a normalised length in shorter sides
    centre, box, lab, area, stale = _sampled(trail, grid, aspect)
    first, last = trail.span
    half = 0.5 / RATE
    present = (grid >= first - half) & (grid <= last + half)
    out = np.zeros((len(grid), len(SIGNALS)), np.float32)
    column = {name: k for k, name in enumerate(SIGNALS)}
    velocity = np.gradient(centre, 1 / RATE, axis=0) if len(grid) > 1 else np.zeros_like(centre)
    speed = np.linalg.norm(velocity, axis=1)
    edges = np.stack([box[:, 0], box[:, 1], aspect[0] - box[:, 2], aspect[1] - box[:, 3]], 1)
    out[:, 3:7] = np.clip(edges / 0.15, 0, 1)
    out[:, column["width"]], out[:, column["height"]] = (
        2 * (box[:, 2] - box[:, 0]),
        2 * (box[:, 3] - box[:, 1]),
    )
    out[:, 9:11] = np.clip(velocity / 0.6, -2, 2)
    out[:, column["speed"]] = np.clip(speed / 0.6, 0, 2)
    out[:, column["colour step"]] = np.clip(
        np.linalg.norm(_shift(lab, 2) - _shift(lab, -2), axis=1) / 0.1, 0, 2
    )
    bottom = box[:, 3]
    lowest = np.max([_shift(bottom, k) for k in range(-5, 6)], axis=0)
    out[:, column["lift"]] = np.clip((lowest - bottom) / 0.12, 0, 2)
    out[:, column["way"]] = np.clip(
        np.linalg.norm(_shift(centre, -6) - _shift(centre, 6), axis=1) / 0.3, 0, 2
    )
    gap, neighbour = _neighbour(box, grid, others, aspect)
    out[:, column["gap"]], out[:, column["neighbour speed"]] = (
        np.clip(gap / 0.2, 0, 1),
        np.clip(neighbour / 0.6, 0, 2),
    )
    out[:, column["stale"]] = np.clip(stale / 0.3, 0, 1)
    out[:, column["area"]] = np.clip(area / max(1e-6, float(np.median(area))), 0, 2)
    out[:, column["moved"]] = np.clip(np.linalg.norm(_shift(centre, 5) - centre, axis=1) / 0.3, 0, 2)
    out[~present] = 0
    out[:, 0] = present
    out[:, 1], out[:, 2] = np.clip(grid - span[0], 0, 1), np.clip(span[1] - grid, 0, 1)
    return grid, out


def _sampled(
    trail: Trail, grid: np.ndarray, aspect: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Centre of mass, box, colour and area at each grid time, and the seconds to the nearest sighting."""
    times = trail.times
    centres = np.array([s.centre for s in trail.sightings]) * aspect
    boxes = np.array([s.box for s in trail.sightings]) * np.tile(aspect, 2)
    labs, areas = np.array([s.lab for s in trail.sightings]), np.array([s.area for s in trail.sightings])
    stale = np.abs(grid[:, None] - times[None]).min(1)

    def at(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(grid, times, column) for column in values.T], 1)

    return at(centres), at(boxes), at(labs), np.interp(grid, times, areas), stale


def _neighbour(
    box: np.ndarray, grid: np.ndarray, others: Sequence[Trail], aspect: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest other thing at each time, and how fast that one moves; far and still where none is."""
    best, speed = np.full(len(grid), 9.0), np.zeros(len(grid))
    for other in others:
        first, last = other.span
        there = (grid >= first - 0.1) & (grid <= last + 0.1)
        if not there.any():
            continue
        centre, theirs, *_ = _sampled(other, grid, aspect)
        away = gaps(box, theirs)
        nearer = there & (away < best)
        step = np.linalg.norm(np.gradient(centre, 1 / RATE, axis=0), axis=1) if len(grid) > 1 else np.zeros(1)
        best[nearer], speed[nearer] = away[nearer], step[nearer]
    return best, speed


def gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) distances between boxes (n, 4) xyxy; 0 where they touch or overlap."""
    dx = np.maximum(0, np.maximum(a[:, 0] - b[:, 2], b[:, 0] - a[:, 2]))
    dy = np.maximum(0, np.maximum(a[:, 1] - b[:, 3], b[:, 1] - a[:, 3]))
    return np.hypot(dx, dy)


def _shift(values: np.ndarray, by: int) -> np.ndarray:
    """``values`` ``by`` steps earlier in time (negative: later); the ends are repeated."""
    index = np.clip(np.arange(len(values)) - by, 0, len(values) - 1)
    return values[index]
