"""Clip questions: every answer follows from the records, and its evidence is there to be seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from lucida.world.clip_questions import clip_questions
from lucida.world.clip_questions_replay import ReplayError, replay
from lucida.world.clip_questions_wording import WORDINGS
from lucida.world.clip_records import ClipQuestion
from lucida.world.clips import Clip, draw_clip
from lucida.world.scene import place_word


@pytest.fixture(scope="module")
def asked() -> list[tuple[Clip, list[ClipQuestion]]]:
    clips = [draw_clip(seed) for seed in range(24)]
    return [(clip, clip_questions(clip, held_out=clip.seed % 2 == 1)) for clip in clips]


def test_derivations_replay(asked) -> None:
    for clip, questions in asked:
        again = draw_clip(clip.seed)
        for question in questions:
            assert replay(again, question) == question.answer


def test_a_wrong_step_is_noticed(asked) -> None:
    clip, questions = asked[0]
    question = next(q for q in questions if q.kind == "when")
    span = question.derivation[-2]
    bad = replace(
        question,
        derivation=(*question.derivation[:-2], replace(span, value=(0.0, 1.0)), question.derivation[-1]),
    )
    with pytest.raises(ReplayError, match="span"):
        replay(clip, bad)
    with pytest.raises(ReplayError, match="does not end"):
        replay(clip, replace(question, answer="0.00-0.01"))


def test_every_kind_and_both_answers(asked) -> None:
    kinds = Counter(question.kind for _, questions in asked for question in questions)
    assert set(kinds) == set(WORDINGS), kinds
    yesno = Counter(q.answer for _, questions in asked for q in questions if q.answer_type == "yesno")
    assert min(yesno["yes"], yesno["no"]) / sum(yesno.values()) > 0.3


def test_evidence_is_inside_the_clip_and_visible(asked) -> None:
    for clip, questions in asked[:8]:
        for question in questions:
            assert bool(question.evidence) == (question.answer not in ("never", "0"))
            for item in question.evidence:
                assert 0 <= item.t0 <= item.t1 <= clip.seconds
                assert item.object is not None and item.t is not None and item.t0 <= item.t <= item.t1
                assert item.box == clip.box(item.object, item.t) and item.box is not None


def test_answers_against_the_records(asked) -> None:
    """A few kinds again by hand, without the operations."""
    for clip, questions in asked:
        for question in questions:
            events = [e for e in clip.events if question.evidence and e.text == question.evidence[0].label]
            if question.kind == "when" and "time" not in question.text:
                assert len(events) == 1 and question.answer == f"{events[0].t0:.2f}-{events[0].t1:.2f}"
            elif question.kind == "after":
                later = [e for e in clip.events if e.t0 >= events[0].t1]
                assert question.answer == min(later, key=lambda e: e.t0).text
            elif question.kind == "how many":
                assert int(question.answer) == len({item.object for item in question.evidence})
            elif question.kind == "where":
                ys, xs = np.nonzero(clip.masks(question.evidence[1].t)[question.evidence[1].object])
                middle = (
                    (xs.min() + xs.max() + 1) / 2 / clip.size[1],
                    (ys.min() + ys.max() + 1) / 2 / clip.size[0],
                )
                assert place_word(middle) == question.answer


def test_wordings_are_kept_apart() -> None:
    clip = draw_clip(5)
    train = {question.text for question in clip_questions(clip)}
    held = {question.text for question in clip_questions(clip, held_out=True)}
    assert not train & held and len(train) > 10
    for kind, (training, held_out) in WORDINGS.items():
        assert held_out not in training and len(set(training)) == len(training), kind


def test_same_questions_every_time_and_a_mixed_few() -> None:
    clip = draw_clip(4)
    assert clip_questions(clip) == clip_questions(draw_clip(4))
    few = clip_questions(clip, limit=6)
    assert len(few) == 6 == len({question.kind for question in few})


def test_no_braces_left(asked) -> None:
    for _, questions in asked:
        for question in questions:
            assert not set("{}$") & set(question.text + question.answer)
            assert not any("$" in step.text for step in question.derivation)
