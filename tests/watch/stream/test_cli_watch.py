"""``lucida watch`` in one process, with a stand-in tower: lines as they come, files, budgets, bad ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from lucida.cli import watch_run
from lucida.cli.main import main
from lucida.cli.watch import watch
from lucida.media.errors import InputError
from lucida.media.video import Video, write_video
from tests.watch.stream.made import PlainTower, RedScorer, film
from tests.watch.stream.test_following import crossing

SPANS = [(6.0, 9.0)]


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.setattr(watch_run, "_eyes", lambda wishes: (PlainTower(), RedScorer()))
    frames = ((f.t, f.pixels) for f in film(SPANS, 14, fps=8.0))
    return str(write_video(tmp_path / "clip.mp4", frames, fps=8))


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_events_clips_and_frames_are_written(clip, tmp_path, capsys) -> None:
    code = watch(
        clip,
        query=["a dog"],
        save_clips=tmp_path / "clips",
        out=tmp_path / "out",
        budget="1MiB",
        pre=2,
        post=1,
    )
    told = lines(capsys)
    # A second of post-roll is over before two seconds of absence are.
    assert code == 0 and [line["type"] for line in told] == ["event", "clip", "end"]
    event, cut, end = told
    assert (
        event["query"] == "a dog"
        and abs(event["t"] - 6) <= 1.0
        and end["span"][1] == pytest.approx(8.5, abs=0.1)
    )
    assert (
        6 <= event["frame"]["t"] <= event["t"] and (tmp_path / "out" / "event-0001.jpg").stat().st_size > 100
    )
    with Video(cut["path"]) as video:
        assert video.duration == pytest.approx(cut["span"][1] - cut["span"][0] + 0.125, abs=0.1)
        assert cut["span"][0] == pytest.approx(4, abs=0.3) and cut["span"][1] == pytest.approx(9.6, abs=0.6)


def test_json_alone_writes_nothing(clip, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert watch(clip, query=["a dog"], json=True) == 0
    assert "path" not in lines(capsys)[0]["frame"] and sorted(tmp_path.iterdir()) == before


def test_a_full_disk_ends_the_files_and_not_the_watching(clip, tmp_path, capsys, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise InputError("cannot write x: No space left on device")

    monkeypatch.setattr(watch_run, "atomic_write", full)
    monkeypatch.setattr("lucida.watch.stream.tape.write_video", full)
    assert watch(clip, query=["a dog"], save_clips=tmp_path / "clips", out=tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert [json.loads(line)["type"] for line in captured.out.splitlines()] == ["event", "end"]
    assert captured.err.count("No space left") == 2


def test_ctrl_c_ends_what_goes_on(clip, tmp_path, capsys, monkeypatch) -> None:
    see, count = PlainTower.see, iter(range(100))

    def interrupted(self, frames):
        if next(count) == 15:  # 7.5 s: in the middle of the event
            raise KeyboardInterrupt
        return see(self, frames)

    monkeypatch.setattr(PlainTower, "see", interrupted)
    assert watch(clip, query=["a dog"], save_clips=tmp_path / "clips", out=tmp_path / "out") == 130
    told = lines(capsys)
    assert [line["type"] for line in told] == ["event", "end", "clip"] and told[1]["span"][1] <= 7.5


def test_a_broken_off_stream_keeps_what_was_told(clip, capsys, monkeypatch) -> None:
    with Video(clip) as video:
        frames = [(f.t, f.pixels) for f in video.stream()]
    buffer = io.BytesIO()
    path = clip.replace(".mp4", ".ts")
    write_video(path, frames, fps=8, gop=8)
    with open(path, "rb") as file:
        data = file.read()
    buffer.write(data[: int(0.8 * len(data))])
    buffer.seek(0)
    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": buffer})())
    assert watch("-", query=["a dog"], json=True) == 0
    assert lines(capsys)[0]["type"] == "event"


def test_a_lone_hyphen_is_standard_input_and_other_hyphens_are_slips(clip, capsys, monkeypatch) -> None:
    with open(clip, "rb") as file:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BytesIO(file.read())})())
    assert main(["watch", "-", "--query", "a dog", "--json"]) == 0
    assert lines(capsys)[0]["type"] == "event"
    assert main(["watch", "--limt", "5", clip, "--query", "a dog"]) == 2
    assert 'Unknown option: "--limt"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": "20KiB"}, r"--budget 20KiB is too small: 1 queries need at least \d+KiB"),
        ({"budget": "20KiB", "query": ["a dog enters"]}, r"--budget 20KiB is too small"),
        ({"budget": "lots"}, "--budget 'lots': want bytes"),
        ({"query": []}, "nothing to listen for"),
        ({"query": ["a dog", "a dog"]}, "same query twice"),
        ({"memory": "elephant"}, "--memory elephant: want one of"),
        ({"fps": 0.0}, "fps must be above 0"),
        ({"query": ["a sound"]}, "give --sound"),
        ({"limit": -1.0}, "--limit -1"),
    ],
)
def test_bad_wishes_are_refused(clip, options, message) -> None:
    with pytest.raises(InputError, match=message):
        watch(clip, **{"query": ["a dog"], "json": True, **options})


def wishes_for(source: str, *queries: str, budget: str, clips: Path | None = None) -> watch_run.Wishes:
    return watch_run.Wishes(
        source=source, queries=queries, budget=budget, fps=2.0, clips=clips, pre=3, post=3, false_alarms=1.0,
        memory="three-tier", subtitles=None, sound=False, live=None, zoom=False, model="tower", limit=None, out=None,
        quiet=True,
    )  # fmt: skip


def test_a_verb_brings_its_detector_within_the_budget(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(watch_run, "_eyes", lambda wishes: (PlainTower(), RedScorer()))
    path = str(write_video(tmp_path / "street.mp4", ((f.t, f.pixels) for f in crossing()), fps=12))
    wishes = wishes_for(path, "a dog enters", "a dog", budget="4MiB")
    engine = watch_run.make_engine(wishes, 4 << 20)
    assert engine.detector is not None and engine.detector.config.most == 1 << 20
    assert watch_run.intake_fps(wishes, engine) == 12
    assert engine.memory.budget + engine.detector.config.most < 4 << 20
    assert engine.registered[0].doubt == "" and engine.registered[0].wants_detector
    assert watch(path, query=["a dog enters"], json=True) == 0
    (told,) = lines(capsys)
    assert (told["type"], told["query"]) == ("event", "a dog enters") and "doubt" not in told
    assert told["span"][0] == pytest.approx(3.0, abs=0.4) and len(told["frame"]["box"]) == 4


def test_without_a_verb_or_without_room_there_is_no_detector(clip) -> None:
    assert watch_run.make_engine(wishes_for(clip, "a dog", budget="8MiB"), 8 << 20).detector is None
    with pytest.warns(UserWarning, match="below 3MiB"), pytest.warns(UserWarning, match="first being seen"):
        engine = watch_run.make_engine(wishes_for(clip, "a dog enters", budget="1MiB"), 1 << 20)
    assert engine.detector is None and "read as its first being seen" in engine.registered[0].doubt


def test_bytes_stay_within_the_budget_at_every_step(clip, tmp_path) -> None:
    engine = watch_run.make_engine(wishes_for(clip, "a dog", budget="300KiB", clips=tmp_path), 300 << 10)
    for frame in film([(5, 30)], 120, fps=8.0, seed=3):
        engine.step(frame)
        engine.cuts = []
        assert engine.bytes <= 300 << 10
    assert engine.status().bytes > 10_000


@pytest.mark.parametrize(
    ("text", "value"), [("8MiB", 8 << 20), ("500 kb", 500_000), ("1.5KiB", 1536), ("77", 77)]
)
def test_bytes_are_read(text, value) -> None:
    assert watch_run.parse_bytes(text) == value
    assert watch_run.clock(3723.5) == "1:02:03.5"
