"""Reasons before answers: true of the scene, enough for the answer, and taken off again."""

from __future__ import annotations

from collections import Counter

import pytest

from lucida.world.questions import questions
from lucida.world.questions_reasons import MOST, reason, reasoned, split_reason
from lucida.world.records import Question, Scene
from lucida.world.scene import draw_scene


@pytest.fixture(scope="module")
def asked() -> list[tuple[Scene, Question]]:
    scenes = [draw_scene(seed, size=(96, 96)) for seed in range(60)]
    return [(scene, q) for scene in scenes for q in questions(scene, scene.seed, per_kind=2)]


def follows(scene: Scene, question: Question, ground: str) -> str | None:
    """The answer worked out from the question and its reason alone, in the most naive way; None: not by words."""
    text, kind = question.text, question.kind
    if kind == "attribute yes/no":
        return "yes" if ground in text.split("<1>")[1] else "no"
    if kind == "same":
        one, other = ground.split(" and ")
        return "yes" if one == other else "no"
    if kind == "relation yes/no":
        return "yes" if ground.split()[0] in text else "no"
    if kind == "count":
        return "0" if ground == "none" else str(len(ground.split(", ")))
    if kind == "existence":
        wanted = next(d.text for d in question.derivation if d.text.startswith("noun "))
        colour = [d.text.split()[1].rstrip(":") for d in question.derivation if d.text.startswith("colour ")]
        assert ground == "none" or wanted.split(": ")[1] == ground
        found = [] if ground == "none" else ground.split(", ")
        return "yes" if any(not colour or label.startswith(colour[0]) for label in found) else "no"
    return None


def test_answers_follow_from_their_reasons(asked: list[tuple[Scene, Question]]) -> None:
    met: Counter[str] = Counter()
    for scene, question in asked:
        ground = reason(scene, question)
        if ground and (told := follows(scene, question, ground)) is not None:
            assert told == question.answer, (question.text, ground, question.answer)
            met[question.kind] += 1
    assert min(met[k] for k in ("attribute yes/no", "same", "relation yes/no", "count", "existence")) > 20


def test_comparisons_name_every_region(asked: list[tuple[Scene, Question]]) -> None:
    seen = 0
    for scene, question in asked:
        if question.kind != "compare":
            continue
        ground = reason(scene, question)
        assert [ground.count(f"<{n}>") for n in range(1, 5)] == [int(n <= len(question.cites)) for n in range(1, 5)]
        words = dict(zip(ground.split()[::2], ground.split()[1::2], strict=True))
        if "largest" in question.text:
            order = ["small", "medium", "large"]
            assert all(order.index(w) <= order.index(words[question.answer]) for w in words.values())
            seen += 1
    assert seen > 5


def test_plain_answers_stay_plain(asked: list[tuple[Scene, Question]]) -> None:
    for scene, question in asked:
        if question.kind in ("relation", "attribute", "refer"):
            assert reasoned(scene, question) == question.answer
        if question.kind == "count" and question.answer.isdigit() and int(question.answer) > MOST:
            assert reasoned(scene, question) == question.answer


def test_reasons_are_taken_off(asked: list[tuple[Scene, Question]]) -> None:
    for scene, question in asked:
        assert split_reason(reasoned(scene, question)) == (reason(scene, question), question.answer)
    assert split_reason("") == ("", "") and split_reason("red so ") == ("red", "")
