"""Answering a query from scored slots: distinct spans, best first. Every memory reads through this one function.

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


@dataclass(kw_only=True)
class Scored:
    """n slots in the order of ``t0``, with their scores for one query.

    Attributes:
        t0, t1, t: (n,) span and key time. score, weight: (n,).
        grows: (n,) bool; False for a slot nested inside another, which stands for itself alone.
        tier: (n,) int into ``tiers``.
        vector: row number -> (d,) float32.
        thumb: row number -> JPEG or None.
    """

    t0: np.ndarray
    t1: np.ndarray
    t: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    tier: np.ndarray
    tiers: tuple[str, ...]
    vector: Callable[[int], np.ndarray]
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
    hits: list[Hit] = []
    # A hit uses up few slots, so the first k are nearly always among the best few; the rest is sorted only if not.
    for best in _descending(slots.score, max(16 * k, 64)):
        if len(hits) >= k:
            break
        if used[best]:
            continue
        used[best] = True
        score = float(slots.score[best])
        left = right = best
        if place[best] >= 0:
            level = 0.5 * (score + typical)
            left = _grow(slots, row_of, int(place[best]), -1, level, gap, used)
            right = _grow(slots, row_of, int(place[best]), 1, level, gap, used)
        members = slice(left, right + 1)
        weights = (
            slots.weight[members] if slots.grows is None else slots.weight[members][slots.grows[members]]
        )
        hits.append(
            Hit(
                t0=float(slots.t0[left]),
                t1=float(slots.t1[right]),
                t=float(slots.t[best]),
                score=score,
                vector=slots.vector(best),
                thumb=slots.thumb(best),
                weight=float(weights.sum()) if place[best] >= 0 else float(slots.weight[best]),
                tier=slots.tiers[int(slots.tier[best])],
            )
        )
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


def _descending(score: np.ndarray, first: int):
    """Row numbers by falling score, ties by row; the tail is sorted only when it is asked for."""
    if first >= len(score):
        yield from np.argsort(-score, kind="stable").tolist()
        return
    level = np.partition(score, len(score) - first)[len(score) - first]
    head = np.flatnonzero(score > level)
    yield from head[np.argsort(-score[head], kind="stable")].tolist()
    tail = np.flatnonzero(score <= level)
    yield from tail[np.argsort(-score[tail], kind="stable")].tolist()


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
