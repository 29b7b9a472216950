"""OVO-Bench: the released predictions as released and strictly, the quirks, bad rows, baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.ovo import OVOBench
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from tests.bench.official_files import official

# Of the released Flash-VStream files: right answers by task, as the released script counts them.
COUNTS = {
    "EPM": (116, 297), "ASI": (55, 148), "HLD": (11, 186), "OCR": (36, 149), "ACR": (32, 109), "ATR": (33, 116),
    "STU": (60, 178), "FPD": (26, 101), "OJR": (53, 184), "REC": (56, 698), "SSR": (423, 629), "CRR": (144, 240),
}  # fmt: skip
MC = {
    "id": 7, "task": "EPM", "video": "a.mp4", "realtime": 5, "question": "Which?", "options": ["red", "blue", "grey"],
    "gt": 0,
}  # fmt: skip
REC = {
    "id": 8,
    "task": "REC",
    "video": "a.mp4",
    "activity": "clap",
    "test_info": [{"realtime": 3, "count": 12}],
}
CRR = {
    "id": 9, "task": "CRR", "video": "b.mp4", "question": "Why?",
    "test_info": [{"realtime": 3, "type": 0}, {"realtime": 9, "type": 1}],
}  # fmt: skip


def made(folder: Path, rows: list[Any], **options: Any) -> OVOBench:
    (folder / "ovo_bench_new.json").write_text(json.dumps(rows))
    found = load_protocol("ovo", folder, **options)
    assert isinstance(found, OVOBench)
    return found


def right(protocol: OVOBench, key: str, text: str, *, compat: bool = False) -> tuple[float, str]:
    score = protocol.score({key: Reply(id=key, raw=text)}, compat=compat)
    row = next(row for row in score.rows if row.id == key)
    return row.scores["accuracy"], row.status


@pytest.fixture(scope="module")
def real() -> OVOBench:
    found = load_protocol("ovo", official("ovo-bench"))
    assert isinstance(found, OVOBench)
    return found


def test_official_file(real: OVOBench) -> None:
    assert len(real.requests()) == 3035
    assert len({request.item for request in real.requests()}) == 1640
    assert len(real.problems) == 1 and real.problems[0].startswith("644 of 644 videos are missing")
    first = next(request for request in real.requests() if request.id == "0")
    assert first.media[0].span == (0.0, 215.0)


@pytest.mark.parametrize("compat", [True, False])
def test_released_predictions(real: OVOBench, compat: bool) -> None:
    replies, problems = real.read_predictions(real.data / "results")
    assert not problems and len(replies) == 3035
    score = real.score(replies, compat=compat)
    for task, (hits, n) in COUNTS.items():
        part = [row.scores["accuracy"] for row in score.rows if row.meta["task"] == task]
        assert (sum(part), len(part)) == (hits, n)
    assert {k: round(score.summary[k], 2) for k in ("backward", "realtime", "forward", "total")} == {
        "backward": 27.38, "realtime": 28.37, "forward": 45.09, "total": 33.61,
    }  # fmt: skip
    assert score.statuses == {"ok": 3030, "unparsed": 0, "missing": 0, "refused": 0, "error": 5}
    one, _ = real.read_predictions(real.data / "results" / "FlashVStream_REC_offline.json")
    assert len(one) == 698 and sum(row.status == "missing" for row in real.score(one).rows) == 3035 - 698


@pytest.mark.parametrize(
    ("key", "text", "strict", "released"),
    [
        ("7", "A", 1, 1), ("7", "(A)", 1, 1), ("7", "a", 1, 0), ("7", "red", 1, 0), ("7", "Answer: A", 1, 1),
        ("7", "Answer: B", 0, 1), ("7", "ABC", 0, 1), ("7", "<think>A or B</think>B", 0, 1), ("7", "", 0, 0),
        ("8/0", "12", 1, 1), ("8/0", "twelve times", 1, 0), ("8/0", "1 or 2", 0, 1), ("8/0", "12 of 12", 1, 0),
        ("9/0", "No", 1, 1), ("9/0", "N", 1, 1), ("9/0", "no.", 1, 0), ("9/0", "Not yet; Now: Yes", 0, 1),
        ("9/1", "Yes No", 0, 1), ("9/1", "yes", 1, 0), ("9/1", "Y", 1, 1), ("9/1", "是", 0, 0),
    ],
)  # fmt: skip
def test_letters_strict_and_as_released(
    tmp_path: Path, key: str, text: str, strict: int, released: int
) -> None:
    protocol = made(tmp_path, [MC, REC, CRR])
    assert right(protocol, key, text)[0] == strict
    assert right(protocol, key, text, compat=True)[0] == released


def test_bad_rows_are_named(tmp_path: Path) -> None:
    bad = [
        {**MC, "id": 1, "gt": 3},
        {**MC, "id": 2, "task": "ZZZ"},
        {**MC},
        5,
        {**CRR, "id": 3, "test_info": []},
    ]
    protocol = made(tmp_path, [MC, *bad])
    assert [query.id for query in protocol.queries] == ["7"]
    told = " ".join(protocol.problems)
    for word in ("gt is 3", "'ZZZ'", "duplicate id", "not an object", "test_info is empty"):
        assert word in told
    with pytest.raises(InputError, match="unknown option 'colour'"):
        made(tmp_path, [MC], colour="red")
    with pytest.raises(InputError, match="no usable item"):
        made(tmp_path, [5])


def test_statuses_baselines_and_clips(tmp_path: Path) -> None:
    (tmp_path / "chunked_videos").mkdir()
    (tmp_path / "chunked_videos" / "8_0.mp4").touch()
    protocol = made(tmp_path, [MC, REC, CRR], frames="8")
    spans = {request.id: (request.media[0].path, request.media[0].span) for request in protocol.requests()}
    assert spans == {
        "7": ("src_videos/a.mp4", (0.0, 5.0)), "8/0": ("chunked_videos/8_0.mp4", None),
        "9/0": ("src_videos/b.mp4", (0.0, 3.0)), "9/1": ("src_videos/b.mp4", (0.0, 9.0)),
    }  # fmt: skip
    assert protocol.score({}).statuses["missing"] == 4
    assert right(protocol, "7", "hm")[1] == "unparsed"
    base = protocol.baselines()
    for compat in (False, True):
        assert protocol.score(base["oracle"], compat=compat).summary["total"] == 100
    assert protocol.score(base["every-answer"]).summary["total"] == 0
    assert protocol.score(base["every-answer"], compat=True).summary["backward"] == 100


def test_prompts_of_the_users_copy(tmp_path: Path) -> None:
    theirs = tmp_path / "prompts.json"
    theirs.write_text(json.dumps({"choice": "Q {{question}} O {{options}} {{frames}}"}))
    protocol = made(tmp_path, [MC, {**MC, "id": 10, "question": "{{options}}?"}], prompts=str(theirs))
    assert protocol.requests()[0].prompt == "Q Which? O A. red\nB. blue\nC. grey {{frames}}"
    assert protocol.requests()[1].prompt.startswith("Q {{options}}? O A.")
    assert protocol.score({}).provenance["prompts"] != made(tmp_path, [MC]).score({}).provenance["prompts"]
    theirs.write_text(json.dumps({"nope": "x"}))
    with pytest.raises(InputError, match="'nope'"):
        made(tmp_path, [MC], prompts=str(theirs))
