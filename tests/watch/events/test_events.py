"""Parts, ground, trails, kinematics and the event head: on pictures made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lucida.media.colours import oklab
from lucida.media.components import label_mask
from lucida.watch.events.ground import find_ground, shrunk
from lucida.watch.events.happenings import cuts, edge_side, happenings, see_shot
from lucida.watch.events.head import EventHead, config_of, load_events, plain, runs
from lucida.watch.events.kinematics import RATE, SIGNALS, gaps, signals
from lucida.watch.events.parts import parts_of
from lucida.watch.events.sightings import Sighting, Trail
from lucida.watch.events.trails import follow

GREY, RED, BLUE = (150, 150, 150), (214, 32, 36), (24, 96, 216)


def film(boxes: list[list[tuple[int, int, int, int, tuple[int, int, int]]]], size: int = 96) -> np.ndarray:
    """(T, size, size, 3) uint8: filled boxes (x0, y0, x1, y1, colour) on grey."""
    frames = np.full((len(boxes), size, size, 3), GREY, np.uint8)
    for frame, things in zip(frames, boxes, strict=True):
        for x0, y0, x1, y1, colour in things:
            frame[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = colour
    return frames


def test_a_part_knows_its_box_centre_and_colour() -> None:
    picture = film([[(10, 20, 16, 24, RED)]])
    lab = oklab(picture).astype(np.float32)[0]
    (part,) = parts_of(label_mask((picture == np.array(RED, np.uint8)).all(-1)[0])[0], lab, 4)
    assert part.box == (10, 20, 16, 24) and part.area == 24 and part.centre == (13.0, 22.0)
    assert np.allclose(part.lab, oklab(np.array(RED)), atol=1e-5)
    assert part.histogram.sum() == pytest.approx(1, abs=1e-5)


def test_the_ground_is_found_behind_a_thing_that_stands_most_of_the_time_and_then_goes() -> None:
    standing = [[(40, 40, 56, 56, RED)]] * 20
    going = [[(40 + 10 * k, 40, 56 + 10 * k, 56, RED)] for k in range(1, 7)]
    small = film([*standing, *going])
    lab = oklab(small).astype(np.float32)
    ground = find_ground(small, lab)
    masks = ground.masks(small, lab)
    assert masks[0, 41:55, 41:55].all() and masks[0].sum() < 320
    assert not masks[-1, 41:55, 41:55].any()  # no ghost where it stood


def test_two_things_are_followed_through_a_crossing() -> None:
    frames = [
        [(4 + 3 * k, 30, 16 + 3 * k, 42, RED), (80 - 3 * k, 34, 92 - 3 * k, 46, BLUE)] for k in range(26)
    ]
    small = film(frames)
    lab = oklab(small).astype(np.float32)
    times = [k / RATE for k in range(26)]
    trails = [t for t in follow(times, small, find_ground(small, lab), lab) if len(t.sightings) > 4]
    assert len(trails) == 2
    for trail in trails:
        first, last = trail.sightings[0], trail.sightings[-1]
        assert np.linalg.norm(first.lab - last.lab) < 0.06, "the two have changed places"
        assert abs(first.centre[0] - last.centre[0]) > 0.6


def test_cuts_are_where_the_picture_becomes_another() -> None:
    small = np.concatenate([film([[(10, 10, 30, 30, RED)]] * 4), np.full((3, 96, 96, 3), BLUE, np.uint8)])
    assert cuts(small) == [0, 4]
    assert cuts(small[:0]) == []


def test_shrunk_keeps_proportions_and_means() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 200
    small = shrunk(picture)
    assert small.shape == (48, 96, 3) and small.mean() == pytest.approx(100, abs=2)


def sighting(t: float, x: float, y: float = 0.5) -> Sighting:
    box = (max(0.0, x - 0.05), y - 0.05, min(1.0, x + 0.05), y + 0.05)
    return Sighting(t=t, box=box, centre=(x, y), area=0.01, lab=np.array([0.5, 0.1, 0.1]))


def trail_of(points: list[tuple[float, float]]) -> Trail:
    return Trail(
        sightings=tuple(sighting(t, x) for t, x in points), histogram=np.full(64, 1 / 64, np.float32)
    )


def test_signals_are_even_in_time_and_know_speed_and_gap() -> None:
    moving = trail_of([(k / 12, 0.2 + 0.02 * k) for k in range(25)])
    resting = trail_of([(k / 12, 0.9) for k in range(25)])
    grid, values = signals(moving, [resting], (0.0, 2.0), (100, 100))
    column = {name: values[:, k] for k, name in enumerate(SIGNALS)}
    assert np.allclose(np.diff(grid), 1 / RATE) and column["present"].all()
    assert column["speed"][5:20] == pytest.approx(0.02 * 12 / 0.6, abs=1e-4)
    assert column["gap"][-1] == pytest.approx((0.85 - 0.73) / 0.2, abs=1e-4)
    assert (column["neighbour speed"] == 0).all()


def test_signals_do_not_depend_on_how_often_an_even_motion_was_seen() -> None:
    dense = trail_of([(k / 12, 0.2 + 0.02 * k) for k in range(25)])
    sparse = trail_of([(k / 3, 0.2 + 0.08 * k) for k in range(7)])
    a, b = (signals(t, [], (0.0, 2.0), (100, 100))[1] for t in (dense, sparse))
    stale = SIGNALS.index("stale")
    assert np.allclose(np.delete(a, stale, 1), np.delete(b, stale, 1), atol=1e-4)


def test_gaps_by_hand() -> None:
    a = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]], float)
    b = np.array([[4, 5, 6, 6], [0.5, 0.5, 2, 2], [1, 0, 2, 1]], float)
    assert gaps(a, b).tolist() == [5.0, 0.0, 0.0]


def test_the_views_of_a_trail_are_usual_in_size_clear_and_apart() -> None:
    seen = list(trail_of([(k / 4, 0.3) for k in range(16)]).sightings)
    for k in (5, 6):
        seen[k] = replace(seen[k], area=3 * seen[k].area)  # another thing runs together with it
    seen[9] = replace(seen[9], clear=False)
    views = replace(trail_of([(0.0, 0.3)]), sightings=tuple(seen)).views(3)
    assert len(views) == 3 and views[0] == replace(trail_of([(0.0, 0.3)]), sightings=tuple(seen)).best()
    assert all(v.clear and v.area == seen[0].area for v in views)
    assert min(abs(a.t - b.t) for i, a in enumerate(views) for b in views[:i]) >= 3.75 / 4


def test_runs_end_where_the_probability_crosses_the_level() -> None:
    p = np.array([[0.0], [0.0], [0.7], [0.9], [0.7], [0.0]])
    (run,) = runs(p, np.arange(6) / RATE, ["jump"], high=0.5, low=0.35)
    assert run.t0 == pytest.approx((2 - 0.5) / RATE) and run.t1 == pytest.approx((4 + 0.5) / RATE)
    assert run.score == pytest.approx(0.8)
    assert runs(p * 0.5, np.arange(6) / RATE, ["jump"], high=0.5) == []


def test_what_passes_in_a_moment_is_no_approach_and_no_jump() -> None:
    p = np.array([[0.0], [0.0], [0.7], [0.9], [0.7], [0.0]])
    grid = np.arange(6) / RATE
    assert [len(runs(p, grid, [kind])) for kind in ("enter", "stop", "jump", "approach")] == [1, 1, 0, 0]
    longer = np.repeat(p, 2, axis=0)
    assert [len(runs(longer, np.arange(12) / RATE, [kind])) for kind in ("jump", "approach")] == [1, 1]
    assert not runs(longer * 0.7, np.arange(12) / RATE, ["change colour"])


def test_the_config_survives_json() -> None:
    head = EventHead()
    assert config_of(plain(head.config)) == head.config


def test_sides() -> None:
    assert [edge_side(b) for b in ((0, 0.4, 0.2, 0.6), (0.4, 0, 0.6, 0.2), (0.8, 0.4, 1, 0.6), (0.4, 0.8, 0.6, 1))] == [
        "left", "top", "right", "bottom",
    ]  # fmt: skip


def test_the_shipped_head_sees_a_thing_cross_the_picture() -> None:
    frames = [[(-14 + 4 * k, 40, 2 + 4 * k, 56, RED)] for k in range(30)]
    small = film([[], [], [], [], *frames, [], [], []])
    shot = see_shot([k / RATE for k in range(len(small))], small, (192, 192))
    found = happenings(shot, load_events())
    assert [h.kind for h in found] == ["enter", "leave"]
    assert [h.side for h in found] == ["left", "right"]
    assert found[0].t0 == pytest.approx(4 / RATE, abs=0.15) and found[0].t1 == pytest.approx(
        8 / RATE, abs=0.15
    )
