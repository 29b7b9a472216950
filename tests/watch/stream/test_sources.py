"""Sources: everything that can go wrong with one ends in a clear line or a count, and nothing is made up."""

from __future__ import annotations

import io
import os
import threading
import time
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.media.video import Frame, write_video
from lucida.watch.stream.intake import Intake
from lucida.watch.stream.sources import JUMP, LiveSource, open_source, paced
from tests.media.video_clips import burnt, even, picture, uneven


def film(path, times, **options):
    return write_video(path, ((t, picture(k, t)) for k, t in enumerate(times)), gop=10, **options)


def test_a_file_gives_every_frame_with_its_time(tmp_path) -> None:
    times = uneven(40)
    source = open_source(str(film(tmp_path / "a.mp4", times)))
    frames = list(source.frames())
    assert not source.live and [round(f.t, 3) for f in frames] == [round(t, 3) for t in times]
    assert all(abs(burnt(f.pixels)[1] - f.t) < 2e-3 for f in frames)


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_standard_input_gives_the_same_frames(tmp_path, name) -> None:
    data = film(tmp_path / name, even(30, start=3.0)).read_bytes()
    read, write = os.pipe()

    def pour() -> None:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(data)

    threading.Thread(target=pour).start()
    with os.fdopen(read, "rb") as stdin:
        frames = list(open_source("-", stdin=stdin).frames())
    assert [burnt(f.pixels)[0] for f in frames] == list(range(30))
    np.testing.assert_allclose([f.t for f in frames], np.arange(30) / 25, atol=2e-3)


def test_a_device_of_ffmpegs_own_is_endless_and_can_be_stopped() -> None:
    intake = Intake(open_source("lavfi:testsrc=size=64x48:rate=10"), 5.0)
    times = [frame.t for frame, _ in zip(intake, range(8), strict=False)]
    intake.stop()
    np.testing.assert_allclose(times, np.arange(8) / 5, atol=1e-6)


@pytest.mark.parametrize("cut", [0.4, 0.8])
def test_a_stream_that_breaks_off_gives_what_came(tmp_path, cut) -> None:
    data = film(tmp_path / "a.ts", even(60)).read_bytes()
    source = open_source("-", stdin=io.BytesIO(data[: int(cut * len(data))]))
    numbers = [burnt(f.pixels)[0] for f in source.frames() if not f.damaged]
    assert 5 < len(numbers) < 60 and numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.mp4", b"", "empty file"),
        ("text.mp4", b"hello " * 400, "not a video"),
        ("gone.mp4", None, "No such file"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, data, message) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        open_source(str(path))


def test_sound_alone_is_refused(tmp_path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="sound but no pictures"):
        open_source(str(path))
    with pytest.raises(InputError, match="standard input: has sound but no pictures"):
        open_source("-", stdin=io.BytesIO(path.read_bytes()))


def test_bad_standard_input_and_addresses_are_refused(monkeypatch) -> None:
    for name in ("LUCIDA_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for data in (b"", b"rubbish" * 99):
        with pytest.raises(InputError, match="standard input: cannot be opened"):
            open_source("-", stdin=io.BytesIO(data))
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9/a\.mp4: cannot be opened"):
        open_source("http://127.0.0.1:9/a.mp4")
    monkeypatch.setenv("LUCIDA_OFFLINE", "1")
    with pytest.raises(InputError, match="LUCIDA_OFFLINE"):
        open_source("rtsp://camera/stream")
    with pytest.raises(InputError, match="source is empty"):
        open_source(" ")


class Played(LiveSource):
    """A live source over pictures made by hand."""

    def __init__(self, times, gone: str = "") -> None:
        self.name, self.live, self.gone, self._times = "camera", True, "", times
        self.untimed = self.backward = self.restarts = 0
        self._end = gone

    def _decoded(self):
        for t in self._times:
            shot = av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), format="rgb24")
            if t is not None:
                shot.pts, shot.time_base = round(t * 1000), Fraction(1, 1000)
            yield shot
        self.gone = self._end

    _stream = SimpleNamespace(metadata={}, time_base=Fraction(1, 1000))

    def close(self) -> None:
        pass


def test_missing_timestamps_are_counted_and_none_at_all_is_refused() -> None:
    source = Played([5.0, None, 5.2, None])
    assert [round(f.t, 3) for f in source.frames()] == [0.0, 0.2] and source.untimed == 2
    with pytest.raises(InputError, match="no timestamps"):
        list(Played([None] * 100).frames())


def test_a_clock_that_starts_again_goes_on() -> None:
    source = Played([10.0, 10.1, 10.05, 10.2, *(k / 10 for k in range(JUMP + 3))])
    times = [f.t for f in source.frames()]
    assert times == sorted(set(times)) and source.restarts == 1 and source.backward == JUMP + 1
    np.testing.assert_allclose(times[:3], [0, 0.1, 0.2], atol=1e-9)
    np.testing.assert_allclose(np.diff(times[3:]), 0.1, atol=1e-9)


def test_a_vanished_source_says_so() -> None:
    source = Played([0.0, 0.1], gone="gone (timed out)")
    assert len(list(source.frames())) == 2 and source.gone
    with pytest.raises(InputError, match=r"gone .* before the first picture"):
        list(Played([], gone="gone (timed out)").frames())


class Camera:
    """A live source that delivers whether or not anybody reads."""

    live = True

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error, self.done = count, error, threading.Event()

    def frames(self):
        for k in range(self.count):
            yield Frame(np.zeros((4, 4, 3), np.uint8), float(k), k)
        self.done.set()
        if self.error:
            raise self.error

    def close(self) -> None:
        pass


def test_a_slow_reader_of_a_live_source_drops_the_oldest_and_counts() -> None:
    camera = Camera(100)
    intake = Intake(camera, 1.0, size=4)
    frames = iter(intake)
    seen = [next(frames).t]
    assert camera.done.wait(5)
    seen += [f.t for f in frames]
    assert seen[-4:] == [96.0, 97.0, 98.0, 99.0] and seen == sorted(seen)
    assert intake.received == 100 and intake.dropped == 100 - len(seen) and len(seen) <= 5
    assert intake.waiting == 0


def test_a_source_that_waits_is_never_read_ahead_and_drops_nothing() -> None:
    camera = Camera(50)
    camera.live = False
    intake = Intake(camera, 0.5, size=1)
    seen = []
    for frame in intake:
        time.sleep(0)
        assert intake.received == len(seen) + 1
        seen.append(frame.t)
    assert seen == [float(t) for t in range(0, 50, 2)] and intake.dropped == 0


def test_an_error_of_the_source_reaches_the_reader_after_its_frames() -> None:
    frames = iter(Intake(Camera(2, InputError("camera: broken")), 1.0))
    assert [next(frames).t, next(frames).t] == [0.0, 1.0]
    with pytest.raises(InputError, match="broken"):
        next(frames)


def test_pacing_takes_the_first_frame_of_each_step_and_repeats_none() -> None:
    times = [0.0, 0.04, 0.6, 0.62, 2.9, 3.0, 3.4]
    frames = [Frame(np.zeros((1, 1, 3), np.uint8), 7 + t, i) for i, t in enumerate(times)]
    assert [f.index for f in paced(iter(frames), 2.0)] == [0, 2, 4, 5]
