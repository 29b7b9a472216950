"""Things followed on a stream: told once, when settled, within the bytes, by the past alone; silent when blind."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.media.video import Frame
from lucida.watch.events.head import EventHead, load_events
from lucida.watch.stream import Engine, EngineConfig, EventDetector, Observed
from lucida.watch.stream.engine import watch
from lucida.watch.stream.following import LEAST, FollowConfig, Following
from lucida.watch.stream.tape import picture_of
from tests.watch.events.test_camera import street
from tests.watch.stream.made import PlainTower, RedScorer

RATE, RED = 12, (214, 32, 36)
ENTERS, LEAVES = (3.0, 3.5), (6.0, 6.5)  # seconds over which the box crosses the left and the right side


def crossing(seconds: float = 9.0, speed: float = 0.0, colour: tuple[int, int, int] = RED) -> list[Frame]:
    """A box of a sixth of the picture that crosses a street; ``speed``: of the camera, pixels a second."""
    view, rng, frames = street(width=1200), np.random.default_rng(2), []
    for k in range(round(seconds * RATE)):
        t = k / RATE
        pixels = view[:, round(speed * t) : round(speed * t) + 96].astype(int) + rng.integers(
            -3, 4, (72, 96, 3)
        )
        x = round((t - ENTERS[1]) / (LEAVES[0] - ENTERS[1]) * 80)
        if x + 16 > 0 and x < 96:
            pixels[28:44, max(0, x) : x + 16] = colour
        frames.append(Frame(np.clip(pixels, 0, 255).astype(np.uint8).repeat(2, 0).repeat(2, 1), t, k))
    return frames


def told(detector: Following, frames: list[Frame]) -> list[tuple[float, Observed]]:
    return [(f.t, observed) for f in frames for observed in detector.step(f.t, f.pixels)]


@pytest.fixture(scope="module")
def head() -> EventHead:
    return load_events()


def test_what_enters_and_leaves_is_told_once_soon_and_with_its_picture(head: EventHead) -> None:
    detector = Following(head)
    assert isinstance(detector, EventDetector) and not detector.blind
    found = told(detector, crossing())
    assert [each.verb for _, each in found] == ["enter", "leave"]
    for (t, each), (t0, t1) in zip(found, (ENTERS, LEAVES), strict=True):
        assert abs(each.t0 - t0) < 0.35 and abs(each.t1 - t1) < 0.35
        assert each.t1 + 1.0 <= t + 1e-6 and t <= each.t1 + 1.6
        picture = picture_of(each.jpeg)
        x0, y0, x1, y1 = each.box
        x, y = int((x0 + x1) / 2 * picture.shape[1]), int((y0 + y1) / 2 * picture.shape[0])
        assert picture[y, x, 0] > 150 > picture[y, x, 1], "the box does not lie on the thing"


@pytest.mark.parametrize("cut", [False, True])
def test_what_was_just_done_is_told_when_the_film_ends_or_is_cut(cut: bool, head: EventHead) -> None:
    frames = [f for f in crossing() if f.t < LEAVES[1] + 0.4]
    detector = Following(head)
    assert [each.verb for _, each in told(detector, frames)] == ["enter"]
    blank = np.full_like(frames[0].pixels, (20, 40, 200))
    late = detector.step(frames[-1].t + 1 / RATE, blank) if cut else detector.finish()
    assert [each.verb for each in late] == ["leave"] and late[0].jpeg
    assert detector.finish() == []


def test_the_past_is_told_by_the_past_alone(head: EventHead) -> None:
    frames = crossing()
    cut = round(5.5 * RATE)
    rng = np.random.default_rng(0)
    other = [Frame(rng.integers(0, 256, f.pixels.shape).astype(np.uint8), f.t, f.index) for f in frames[cut:]]
    one, two = told(Following(head), frames), told(Following(head), frames[:cut] + other)
    early = [[(t, o.verb, o.t0, o.t1, o.box, o.jpeg) for t, o in x if t < frames[cut].t] for x in (one, two)]
    assert early[0] == early[1] and len(early[0]) == 1


def test_bytes_stay_within_the_budget_whatever_comes(head: EventHead) -> None:
    detector = Following(head, FollowConfig(most=LEAST))
    rng = np.random.default_rng(3)
    largest = 0
    for k, f in enumerate(crossing(5.0)):
        pixels = f.pixels.copy()
        for _ in range(k // 6):  # more and more things of all sizes, everywhere
            y, x, h, w = rng.integers(0, 120, 4)
            pixels[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        detector.step(f.t, pixels)
        largest = max(largest, detector.bytes)
        assert detector.bytes <= LEAST
    assert largest > 100_000
    with pytest.raises(InputError, match="at least 768KiB"):
        FollowConfig(most=LEAST - 1)


def test_a_moving_camera_makes_it_blind_and_a_still_one_lets_it_see_again(head: EventHead) -> None:
    detector = Following(head)
    panned = crossing(6.0, speed=60)
    assert told(detector, panned) == [] and detector.blind == "the camera moves"
    last = panned[-1]
    still = [Frame(last.pixels, last.t + (k + 1) / RATE, k) for k in range(10 * RATE)]
    assert told(detector, still) == [] and not detector.blind


def engine(query: str, head: EventHead) -> Engine:
    made = Engine(PlainTower(), RedScorer(), detector=Following(head), config=EngineConfig(thumb=0))
    made.register(query)
    return made


def test_the_engine_asks_the_detector_for_the_verb_and_the_tower_for_the_noun(head: EventHead) -> None:
    (notice,) = watch(engine("a dog enters", head), crossing())
    assert (notice.kind, notice.doubt) == ("event", "") and abs(notice.t0 - ENTERS[0]) < 0.35
    assert notice.shown is not None and notice.shown.box is not None and notice.shown.t <= notice.t
    assert [n.verb for n in [*engine("a dog jumps", head).registered] if n.wants_detector] == ["jump"]
    assert watch(engine("a dog jumps", head), crossing()) == []
    assert watch(engine("a dog enters", head), crossing(colour=(30, 200, 40))) == []


def test_a_verb_alone_is_told_of_anything_and_needs_a_detector(head: EventHead) -> None:
    class Nameless(RedScorer):
        def read(self, text: str):
            reading = super().read(text)
            reading.names, reading.weights = (), np.zeros(1000)
            return reading

    made = Engine(PlainTower(), Nameless(), detector=Following(head), config=EngineConfig(thumb=0))
    made.register("something enters")
    (notice,) = watch(made, crossing(colour=(30, 200, 40)))
    assert abs(notice.t0 - ENTERS[0]) < 0.35 and 0 < notice.score <= 1 and notice.doubt == ""
    with pytest.raises(InputError, match="nothing follows things"):
        Engine(PlainTower(), Nameless()).register("something enters")


def test_while_it_is_blind_the_onset_is_told_with_a_doubt(head: EventHead) -> None:
    frames = []
    for f in crossing(20.0, speed=50, colour=(120, 120, 120)):
        reddened = f.pixels + np.array([90.0 * (14 <= f.t < 18), 0, 0])
        frames.append(Frame(reddened.clip(0, 255).astype(np.uint8), f.t, f.index))
    notices = watch(engine("a dog enters", head), frames)
    assert [n.kind for n in notices] == ["event", "end"]
    assert "camera moves" in notices[0].doubt and "first being seen" in notices[0].doubt
