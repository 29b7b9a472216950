"""Temporal grounding: formats, thresholds, set F1, baselines."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.grounding import TemporalGrounding, set_f1
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from lucida.metrics.geometry import temporal_iou

ONE = {"video": "a.mp4", "caption": "a man runs", "timestamp": [10, 20], "duration": 100}


def made(folder: Path, text: str, name: str = "annotations.json", **options: Any) -> TemporalGrounding:
    (folder / name).write_text(text)
    found = load_protocol("grounding", folder, **options)
    assert isinstance(found, TemporalGrounding)
    return found


@pytest.mark.parametrize(
    ("name", "text", "windows", "several"),
    [
        ("charades_sta_test.txt", "3MSZA 24.3 30.4##person turns a light on.", ((24.3, 30.4),), False),
        ("annotations.json", json.dumps([ONE]), ((10, 20),), False),
        ("tvgbench.json", json.dumps([{"path": "x/y.mp4", "question": "When?", "answer": "13.4-28.1"}]),
         ((13.4, 28.1),), False),
        ("highlight_val_release.jsonl", json.dumps(
            {"qid": 7, "vid": "v", "query": "Q", "duration": 150, "relevant_windows": [[0, 4], [8, 12]]}
        ), ((0, 4), (8, 12)), True),
    ],
)  # fmt: skip
def test_formats(tmp_path: Path, name: str, text: str, windows: Any, several: bool) -> None:
    bench = made(tmp_path, text, name)
    assert bench.items[0].windows == windows and bench.items[0].several == several
    assert bench.requests()[0].media[0].path.endswith(".mp4")
    assert bench.score(bench.baselines()["oracle"]).summary == pytest.approx(
        dict.fromkeys(
            [*(f"{m}@{t}" for m in ("R1", "F1") for t in (0.3, 0.5, 0.7)), "mIoU", "union IoU"], 100
        )
    )


def test_thresholds(tmp_path: Path) -> None:
    bench = made(tmp_path, json.dumps([ONE]))
    for compat, at_half in ((False, 1.0), (True, 0.0)):
        row = bench.score({"0": Reply(id="0", raw="10 to 15")}, compat=compat).rows[0]
        assert row.scores["mIoU"] == 0.5 and row.scores["R1@0.5"] == at_half and row.scores["R1@0.3"] == 1
        assert row.scores["F1@0.5"] == at_half
    score = bench.score({"0": Reply(id="0", raw="between 0:10 and 0:20")})
    assert score.summary["mIoU"] == 100 and score.statuses["ok"] == 1
    assert bench.score({"0": Reply(id="0", raw="never")}).statuses["unparsed"] == 1
    assert bench.score({}).summary["mIoU"] == 0


def test_first_window_counts_and_set_f1_sees_all(tmp_path: Path) -> None:
    row = {"qid": 1, "vid": "v", "query": "Q", "duration": 100, "relevant_windows": [[0, 10], [50, 60]]}
    bench = made(tmp_path, json.dumps([row]))
    scores = (
        bench.score({"1": Reply(id="1", raw="From 50 to 60. From 80 to 90. From 0 to 5.")}).rows[0].scores
    )
    assert (
        scores["mIoU"] == 1
        and scores["F1@0.5"] == pytest.approx(4 / 5)
        and scores["F1@0.7"] == pytest.approx(2 / 5)
    )
    assert scores["union IoU"] == pytest.approx(15 / 30)


def test_set_f1_is_a_largest_matching() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        truth, said = (
            [(float(a), float(a + b)) for a, b in rng.integers(1, 12, (n, 2))] for n in rng.integers(1, 5, 2)
        )
        short, long = sorted((truth, said), key=len)
        best = max(
            sum(float(temporal_iou(a, b)) >= 0.3 for a, b in zip(short, order, strict=True))
            for order in itertools.permutations(long, len(short))
        )
        assert set_f1(truth, said, 0.3) == pytest.approx(2 * best / (len(truth) + len(said)))
        assert set_f1(truth, said, 0.3) == set_f1(said, truth, 0.3)
    assert set_f1([(0, 1)], [], 0.5) == 0


def test_baselines(tmp_path: Path) -> None:
    rows = [{**ONE, "id": n, "timestamp": [10.0, 30.0]} for n in range(3)]
    bench = made(tmp_path, json.dumps(rows))
    base = bench.baselines()
    assert bench.score(base["whole-video"]).summary["mIoU"] == pytest.approx(20)
    assert bench.score(base["commonest-place"]).summary["mIoU"] == pytest.approx(100)
    assert bench.score(base["empty"]).statuses["unparsed"] == 3


def test_bad_rows(tmp_path: Path) -> None:
    bad = [
        {**ONE, "timestamp": [5, 5]},
        {**ONE, "caption": ""},
        4,
        {**ONE, "id": "0"},
        {"video": "a", "query": "b"},
    ]
    bench = made(tmp_path, json.dumps([ONE, *bad]))
    assert len(bench.items) == 1 and len(bench.problems) == 6
    lines = "\n".join(["", "VID 1 2##x", "VID 2 1##x", "VID##x", "VID 1 2"])
    assert len(made(tmp_path, lines, "charades_sta_test.txt").problems) == 4
    with pytest.raises(InputError, match="unknown option"):
        made(tmp_path, json.dumps([ONE]), colour="red")
    with pytest.raises(InputError, match="no usable item"):
        made(tmp_path, "[]", "mine.json", file="mine.json")
