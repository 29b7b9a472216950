"""DLC-Bench: the published digits from the released verdicts, one aggregation, and malformed files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.choices import RecordedVerdicts
from lucida.bench.protocols.dlc import DLCBench
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from tests.bench.official_files import official

RLE = {"size": [2, 2], "counts": "04"}  # all four pixels
POSITIVE = {
    "question": "Which?", "type": "positive",
    "choices": [["right", 1], ["unsaid", 0.5], ["absent", 0], ["wrong", -1]],
}  # fmt: skip
NEGATIVE = {
    "question": "Which?",
    "type": "negative",
    "subtype": "salient negative",
    "choices": [["said", -1], ["unsaid", 1]],
}


def write(folder: Path, **changes: Any) -> Path:
    """Two masks of one picture: the first with two positives and a negative, the second with a negative alone."""
    picture = {"id": 1, "file_name": "one.jpg", "height": 2, "width": 2}
    masks = [{"id": key, "image_id": 1, "segmentation": RLE, "bbox": [0, 0, 2, 2]} for key in (10, 11)]
    files: dict[str, Any] = {
        "annotations": {"images": [picture], "annotations": masks, "categories": []},
        "qa": {"10": [POSITIVE, POSITIVE, NEGATIVE], "11": [NEGATIVE]},
        "class_names": {"10": "fox", "11": "hat"},
    } | changes  # fmt: skip
    for name, document in files.items():
        (folder / f"{name}.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return folder


def reply(key: str, text: str = "a fox") -> Reply:
    return Reply(id=key, raw=text)


VERDICTS = RecordedVerdicts(
    {
        "10/recognition": "A",
        "10/0": "A. right",
        "10/1": "D. wrong",
        "10/2": "B",
        "11/recognition": "B",
        "11/0": "B",
    }
)


def test_published_digits_from_the_released_verdicts() -> None:
    folder = official("dlc-bench")
    bench = load_protocol("dlc", folder)
    assert isinstance(bench, DLCBench)
    assert len(bench.items) == 100 and sum(len(item.questions) for item in bench.items) == 892
    assert bench.problems == (
        "77 of 77 pictures are missing: objects365_v2_00912042.jpg, objects365_v2_00912850.jpg,"
        " objects365_v2_00915597.jpg, …; only saved replies can be scored",
    )
    outputs = folder / "model_outputs"
    replies, problems = bench.read_predictions(outputs / "gar_8b.json")
    judge = bench.read_verdicts(outputs / "gar_8b_eval.json")
    assert len(replies) == 100 and not problems and not judge.problems
    for compat in (False, True):
        score = bench.score(replies, compat=compat, judge=judge)
        assert score.judged is not None and score.statuses["ok"] == 100
        rounded = {
            name: round(score.judged[name], 1) for name in ("positive", "negative", "mean", "per_mask")
        }
        assert rounded == {"positive": 50.2, "negative": 84.6, "mean": 67.4, "per_mask": 69.7}
        assert score.judged["decided"] == 100
    # What is released beside the verdicts agrees to the last digit.
    released = json.loads((outputs / "gar_8b_eval.json").read_text())
    assert score.judged["positive"] == pytest.approx(100 * released["avg_pos"], abs=1e-9)
    assert score.judged["negative"] == pytest.approx(100 * released["avg_neg"], abs=1e-9)
    for row in score.rows:
        assert row.scores["judged_positive"] == pytest.approx(released[row.id]["score_pos"])
        assert row.scores["judged_negative"] == pytest.approx(released[row.id]["score_neg"])
        assert row.scores["judged_score"] == pytest.approx(released[row.id]["score"])


def test_without_a_judge_nothing_is_guessed() -> None:
    folder = official("dlc-bench")
    bench = load_protocol("dlc", folder)
    replies, _ = bench.read_predictions(
        folder / "model_outputs" / "gar_8b_eval.json"
    )  # captions are in there too
    score = bench.score(replies)
    assert score.statuses["refused"] == 100 and score.judged is None
    assert score.summary["mean"] == 0 and score.summary["decided"] == 0
    assert any("no judge" in note for note in score.notes)


def test_aggregation_by_hand(tmp_path: Path) -> None:
    bench = load_protocol("dlc", write(tmp_path))
    score = bench.score({key: reply(key) for key in ("10", "11")}, judge=VERDICTS)
    first, second = score.rows
    # 10: recognised, positives 1 and -1, negative 1. 11: not recognised, so its 1 counts min(0, 1).
    assert first.scores["judged_positive"] == 0 and first.scores["judged_negative"] == 1
    assert first.scores["judged_score"] == pytest.approx(1 / 3)
    assert second.scores["judged_negative"] == 0 and "judged_positive" not in second.scores
    assert score.judged == pytest.approx(
        {
            "positive": 0,
            "negative": 50,
            "mean": 25,
            "per_mask": 100 / 6,
            "salient_negative": 50,
            "decided": 100,
        }
    )
    assert score.ceilings["mean"] == 100
    # compat: a mask without positive questions scores 0 on them, which caps the figure.
    released = bench.score({}, compat=True)
    assert released.ceilings["positive"] == 50 and released.ceilings["mean"] == 75


def test_missing_descriptions_score_0_and_are_skipped_under_compat(tmp_path: Path) -> None:
    bench = load_protocol("dlc", write(tmp_path))
    only = {"11": reply("11")}
    judge = RecordedVerdicts({"11/recognition": "A", "11/0": "B"})
    mended, released = (bench.score(only, judge=judge, compat=compat).judged for compat in (False, True))
    assert mended is not None and released is not None
    assert (mended["positive"], mended["negative"], mended["per_mask"]) == (0, 50, 50)
    assert (released["positive"], released["negative"], released["per_mask"]) == (0, 100, 100)
    statuses = bench.score(only | {"10": Reply(id="10", raw="", error="down")}, judge=judge).statuses
    assert statuses == {"ok": 1, "unparsed": 0, "missing": 0, "refused": 0, "error": 1}
    assert bench.score(only, judge=judge).statuses["missing"] == 1


def test_empty_description_scores_0_unasked_but_not_under_compat(tmp_path: Path) -> None:
    bench = load_protocol("dlc", write(tmp_path))
    replies = {key: reply(key, " ") for key in ("10", "11")}
    mended = bench.score(replies, judge=VERDICTS)
    assert mended.statuses["unparsed"] == 2 and mended.judged is not None and mended.judged["mean"] == 0
    released = bench.score(replies, judge=VERDICTS, compat=True)
    assert released.statuses["ok"] == 2 and released.judged is not None and released.judged["negative"] == 50


def test_refused_questions_count_0_and_are_counted(tmp_path: Path) -> None:
    bench = load_protocol("dlc", write(tmp_path))
    score = bench.score({"10": reply("10")}, judge=RecordedVerdicts({"10/recognition": "A", "10/0": "A"}))
    row = score.rows[0]
    assert row.status == "refused" and row.note == "2 verdicts open" and row.scores["judged_positive"] == 0.5
    assert score.judged is not None and score.judged["decided"] == pytest.approx(100 * 4 / 6)


def test_requests_carry_masks_and_the_judge_gets_one_question_each(tmp_path: Path) -> None:
    bench = load_protocol("dlc", write(tmp_path))
    assert isinstance(bench, DLCBench)
    request = bench.requests()[0]
    assert (request.id, request.cluster, request.task, request.group) == ("10", "1", "describe", "")
    assert (
        request.regions == ({"size": [2, 2], "counts": "04"},) and request.media[0].path == "images/one.jpg"
    )
    asked: list[str] = []

    class Counting:
        name = "counting"

        def choose(self, question: Any) -> str:
            asked.append(question.key)
            assert question.about in question.prompt and all(t in question.prompt for t in question.choices)
            return question.options[0]

    bench.score({"10": reply("10")}, judge=Counting())
    assert asked == ["10/recognition", "10/0", "10/1", "10/2"]


def test_malformed_rows_are_named_and_left_out(tmp_path: Path) -> None:
    picture = {"id": 1, "file_name": "one.jpg", "height": 2, "width": 2}
    good = {"id": 10, "image_id": 1, "segmentation": RLE}
    rows = [
        good, good, {"id": 12, "image_id": 9, "segmentation": RLE}, {"id": 13, "image_id": 1, "segmentation": "??"},
        {"id": 14, "image_id": 1, "segmentation": {"size": [2, 3], "counts": "06"}}, {"id": 15, "image_id": 1}, "row",
    ]  # fmt: skip
    bad = {"question": "Which?", "type": "neutral", "choices": [["a", 1], ["b", 0]]}
    qa = {str(key): [NEGATIVE] for key in (12, 13, 14)} | {
        "10": [POSITIVE, bad, {"type": "negative"}],
        "99": [],
    }
    names = '{"10": "fox", "10": "vixen", "12": "a", "13": "b", "14": "c"}'
    folder = write(tmp_path, annotations={"images": [picture], "annotations": rows}, qa=qa, class_names=names)
    bench = load_protocol("dlc", folder)
    assert isinstance(bench, DLCBench)
    assert [item.key for item in bench.items] == ["10"] and bench.items[0].noun == "vixen"
    text = "\n".join(bench.problems)
    for words in (
        "'10' occurs twice", "10: duplicate id", "12: no picture 9", "13: segmentation", "14: mask is [2, 3]",
        "15: no questions", "'row'", "10[1]: type 'neutral'", "10[2]: malformed", "99: no usable mask",
        "1 of 1 pictures",
    ):  # fmt: skip
        assert words in text, words


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not DLC-Bench: no annotations\.json"):
        load_protocol("dlc", tmp_path)
    with pytest.raises(InputError, match="unknown option"):
        load_protocol("dlc", write(tmp_path), judge=1)
    with pytest.raises(InputError, match="cannot be read as JSON"):
        load_protocol("dlc", write(tmp_path, qa="{"))
    with pytest.raises(InputError, match="no verdicts"):
        load_protocol("dlc", write(tmp_path, qa={"10": [NEGATIVE]})).read_verdicts(tmp_path / "qa.json")  # type: ignore[attr-defined]
