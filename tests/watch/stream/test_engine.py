"""The engine: nothing looks ahead, queries do not touch the memory, state survives, events are told once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.media.video import Frame
from lucida.watch.memory import MEMORIES
from lucida.watch.stream import Engine, EngineConfig, Observed, timeline
from lucida.watch.stream.engine import watch
from lucida.watch.stream.onsets import Onset
from lucida.watch.stream.subtitles import Line
from lucida.watch.stream.tape import Tape, TapeConfig
from tests.watch.stream.made import DIM, PlainTower, RedScorer, film, frame

SPANS = [(20.0, 26.0), (40.0, 44.0)]
BUDGET = 1 << 16


def engine(
    *queries: str, memory: str | None = "three-tier", tape: bool = False, **settings_: object
) -> Engine:
    made = Engine(
        PlainTower(), RedScorer(), MEMORIES[memory](BUDGET, DIM) if memory else None,
        tape=Tape(1 << 16, TapeConfig(pre=2, post=2)) if tape else None, config=EngineConfig(thumb=0, **settings_),
    )  # fmt: skip
    for query in queries:
        made.register(query)
    return made


def plain(notice) -> tuple:
    data = dataclasses.asdict(notice)
    return tuple(sorted((key, str(value)) for key, value in data.items()))


def same_state(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_events_are_told_once_with_their_spans_and_evidence() -> None:
    notices = watch(engine("a dog"), film(SPANS, 60))
    assert [n.kind for n in notices] == ["event", "end"] * 2
    for (t0, t1), told, over in zip(SPANS, notices[::2], notices[1::2], strict=True):
        assert told.t - t0 <= 1.0 and told.t0 >= t0 and told.shown is not None
        assert t0 <= told.shown.t <= told.t
        assert (over.number, over.t1) == (told.number, t1 - 0.5)
        assert over.t - over.t1 <= 2.5


@pytest.mark.parametrize("memory", sorted(MEMORIES))
@given(cut=st.integers(1, 110), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_the_future_changes_nothing_of_the_past(memory, cut, seed) -> None:
    frames = film(SPANS, 60)
    rng = np.random.default_rng(seed)
    other = [
        Frame(rng.integers(0, 256, f.pixels.shape).astype(np.uint8), f.t + (i >= cut) * 0.1, f.index)
        for i, f in enumerate(frames)
    ]
    first, second = engine("a dog", "a cat", memory=memory), engine("a dog", "a cat", memory=memory)
    told = [plain(n) for f in frames[:cut] for n in first.step(f)]
    # The second sees the same frames and then another future; what it told before, and its state there, are equal.
    assert [plain(n) for f in frames[:cut] for n in second.step(f)] == told
    same_state(first.state(), second.state())
    vector = np.ones(DIM, np.float32) / 4
    answers = [(h.t0, h.t1, h.t, h.score) for h in first.memory.read(vector, 5)]
    assert answers == [(h.t0, h.t1, h.t, h.score) for h in second.memory.read(vector, 5)]
    whole = engine("a dog", "a cat", memory=memory)
    notices = [
        plain(n)
        for n in watch(whole, [*frames[:cut], *other[cut:]])
        if n.t <= frames[cut - 1].t and n.kind == "event"
    ]
    assert notices == [n for n in told if dict(n)["kind"] == "event"]


def test_the_tower_sees_no_frame_before_its_time() -> None:
    watched = engine("a dog", fps=1.0)
    for number, f in enumerate(film(SPANS, 10)):
        watched.step(f)
        assert watched.tower.times == number // 2 + 1


def test_registered_queries_do_not_touch_the_memory() -> None:
    frames = film(SPANS, 60)
    without, with_queries = engine(), engine("a dog", "a cat leaves", "a sound")
    watch(without, frames)
    watch(with_queries, frames)
    same_state(without.memory.state(), with_queries.memory.state())


@pytest.mark.parametrize("cut", [1, 41, 43, 90])
def test_a_restored_engine_goes_on_identically(cut) -> None:
    frames = film(SPANS, 60)
    whole, first, second = (engine("a dog", "a red cat") for _ in range(3))
    expected = [plain(n) for n in watch(whole, frames)]
    before = [plain(n) for f in frames[:cut] for n in first.step(f)]
    second.restore({key: value.copy() for key, value in first.state().items()})
    assert before + [plain(n) for n in watch(second, frames[cut:])] == expected
    same_state(whole.memory.state(), second.memory.state())


def test_enters_is_not_what_was_there_from_the_start_and_leaves_is_told_at_the_end() -> None:
    frames = film([(0, 8), (20, 26)], 40)
    enters = watch(engine("a dog enters"), frames)
    assert [n.kind for n in enters] == ["event", "end"] and enters[0].t0 >= 20
    leaves = watch(engine("a dog leaves"), frames)
    assert [n.kind for n in leaves] == ["event", "event"] and leaves[1].t0 == 25.5
    assert "read as" in leaves[0].doubt


class Jumps:
    """A detector that sees a jump at 12 s, and knows it at 13 s."""

    verbs = frozenset({"jump"})
    bytes = 100
    blind = ""

    def finish(self):
        return []

    def step(self, t, pixels):
        if t != 13.0:
            return []
        return [Observed(verb="jump", t0=11.5, t1=12.5, t=12.0, box=(0.2, 0.2, 0.6, 0.8), score=0.9)]


@pytest.mark.parametrize(("spans", "told"), [([(10, 20)], 1), ([], 0)])
def test_a_verb_needs_its_detector_and_its_noun(spans, told) -> None:
    watched = Engine(PlainTower(), RedScorer(), detector=Jumps(), tape=Tape(1 << 16), config=EngineConfig())
    watched.register("a dog jumps")
    notices = watch(watched, film(spans, 30))
    assert len(notices) == told
    if told:
        assert (notices[0].t0, notices[0].t, notices[0].shown.t, notices[0].doubt) == (11.5, 13.0, 12.0, "")
    unchecked = engine("a dog jumps").registered[0]
    assert "'jump' is not checked" in unchecked.doubt


def test_text_and_sound_come_on_the_same_clock() -> None:
    lines = [Line(t0=3.2, t1=5.0, text="Look, a Dog!"), Line(t0=7.0, t1=8.0, text="nothing")]
    sounds = [Onset(t=3.18, known=3.2, strength=1.0)]
    items = list(timeline(film([], 10), lines, sounds))
    known = [i.t if isinstance(i, Frame) else i.t0 if isinstance(i, Line) else i.known for i in items]
    assert known == sorted(known) and len(items) == 23
    watched = engine("a dog", "a sound")
    notices = watch(watched, items)
    assert [(n.source, n.t, n.query) for n in notices] == [("audio", 3.2, "a sound"), ("text", 3.2, "a dog")]


def test_the_timeline_reads_no_frame_ahead() -> None:
    taken = []

    def frames():
        for f in film([], 5):
            taken.append(f.t)
            yield f

    for item in timeline(frames(), [Line(t0=1.2, t1=2, text="a")]):
        if isinstance(item, Frame):
            assert taken[-1] <= item.t + 0.5


def test_frames_must_come_in_order() -> None:
    watched = engine("a dog")
    watched.step(frame(1.0))
    with pytest.raises(InputError, match="comes after one at 1 s"):
        watched.step(frame(1.0))


def test_clips_have_their_pre_and_post_roll_and_bytes_stay_within_the_tape() -> None:
    watched = engine("a dog", tape=True, memory=None)
    cuts = []
    for f in film(SPANS, 60, fps=8.0):
        watched.step(f)
        assert watched.tape.bytes <= 1 << 16
        cuts += watched.cuts
        watched.cuts = []
    assert [cut.number for cut in cuts] == [1, 2]
    for (t0, t1), cut in zip(SPANS, cuts, strict=True):
        assert (
            abs(cut.shots[0].t - (t0 - 2)) <= 0.2 and abs(cut.shots[-1].t - (t1 + 2)) <= 0.7 and not cut.short
        )


def test_a_full_tape_keeps_the_beginning_of_an_event() -> None:
    tape = Tape(8000, TapeConfig(pre=1, post=30))
    cuts = []
    for i in range(100):
        cuts += tape.add(i / 4, np.random.default_rng(i).integers(0, 255, (24, 32, 3)).astype(np.uint8))
        assert tape.bytes <= 8000
        if i == 40:
            tape.begin(1, 9.5, 10.0)
    (cut,) = cuts
    assert cut.short and cut.shots[0].t <= 9.5 and cut.shots[-1].t >= 10


def test_ask_reads_what_was_remembered() -> None:
    watched = engine("a dog")
    watch(watched, film(SPANS, 60))
    with pytest.raises(InputError, match="no vectors for text"):
        watched.ask("a dog")
    hits = watched.memory.read(PlainTower().see([frame(0, 0.25).pixels]).vectors[0], 1)
    assert any(a <= hits[0].t <= b for a, b in SPANS)
    with pytest.raises(InputError, match="no memory"):
        engine(memory=None).ask("a dog")
