"""Joint mode: answer and evidence in one reply, lift, probes that take the cited frames away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.protocols.videozero_joint import VideoZeroJoint, elsewhere
from lucida.bench.records import Reply, replies_of
from lucida.media.errors import InputError


def made(folder: Path, count: int = 4) -> VideoZeroJoint:
    rows = [
        {
            "question_id": n, "video": f"v{n}.mp4", "duration": 100.0, "question": "What?", "answer": "red",
            "evidence_windows": [{"start": 10, "end": 30}] if n else [],
            "evidence_boxes": [{"time": 20, "box": [0.1, 0.1, 0.5, 0.5]}],
        }
        for n in range(count)
    ]  # fmt: skip
    (folder / "VideoZeroBench.json").write_text(json.dumps(rows))
    return VideoZeroJoint.load(folder)


def says(answer: Any, *windows: tuple[float, float], boxes: Any = ()) -> str:
    evidence = [{"start": a, "end": b} for a, b in windows]
    return json.dumps({"answer": answer, "evidence": evidence, "boxes": list(boxes)})


def test_oracles(tmp_path: Path) -> None:
    bench = made(tmp_path)
    base = bench.baselines()
    score = bench.score(base["oracle"])
    assert score.summary["joint"] == score.ceilings["joint"] == 75 and score.summary["lift"] == 1
    for name in ("answer", "time precision", "time recall", "box precision", "box recall"):
        assert score.summary[name] == pytest.approx(100)
    wrong = bench.score(base["oracle-wrong-evidence"]).summary
    assert wrong["answer"] == 100 and wrong["joint"] == 0 == wrong["tiou"]
    whole = bench.score(base["whole-video"]).summary
    assert whole["time recall"] == 100 and whole["time precision"] == pytest.approx(20) == whole["tiou"]
    assert bench.score({}).statuses["missing"] == 4
    assert "{{duration}}" in bench.requests()[0].prompt and '{"answer"' in bench.requests()[0].prompt


def test_evidence_at_ones_own_times(tmp_path: Path) -> None:
    bench = made(tmp_path, 2)
    boxes = [
        {"time": 20.4, "bbox_2d": [[100, 100, 500, 500], [800, 800, 900, 900]]},
        {"time": 50, "bbox_2d": [[1, 1, 2, 2]]},
    ]
    text = f"<think>x</think>Here: {says('red', (10, 20), (15, 20), (40, 50), boxes=boxes)}"
    row = bench.score({"1/joint": Reply(id="1/joint", raw=text)}).rows[1]
    assert row.scores["time precision"] == pytest.approx(0.5) and row.scores["time recall"] == pytest.approx(
        0.5
    )
    assert row.scores["tiou"] == pytest.approx(1 / 3) and row.scores["joint"] == 1
    assert row.scores["box precision"] == pytest.approx(1 / 3) and row.scores["box recall"] == 1


def test_answers_tied_to_evidence_have_lift(tmp_path: Path) -> None:
    bench = made(tmp_path, 9)
    tied = {f"{n}/joint": says("red", (10, 30)) if n % 2 else says("blue", (50, 60)) for n in range(1, 9)}
    assert bench.score(replies_of(tied, "x")).summary["lift"] == pytest.approx(2)
    apart = {
        f"{n}/joint": says("red" if n % 2 else "blue", (10, 30) if n % 4 < 2 else (50, 60))
        for n in range(1, 9)
    }
    assert bench.score(replies_of(apart, "x")).summary["lift"] == pytest.approx(1)


def test_probes(tmp_path: Path) -> None:
    bench = made(tmp_path)
    replies = replies_of({"1/joint": says("red", (10, 30)), "2/joint": says("red"), "3/joint": "hm"}, "x")
    probes = {request.id: request for request in bench.follow_ups(replies)}
    assert list(probes) == ["1/joint/removed", "1/joint/random", "1/joint/swapped"]
    assert probes["1/joint/removed"].frames.without == ((10.0, 30.0),)
    ((a, b),) = probes["1/joint/random"].frames.without
    assert b - a == pytest.approx(20) and (b <= 10 or a >= 30) and a >= 0 and b <= 100
    assert (
        probes["1/joint/swapped"].frames.without == ()
        and "10.00 to 30.00" in probes["1/joint/swapped"].prompt
    )
    assert elsewhere(bench.items[1], [(10.0, 30.0)]) == ((a, b),)  # the same every time
    replies |= replies_of({"1/joint/removed": "blue", "1/joint/random": "Red."}, "x")
    summary = bench.score(replies).summary
    assert summary["changed when removed"] == 100 and summary["changed when random"] == 0
    assert "changed when swapped" not in summary


def test_cited_frames_are_taken_away_only_where_as_much_is_left(tmp_path: Path) -> None:
    bench = made(tmp_path, 2)
    item = bench.items[1]
    assert elsewhere(item, [(0.0, 100.0)]) == () == elsewhere(item, [(20.0, 80.0)])
    several = [(10.0, 20.0), (15.0, 30.0), (50.0, 60.0)]
    found = elsewhere(item, several)
    assert sorted(b - a for a, b in found) == pytest.approx(
        [10.0, 20.0]
    )  # windows that overlap are taken as one
    assert not any(a < d and c < b for a, b in found for c, d in several)
    replies = replies_of({"1/joint": says("red", (0, 100))}, "x")
    assert [
        request.id for request in bench.follow_ups(replies)
    ] == []  # and there is no other evidence to be told
    assert any("1 replies cite so much" in note for note in bench.score(replies).notes)


def test_a_probe_that_failed_is_said(tmp_path: Path) -> None:
    bench = made(tmp_path)
    replies = replies_of({"1/joint": says("red", (10, 30)), "1/joint/random": "red"}, "x")
    replies["1/joint/removed"] = Reply(id="1/joint/removed", raw="", error="no answer in time")
    score = bench.score(replies)
    assert "changed when removed" not in score.summary and score.summary["answer when random"] == 100
    assert score.rows[1].note == "probe removed: no answer in time"
    assert any("1 questions lack a probe" in note for note in score.notes)


def test_boxes_in_an_unknown_unit_are_named(tmp_path: Path) -> None:
    raw = says("red", (10, 30), boxes=[{"time": 20, "bbox_2d": [[100, 100, 500, 500]]}])
    row = made(tmp_path, 2).score({"1/joint": Reply(id="1/joint", raw=raw, unit="furlongs")}).rows[1]
    assert (
        row.note == "unknown box unit 'furlongs'"
        and row.scores["box recall"] == 0
        and row.scores["joint"] == 1
    )


@pytest.mark.parametrize(
    "raw", ["", "red", '{"answer": ""}', '{"answer": ["red"]}', "[" * 2000, "null", '{"answer": null}']
)
def test_unreadable(tmp_path: Path, raw: str) -> None:
    row = made(tmp_path, 2).score({"1/joint": Reply(id="1/joint", raw=raw)}).rows[1]
    assert row.status == "unparsed" and not any(row.scores.values())


def test_options(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(InputError, match="unknown option 'unit'"):
        VideoZeroJoint.load(tmp_path, unit="pixels")
