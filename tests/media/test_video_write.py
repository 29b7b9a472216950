"""Writing video and reading sound: the times given are the times found."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.media.video import Video, audio, write_video
from lucida.media.video.pixels import RIGHT_ANGLES, Orientation
from tests.media.video_clips import CLICKS, SIZE, burnt, clicks, even, film, picture, raw_film, uneven

GREY = np.full((*SIZE, 3), 128, np.uint8)


@settings(max_examples=10)
@given(gaps=st.lists(st.integers(1, 120_000), min_size=1, max_size=12))
def test_any_times_survive_mp4(gaps: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    times = [0.0, *(np.cumsum(gaps) / 60_000).tolist()]
    path = write_video(
        tmp_path_factory.mktemp("times") / "a.mp4", ((t, GREY) for t in times), time_base=Fraction(1, 60_000)
    )
    np.testing.assert_array_equal(Video(path).times(), times)


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    a = film(tmp_path / "a.mp4", uneven(20), audio=(16_000, clicks()))
    b = film(tmp_path / "b.mp4", uneven(20), audio=(16_000, clicks()))
    assert a.read_bytes() == b.read_bytes()


def test_colours_come_back(tmp_path: Path) -> None:
    colours = np.array(
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 120, 40]], np.uint8
    )
    for height in (96, 640):  # BT.601 below, BT.709 above
        pixels = np.repeat(colours[None], height, axis=0).repeat(32, axis=1)
        for name in ("c.mp4", "c.mkv"):
            path = write_video(tmp_path / f"{height}-{name}", [(0.0, pixels), (1.0, pixels)], crf=10)
            got = Video(path).at([0.0])[0].pixels[height // 2, 16::32]
            assert np.abs(got.astype(int) - colours).max() <= 6


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def frames() -> Iterator[tuple[float, np.ndarray]]:
        yield 0.0, GREY
        raise RuntimeError("the painter fell ill")

    with pytest.raises(RuntimeError, match="painter"):
        write_video(tmp_path / "a.mp4", frames())
    old = film(tmp_path / "b.mp4", even(3)).read_bytes()
    with pytest.raises(InputError):
        write_video(tmp_path / "b.mp4", [(0.0, GREY), (0.0, GREY)])
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]
    assert (tmp_path / "b.mp4").read_bytes() == old


def test_what_cannot_be_written(tmp_path: Path) -> None:
    odd = np.zeros((97, 131, 3), np.uint8)
    wrong = [
        ([], {}, "frames is empty"),
        ([(-1.0, GREY)], {}, "frame 0: time must be finite and not negative, got -1.0"),
        ([(float("nan"), GREY)], {}, "frame 0: time"),
        ([(0.0, GREY), (1e-9, GREY)], {}, "frame 1: time 1e-09 is not a tick"),
        ([(0.0, GREY), (1.0, GREY[1:])], {}, "frame 1: size"),
        ([(0.0, GREY[..., 0])], {}, "frame 0: pixels must be"),
        ([(0.0, GREY.astype(np.float32))], {}, "frame 0: pixels must be .* float32"),
        ([(0.0, odd)], {}, r"yuv420p needs an even height and width, got \(97, 131\)"),
        ([(0.0, GREY)], {"codec": "nonesuch"}, "nonesuch"),
        ([(0.0, GREY)], {"codec": "aac"}, "codec must be a video encoder"),
        ([(0.0, GREY)], {"pix_fmt": "nonesuch"}, "nonesuch"),
        ([(0.0, GREY)], {"format": "nonesuch"}, "nonesuch"),
        ([(0.0, GREY)], {"rotation": 45}, "rotation must be"),
        ([(0.0, GREY)], {"audio": (8000, np.zeros((9, 3)))}, "audio samples must be"),
        ([(0.0, GREY)], {"audio": (8000, np.full(9, np.nan))}, "not finite"),
        ([(0.0, GREY)], {"audio": (0, np.zeros(9))}, "rate"),
        ([(0.0, GREY)], {"fps": 0}, "fps"),
    ]
    for frames, options, message in wrong:
        with pytest.raises(InputError, match=message):
            write_video(tmp_path / "a.mp4", frames, **options)
    with pytest.raises(InputError, match="cannot write"):
        write_video(tmp_path / "a.unknown", [(0.0, GREY)])
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        write_video(tmp_path / "file" / "a.mp4", [(0.0, GREY)])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_sound_and_pictures_share_their_time(name: str, tmp_path: Path) -> None:
    path = film(tmp_path / name, even(100), audio=(16_000, clicks()))
    video, sound = Video(path), audio(path)
    assert sound.rate == 16_000 and sound.samples.dtype == np.float32
    loud = np.flatnonzero(np.abs(sound.samples) > 0.3) / sound.rate + sound.t0 - video.first_t
    onsets = loud[np.diff(loud, prepend=-1) > 0.1]
    np.testing.assert_allclose(onsets, CLICKS, atol=0.003)


def test_stereo_is_averaged_and_other_formats_are_scaled(tmp_path: Path) -> None:
    for width, dtype, scale in ((1, np.uint8, 127), (2, np.int16, 32767), (4, np.int32, 2**31 - 1)):
        wanted = np.stack([np.linspace(-0.9, 0.9, 4000), np.zeros(4000)], axis=1)
        stored = wanted * scale + (128 if width == 1 else 0)
        with wave.open(str(tmp_path / "s.wav"), "wb") as file:
            file.setparams((2, width, 8000, 0, "NONE", "NONE"))
            file.writeframes(np.rint(stored).astype(dtype).tobytes())
        sound = audio(tmp_path / "s.wav")
        assert (sound.rate, sound.t0) == (8000, 0.0)
        np.testing.assert_allclose(
            sound.samples, wanted.mean(axis=1), atol=1.5 / scale if width == 1 else 1e-4
        )
    stereo = np.stack([clicks(), np.zeros_like(clicks())], axis=1)
    loud = np.abs(audio(film(tmp_path / "s.mp4", even(50), audio=(16_000, stereo))).samples)
    assert 0.3 < loud.max() < 0.6


def test_holes_in_the_sound_keep_the_time(tmp_path: Path) -> None:
    path, rate = tmp_path / "holes.mkv", 8000
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        for start in (0.0, 0.5, 2.0):  # half a second of a constant each, the last after a second of nothing
            block = np.full((1, rate // 2), 8192, np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = audio(path)
    assert len(sound.samples) == 2.5 * rate
    np.testing.assert_allclose(
        sound.samples[[100, 7900, 8100, 15900, 16100]], [0.25, 0.25, 0, 0, 0.25], atol=1e-3
    )


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_as_players_understand_it(rotation: int, tmp_path: Path) -> None:
    stored = picture(5, 0.2)
    path = write_video(tmp_path / "r.mp4", [(0.0, stored), (1.0, stored)], rotation=rotation)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation % 360 == -rotation % 360  # FFmpeg: counter-clockwise
    frame = Video(path).at([0.0])[0]
    assert burnt(np.rot90(frame.pixels, rotation // 90)) == (5, 0.2)
    assert Video(path).rotation == rotation and frame.pixels.shape[:2] == Video(path).size


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", RIGHT_ANGLES)
def test_all_eight_orientations(angle: int, mirrored: bool) -> None:
    a, b, c, d = RIGHT_ANGLES[angle]
    turn = Orientation(-a, -b, c, d) if mirrored else Orientation(a, b, c, d)
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    first = pixels[:, ::-1] if mirrored else pixels
    np.testing.assert_array_equal(turn.apply(pixels), np.rot90(first, -angle // 90))
    assert turn.rotation == angle


def test_an_old_rotate_tag_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "tag.mkv"
    raw_film(path, range(0, 400, 40), format="matroska", stream_metadata={"rotate": "90"})
    video = Video(path)
    assert video.rotation == 90 and video.size == SIZE[::-1]
    raw_film(path, range(0, 400, 40), format="matroska", stream_metadata={"rotate": "skew"})
    with pytest.warns(UserWarning, match="rotate tag 'skew'"):
        assert Video(path).size == SIZE
