"""The right picture at every moment, on every awkward container, against numbers burnt into the pixels."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.video import Frame, Video
from tests.media.video_clips import AWKWARD, SIZE, burnt, even, film, naive

Clip = Callable[[str], Path]
HALF_TICK = 0.0006  # burnt-in times are whole milliseconds, and so are Matroska's


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str) -> Path:
        path = folder / name
        return path if path.exists() else AWKWARD[name](path)

    return make


def same(a: Frame, b: Frame) -> bool:
    return a.t == b.t and a.index == b.index and np.array_equal(a.pixels, b.pixels)


def on_screen(film: list[Frame], t: float) -> Frame:
    """The definition: the last picture that appeared at or before ``t``, else the first."""
    return [film[0], *(frame for frame in film if frame.t <= t)][-1]


@pytest.mark.parametrize("name", AWKWARD)
def test_stream_shows_every_picture_at_its_time(name: str, clip: Clip) -> None:
    video = Video(clip(name))
    frames = list(video.stream())
    codes = [burnt(frame.pixels) for frame in frames]
    if video.rotation == 0:
        assert codes == naive(clip(name))
    hidden = 25 if name == "edited.mp4" else 0
    assert [number for number, _ in codes] == list(range(hidden, hidden + len(frames)))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame, (_, t) in zip(frames, codes, strict=True):
        assert abs((frame.t - frames[0].t) - (t - codes[0][1])) < HALF_TICK
        assert frame.pixels.shape == (*video.size, 3) and frame.pixels.dtype == np.uint8
        assert frame.pixels.flags.c_contiguous and not frame.damaged
    assert video.frame_count == len(frames)
    np.testing.assert_array_equal(video.times(), [frame.t for frame in frames])
    assert (video.first_t, video.last_t) == (frames[0].t, frames[-1].t) and video.duration >= video.last_t
    assert video.variable_rate == name.startswith("uneven") and not video.truncated


@pytest.mark.parametrize("name", AWKWARD)
def test_at_and_between_agree_with_stream(name: str, clip: Clip) -> None:
    video = Video(clip(name))
    frames = list(video.stream())
    rng = np.random.default_rng(len(name))
    end = frames[-1].t
    times = [-1.0, end + 9, *rng.uniform(-0.1, end + 0.1, 20), *rng.choice(video.times(), 12)]
    for t, got in zip(times, video.at(times), strict=True):
        assert same(got, on_screen(frames, t)), t
    a, b = sorted(rng.choice(len(frames), 2, replace=False))
    found = list(video.between(frames[a].t, frames[b].t))
    assert len(found) == b - a and all(map(same, found, frames[a:b]))
    sampled = list(video.between(video.first_t, video.duration, fps=7))
    assert [frame.t for frame in sampled] == [frame.t for frame in video.stream(fps=7)]
    assert all(same(frame, on_screen(frames, video.first_t + k / 7)) for k, frame in enumerate(sampled))


def test_time_counts_from_the_start_of_the_container(clip: Clip) -> None:
    for name, offset in (("late.ts", 10.0), ("late.mp4", 5.0), ("b-frames.mp4", 0.0)):
        video = Video(clip(name))
        assert (video.pts_offset, video.first_t) == (offset, 0.0)
    video = Video(clip("with-sound.ts"))  # sound begins first, so pictures do not begin at zero
    assert video.has_audio and 0 < video.first_t < 0.1


def test_what_a_file_says_of_itself(clip: Clip) -> None:
    video = Video(clip("turned.mp4"))
    assert (video.rotation, video.size) == (90, SIZE)
    assert (video.codec, video.fps, video.has_audio) == ("h264", 25.0, False)
    assert Video(clip("upside-down.mkv")).rotation == 180
    assert Video(clip("slots.avi")).index.slots and Video(clip("vp9.webm")).codec == "vp9"
    keys = Video(clip("b-frames.mp4")).keyframe_times()
    assert keys[0] == 0.0 and np.all(np.diff(keys) > 0) and np.all(np.diff(keys) <= 30 / 25 + HALF_TICK)


@settings(max_examples=12)
@given(batches=st.lists(st.lists(st.floats(-1, 14), max_size=12), min_size=1, max_size=5))
@pytest.mark.parametrize("name", ["long-gop.mp4", "open-gop.ts", "uneven.mkv", "short-gop.ts", "slots.avi"])
def test_any_requests_in_any_order(
    name: str, clip: Clip, batches: list[list[float]], films: dict[str, list[Frame]]
) -> None:
    video = Video(clip(name))
    if name not in films:
        films[name] = list(video.stream())
    for times in batches:
        got = video.at(times)
        assert len(got) == len(times)
        assert all(same(frame, on_screen(films[name], t)) for t, frame in zip(times, got, strict=True))


@pytest.fixture(scope="module")
def films() -> dict[str, list[Frame]]:
    return {}


@settings(max_examples=12)
@given(
    count=st.integers(1, 40),
    gop=st.integers(1, 25),
    bframes=st.integers(0, 4),
    open_gop=st.booleans(),
    suffix=st.sampled_from([".mp4", ".mkv", ".ts"]),
    picks=st.lists(st.integers(0, 39), min_size=1, max_size=8),
)
def test_any_structure(
    tmp_path_factory: pytest.TempPathFactory,
    count: int, gop: int, bframes: int, open_gop: bool, suffix: str, picks: list[int],
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("structure") / f"any{suffix}"
    options = {"preset": "veryfast", "x264-params": f"open-gop={int(open_gop)}"}
    video = Video(film(path, even(count), gop=gop, bframes=bframes, codec_options=options))
    times = video.times()
    wanted = [pick % count for pick in picks]
    assert [burnt(frame.pixels)[0] for frame in video.at(times[wanted])] == wanted
    assert [burnt(frame.pixels)[0] for frame in video.at([times[k] for k in wanted])] == wanted


def test_streams_and_requests_do_not_disturb_each_other(clip: Clip) -> None:
    path = clip("b-frames.mp4")
    truth = list(Video(path).stream())
    with path.open("rb") as file:
        for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), file):
            with Video(source) as video:
                one, two = video.stream(), video.between(1.0, 3.0)
                for k in range(30):
                    assert same(next(one), truth[k]) and same(next(two), truth[25 + k])
                    assert same(video.at([3.9 - k / 20])[0], on_screen(truth, 3.9 - k / 20))


def test_frames_asked_for_twice_are_the_same(clip: Clip) -> None:
    video = Video(clip("b-frames.mp4"))
    a, b, c = video.at([1.0, 1.01, 1.0])
    assert a is b is c
    assert video.at([]) == []
    assert list(video.between(1.0, 1.0)) == []
    # beyond the film there is nothing to sample
    assert [frame.t for frame in video.between(-5, 1e12, fps=1)] == [0.0, 1.0, 2.0, 3.0]
    assert list(video.between(4.5, 9.0, fps=10)) == []


def test_sparse_requests_decode_little(clip: Clip) -> None:
    video = Video(clip("b-frames.mp4"))
    video.at([0.0, 3.92])
    assert video.work.sent < 50 and video.work.seeks == 1
    long = Video(clip("long-gop.mp4"))
    long.at([11.0])  # pictures on which no other leans are not decoded
    assert long.work.decoded < 0.8 * 275


def test_polling_goes_on_instead_of_seeking(clip: Clip) -> None:
    video = Video(clip("long-gop.mp4"))
    for t in np.arange(0, 12, 0.02):
        video.at([t])
    assert video.work.seeks == 0 and video.work.sent <= video.frame_count
    list(itertools.islice(video.between(0, 12), 50))
    assert video.work.sent <= video.frame_count + 70
