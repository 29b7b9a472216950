"""Reading a choice out of text: strictly, and with every quirk of the released cascade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.bench.judge import Refusal
from lucida.bench.protocols.choices import (
    KeyedQuestion,
    RecordedVerdicts,
    gate,
    parse_choice,
    parse_choice_released,
    verdict,
)

YES_NO = ("Yes", "No")
WING = ("The wing is not mentioned.", "The wing is mentioned.", "The colour of the wing is mentioned.")


@pytest.mark.parametrize(
    ("text", "choices", "strict", "released"),
    [
        ("A. Yes", YES_NO, 0, 0),
        ("b", YES_NO, 1, 1),
        ("(B)", YES_NO, 1, None),
        ("No", YES_NO, 1, 1),
        ("The answer is B.", YES_NO, 1, None),
        ("The wing is mentioned.", WING, 1, 1),
        ("the wing is mentioned", WING, 1, 2),  # released: without its full stop it is taken for the longest around it
        ("", WING, None, 2),  # released: nothing is contained in everything; the longest choice wins
        ("A. No", YES_NO, None, 1),  # letter and words disagree; released: the words, found as the only substring
        ("yes, by the eyes", YES_NO, None, 0),
        ("the eyes", YES_NO, None, 0),  # released: "yes" inside "eyes"
        ("Yes or No", YES_NO, None, 1),  # released: the last choice named
        ("e", YES_NO, None, 0),  # released: the longest choice with an e in it
        ("E. neither", YES_NO, None, None),  # released stops with an index error
        ("C. whatever", WING, 2, 2),
        ("A.\nbecause", WING, 0, 0),
        ("A\nbecause", WING, None, 0),
        ("perhaps", WING, None, None),
    ],
)  # fmt: skip
def test_parsing(text: str, choices: tuple[str, ...], strict: int | None, released: int | None) -> None:
    assert parse_choice(text, choices) == strict
    assert parse_choice_released(text, choices) == released


def test_released_tie_takes_the_longer_choice() -> None:
    """Two choices end up at the same place of the reply: the longer one is meant."""
    assert parse_choice_released("it is a red fox", ("a red fox", "a red", "red")) == 2  # the last place
    assert parse_choice_released("it is a red fox", ("a red", "a red fox")) == 1  # the same place


@given(st.integers(0, 2), st.sampled_from(["{l}", "{l}.", "{l}. {t}", "{t}", "({l})"]))
def test_clear_replies_are_read_by_the_strict_parser(index: int, form: str) -> None:
    assert parse_choice(form.format(l="ABC"[index], t=WING[index]), WING) == index


def test_gate() -> None:
    assert [gate(v, True) for v in (1, 0.5, 0, -1)] == [1, 0.5, 0, -1]
    assert [gate(v, False) for v in (1, 0.5, 0, -1)] == [0, 0, 0, -1]
    assert gate(1, None) == 0  # no verdict on recognition is no credit


def test_recorded_verdicts_refuse_what_they_do_not_know() -> None:
    question = KeyedQuestion(key="7/0", prompt="?", options=("A", "B"), choices=YES_NO)
    assert RecordedVerdicts({"7/0": "B. No"}).choose(question) == "B"
    for raw in ({}, {"7/0": "perhaps"}):
        with pytest.raises(Refusal):
            RecordedVerdicts(raw).choose(question)
    assert verdict(RecordedVerdicts({"7/0": "the eyes"}), question, compat=True) == 0
    assert verdict(RecordedVerdicts({"7/0": "the eyes"}), question) is None
    assert verdict(None, question) is None


def test_any_judge_that_refuses_leaves_a_question_open() -> None:
    class Shy:
        name = "shy"

        def choose(self, question: object) -> str:
            raise Refusal("no")

    class Odd(Shy):
        def choose(self, question: object) -> str:
            return "Z"

    question = KeyedQuestion(prompt="?", options=("A", "B"), choices=YES_NO)
    assert verdict(Shy(), question) is None
    assert verdict(Odd(), question) is None
