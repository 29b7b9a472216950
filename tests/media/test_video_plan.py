"""The decode planner on its own: complete, feasible, never dearer than the two simple strategies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.video import Place, Point, Segment, plan
from lucida.media.video.planner import keyframe_before

FOUR = [Point(stamp, stamp) for stamp in (0, 100, 200, 300)]  # keyframes every 100 pictures, no B-frames


def points(*stamps: int) -> list[Point]:
    return [Point(stamp, stamp) for stamp in stamps]


def test_by_hand() -> None:
    assert plan([], FOUR) == []
    assert plan(points(50), FOUR) == [Segment(start=0, wanted=(50,))]
    assert plan(points(350, 150, 350), FOUR) == [
        Segment(start=100, wanted=(150,)),
        Segment(start=300, wanted=(350,)),
    ]
    # within a group of pictures we go on, however far
    assert plan(points(1, 99), FOUR) == [Segment(start=0, wanted=(1, 99))]
    # a keyframe just ahead is not worth a seek, one far ahead is
    assert plan(points(98, 105), FOUR, seek_cost=6) == [Segment(start=0, wanted=(98, 105))]
    assert [s.start for s in plan(points(80, 105), FOUR, seek_cost=6)] == [0, 100]
    assert [s.start for s in plan(points(80, 105), FOUR, seek_cost=30)] == [0]
    assert [s.start for s in plan(points(99, 100), FOUR, seek_cost=0)] == [0]


def test_from_where_the_decoder_stands() -> None:
    place = Place(next=60, clean=40, shown=55)
    assert plan(points(70), FOUR, place=place) == [Segment(start=None, wanted=(70,))]
    assert plan(points(57), FOUR, place=place) == [Segment(start=None, wanted=(57,))]  # read, not yet shown
    assert plan(points(55), FOUR, place=place) == [Segment(start=0, wanted=(55,))]  # gone
    assert plan(points(110), FOUR, place=place) == [Segment(start=100, wanted=(110,))]
    assert plan(points(20, 70), FOUR, place=place) == [Segment(start=0, wanted=(20, 70))]
    left_out = Place(next=60, clean=58, shown=55)  # 57 was given to the decoder to be skipped
    assert plan(points(57), FOUR, place=left_out) == [Segment(start=0, wanted=(57,))]


def test_pictures_before_an_open_keyframe_start_at_the_one_before() -> None:
    keys = [Point(0, 0), Point(30, 10)]  # the pictures at 10 and 20 follow the keyframe at 30 in the file
    assert keyframe_before(Point(20, 12), keys) == 0
    assert keyframe_before(Point(40, 13), keys) == 1
    assert plan([Point(20, 12)], keys) == [Segment(start=0, wanted=(12,))]
    assert plan([Point(20, 12), Point(40, 13)], keys, seek_cost=0) == [Segment(start=0, wanted=(12, 13))]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="keys is empty"):
        plan(points(1), [])
    with pytest.raises(ValueError, match=r"seek_cost .* -1"):
        plan(points(1), FOUR, seek_cost=-1)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Point], list[Point]]:
    """(pictures in decoding order, keyframes): groups of random length, B-frames, open and closed."""
    pictures: list[Point] = []
    keys: list[Point] = []
    for length in draw(st.lists(st.integers(1, 20), min_size=1, max_size=8)):
        first = len(pictures)
        leading = (
            draw(st.integers(0, min(3, length - 1))) if keys else 0
        )  # pictures shown before their keyframe
        stamps = list(range(first, first + length))
        order = [stamps.pop(leading)]  # the keyframe itself
        while stamps:
            run = draw(st.integers(1, 4))
            ahead, stamps = stamps[:run], stamps[run:]
            order += [ahead[-1], *ahead[:-1]]  # a reference, then the B-frames before it
        keys.append(Point(order[0], len(pictures)))
        pictures += [Point(stamp, first + k) for k, stamp in enumerate(order)]
    return pictures, keys


def decoded(segments: Sequence[Segment], place: Place | None) -> int:
    """Packets that a plan feeds, without what is needed to press the last pictures out."""
    total, here = 0, place.next if place else 0
    for segment in segments:
        here = here if segment.start is None else segment.start
        end = max(here, max(segment.wanted) + 1)
        total += end - here
        here = end
    return total


@given(stream=streams(), data=st.data(), seek_cost=st.integers(0, 12))
def test_complete_feasible_and_cheap(
    stream: tuple[list[Point], list[Point]], data: st.DataObject, seek_cost: int
) -> None:
    pictures, keys = stream
    wanted = data.draw(st.lists(st.sampled_from(pictures), min_size=1, max_size=12))
    segments = plan(wanted, keys, seek_cost=seek_cost)
    found = [number for segment in segments for number in segment.wanted]
    assert sorted(found) == sorted({point.number for point in wanted})
    stamp_of = {point.number: point.stamp for point in pictures}
    starts = {key.number for key in keys}
    for segment in segments:
        assert segment.start in starts
        assert segment.start is not None
        for number in segment.wanted:
            assert number >= segment.start and stamp_of[number] >= stamp_of[segment.start]
    cost = decoded(segments, None) + seek_cost * len(segments)
    alone = [plan([point], keys, seek_cost=seek_cost) for point in set(wanted)]
    assert cost <= sum(decoded(one, None) + seek_cost for one in alone)
    assert cost <= max(point.number for point in wanted) + 1 + seek_cost * len(segments)


@given(stream=streams(), data=st.data())
def test_going_on_loses_nothing(stream: tuple[list[Point], list[Point]], data: st.DataObject) -> None:
    pictures, keys = stream
    at = data.draw(st.integers(0, len(pictures)))
    clean = data.draw(st.integers(0, at))
    shown = data.draw(st.integers(-1, len(pictures)))
    place = Place(next=at, clean=clean, shown=shown)
    wanted = data.draw(st.lists(st.sampled_from(pictures), min_size=1, max_size=12))
    segments = plan(wanted, keys, place=place)
    assert all(segment.start is not None for segment in segments[1:])
    if segments[0].start is None:
        by_number = {point.number: point for point in pictures}
        assert place.reaches(by_number[segments[0].wanted[0]])
        assert all(number >= clean for number in segments[0].wanted)
    assert sorted(n for s in segments for n in s.wanted) == sorted({point.number for point in wanted})


def test_dense_requests_become_one_pass() -> None:
    keys = points(*range(0, 1000, 12))
    every = plan(points(*range(0, 1000, 3)), keys)
    assert len(every) == 1
    sparse = plan(points(*np.linspace(0, 999, 8).astype(int).tolist()), keys)
    assert len(sparse) == 8
