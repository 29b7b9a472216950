"""Answering a query from scored slots: distinct spans, best first. Every memory reads through this one function.

Scores err: a frame is noisy and a code is coarse. Of slots that cannot be told apart by what their scores may err, the
latest is named first, because the one that happens to err upwards is not the better answer; otherwise whatever came
before would be named for what is on now as soon as it came twice.

A thing that lasted several frames lies in several slots while a memory is not yet full, so the best slot is grown over
its neighbours in time: as far as they score at least half-way between the typical slot and the best one (the full
width at half maximum of a peak), and as far as they touch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.records import Hit

_TIE = 1.5  # standard deviations on either side of a score within which the true one is taken to be


@dataclass(kw_only=True)
class Scored:
    """n slots in the order of ``t0``, with their scores for one query.

    Attributes:
        t0, t1, t: (n,) span and key time. score, weight: (n,).
        error: (n,) standard deviation of the score.
        grows: (n,) bool; False for a slot nested inside another, which stands for itself alone.
        tier: (n,) int into ``tiers``.
        vectors: row numbers -> (m, d) float32.
        thumb: row number -> JPEG or None.
    """

    t0: np.ndarray
    t1: np.ndarray
    t: np.ndarray
    score: np.ndarray
    error: np.ndarray
    weight: np.ndarray
    tier: np.ndarray
    tiers: tuple[str, ...]
    vectors: Callable[[list[int]], np.ndarray]
    thumb: Callable[[int], bytes | None]
    grows: np.ndarray | None = None


def pick(slots: Scored, k: int, gap: float) -> list[Hit]:
    """At most ``k`` hits; neighbours further apart than ``gap`` seconds are not joined."""
    count = len(slots.t0)
    if not count:
        return []
    row_of = np.arange(count) if slots.grows is None else np.flatnonzero(slots.grows)
    place = np.full(count, -1)
    place[row_of] = np.arange(len(row_of))
    used = np.zeros(count, bool)
    typical = float(np.median(slots.score))
    least, most = slots.score - _TIE * slots.error, slots.score + _TIE * slots.error
    found: list[tuple[int, int, int]] = []
    while len(found) < k and not used.all():
        best = left = right = _best(slots, least, most)
        used[best] = True
        if place[best] >= 0:
            level = 0.5 * (float(slots.score[best]) + typical)
            left = _grow(slots, row_of, int(place[best]), -1, level, gap, used)
            right = _grow(slots, row_of, int(place[best]), 1, level, gap, used)
        least[used] = most[used] = -np.inf
        found.append((best, left, right))
    vectors = slots.vectors([best for best, _, _ in found])  # together: five cost little more than one
    hits = []
    for (best, left, right), vector in zip(found, vectors, strict=True):
        members = slice(left, right + 1)
        weights = slots.weight[members]
        if slots.grows is not None and place[best] >= 0:
            weights = weights[slots.grows[members]]
        hit = Hit(
            t0=float(slots.t0[left]),
            t1=float(slots.t1[right]),
            t=float(slots.t[best]),
            score=float(slots.score[best]),
            vector=vector,
            thumb=slots.thumb(best),
            weight=float(weights.sum()),
            tier=slots.tiers[int(slots.tier[best])],
        )
        hits.append(hit)
    return hits


def _grow(
    slots: Scored, row_of: np.ndarray, place: int, step: int, level: float, gap: float, used: np.ndarray
) -> int:
    while 0 <= place + step < len(row_of):
        here, there = row_of[place], row_of[place + step]
        first, second = (here, there) if step > 0 else (there, here)
        if used[there] or slots.score[there] < level or slots.t0[second] - slots.t1[first] > gap:
            break
        used[there] = True
        place += step
    return int(row_of[place])


def _best(slots: Scored, least: np.ndarray, most: np.ndarray) -> int:
    """The latest of the slots that may be the best: what it may be at most is not below what another is at least."""
    tied = np.flatnonzero(most >= least.max())
    ends = slots.t1[tied]
    last = tied[ends == ends.max()]
    return int(last[np.argmax(slots.score[last])])


def checked_query(query: np.ndarray, dim: int, k: int) -> np.ndarray:
    """(d,) -> the same direction at length one, float32.

    Raises:
        InputError: another shape, no direction, or k < 1.
    """
    if query.shape != (dim,):
        raise InputError(f"query must be ({dim},) like the percepts, got {query.shape}")
    length = float(np.linalg.norm(query))
    if not np.isfinite(length) or length == 0:
        raise InputError(f"query has length {length}, so it points nowhere")
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    return (query / length).astype(np.float32)
