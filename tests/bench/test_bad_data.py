"""Bad data and bad replies, end to end with the verbs: counted and named, never a crash half-way, never dropped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.made import make
from lucida.bench.protocol import load_protocol
from lucida.bench.scoring import read_score
from lucida.cli.main import main
from tests.bench.toy import FakeEndpoint

REPLIES = [
    "", "   ", "\U0001f98a", "答案是红色。", "الجواب هو أحمر", "Ответ: красный", "<think>never ends", '{"answer": ',
    "null", "\x00\x07", "[" * 3000, "A" * 9000, "From 3 to 1", "from 5 people to 9 people", "NaN",
    '[{"time": "x", "bbox_2d": 7}]', '{"1": [1, 2, "x", null]}', "1e400 to 1e500",
    '{"answer": {"a": 1}, "evidence": 7, "boxes": [[[]]]}', "-3 - -1",
    '{"answer": "red", "evidence": [{"start": "a", "end": null}], "boxes": [{"time": 1}]}', "Yes No",
    "<answer></answer>", '[{"time": 1, "bbox_2d": [[5, 5, 1e999, 2]]}]', "A B C D", "9" * 400, "九十九",
    "1:99:99 to 2:00:00", "\ufeff\u200b",
]  # fmt: skip
NAMES = ("videozero", "videozero-joint", "vstar", "grounding", "ovo", "streaming")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("bad")
    return {name: make(name, base / name, count=3) for name in NAMES if name != "videozero-joint"}


def rows_of(path: Path, change: Callable[[list[Any]], None]) -> None:
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))


def spoil_videozero(data: Path) -> list[str]:
    (data / "VideoZeroBench_world.tsv").unlink()

    def change(rows: list[Any]) -> None:
        good = rows[-1]
        bad = [{**good, "question_id": f"bad{n}"} for n in range(6)]
        del bad[0]["video"]
        bad[1]["duration"] = -1
        bad[2]["evidence_windows"] = "{not json"
        bad[3]["evidence_boxes"] = [{"time": 1, "box": [0, 0, 1]}]
        bad[4]["answer"] = None
        bad[5]["evidence_windows"] = [{"start": "soon", "end": 3}]
        rows += [7, {}, dict(rows[0]), *bad]

    rows_of(data / "VideoZeroBench_world.json", change)
    return ["no question_id", "duplicate question_id", *(f"bad{n}" for n in range(6))]


def spoil_vstar(data: Path) -> list[str]:
    def change(rows: list[Any]) -> None:
        bad = [dict(rows[0]) for _ in range(4)]
        del bad[0]["question"]
        bad[1]["bboxes"] = []
        bad[2]["fps"] = 0
        bad[3]["timestamps"] = [3, "x"]
        rows += [None, *bad, dict(rows[0])]

    rows_of(data / "V_STaR_test.json", change)
    return [
        "not an object",
        "field 'question' is missing",
        "no boxes",
        "fps 0",
        "could not convert",
        "same as row 0",
    ]


def spoil_grounding(data: Path) -> list[str]:
    path = data / "highlight_world.jsonl"
    first = json.loads(path.read_text().splitlines()[0])
    bad = ["{", "5", json.dumps(first), json.dumps({**first, "qid": 900, "relevant_windows": [[3, 1]]}),
           json.dumps({**first, "qid": 901, "query": " "})]  # fmt: skip
    path.write_text(path.read_text() + "\n".join(bad))
    return ["not JSON", "not an object", "id '0' again", "3 to 1 has no length", "no video or no query"]


def spoil_ovo(data: Path) -> list[str]:
    def change(rows: list[Any]) -> None:
        bad = [{**rows[0], "id": 900 + n} for n in range(3)]
        bad[0]["gt"] = 9
        bad[1]["task"] = "XYZ"
        bad[2]["realtime"] = float("nan")
        rows += ["?", dict(rows[0]), *bad]

    rows_of(data / "ovo_bench_new.json", change)
    return ["not an object", "duplicate id", "gt is 9", "unknown task 'XYZ'", "realtime is nan"]


def spoil_streaming(data: Path) -> list[str]:
    def change(rows: list[Any]) -> None:
        question = rows[0]["questions"][0]
        bad = [{**question, "answer": "Z"}, {**question, "time_stamp": "soon"}, {**question, "options": 3}, 8]
        rows += [{**rows[0], "questions": bad}, {"questions": []}, [[]]]

    rows_of(data / "questions_real.json", change)
    return [
        "answer 'Z'",
        "'soon' is not a time",
        "options are 3",
        "a question is not an object",
        "not a record",
    ]


SPOIL = {
    "videozero": spoil_videozero, "videozero-joint": spoil_videozero, "vstar": spoil_vstar,
    "grounding": spoil_grounding, "ovo": spoil_ovo, "streaming": spoil_streaming,
}  # fmt: skip


@pytest.fixture(params=NAMES)
def spoilt(
    request: pytest.FixtureRequest, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> tuple[str, Path, list[str], int]:  # fmt: skip
    """(protocol, folder with bad rows, what must be said of them, how many good requests there were)."""
    monkeypatch.chdir(tmp_path)
    name = request.param
    data = shutil.copytree(folders["videozero" if name == "videozero-joint" else name], tmp_path / "data")
    asked = len(load_protocol(name, data).requests())
    wanted = SPOIL[name](data)
    films = sorted(data.rglob("*.mp4"))
    films[0].unlink()
    films[1].write_bytes(films[1].read_bytes()[:900] + b"no film")
    return name, data, wanted, asked


def test_bad_rows_videos_and_replies(
    spoilt: tuple[str, Path, list[str], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, data, wanted, asked = spoilt
    with FakeEndpoint(lambda body, n: REPLIES[n % len(REPLIES)]) as server:
        command = ["bench", "run", name, "--data", str(data), "--model", f"openai:{server.url}#m", "--out", "run",
                   "--option", "frames=3", "height=32", "--json"]  # fmt: skip
        assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    problems = "\n".join(document["problems"])
    for words in (*wanted, "1 of 3 videos are missing: ", "clip_000000.mp4"):
        assert words in problems, words
    assert len([line for line in document["problems"] if "left out" in line]) >= len(wanted) - (
        name == "vstar"
    )
    assert document == read_score(tmp_path / "run")
    score, protocol = document["score"], load_protocol(name, data)
    twice = 5 if name == "vstar" else 0  # a row that comes twice counts twice there
    assert len(protocol.requests()) == asked + twice, "good rows stay"
    lines = [json.loads(line) for line in (tmp_path / "run" / "replies.jsonl").read_text().splitlines()]
    assert {line["id"] for line in lines} >= {request.id for request in protocol.requests()}
    assert sum(score["statuses"].values()) == len(score["rows"]) and score["statuses"]["missing"] == 0
    broken = {row["cluster"] for row in score["rows"] if row.get("status") == "error"}
    assert {cluster.rsplit("/")[-1] for cluster in broken} == {"clip_000000.mp4", "clip_000001.mp4"}
    assert score["statuses"]["error"] > 0 and score["statuses"]["unparsed"] > 0

    assert main(["bench", "score", name, "--data", str(data), "--predictions", "run", "--json", "--option", "frames=3",
                 "height=32"]) == 0  # fmt: skip
    assert json.loads(capsys.readouterr().out)["score"] == score
    assert main(["bench", "report", "run", "--html", "report.html"]) == 0
    page = (tmp_path / "report.html").read_text()
    for words in (
        "clip_000000.mp4: No such file",
        "clip_000001.mp4: ",
        "unparsed",
        "are missing: ",
        "left out",
    ):
        assert words in page, words


def test_bad_predictions(
    spoilt: tuple[str, Path, list[str], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with everything wrong that a file can have; units that nobody knows; and no replies at all."""
    name, data, _, _ = spoilt
    protocol = load_protocol(name, data)
    asked = protocol.requests()
    oracle = protocol.baselines()["oracle-perfect" if name == "videozero" else "oracle"]
    lines = [{"id": r.id, "raw": oracle[r.id].raw, "unit": "furlongs"} for r in asked[: len(asked) // 2]]
    lines += [
        {"id": r.id, "raw": REPLIES[n % len(REPLIES)]} for n, r in enumerate(asked[len(asked) // 2 : -2])
    ]
    lines += [{"id": asked[0].id, "raw": "another text"}, {"id": "nobody asked", "raw": "x"}, {"raw": "no id"}, 5,
              {"id": asked[-2].id, "raw": None, "error": "refused to answer"}]  # fmt: skip
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\nnot json\n")
    command = [
        "bench",
        "score",
        name,
        "--data",
        str(data),
        "--predictions",
        "p.jsonl",
        "--json",
        "--out",
        "scored",
    ]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    problems = "\n".join(document["problems"])
    for words in (
        "again, with another text",
        "'nobody asked'",
        "id is None",
        "want an object, got int",
        "not JSON",
    ):
        assert words in problems, words
    score = document["score"]
    assert score["statuses"]["missing"] >= 1 and (score["statuses"]["error"] >= 1 or name == "vstar")
    assert main(["bench", "report", "scored", "--html", "report.html"]) == 0
    capsys.readouterr()
    page = (tmp_path / "report.html").read_text()
    assert "refused to answer" in page and (
        "no reply" in page or (name == "vstar" and "chain2-when missing" in page)
    )
    if name in ("videozero", "videozero-joint", "vstar"):
        assert "unknown box unit &#x27;furlongs&#x27;" in page
        assert all(v == 0 for row in score["rows"] if "furlongs" in row.get("note", "")
                   for k, v in row["scores"].items() if k.startswith(("viou", "box")))  # fmt: skip

    (tmp_path / "none.json").write_text("{}")
    assert main(["bench", "score", name, "--data", str(data), "--predictions", "none.json", "--json"]) == 0
    empty = json.loads(capsys.readouterr().out)["score"]
    assert (
        empty["statuses"]["missing"] > 0 and empty["statuses"]["error"] == empty["statuses"]["unparsed"] == 0
    )
    assert not any(value for row in empty["rows"] for value in row["scores"].values())


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_not_this_benchmark(
    name: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(folders["videozero" if name == "videozero-joint" else name], tmp_path / "data")
    for path in [*data.glob("*.json*"), *data.glob("*.tsv")]:
        path.write_bytes(b"\xff\xfe{[")
    command = ["bench", "score", name, "--data", str(data), "--predictions", "x.jsonl"]
    assert main(command) == 2
    assert "cannot be read" in capsys.readouterr().err
    for path in [*data.glob("*.json*"), *data.glob("*.tsv")]:
        path.write_text("[]" if path.suffix == ".json" else "")
    assert main(command) == 2
    assert "no usable item" in capsys.readouterr().err
