"""Subtitles and audio onsets: read as they are meant, on the clock, and causally."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.watch.stream.onsets import onset_strength, onsets
from lucida.watch.stream.subtitles import Line, parse_subtitles, read_subtitles

RATE = 16000
SRT = """1
00:00:01,500 --> 00:00:03,000 X1:0
<i>Hello</i> there,
{\\an8}world &amp; all

3
01:00:00,000 --> 01:00:01,000
late

2
00:00:02,000 --> 00:00:02,500
early
"""
VTT = """WEBVTT - a title

NOTE 00:00 is not a time

STYLE
::cue { color: red }

name
00:01.500 --> 00:03.000 align:start
<v Ann>Hello</v> there

00:04.000 --> 00:05.000

"""


def test_srt_and_vtt_are_read() -> None:
    assert parse_subtitles(SRT) == [
        Line(t0=1.5, t1=3.0, text="Hello there, world & all"), Line(t0=2.0, t1=2.5, text="early"),
        Line(t0=3600.0, t1=3601.0, text="late"),
    ]  # fmt: skip
    assert parse_subtitles(VTT) == [Line(t0=1.5, t1=3.0, text="Hello there")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_and_line_end(tmp_path, encoding, newline) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.replace("world", "Wörld").replace("\n", newline).encode(encoding))
    lines = read_subtitles(path)
    assert len(lines) == 3 and lines[0].text == "Hello there, Wörld & all"


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**5)), min_size=1, max_size=20))
@settings(max_examples=30)
def test_round_trip(times) -> None:
    def stamp(ms: int) -> str:
        return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"

    text = "\n\n".join(f"{i}\n{stamp(a)} --> {stamp(a + d)}\nline {i}" for i, (a, d) in enumerate(times))
    read = parse_subtitles(text)
    assert sorted((round(x.t0 * 1000), round(x.t1 * 1000)) for x in read) == sorted(
        (a, a + d) for a, d in times
    )
    assert [x.t0 for x in read] == sorted(x.t0 for x in read)


def test_bad_subtitles_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="no line has a time"):
        parse_subtitles("hello\n\nworld")
    with pytest.raises(InputError, match="ends before it begins"):
        parse_subtitles("00:00:02,000 --> 00:00:01,000\na")
    with pytest.raises(InputError, match=r"a\.srt: cannot be read"):
        read_subtitles(tmp_path / "a.srt")
    (tmp_path / "b.srt").write_bytes(b"\0\0\0" * 50)
    with pytest.raises(InputError, match="not a text file"):
        read_subtitles(tmp_path / "b.srt")


def clicks(times, seconds: float = 6.0, noise: float = 1e-3, seed: int = 0) -> np.ndarray:
    """Decaying tones that begin at ``times``."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = np.random.default_rng(seed).normal(scale=noise, size=len(t))
    for k, at in enumerate(times):
        after = np.clip(t - at, 0, None)
        sound += (t >= at) * 0.5 * np.exp(-after / 0.1) * np.sin(2 * np.pi * (300 + 150 * k) * after)
    return sound


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1e-2])
def test_onsets_are_found_where_sounds_begin(noise) -> None:
    times = [0.5, 1.7, 2.2, 4.05]
    found = list(onsets(clicks(times, noise=noise), RATE, t0=10.0))
    assert len(found) == len(times)
    np.testing.assert_allclose([o.t for o in found], np.array(times) + 10, atol=0.02)
    assert all(0 < o.known - o.t < 0.05 for o in found)


def test_steady_sound_and_silence_have_no_onsets() -> None:
    t = np.arange(4 * RATE) / RATE
    assert len(list(onsets(np.zeros(4 * RATE), RATE))) == 0
    assert len(list(onsets(0.3 * np.sin(2 * np.pi * 440 * t) * np.minimum(1, t / 3), RATE))) == 0
    assert len(list(onsets(np.random.default_rng(0).normal(scale=0.1, size=4 * RATE), RATE))) == 0
    assert onset_strength(np.zeros(10), RATE).shape == (0,)


def test_onsets_do_not_depend_on_what_comes_after_they_are_known() -> None:
    sound = clicks([0.5, 1.7, 4.05])
    whole = list(onsets(sound, RATE))
    for onset in whole:
        until = round(onset.known * RATE) + 1
        other = sound.copy()
        other[until:] = np.random.default_rng(1).normal(size=len(sound) - until)
        assert onset in list(onsets(other, RATE))
        assert onset in list(onsets(sound[:until], RATE))
