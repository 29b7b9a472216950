"""What every memory promises, whatever its rule: bytes, mass, order, saving, determinism, bad input."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.watch.memory import MEMORIES
from lucida.watch.protocols import Memory
from lucida.watch.records import Percept
from tests.watch.memory.memories import BUDGET, DIM, fed, fingerprint, plain, stream

NAMES = sorted(MEMORIES)
KEEP_ALL = (
    "three-tier",
    "ma-lmm",
    "moviechat",
    "stream-forest",
    "flash-vstream",
)  # nothing is ever thrown away
DISJOINT = sorted(set(NAMES) - {"flash-vstream"})  # clusters of k-means overlap in time


def mass(memory: Memory) -> float:
    return memory.mass if hasattr(memory, "mass") else float(memory.slots["weight"].sum())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("thumbs", [0, 120])
def test_state_is_exactly_what_is_counted_and_within_the_budget_at_every_step(name: str, thumbs: int) -> None:
    memory = MEMORIES[name](BUDGET, DIM)
    for index, percept in enumerate(stream(300, thumbs=thumbs)):
        memory.write(percept)
        assert memory.sizes().state <= BUDGET, index
        if index % 37 == 0:
            assert sum(array.nbytes for array in memory.state().values()) == memory.sizes().state, index


@pytest.mark.parametrize("name", KEEP_ALL)
@pytest.mark.parametrize("count", [5, 60, 400])
def test_total_weight_is_the_number_of_frames_seen(name: str, count: int) -> None:
    assert mass(fed(MEMORIES[name](BUDGET, DIM), stream(count))) == count


@pytest.mark.parametrize("name", DISJOINT)
def test_spans_are_ordered_and_disjoint(name: str) -> None:
    percepts = stream(300)
    spans = fed(MEMORIES[name](BUDGET, DIM), percepts).spans()
    assert all(t0 <= t1 for t0, t1 in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    if name in KEEP_ALL:  # all that was seen is covered
        last = percepts[-1]
        assert spans[0][0] == percepts[0].t and spans[-1][1] == last.t + last.duration


@pytest.mark.parametrize("name", NAMES)
def test_restored_in_the_middle_of_a_stream_it_answers_identically(name: str) -> None:
    percepts = stream(420, thumbs=60)
    whole = fed(MEMORIES[name](BUDGET, DIM), percepts[:300])
    other = MEMORIES[name](BUDGET, DIM)
    other.restore({key: array.copy() for key, array in whole.state().items()})
    assert fingerprint(other) == fingerprint(whole)
    for index, percept in enumerate(percepts[300:]):
        whole.write(percept)
        other.write(percept)
        assert fingerprint(other) == fingerprint(whole), index
    for percept in percepts[::50]:
        assert plain(other.read(percept.vector)) == plain(whole.read(percept.vector))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stream_gives_the_same_state_and_reading_changes_nothing(name: str) -> None:
    percepts = stream(200)
    first, second = MEMORIES[name](BUDGET, DIM), MEMORIES[name](BUDGET, DIM)
    for percept in percepts:
        first.write(percept)
        second.write(percept)
        second.read(percept.vector, 3)
    assert fingerprint(first) == fingerprint(second)


@pytest.mark.parametrize("name", NAMES)
def test_key_times_are_those_of_frames_and_hits_are_distinct(name: str) -> None:
    percepts = stream(300)
    times = {percept.t for percept in percepts}
    memory = fed(MEMORIES[name](BUDGET, DIM), percepts)
    hits = memory.read(percepts[-1].vector, 5)
    assert 1 <= len(hits) <= 5
    assert all(hit.t in times and hit.t0 <= hit.t <= hit.t1 for hit in hits)
    assert all(first.score > second.score - 0.3 for first, second in pairwise(hits))  # but for ties
    assert len({(hit.t0, hit.t1) for hit in hits}) == len(hits)
    assert 0 < memory.sizes().read <= BUDGET


@pytest.mark.parametrize("name", NAMES)
def test_while_there_is_room_every_frame_is_found(name: str) -> None:
    percepts = stream(40, length=2)
    memory = fed(MEMORIES[name](100_000, DIM), percepts)
    for percept in percepts if not name.startswith("moviechat") else percepts[-8:]:
        best = memory.read(percept.vector, 1)[0]
        inside = best.t0 <= percept.t <= best.t1
        again = best.t > percept.t and best.vector @ percept.vector > 0.85  # the same thing, later
        assert inside or again


@pytest.mark.parametrize("name", ["three-tier", "recency", "recency:sign", "uniform", "ma-lmm"])
def test_of_hits_that_cannot_be_told_apart_the_latest_comes_first(name: str) -> None:
    """Two things by turns: what is on now is named, though it was there before and noise favours another time."""
    random = np.random.default_rng(3)
    things = np.linalg.qr(random.standard_normal((64, 2)))[0].T
    name, _, precision = name.partition(":")
    memory = MEMORIES[name](40_000, 64, **({"precision": precision} if precision else {}))
    right = 0
    for index in range(160):
        noisy = things[index // 20 % 2] + 0.4 * random.standard_normal(64) / 8
        unit = (noisy / np.linalg.norm(noisy)).astype(np.float32)
        memory.write(Percept(t=index * 0.5, duration=0.5, vector=unit))
        question = things[index // 20 % 2] + 0.4 * random.standard_normal(64) / 8
        right += memory.read(question, 1)[0].t1 >= index * 0.5
    assert right >= 150, right


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("precision", ["int8", "sign", "float16", "float32"])
def test_every_precision_keeps_the_budget(name: str, precision: str) -> None:
    if name == "three-tier":
        pytest.skip("has precisions of its own")
    memory = MEMORIES[name](BUDGET, DIM, precision=precision)
    for percept in stream(150):
        memory.write(percept)
        assert memory.sizes().state <= BUDGET


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_refused_and_changes_nothing(name: str) -> None:
    memory = fed(MEMORIES[name](BUDGET, DIM), stream(30))
    before = fingerprint(memory)
    good = stream(1)[0].vector
    for percept, words in (
        (Percept(t=0.0, duration=0.5, vector=good), "run back"),
        (Percept(t=99.0, duration=0.5, vector=good[:-1].copy()), r"vector must be \(32,\)"),
        (Percept(t=99.0, duration=0.5, vector=np.full(DIM, np.nan, np.float32)), "not finite"),
        (Percept(t=99.0, duration=0.5, vector=good, thumb=bytes(BUDGET)), "thumbnail of 4000 bytes"),
    ):
        with pytest.raises(InputError, match=words):
            memory.write(percept)
    for query, k, words in (
        (good[:-1], 1, "query must be"),
        (0 * good, 1, "points nowhere"),
        (good, 0, "k must be"),
    ):
        with pytest.raises(InputError, match=words):
            memory.read(query, k)
    assert fingerprint(memory) == before
    with pytest.raises(InputError, match="too small"):
        MEMORIES[name](100, DIM)
    with pytest.raises(InputError, match="memory state"):
        memory.restore({"nothing": good})
    with pytest.raises(InputError, match="memory state"):
        MEMORIES[name](BUDGET, 64).restore(memory.state())


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_memory_answers_with_nothing(name: str) -> None:
    memory = MEMORIES[name](BUDGET, DIM)
    assert memory.read(stream(1)[0].vector) == [] and memory.spans() == [] and isinstance(memory, Memory)
