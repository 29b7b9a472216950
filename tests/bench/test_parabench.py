"""ParaBench: world-made tasks with closed-form scores, a judge that sees, odd files and replies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lucida.bench.cache import Cache
from lucida.bench.judge import Question
from lucida.bench.judges import EndpointJudge, SentenceJudge, score_with_judge
from lucida.bench.made import make
from lucida.bench.models import ModelOptions
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.parabench import COLUMNS, RUBRICS, ParaBench
from lucida.bench.protocols.parabench_items import read_drawn
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from lucida.media.image import Image
from tests.bench.toy import FakeEndpoint


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> ParaBench:
    found = load_protocol("parabench", make("parabench", tmp_path_factory.mktemp("made") / "data", count=2))
    assert isinstance(found, ParaBench) and not found.problems
    return found


def reply(key: str, text: str, image: object = None) -> Reply:
    return Reply(id=key, raw=json.dumps({"text": text, "image": image}))


def test_oracle_and_baselines_land_on_their_closed_forms(bench: ParaBench) -> None:
    arms = bench.baselines()
    oracle = bench.score(arms["oracle"])
    assert {oracle.summary[name] for name in (*COLUMNS, "overall", "decided")} == {100.0}
    empty = bench.score(arms["empty"])
    assert {empty.summary[name] for name in (*COLUMNS, "overall")} == {0.0} and empty.statuses["unparsed"] == empty.n
    assert bench.score({}).statuses["missing"] == len(bench.items)
    assert set(RUBRICS) == set(COLUMNS)
    # a wrong drawing is decided by its pixels: the input as it is keeps what should stay, and changes nothing
    copied = {row.id: row.scores for row in bench.score(arms["copy"]).rows}
    greyed = [key for key in copied if key.endswith("-grey")]
    assert greyed and all(copied[key]["image_consistency"] == 1 for key in greyed)
    assert all(copied[key]["image_alignment"] < 0.5 for key in greyed)
    mirrored = [key for key in copied if key.endswith("-mirror")]
    assert all(copied[key]["image_consistency"] == copied[key]["image_alignment"] < 1 for key in mirrored)
    assert all("image_consistency" not in scores for key, scores in copied.items() if key.endswith("-draw"))


def test_only_what_is_asked_for_changes_in_the_true_results(bench: ParaBench) -> None:
    for item in bench.items:
        if item.key.endswith("-grey"):
            before, after, mask = (
                Image.open(bench.data / name).pixels for name in (item.image, item.result, item.mask)
            )
            inside = mask[..., 0] > 127
            assert np.array_equal(before[~inside], after[~inside])
            assert np.ptp(after[inside].astype(int), axis=-1).max() == 0
            assert any(colour == "grey" for _, colour, _ in item.things)


def test_text_is_read_into_things(bench: ParaBench) -> None:
    item = bench.items[0]
    half = reply(item.key, f"a picture of {'a red fox'} on a plain background", item.result)
    row = next(row for row in bench.score({item.key: half}).rows if row.id == item.key)
    assert 0 < row.scores["text_alignment"] < 1 and row.scores["image_alignment"] == 1
    assert row.scores["output_alignment"] == row.scores["text_alignment"]


def test_a_judge_sees_the_pictures_and_marks_what_is_open(bench: ParaBench, tmp_path: Path) -> None:
    key = next(item.key for item in bench.items if item.key.endswith("-grey"))
    image = next(item.image for item in bench.items if item.key == key)
    replies = {key: reply(key, "the colour goes away", image)}
    with FakeEndpoint(lambda body, n: '{"verdict": "4"}') as server:
        judge = EndpointJudge(f"{server.url}#j", Cache(tmp_path), ModelOptions(retries=0))
        score = score_with_judge(lambda asked: bench.score(replies, judge=asked), judge)
        again = EndpointJudge(f"{server.url}#j", Cache(tmp_path), ModelOptions(retries=0))
        assert bench.score(replies, judge=again).judged == score.judged and again.asked == 0
    row = next(row for row in score.rows if row.id == key)
    for name in ("text_quality", "image_quality", "output_alignment"):
        assert row.scores[name] == 0 and row.scores[f"judged_{name}"] == pytest.approx(0.8)
    assert row.scores["judged_image_consistency"] == row.scores["image_consistency"] == 1  # decided: not asked
    assert row.status == "ok" and row.parsed["open"] == []
    counts = sorted(len([p for p in b["messages"][1]["content"] if isinstance(p, dict) and p["type"] == "image_url"])
                    if isinstance(b["messages"][1]["content"], list) else 0 for b in server.bodies)  # fmt: skip
    assert counts == [0, 1, 2]
    blind = SentenceJudge(lambda texts: np.eye(len(texts)))
    alone = bench.score(replies, judge=blind)
    assert next(row for row in alone.rows if row.id == key).status == "refused"


def test_an_input_that_is_missing_is_not_judged_without_it(tmp_path: Path) -> None:
    row = {"id": 1, "category": "causal", "instruction": "let it rain", "image": "gone.png"}
    (tmp_path / "ParaBench.json").write_text(json.dumps([row]))
    bench = ParaBench.load(tmp_path)
    assert bench.problems == ("1 of 1 media are missing: gone.png; only saved replies can be scored",)
    asked: list[Question] = []

    class Judge:
        name = "five"

        def choose(self, question: Question) -> str:
            asked.append(question)
            return "5"

    [scored] = bench.score({"1": reply("1", "rain falls")}, judge=Judge()).rows
    assert [question.images for question in asked] == [()] and scored.scores["judged_text_quality"] == 1
    assert scored.parsed["open"] == ["text_alignment"] and scored.status == "refused"


def test_rows_and_fields_of_any_kind(tmp_path: Path) -> None:
    good = {"nr": "a", "prompt": "draw a fox"}
    rows = [good, good, {"nr": "b"}, "x", {"nr": "c", "prompt": "p", "category": "spatial"}]
    (tmp_path / "ParaBench.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\nbroken\n")
    bench = ParaBench.load(tmp_path, id="nr", instruction="prompt")
    assert [(item.key, item.category) for item in bench.items] == [("a", "generation")]
    whys = ("again", "no prompt", "not a JSON object", "without image", "not a JSON object")
    assert len(bench.problems) == 5 and all(why in line for why, line in zip(whys, bench.problems, strict=True))
    with pytest.raises(InputError, match="unknown option 'colour'"):
        ParaBench.load(tmp_path, colour=1)
    with pytest.raises(InputError, match=r"no ParaBench\.jsonl"):
        ParaBench.load(tmp_path.parent / "nowhere")
    for raw in ("[1]", "{", '{"text": 3}', "null", "ß\ud83e"):
        assert read_drawn(raw, tmp_path).image is None
        assert bench.score({"a": Reply(id="a", raw=raw)}).n == 1


def test_predictions_with_pictures_beside_the_file(bench: ParaBench, tmp_path: Path) -> None:
    item = bench.items[0]
    Image.open(bench.data / item.result).save(tmp_path / "out.png")
    rows = [{"id": item.key, "text": item.truth, "image": "out.png"}, {"id": item.key, "text": "", "image": ""}]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    replies, problems = bench.read_predictions(tmp_path / "p.jsonl")
    assert len(problems) == 1 and "no id of its own" in problems[0]
    row = next(row for row in bench.score(replies).rows if row.id == item.key)
    assert set(row.scores.values()) == {1.0}
