"""Clips as H.264 files: decoded again, times are exact, things are where they were, tones sound when things happen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.media.video import Video, audio
from lucida.world.audio import PITCHES, RATE
from lucida.world.clips import Clip, ClipConfig, draw_clip
from lucida.world.clips_file import write_clip, write_stream
from lucida.world.clips_stream import StreamConfig, draw_stream


@pytest.fixture(scope="module", params=[0.0, 0.4], ids=["even", "uneven"])
def written(request, tmp_path_factory) -> tuple[Clip, Path]:
    clip = draw_clip(11, config=ClipConfig(jitter=request.param))
    return clip, write_clip(clip, tmp_path_factory.mktemp("clips") / "clip.mp4")


def test_times_are_exact(written: tuple[Clip, Path]) -> None:
    clip, path = written
    video = Video(path)
    assert video.codec == "h264" and video.size == clip.size and video.has_audio
    decoded = [frame.t for frame in video.stream()]
    assert decoded == pytest.approx(list(clip.times()), abs=1e-9)


def test_pictures_survive(written: tuple[Clip, Path]) -> None:
    clip, path = written
    for frame in list(Video(path).stream())[::9]:
        error = np.abs(frame.pixels.astype(int) - clip.frame(frame.t)).mean()
        assert error < 6


def test_things_are_where_they_were(written: tuple[Clip, Path]) -> None:
    """At every event: the pixels that differ from the empty background have their centroid where the masks have it."""
    clip, path = written
    video = Video(path)
    middles = [(event.t0 + event.t1) / 2 for event in clip.events]
    scripted = np.array(list(clip.times()))
    times = [float(scripted[scripted <= t][-1]) for t in middles]
    for event, t, frame in zip(clip.events, times, video.at(times), strict=True):
        assert frame.t == pytest.approx(t, abs=1e-9)
        mask = clip.masks(t)[event.subject]
        assert mask.any()
        background = clip.painter.background.astype(int)
        window = np.zeros(clip.size, bool)  # around the subject, without the other things
        ys, xs = np.nonzero(mask)
        window[max(0, ys.min() - 6) : ys.max() + 7, max(0, xs.min() - 6) : xs.max() + 7] = True
        others = clip.masks(t).any(0) & ~mask
        truly = np.abs(clip.frame(t).astype(int) - background).max(-1) > 48
        seen = np.abs(frame.pixels.astype(int) - background).max(-1) > 48
        for found, name in ((seen, "decoded"), (truly, "drawn")):
            assert (found & window & ~others).sum() > 0.3 * mask.sum(), (event.text, name)
        a, b = (np.argwhere(found & window & ~others).mean(0) for found in (seen, truly))
        assert np.linalg.norm(a - b) < 2.5, event.text


def test_tones_sound_at_their_events(written: tuple[Clip, Path]) -> None:
    clip, path = written
    rate, samples, t0 = audio(path)
    assert rate == RATE
    loud = np.abs(samples) > 0.03
    for cue in clip.cues:
        quiet_before = not any(0 < cue.t - other.t < 0.25 for other in clip.cues)
        first = round((cue.t - 0.1 - t0) * rate) if quiet_before else round((cue.t - t0) * rate)
        onset = first + int(np.argmax(loud[first : first + round(0.2 * rate)]))
        assert loud[onset] and abs(onset / rate + t0 - cue.t) < 0.05, cue
        if quiet_before:
            piece = samples[onset : onset + 1200]
            tones = np.exp(
                -2j * np.pi * np.arange(len(piece)) / rate * np.array(list(PITCHES.values()))[:, None]
            )
            assert list(PITCHES)[int(np.abs(tones @ piece).argmax())] == cue.kind


def test_same_bytes_every_time(tmp_path: Path) -> None:
    clip = draw_clip(2, seconds=1.0, size=(64, 64))
    first, second = (write_clip(clip, tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert first == second


def test_odd_sizes_and_silence(tmp_path: Path) -> None:
    clip = draw_clip(2, seconds=1.0, size=(65, 97), config=ClipConfig(sound=False))
    video = Video(write_clip(clip, tmp_path / "odd.mp4"))
    assert video.size == (65, 97) and not video.has_audio


def test_part_of_a_stream(tmp_path: Path) -> None:
    stream = draw_stream(5, 0.1, fps=4, size=(96, 96), config=StreamConfig(needles=2))
    needle = stream.needles[0]
    t0 = float(int(needle.t0) - 2)
    video = Video(write_stream(stream, tmp_path / "part.mp4", t0, t0 + 6))
    frames = list(video.stream())
    assert [frame.t for frame in frames] == pytest.approx([k / 4 for k in range(24)], abs=1e-9)
    for frame in frames[::5]:
        assert np.abs(frame.pixels.astype(int) - stream.frame(t0 + frame.t)).mean() < 8


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot"):
        write_clip(draw_clip(0, seconds=0.5), tmp_path / "file" / "clip.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
