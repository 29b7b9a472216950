"""StreamingBench: strict letters, outputs within ±delta, chains, the official files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.streaming import StreamingBench
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from tests.bench.official_files import official


def question(**fields: Any) -> dict[str, Any]:
    return {
        "task_type": "Object Perception", "question": "What?", "time_stamp": "00:01:36", "answer": "B",
        "options": ["A. red", "B. blue", "C. grey"], **fields,
    }  # fmt: skip


def alarm(set_at: int, moment: int, output: str = "3") -> dict[str, Any]:
    stamp = "00:{:02d}:{:02d}".format
    return {
        "task_type": "Proactive Output", "question": f'Output "{output}".', "time_stamp": stamp(*divmod(set_at, 60)),
        "ground_truth_time_stamp": stamp(*divmod(moment, 60)), "ground_truth_output": output,
    }  # fmt: skip


def record(*questions: Any, video: str = "./videos/v.mp4") -> dict[str, Any]:
    return {"time": "", "questions": list(questions), "video_categories": "x", "video_path": video}


def made(folder: Path, *, options: dict[str, Any] | None = None, **files: Any) -> StreamingBench:
    for part, rows in files.items():
        (folder / f"questions_{part}.json").write_text(json.dumps(rows))
    found = load_protocol("streaming", folder, **(options or {}))
    assert isinstance(found, StreamingBench)
    return found


def test_official_files() -> None:
    bench = load_protocol("streaming", official("streamingbench"))
    assert isinstance(bench, StreamingBench)
    assert len(bench.alarms) == 250 and len(bench.choices) == 250
    assert len(bench.problems) == 1 and "videos are missing" in bench.problems[0]
    always = bench.score(bench.baselines()["always-A-yes"]).summary
    assert always["accuracy"] == pytest.approx(100 * 63 / 250)
    assert always["proactive time"] == pytest.approx(100 * 11 / 250)  # tasks set at most three seconds ahead
    for compat in (False, True):
        oracle = bench.score(bench.baselines()["oracle"], compat=compat).summary
        assert oracle["accuracy"] == oracle["proactive time"] == oracle["proactive output"] == 100


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [("B", 1, 1), ("B. blue", 1, 1), ("(B)", 1, 0), ("Answer: B", 1, 0), ("blue", 1, 0), ("Bananas", 0, 1), ("A", 0, 0),
     ("B or C", 0, 1), (" B", 1, 0), ("", 0, 0), ("B. red", 0, 1)],
)  # fmt: skip
def test_letters(tmp_path: Path, text: str, strict: int, released: int) -> None:
    bench = made(tmp_path, real=[record(question())])
    for compat, value in ((False, strict), (True, released)):
        assert (
            bench.score({"real/0/0": Reply(id="real/0/0", raw=text)}, compat=compat).summary["accuracy"]
            == 100 * value
        )


def test_released_first_character_takes_answer_for_a(tmp_path: Path) -> None:
    bench = made(tmp_path, real=[record(question(answer="A"))])
    reply = {"real/0/0": Reply(id="real/0/0", raw="Answer: B")}
    assert bench.score(reply, compat=True).summary["accuracy"] == 100
    assert bench.score(reply).summary["accuracy"] == 0


def says(bench: StreamingBench, time: int | None, output: str | None) -> dict[str, Reply]:
    item = bench.alarms[0]
    replies = {
        key: Reply(id=key, raw="Yes" if t == time else "No.") for t in item.polls for key in [item.poll_id(t)]
    }
    follow = bench.follow_ups(replies)
    assert [request.id for request in follow] == ([] if time is None else [f"proactive/0/0/{time}/output"])
    if output is not None and follow:
        replies[follow[0].id] = Reply(id=follow[0].id, raw=output)
    return replies


@pytest.mark.parametrize(
    ("time", "output", "in_time", "strict", "released"),
    [(30, "3", 1, 1, 1), (28, "3", 1, 1, 1), (32, "3.", 1, 1, 1), (27, "3", 0, 0, 0), (33, "3", 0, 0, 0),
     (30, "13", 1, 0, 1), (30, "4", 1, 0, 0), (None, None, 0, 0, 0), (30, None, 1, 0, 0),
     (30, 'The answer is "3"', 1, 1, 1)],
)  # fmt: skip
def test_delta(
    tmp_path: Path, time: int | None, output: str | None, in_time: int, strict: int, released: int
) -> None:
    bench = made(tmp_path, proactive=[record(alarm(20, 30))])
    assert [request.id for request in bench.requests()] == [f"proactive/0/0/{t}" for t in range(21, 35)]
    replies = says(bench, time, output)
    for compat, value in ((False, strict), (True, released)):
        scores = bench.score(replies, compat=compat).rows[0].scores
        assert scores == {"proactive time": in_time, "proactive output": value}
    wide = made(tmp_path, proactive=[record(alarm(20, 30))], options={"delta": "3"})
    assert wide.score(replies).rows[0].scores["proactive time"] == (time is not None)


def test_polls_without_replies(tmp_path: Path) -> None:
    bench = made(tmp_path, proactive=[record(alarm(20, 30))])
    replies = says(bench, 30, "3")
    del replies["proactive/0/0/25"]
    row = bench.score(replies).rows[0]
    assert row.status == "missing" and row.scores["proactive time"] == 0 and "25 s" in row.note
    dumb = {key: Reply(id=key, raw="...") for key in replies}
    assert (
        bench.score({r.id: Reply(id=r.id, raw="...") for r in bench.requests()}).rows[0].status == "unparsed"
    )
    assert bench.score(dumb).rows[0].status == "missing"
    early = bench.score(says(bench, 21, "3")).summary
    assert early["proactive false alarms"] == 100 and early["proactive seconds off"] == 9


def test_chains_tell_what_was_asked_and_clips_end_at_the_question(tmp_path: Path) -> None:
    chain = [record(question(question="First?")), record(question(question="Second?", time_stamp="00:02:00"))]
    bench = made(tmp_path, sqa=[chain])
    first, second = bench.requests()
    assert "First? Answer: blue" in second.prompt and "blue\n" not in first.prompt.split("Question:")[0]
    assert second.media[0].span == (60.0, 120.0) and first.media[0].span == (36.0, 96.0)
    everything = made(tmp_path, sqa=[chain], options={"context": "-1"})
    assert everything.requests()[1].media[0].span == (0.0, 120.0)


def test_bad_rows(tmp_path: Path) -> None:
    bad = [
        record(question(answer="D")),
        record(question(time_stamp="soon")),
        4,
        record(5),
        record(question(options=[])),
    ]
    bench = made(
        tmp_path, real=[record(question()), *bad], proactive=[record(alarm(30, 20)), record(alarm(1, 2, " "))]
    )
    assert len(bench.choices) == 1 and not bench.alarms and len(bench.problems) == 8
    for options in ({"context": 0}, {"delta": "x"}, {"delta": -1}, {"nope": 1}):
        with pytest.raises(InputError):
            made(tmp_path, options=options)
    with pytest.raises(InputError, match="not StreamingBench"):
        load_protocol("streaming", tmp_path / "..")
