"""Motion scripts in closed form, and the events read off them against the events seen in the tracks."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.world import audio
from lucida.world.clip_records import EVENT_KINDS
from lucida.world.events import CLEAR, FAR, NEAR, script_events
from lucida.world.events_detect import detect_events
from lucida.world.motion import Jump, Recolour, Script, Travel, gap, inside, outside
from lucida.world.motion_plan import MotionConfig, plan_motion

SIZE = (120, 160)
times = st.floats(0, 1)


@dataclass
class Actor:
    extent: tuple[int, int] = (20, 30)
    phrase: str = "fox"
    colour: str | None = "red"
    palette: tuple[str, ...] = ("red", "blue", "green")


@given(share=times, brake=st.floats(0, 0.9))
def test_when_undoes_way(share: float, brake: float) -> None:
    travel = Travel(1.0, 3.0, ((0.0, 0.0), (30.0, 40.0), (30.0, 100.0)), brake)
    assert travel.length == pytest.approx(110)
    assert travel.way(travel.when(share * 110)) == pytest.approx(share * 110, abs=1e-6)
    assert travel.at(1.0) == (0.0, 0.0) and travel.at(9.0) == (30.0, 100.0)


def test_travel_by_hand() -> None:
    """100 px in 2 s, the last 0.8 s braking: v (1.2 + 0.4) = 100, v = 62.5, 25 px are left when it brakes."""
    travel = Travel(0.0, 2.0, ((0.0, 0.0), (100.0, 0.0)), 0.8)
    assert travel.speed == pytest.approx(62.5)
    assert travel.at(1.2) == pytest.approx((75.0, 0.0))
    assert travel.at(1.6) == pytest.approx((100 - 62.5 * 0.16 / 1.6, 0.0))


def test_script_by_hand() -> None:
    script = Script(
        (10.0, 50.0), "red", jumps=(Jump(1.0, 2.0, 8.0),), recolours=(Recolour(3.0, 4.0, "red", "blue"),)
    )
    assert (
        script.at(1.5) == (10.0, 42.0) and script.at(1.25) == (10.0, 44.0) and script.at(2.5) == (10.0, 50.0)
    )
    assert [script.paint(t).word for t in (0.0, 3.4, 3.6, 9.0)] == ["red", "red", "blue", "blue"]
    assert script.settled(2.0, 9.0) and script.settled(0.0, 1.0) and not script.settled(1.9, 2.1)


def test_boxes_by_hand() -> None:
    extent = (20, 30)
    assert outside((-15.0, 50.0), extent, SIZE) == "left" and outside((-14.0, 50.0), extent, SIZE) is None
    assert outside((80.0, 130.0), extent, SIZE) == "bottom"
    assert inside((15.0, 10.0), extent, SIZE) and not inside((14.0, 10.0), extent, SIZE)
    assert gap((0.0, 0.0), extent, (33.0, 24.0), extent) == hypot(3, 4)
    assert gap((0.0, 0.0), extent, (10.0, 5.0), extent) == 0


def test_events_by_hand() -> None:
    """A fox comes in from the left at 30 px/s and brakes beside a cat: every time can be worked out."""
    fox = Script((-15.0, 60.0), "red", (Travel(1.0, 4.2, ((-15.0, 60.0), (75.0, 60.0)), 0.4),))
    cat = Script((107.0, 60.0), "blue")
    enter, approach = script_events([fox, cat], [Actor(), Actor(phrase="cat")], SIZE)
    assert (enter.kind, enter.detail, enter.text) == ("enter", "left", "the fox enters")
    assert (enter.t0, enter.t1) == (1.0, pytest.approx(2.0))
    assert (approach.kind, approach.other, approach.text) == ("approach", 1, "the fox approaches the cat")
    assert (approach.t0, approach.t1) == (pytest.approx(2.0), 4.2)
    (_, stop) = script_events([fox], [Actor()], SIZE)
    assert (stop.kind, stop.t0, stop.t1) == ("stop", pytest.approx(3.8), 4.2)


def plan(seed: int, config: MotionConfig, seconds: float = 8.0):
    rng = np.random.default_rng(seed)
    extents = rng.integers(18, 36, (int(rng.integers(2, 5)), 2)).tolist()
    actors = [
        Actor((h, w), name) for (h, w), name in zip(extents, ("fox", "cat", "car", "cup"), strict=False)
    ]
    return actors, plan_motion(rng, actors, SIZE, seconds, config)


@pytest.mark.parametrize("seed", range(25))
def test_events_are_what_the_tracks_show(seed: int) -> None:
    actors, scripts = plan(seed, MotionConfig())
    said = script_events(scripts, actors, SIZE)
    at = np.arange(0, 8.001, 0.01)
    centres = np.array([[script.at(t) for script in scripts] for t in at])
    colours = [[(paint.word, 0 < paint.share < 1) for paint in map(script.paint, at)] for script in scripts]
    seen = detect_events(at, centres, colours, actors, SIZE)

    def key(event):
        return event.subject, event.kind, str(event.other), event.detail, event.text, event.t0

    said, seen = sorted(said, key=key), sorted(seen, key=key)
    assert [key(event)[:5] for event in said] == [key(event)[:5] for event in seen]
    for a, b in zip(said, seen, strict=True):
        assert abs(a.t0 - b.t0) < 0.03 and abs(a.t1 - b.t1) < 0.03, (a, b)


def test_every_kind_happens_and_nothing_is_doubtful() -> None:
    kinds = set()
    for seed in range(25):
        actors, scripts = plan(seed, MotionConfig())
        for event in script_events(scripts, actors, SIZE):
            kinds.add(event.kind)
            assert 0 <= event.t0 < event.t1 < 8
            if event.kind not in ("stop", "approach"):
                continue
            me, mine = scripts[event.subject], actors[event.subject].extent
            for i, (script, actor) in enumerate(zip(scripts, actors, strict=True)):
                if i == event.subject or not script.settled(event.t0, event.t1):
                    continue
                if outside(script.at(event.t1), actor.extent, SIZE):
                    continue
                space = gap(me.at(event.t1), mine, script.at(event.t1), actor.extent) / min(SIZE)
                if i == event.other:
                    assert space <= NEAR + 1e-6
                    assert (
                        gap(me.at(event.t0), mine, script.at(event.t0), actor.extent) / min(SIZE)
                        >= FAR - 1e-6
                    )
                else:
                    assert space >= CLEAR - 1e-6
    assert kinds == set(EVENT_KINDS)


def test_only_the_wanted_kinds() -> None:
    for seed in range(5):
        actors, scripts = plan(seed, MotionConfig(kinds=("jump", "change colour")))
        assert {event.kind for event in script_events(scripts, actors, SIZE)} <= {"jump", "change colour"}


def test_a_long_plan_stays_busy() -> None:
    actors, scripts = plan(0, MotionConfig(), seconds=600.0)
    onsets = [event.t0 for event in script_events(scripts, actors, SIZE)]
    assert len(onsets) > 300 and max(np.diff(onsets)) < 10


def test_sound_is_the_same_whole_or_in_pieces() -> None:
    cues = tuple(
        audio.Cue(t=t, kind=kind, event=i)
        for i, (t, kind) in enumerate(zip((0.3, 0.99, 1.02), EVENT_KINDS[:3], strict=True))
    )
    whole = audio.sound(cues, 0, 2 * audio.RATE + 7)
    assert whole.dtype == np.float32 and np.abs(whole).max() <= 1
    blocks = list(audio.sound_blocks(cues, 2 + 7 / audio.RATE, block=1000))
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    first = int(np.flatnonzero(np.abs(whole) > 1e-4)[0])
    assert abs(first / audio.RATE - 0.3) < 0.001


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_pitch(kind: str) -> None:
    wave = audio.tone(kind)
    basis = np.exp(
        -2j * pi * np.arange(len(wave)) / audio.RATE * np.array(list(audio.PITCHES.values()))[:, None]
    )
    assert EVENT_KINDS[int(np.abs(basis @ wave).argmax())] == kind
