"""Judges refuse rather than guess, and are asked each question once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lucida.bench.cache import Cache
from lucida.bench.judge import Judge, Question, Refusal
from lucida.bench.judges import EndpointJudge, SentenceJudge, load_judge, score_with_judge
from lucida.bench.models import ModelOptions
from lucida.bench.records import Row, Score, count_statuses
from lucida.bench.sentence import SentenceEncoder, sentence_folder
from lucida.cli.main import main
from lucida.media.errors import InputError
from tests.bench.toy import FakeEndpoint, Toy, prompt_of, write_toy


def question(text: str) -> Question:
    return Question(prompt=text, options=("A", "B"))


def text_of(body: dict) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else prompt_of(body)


def test_only_the_schema_is_a_verdict_and_each_is_asked_once(tmp_path: Path) -> None:
    said = {"good": '{"verdict": "A"}', "prose": "The answer is A", "other": '{"verdict": "C"}', "more":
            '{"verdict": "A", "why": "x"}', "list": "[1]", "none": None}  # fmt: skip
    with FakeEndpoint(lambda body, n: said[text_of(body)]) as server:
        for round in range(2):
            judge = EndpointJudge(f"{server.url}#j", Cache(tmp_path), ModelOptions(retries=0))
            assert judge.choose(question("good")) == "A"
            for name in ("prose", "other", "more", "list", "none"):
                with pytest.raises(Refusal):
                    judge.choose(question(name))
            assert (judge.asked, judge.cached) == ((6, 0) if round == 0 else (0, 6))
        enum = server.bodies[0]["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"]
    assert enum == ["A", "B"] and len(server.bodies) == 6


def test_a_judge_that_cannot_be_reached_refuses_now_and_is_asked_again_later(tmp_path: Path) -> None:
    with FakeEndpoint(lambda body, n: (503, "down") if n == 1 else '{"verdict": "B"}') as server:
        with pytest.raises(Refusal, match="down"):
            EndpointJudge(f"{server.url}#j", Cache(tmp_path), ModelOptions(retries=0)).choose(question("q"))
        judge = EndpointJudge(f"{server.url}#j", Cache(tmp_path), ModelOptions(retries=0))
        assert judge.choose(question("q")) == "B"


def test_verdicts_are_fetched_together_also_when_a_rubric_asks_on(tmp_path: Path) -> None:
    def scoring(judge: Judge) -> Score:
        rows = []
        for n in range(8):
            try:
                first = judge.choose(question(f"item {n}"))
                value = judge.choose(question(f"item {n} after {first}")) == "A"
                rows.append(Row(id=str(n), item=str(n), cluster=str(n), scores={"x": float(value)}))
            except Refusal:
                rows.append(Row(id=str(n), item=str(n), cluster=str(n), scores={"x": 0.0}, status="refused"))
        return Score(protocol="p", rows=tuple(rows), summary={}, n=8, statuses=count_statuses(tuple(rows)))

    with FakeEndpoint(lambda body, n: json.dumps({"verdict": "A"}), delay=0.1) as server:
        judge = EndpointJudge(f"{server.url}#j", Cache(tmp_path), ModelOptions(concurrency=4))
        score = score_with_judge(scoring, judge)
    assert score.statuses["ok"] == 8 and judge.asked == 16 and server.most == 4


def test_the_sentence_judge_needs_a_lead() -> None:
    table = {"red": [1, 0], "scarlet": [0.96, 0.28], "blue": [0, 1], "both": [0.7071, 0.7071], "far": [-1, 0]}
    judge = SentenceJudge(lambda texts: np.array([table[text] for text in texts], float))

    def ask(about: str) -> str:
        return judge.choose(Question(prompt="", options=("A", "B"), texts=("red", "blue"), about=about))

    assert ask("scarlet") == "A" and ask("blue") == "B"
    for text in ("both", "far", " "):
        with pytest.raises(Refusal):
            ask(text)
    with pytest.raises(Refusal):
        judge.choose(question("no texts"))


@pytest.mark.skipif(sentence_folder() is None, reason="the extra text is not installed")
def test_the_sentence_encoder_knows_what_is_near() -> None:
    encode = SentenceEncoder()
    happy = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = encode([*happy, "红色", ""])
    assert vectors.shape == (6, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    # the similarities that the model's own page shows for these sentences
    assert vectors[1:4] @ vectors[0] == pytest.approx([0.695, 0.943, 0.257], abs=1e-3)
    alone = encode(happy[:1])  # padding changes nothing
    assert np.allclose(alone[0], vectors[0], atol=1e-5)
    judge = SentenceJudge(encode)
    options = Question(prompt="", options=("A", "B"), texts=("a fox", "an umbrella"), about="a small vixen")
    assert judge.choose(options) == "A"


def test_unknown_judges_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--judge gpt"):
        load_judge("gpt", Cache(tmp_path))
    assert load_judge(None, Cache(tmp_path)) is None
    with pytest.raises(InputError, match="toy has no released verdicts"):
        load_judge("recorded:x.json", Cache(tmp_path), protocol=Toy([], 1, ()))


def test_recorded_verdicts_are_a_judge_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    rle = {"size": [2, 2], "counts": "04"}
    item = {"image": "a.png", "mask_rles": [rle], "question": "What does <Prompt0> do?", "answer": "It sleeps."}
    items = [{**item, "image": f"{name}.png"} for name in "abc"]
    (tmp_path / "GAR-Bench-Caption-Simple.json").write_text(json.dumps(items))
    said = [{**one, "model_output": "<Prompt0> is asleep"} for one in items]
    judged = [{**one, "eval_result": verdict} for one, verdict in zip(items, ("True", "False", "?"), strict=True)]
    for name, rows in (("said", said), ("eval", judged)):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    files = ["--data", str(tmp_path), "--predictions", str(tmp_path / "said.json")]
    command = ["bench", "score", "gar-caption-simple", *files, "--judge"]
    assert main([*command, f"recorded:{tmp_path / 'eval.json'}", "--json"]) == 0
    score = json.loads(capsys.readouterr().out)["score"]
    assert score["summary"]["accuracy"] == 0 and score["judged"]["accuracy"] == pytest.approx(100 / 3)
    assert score["statuses"] == {"ok": 2, "unparsed": 0, "missing": 0, "refused": 1, "error": 0}
    assert score["provenance"]["judge"] == "recorded:eval.json"
    for wrong, hint in ((f"recorded:{tmp_path / 'said.json'}", "no verdicts"), ("recorded:", "want openai:")):
        assert main([*command, wrong]) == 2
        assert hint in capsys.readouterr().err


def test_a_judge_that_nothing_is_asked_of_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    data = write_toy(tmp_path / "data", 4, 0)
    (tmp_path / "said.json").write_text(json.dumps({f"{n}/0": "red" for n in range(4)}))
    files = ["--data", str(data), "--predictions", str(tmp_path / "said.json")]
    assert main(["bench", "score", "toy", *files, "--judge", "openai:http://127.0.0.1:9/v1#j"]) == 0
    assert "toy needs no judge; the one given was not asked" in capsys.readouterr().err
