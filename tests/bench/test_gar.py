"""GAR-Bench: every published figure from the released predictions, letters strict and as released, baselines."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.judge import Question, Refusal
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.gar import GARVQA, GARCaptionDetailed, GARCaptionSimple
from lucida.bench.protocols.gar_items import GARBench, local_marks, prompt_marks
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from tests.bench.official_files import official

GAR_8B = {
    "texture/pattern": (22, 29), "material": (19, 36), "mirror": (36, 61), "relation": (66, 101), "shape": (34, 64),
    "ordering": (28, 64), "color": (40, 69),
}  # fmt: skip
GAR_1B = {
    "color": (34, 69), "texture/pattern": (17, 29), "mirror": (36, 61), "ordering": (13, 64), "material": (14, 36),
    "shape": (32, 64), "relation": (57, 101),
}  # fmt: skip
RLE = {"size": [2, 2], "counts": "04"}
ITEM = {
    "image": "images/a.png", "mask_rles": [RLE], "question": "Which?", "choices": ["A. Red fox.", "B. No"],
    "answer": "A", "type": "color",
}  # fmt: skip


@pytest.fixture(scope="module")
def vqa() -> GARVQA:
    found = load_protocol("gar-vqa", official("gar-bench"))
    assert isinstance(found, GARVQA)
    return found


def write(folder: Path, rows: list[Any], name: str = "VQA") -> Path:
    (folder / f"GAR-Bench-{name}.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize(("model", "right", "types"), [("gar_8b", 245, GAR_8B), ("gar_1b", 203, GAR_1B)])
@pytest.mark.parametrize("compat", [False, True])
def test_published_counts(
    vqa: GARVQA, model: str, right: int, types: dict[str, tuple[int, int]], compat: bool
) -> None:
    replies, problems = vqa.read_predictions(official("gar-bench") / "model_outputs" / f"{model}_vqa.json")
    score = vqa.score(replies, compat=compat)
    assert not problems and score.n == 424 and score.statuses["ok"] == 424
    assert sum(row.scores["accuracy"] for row in score.rows) == right
    assert score.summary["accuracy"] == pytest.approx(100 * right / 424)
    for kind, (hits, n) in types.items():
        rows = [row for row in score.rows if row.meta["type"] == kind]
        assert (sum(row.scores["accuracy"] for row in rows), len(rows)) == (hits, n)
        assert score.summary[kind] == pytest.approx(100 * hits / n)


@pytest.mark.parametrize(
    ("part", "model", "right", "n", "typed"),
    [
        ("simple", "gar_8b", 62, 97, 42), ("simple", "gar_1b", 54, 97, 39),
        ("detailed", "gar_8b", 74, 107, 0), ("detailed", "gar_1b", 71, 107, 0),
    ],
)  # fmt: skip
def test_published_captions(part: str, model: str, right: int, n: int, typed: int) -> None:
    """63.9 and 55.7, 69.2 and 66.4 per cent. Replies that equal the answer need no judge, and the judge agrees."""
    bench = load_protocol(f"gar-caption-{part}", official("gar-bench"))
    assert isinstance(bench, GARBench) and bench.problems == ()  # all 204 pictures are here, as JPEG
    outputs = official("gar-bench") / "model_outputs"
    replies, _ = bench.read_predictions(outputs / f"{model}_{part}.json")
    judge = bench.read_verdicts(outputs / f"{model}_{part}_eval.json")
    for compat in (False, True):
        score = bench.score(replies, compat=compat, judge=judge)
        assert score.judged == {"accuracy": pytest.approx(100 * right / n), "decided": 100} and score.n == n
        assert score.summary["accuracy"] == pytest.approx(100 * typed / n)
    alone = bench.score(replies)
    assert alone.statuses["refused"] == n - typed and alone.judged is None
    assert alone.summary["decided"] == pytest.approx(100 * typed / n)


def test_pictures_and_masks_of_the_caption_parts_fit(vqa: GARVQA) -> None:
    import PIL.Image

    for part in ("simple", "detailed"):
        bench = load_protocol(f"gar-caption-{part}", official("gar-bench"))
        for request in bench.requests():
            with PIL.Image.open(bench.data / request.media[0].path) as picture:  # the header alone
                assert all(rle["size"] == [picture.height, picture.width] for rle in request.regions)
    assert [line.split(":")[0] for line in vqa.problems] == ["424 of 424 pictures are missing"]
    assert Counter(len(request.regions) for request in vqa.requests()) == {
        1: 274,
        3: 54,
        2: 43,
        4: 33,
        5: 10,
        6: 6,
        7: 2,
        9: 2,
    }


def test_baselines_land_on_their_closed_forms(vqa: GARVQA) -> None:
    gold = Counter(str(item.raw["answer"]) for item in vqa.items)
    assert gold == {"A": 90, "B": 121, "C": 131, "D": 82}
    expected = {f"always-{letter}": 100 * gold[letter] / 424 for letter in "ABCD"} | {
        "oracle": 100,
        "empty": 0,
    }
    baselines = vqa.baselines()
    for name, figure in expected.items():
        for compat in (False, True):
            assert vqa.score(baselines[name], compat=compat).summary["accuracy"] == pytest.approx(figure)
    agreed = sum(baselines["random"][item.key].raw == item.raw["answer"] for item in vqa.items)
    assert vqa.score(baselines["random"]).summary["accuracy"] == pytest.approx(100 * agreed / 424)
    assert 15 < 100 * agreed / 424 < 36  # expectation 25.7
    assert baselines["random"] == vqa.baselines()["random"]
    assert (
        vqa.score(baselines["empty"]).statuses["unparsed"] == 424 and vqa.score({}).statuses["missing"] == 424
    )


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [
        ("A", True, True), ("a", True, True), ("A<|eot_id|>", False, True), ("A.", True, False), ("(A)", True, False),
        ("A. Red fox.", True, False), ("red fox", True, False), ("The answer is A.", True, False), ("B", False, False),
        ("A. No", False, False), ("A or B", False, False), ("A dog", False, False), ("C", False, False),
    ],
)  # fmt: skip
def test_letters(tmp_path: Path, text: str, strict: bool, released: bool) -> None:
    bench = load_protocol("gar-vqa", write(tmp_path, [ITEM]))
    replies = {"a": Reply(id="a", raw=text)}
    assert bench.score(replies).summary["accuracy"] == 100 * strict
    assert bench.score(replies, compat=True).summary["accuracy"] == 100 * released


def test_malformed_rows_are_named(tmp_path: Path) -> None:
    rows = [
        ITEM, ITEM, "row", {**ITEM, "image": "b.png", "answer": "C"},
        {**ITEM, "image": "c.png", "choices": ["Red", "Blue"]}, {**ITEM, "image": "d.png", "mask_rles": []},
        {**ITEM, "image": "e.png", "mask_rles": [RLE, {"size": [1, 4], "counts": "04"}]},
        {"image": "f.png", "mask_rles": [RLE]},
    ]  # fmt: skip
    bench = load_protocol("gar-vqa", write(tmp_path, rows))
    text = "\n".join(bench.problems)
    for words in (
        "[1]: image 'images/a.png' is not a name of its own", "[2]: not an object", "[3]: answer 'C'",
        "[4]: choices are not lettered", "[5]: mask_rles", "[6]: masks differ in size", "[7]: no question",
    ):  # fmt: skip
        assert words in text, words
    assert len(bench.requests()) == 1
    with pytest.raises(InputError, match="no item could be read"):
        load_protocol("gar-vqa", write(tmp_path, ["row"]))
    with pytest.raises(InputError, match="holds no verdicts"):
        bench.read_verdicts(tmp_path / "GAR-Bench-VQA.json")  # type: ignore[attr-defined]


def test_typed_captions(tmp_path: Path) -> None:
    base = {"image": "a.png", "mask_rles": [RLE, RLE]}
    simple = {**base, "question": "Where?", "answer": "<Prompt0> is left of <Prompt1>."}
    write(tmp_path, [simple], "Caption-Simple")
    real = load_protocol("gar-caption-simple", tmp_path)
    write(tmp_path, [{**simple, "world": True}], "Caption-Simple")
    made = load_protocol("gar-caption-simple", tmp_path)
    assert isinstance(real, GARCaptionSimple) and isinstance(made, GARCaptionSimple)
    for text, on_real, on_made in (
        ("<prompt0> is left of the <Prompt1>", True, True),
        ("<Prompt1> is to the right of <Prompt0>", None, True),
        ("<Prompt1> is left of <Prompt0>", None, False),
        ("<Prompt0> is beside <Prompt1>", None, None),
    ):
        assert real.typed(real.items[0], text) is on_real
        assert made.typed(made.items[0], text) is on_made
    detailed = {**base, "subject_name": "fox", "object_name": "umbrella", "predicate_name": "left of"}
    write(tmp_path, [{**detailed, "world": True}], "Caption-Detailed")
    bench = load_protocol("gar-caption-detailed", tmp_path)
    assert isinstance(bench, GARCaptionDetailed)
    item = bench.items[0]
    assert bench.typed(item, "a small red fox at the top, left of a blue umbrella") is True
    assert bench.typed(item, "a small red fox at the top, right of a blue umbrella") is False
    assert bench.typed(item, "a small red fox at the top") is False
    assert bench.typed(item, "qwerty") is None
    request = bench.requests()[0]
    assert request.task == "describe" and len(request.regions) == 2
    assert request.prompt.startswith("Marks: <Prompt0> is region 1, <Prompt1> is region 2.\n")


def test_marks() -> None:
    text = "Which one is left of <Prompt0>, <Prompt1> or <Prompt10>?"
    assert local_marks(text) == "Which one is left of <1>, <2> or <11>?"
    assert prompt_marks(local_marks(text)) == text


class Means:
    """A judge that takes the choice with a word in common, and refuses without one."""

    name = "means"

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def choose(self, question: Question) -> str:
        self.asked.append(question)
        words = set(question.about.lower().split())
        for option, text in zip(question.options, question.texts, strict=True):
            if words & set(text.lower().strip(".").split()):
                return option
        raise Refusal("nothing in common")


def test_words_that_are_no_choice_are_for_the_judge_and_count_only_there(tmp_path: Path) -> None:
    items = [{**ITEM, "image": f"{name}.png"} for name in "abcd"]
    bench = GARVQA.load(write(tmp_path, items))
    said = {"a": "A", "b": "a vixen that is red", "c": "no idea", "d": "blue"}
    replies = {key: Reply(id=key, raw=text) for key, text in said.items()}
    judge = Means()
    score = bench.score(replies, judge=judge)
    assert score.summary["accuracy"] == 25 and score.judged == {"accuracy": 50, "color": 50}
    assert [question.about for question in judge.asked] == [said[key] for key in "bcd"]
    assert {row.id: row.status for row in score.rows} == {"a": "ok", "b": "ok", "c": "ok", "d": "refused"}
    assert [row.parsed for row in score.rows] == [
        {"answer": "A"}, {"answer": "A", "by": "judge"}, {"answer": "B", "by": "judge"}, None,
    ]  # fmt: skip
    assert bench.score(replies).summary == score.summary and bench.score(replies).judged is None
    released = bench.score(replies, compat=True, judge=judge)
    assert released.judged is None and len(judge.asked) == 3
