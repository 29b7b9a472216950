"""Cut-off, damaged and wrong files: what is there comes out, the rest is one clear line."""

from __future__ import annotations

import shutil
import warnings
import wave
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from lucida.media.errors import InputError
from lucida.media.video import Point, Video, audio
from lucida.media.video.packets import is_shown
from lucida.media.video.reader import Reader
from tests.media.video_clips import AWKWARD, burnt, cut, even, film, raw_film

CUT = ["fragments.mp4", "late.ts", "uneven.mkv", "live.mkv", "slots.avi", "start.mp4"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("whole")

    def make(name: str) -> Path:
        path = folder / name
        if path.exists():
            return path
        return film(path, even(100)) if name == "start.mp4" else AWKWARD[name](path)

    return make


@pytest.mark.parametrize("share", [0.31, 0.58, 0.83, 0.97])
@pytest.mark.parametrize("name", CUT)
def test_pictures_before_the_cut_come_out(name: str, share: float, whole: Callable[[str], Path]) -> None:
    complete = [frame.pixels for frame in Video(whole(name)).stream()]
    path = cut(whole(name), share)
    with pytest.warns(UserWarning, match="cut off"):
        video = Video(path)
        frames = list(video.stream())
        assert video.truncated
    numbers = [burnt(frame.pixels)[0] for frame in frames]
    # Cut off between a picture and those shown before it, a file can lack a few of the last ones.
    assert numbers == sorted(set(numbers)) and numbers[: -3 or None] == list(range(len(numbers) - 3))
    assert len(numbers) >= (0.08 if name == "slots.avi" else 0.7 * share) * len(complete)
    for number, frame in zip(numbers, frames, strict=True):
        np.testing.assert_array_equal(frame.pixels, complete[number])
    assert [(f.t, f.index) for f in video.between(-1, 99)] == [(f.t, f.index) for f in frames]
    assert [burnt(frame.pixels)[0] for frame in video.at([99, 0])] == [numbers[-1], 0]
    assert video.frame_count == len(frames) and video.last_t == frames[-1].t


def test_a_stream_cut_between_packets_loses_its_half_picture(whole: Callable[[str], Path]) -> None:
    """Transport streams do not say how long a picture is; half of one must not pass for a whole one."""
    data = whole("late.ts").read_bytes()
    complete = [frame.pixels for frame in Video(data).stream()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for packets in range(60, len(data) // 188, 17):
            frames = list(Video(data[: 188 * packets]).stream())
            again = list(Video(data[: 188 * packets]).between(-1, 99))
            assert [f.t for f in frames] == [f.t for f in again]
            for frame in [*frames[-2:], *again[-2:]]:
                np.testing.assert_array_equal(frame.pixels, complete[burnt(frame.pixels)[0]])


def test_damage_in_the_middle_costs_only_what_it_hits(whole: Callable[[str], Path], tmp_path: Path) -> None:
    data = bytearray(whole("uneven.mkv").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    path = tmp_path / "holed.mkv"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        video = Video(path)
        frames = list(video.stream())
        assert len(frames) >= 40
        times = np.linspace(0, 11, 40)
        for frame, t in zip(video.at(times), times, strict=True):
            assert frame.t <= t and frame.t in video.times()


@pytest.mark.parametrize("name", ["b-frames.mp4", "late.ts", "uneven.mkv", "edited.mp4"])
def test_where_seeking_fails_stepping_finds_the_same(
    name: str, whole: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [3.0, 0.2, 1.7, 3.7, 1.7]
    right = Video(whole(name)).at(times)
    land = Reader._land

    def lost(self: Reader, start: int, *, by_stamp: bool) -> int | None:
        land(self, start, by_stamp=by_stamp)
        return None

    def liar(self: Reader, start: int, *, by_stamp: bool) -> int | None:
        landed = land(self, 0, by_stamp=by_stamp)
        if landed is not None:
            self._number = start
        return start

    for way in (lost, liar):
        monkeypatch.setattr(Reader, "_land", way)
        video = Video(whole(name))
        for one, t in zip(right, times, strict=True):
            np.testing.assert_array_equal(video.at([t])[0].pixels, one.pixels)
        for one, other in zip(right, video.at(times), strict=True):
            assert one.t == other.t
            np.testing.assert_array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("name", ["start.mp4", "open-gop.mp4", "short-gop.ts"])
def test_false_keyframes_are_seen_through(name: str, whole: Callable[[str], Path]) -> None:
    """Some files call pictures keyframes from which nothing can be decoded."""
    truth = list(Video(whole(name)).stream())
    video = Video(whole(name))
    index = video.index
    false = tuple(Point(int(stamp), number) for number, stamp in enumerate(index.stamps))
    video._fetch.index = replace(index, keys=false, key_decode_stamps={key.number: None for key in false})
    picks = [len(truth) - 1, 3, len(truth) // 2, 17]
    for pick, frame in zip(picks, video.at([truth[pick].t for pick in picks]), strict=True):
        np.testing.assert_array_equal(frame.pixels, truth[pick].pixels)
    assert video.work.opened > 1 and video.frame_count == len(truth)


def test_a_file_that_changes_while_it_is_read(whole: Callable[[str], Path], tmp_path: Path) -> None:
    path = shutil.copy(whole("uneven.mkv"), tmp_path / "changing.mkv")
    video = Video(path)
    assert video.frame_count == 100
    shutil.copy(whole("live.mkv"), path)
    with pytest.raises(InputError, match=r"changing\.mkv: changed while it was being read"):
        video.at([1.0])


def test_pictures_with_the_same_timestamp_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "fast.mkv"  # 0.3 ms apart, in a container that knows milliseconds
    raw_film(path, range(0, 300, 3), format="matroska", time_base=Fraction(1, 10_000))
    video = Video(path)
    assert [burnt(frame.pixels)[0] for frame in video.stream()] == list(range(100))
    assert [burnt(frame.pixels)[0] for frame in video.between(-1, 1)] == list(range(100))
    for t in (0.0, 0.005, 0.02):
        number = burnt(video.at([t])[0].pixels)[0]
        assert video.times()[number] <= t < np.append(video.times(), 9)[number + 1]


def test_pictures_that_are_not_for_the_screen() -> None:
    class Vp8:
        codec = SimpleNamespace(canonical_name="vp8")

    shown, hidden = av.Packet(bytes([0b10000, 0, 0])), av.Packet(bytes([0b00000, 0, 0]))
    assert is_shown(shown, Vp8()) and not is_shown(hidden, Vp8())  # pyright: ignore[reportArgumentType]


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """name → (path, what the message says)."""
    (folder / "a folder").mkdir()
    (folder / "empty.mp4").touch()
    (folder / "prose.mp4").write_text("It was a dark and stormy night. " * 200)
    (folder / "prose.txt").write_text("It was a dark and stormy night.\n" * 200)
    (folder / "noise.mkv").write_bytes(np.random.default_rng(0).bytes(50_000))
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n")
    Image.new("RGB", (32, 32)).save(folder / "still.png")
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        sound.writeframes(bytes(8000))
    raw_film(folder / "late-index.mp4", range(0, 2000, 40), format="mp4")
    raw_film(folder / "bare.h264", range(0, 2000, 40), format="h264")
    film(folder / "one.ts", even(30))
    joined = (folder / "one.ts").read_bytes() + film(folder / "two.ts", even(30)).read_bytes()
    (folder / "joined.ts").write_bytes(joined)
    return {
        "missing": (folder / "nowhere.mp4", "no such file"),
        "folder": (folder / "a folder", "is a folder"),
        "empty": (folder / "empty.mp4", "empty file"),
        "prose": (folder / "prose.mp4", "not a video file"),
        "text": (folder / "prose.txt", "not a video file"),
        "noise": (folder / "noise.mkv", "not a video file"),
        "play list": (folder / "list.m3u8", "not a video file"),
        "still": (folder / "still.png", "not a video file"),
        "sound": (folder / "sound.wav", "has sound but no pictures"),
        "no index": (cut(folder / "late-index.mp4", 0.5), "cut off before its index"),
        "half index": (cut(folder / "late-index.mp4", 0.98), "cut off"),
        "no times": (folder / "bare.h264", "carry no timestamp"),
        "joined": (folder / "joined.ts", "time runs backwards"),
    }


def test_bad_files_are_one_clear_line(tmp_path: Path) -> None:
    for name, (path, message) in bad_files(tmp_path).items():
        line = ""
        try:
            Video(path).at([0.5])
        except InputError as error:
            line = str(error)
        assert message in line and path.name in line and "\n" not in line, (name, line)


def test_bad_requests(whole: Callable[[str], Path]) -> None:
    video = Video(whole("start.mp4"))
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: video.at([0.0, float("nan")]), r"times\[1\] .* nan"),
        (lambda: video.at([float("inf")]), r"times\[0\] .* inf"),
        (lambda: video.between(2.0, 1.0), "t1 must not lie before t0"),
        (lambda: video.between(float("nan"), 1.0), "t0 must be a finite number"),
        (lambda: video.between(0.0, 1.0, fps=0), "fps must be above zero, got 0"),
        (lambda: video.stream(fps=-1), "fps must be above zero, got -1"),
        (lambda: Video(42), "video must be a path, bytes or a seekable binary file, not int"),  # pyright: ignore
        (lambda: Video(b""), "empty file"),
        (lambda: audio(whole("start.mp4")), "has no sound"),
    ]
    for call, message in wrong:
        with pytest.raises(InputError, match=message):
            call()
