"""The three-tier memory's own promises: nothing lost while there is room, needles kept, links and costs that agree."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lucida.watch.memory import MEMORIES, ThreeTier, TierConfig
from lucida.watch.memory.rows import NEEDLE, NONE, Rows
from lucida.watch.records import Percept
from tests.watch.memory.memories import BUDGET, DIM, fed, stream


def frames(things: list[int], *, dim: int = DIM, noise: float = 0.2) -> list[Percept]:
    """One percept per number; equal numbers show the same thing."""
    base = np.random.default_rng(7).standard_normal((max(things) + 1, dim))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    random = np.random.default_rng(8)
    out = []
    for index, thing in enumerate(things):
        vector = base[thing] + noise * random.standard_normal(dim) / dim**0.5
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        out.append(Percept(t=index * 0.5, duration=0.5, vector=unit))
    return out


def test_while_there_is_room_every_frame_keeps_its_own_slot() -> None:
    percepts = stream(50)
    memory = fed(ThreeTier(100_000, DIM), percepts)
    assert memory.spans() == [(p.t, spans[1]) for p, spans in zip(percepts, memory.spans(), strict=True)]


def test_a_needle_is_folded_away_whole_and_found_at_its_own_time() -> None:
    percepts = frames([0] * 100 + [1] * 2 + [0] * 100 + [2] * 60)
    memory = fed(ThreeTier(800, DIM, config=TierConfig(one_bit=False)), percepts)
    assert (50.0, 51.0) in memory.needles()
    best = memory.read(percepts[100].vector, 1)[0]
    assert (best.t0, best.t1, best.weight, best.tier) == (50.0, 51.0, 2.0, "needle")
    assert any(t0 < 50.0 and t1 > 51.0 for t0, t1 in memory.spans())  # one segment around it


def test_segments_are_events_when_there_is_room_for_as_many() -> None:
    percepts = frames([0] * 40 + [1] * 30 + [2] * 50 + [3] * 40)
    memory = fed(ThreeTier(800, DIM, config=TierConfig(one_bit=False)), percepts)
    for frame, span in ((10, (0.0, 20.0)), (50, (20.0, 35.0)), (90, (35.0, 60.0))):
        best = memory.read(percepts[frame].vector, 1)[0]
        assert (best.t0, best.t1) == span


def test_flicker_takes_no_more_than_its_share() -> None:
    random = np.random.default_rng(0)
    things = [int(random.integers(2, 500)) if index % 4 == 3 else index // 200 % 2 for index in range(600)]
    memory = ThreeTier(BUDGET, DIM)
    for percept in frames(things):
        memory.write(percept)
        assert memory.rows.needle_bytes <= memory.config.needles * BUDGET + memory.rows.fine_bytes
    assert len(memory.needles()) > 3


def test_links_counts_and_cached_distances_agree_with_the_rows() -> None:
    memory = ThreeTier(BUDGET, DIM)
    for index, percept in enumerate(stream(600)):
        memory.write(percept)
        if index % 97:
            continue
        rows, link = memory.rows, memory.rows.link
        segments = rows.segments()
        needles = [row for row in rows.ordered().tolist() if rows.col["kind"][row] & NEEDLE]
        assert len(segments) + len(needles) == rows.fines + rows.coarses == len(rows.ordered())
        assert rows.needle_bytes == sum(map(rows.size, needles))
        chained = []
        for row in segments:
            needle, last = int(link["head"][row]), NONE
            while needle != NONE:
                assert (
                    rows.col["t0"][row]
                    <= rows.col["t0"][needle]
                    <= rows.col["t1"][needle]
                    <= rows.col["t1"][row]
                )
                chained.append(needle)
                needle, last = int(link["after"][needle]), needle
            assert int(link["tail"][row]) == last
        assert chained == needles
        for first, second in pairwise(segments):
            assert memory.operations._to_next[first] == rows.distance(first, second)


def test_a_one_bit_segment_that_grows_frame_by_frame_keeps_its_length() -> None:
    """Each merge with an int8 frame encodes anew; what is stored must not shrink by it."""
    random = np.random.default_rng(0)
    rows, thing = Rows(256), random.standard_normal(256) / 16

    def frame() -> np.ndarray:
        return (thing + 0.3 * random.standard_normal(256) / 16).astype(np.float32)

    rows.centre = np.zeros(256, np.float32)
    row = rows.new(frame(), None, weight=1.0)
    rows.coarsen(row)
    for count in range(1, 40):
        other = rows.new(frame(), None, weight=1.0)
        rows.combine(row, other, row, count / (count + 1), 1.0)
        rows.remove(other)
    score = rows.coarse.scores(
        rows.code(row)[None], rows.col["scale"][row : row + 1], thing.astype(np.float32), rows.centre
    )
    assert abs(float(score[0]) / float(thing @ thing) - 1) < 0.15


@pytest.mark.parametrize("delay", [0, 5, 40])
def test_what_is_on_now_is_found_now(delay: int) -> None:
    percepts = frames([index // 20 for index in range(900)])
    memory = fed(ThreeTier(2000, DIM), percepts[: 800 + delay])
    best = memory.read(percepts[799].vector, 1)[0]
    assert best.t0 <= percepts[799].t < best.t1


def test_thumbnails_have_a_share_and_the_newest_frame_keeps_its_own() -> None:
    percepts = stream(400, thumbs=200)
    memory = ThreeTier(20_000, DIM)
    for percept in percepts:
        memory.write(percept)
        assert memory.rows.thumb_bytes <= 0.4 * memory.budget
    hit = next(hit for hit in memory.read(percepts[-1].vector, 5) if hit.t == percepts[-1].t)
    assert hit.thumb == percepts[-1].thumb


def test_it_finds_more_needles_than_any_published_rule_at_half_the_slots() -> None:
    things, at = [], {}
    for event in range(24):
        things += [event] * 15
        at[len(things)] = 100 + event
        things += [100 + event] * 2 + [event] * 15
    percepts = frames(things, dim=64)
    budget = 24 * (64 + 32)  # forty-eight things
    found = {}
    for name in ("three-tier", "recency", "ma-lmm", "moviechat", "stream-forest"):
        memory = fed(MEMORIES[name](budget, 64), percepts)
        hits = {start: memory.read(percepts[start].vector, 1)[0] for start in at}
        found[name] = sum(hit.t in (start * 0.5, start * 0.5 + 0.5) for start, hit in hits.items())
    best = found.pop("three-tier")
    assert best >= 20 and best > max(found.values()), (best, found)
