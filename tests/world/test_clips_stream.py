"""Streams: hours at constant memory, any time on its own, and needles where the list says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.world.clips_stream import StreamConfig, draw_stream


def test_any_time_is_what_the_sequence_shows() -> None:
    config = StreamConfig(needles=2)
    stream = draw_stream(3, 0.05, config=config)
    frames = list(stream.frames())
    assert len(frames) == 360 and [t for t, _ in frames] == [k / 2 for k in range(360)]
    fresh = draw_stream(3, 0.05, config=config)
    for k in np.random.default_rng(0).permutation(360)[:25]:
        t, pixels = frames[int(k)]
        np.testing.assert_array_equal(fresh.frame(t), pixels)


def test_segments_cover_the_stream() -> None:
    stream = draw_stream(1, 2.0)
    bounds = [stream.bounds(i) for i in range(stream.segments)]
    assert bounds[0][0] == 0 and bounds[-1][1] == stream.seconds == 7200
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    lengths = [b - a for a, b in bounds]
    assert min(lengths) > 9 and max(lengths) < 31 and np.std(lengths) > 2
    for t in (0.0, 17.0, 3599.5, 7199.9, *(a for a, _ in bounds)):
        a, b = stream.bounds(stream.index(t))
        assert a <= t < b


def test_needles_are_seen_once_and_nowhere_else() -> None:
    stream = draw_stream(5, 0.2, config=StreamConfig(needles=5))
    nouns = {needle.noun for needle in stream.needles}
    assert len(nouns) == 5 and len({needle.segment for needle in stream.needles}) == 5
    for i in range(stream.segments):
        here = [needle for needle in stream.needles if needle.segment == i]
        clip = stream.clip(i)
        assert {thing.noun for thing in clip.objects} & nouns == {needle.noun for needle in here}
        for needle in here:
            start = stream.bounds(i)[0]
            index = next(thing.index for thing in clip.objects if thing.noun == needle.noun)
            assert clip.objects[index].colour == needle.colour
            for t in np.arange(needle.t0 - 1, needle.t1 + 1, 0.1):
                seen = clip.painter.visible(index, float(t) - start)
                if not needle.t0 < t < needle.t1:
                    assert seen == 0
                elif needle.t0 + 0.3 < t < needle.t1 - 0.3:
                    assert seen > 0.1
            assert clip.painter.visible(index, (needle.t0 + needle.t1) / 2 - start) == 1
            kinds = [event.kind for event in clip.events if event.subject == index]
            assert kinds == ["enter", "leave"]


def test_events_are_on_the_streams_clock() -> None:
    stream = draw_stream(5, 0.1, config=StreamConfig(needles=2))
    events = list(stream.events())
    assert all(stream.index(event.t0) == i for i, event in events)
    some = [event for _, event in stream.events(100.0, 200.0)]
    assert some == [event for _, event in events if 100 <= event.t0 < 200] and some
    needle = stream.needles[0]
    texts = [event.text for _, event in stream.events(needle.t0 - 0.01, needle.t1 + 0.01)]
    assert f"the {needle.noun} enters" in texts and f"the {needle.noun} leaves" in texts


def test_sound_in_pieces_is_the_whole() -> None:
    stream = draw_stream(5, 0.03, config=StreamConfig(needles=2))
    whole = stream.audio()
    assert len(whole) == 108 * 16_000
    for t0, t1 in ((0.0, 30.0), (17.3, 18.1), (50.0, 108.0)):
        np.testing.assert_array_equal(stream.audio(t0, t1), whole[round(t0 * 16_000) : round(t1 * 16_000)])
    for _, event in stream.events():
        onset = round(event.t0 * 16_000)
        assert np.abs(whole[onset : onset + 200]).max() > 0.02


def test_memory_is_constant() -> None:
    stream = draw_stream(2, 10.0)
    for t in np.linspace(0, 35_999, 60):
        stream.frame(float(t))
        assert len(stream._drawn) <= 2


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="hours"):
        draw_stream(0, 0.0)
    with pytest.raises(InputError, match="needles is 8"):
        draw_stream(0, 0.02)
    with pytest.raises(InputError, match="t is 99999"):
        draw_stream(0, 1.0).frame(99999)
    with pytest.raises(InputError, match="visit"):
        StreamConfig(segment=4.0)
