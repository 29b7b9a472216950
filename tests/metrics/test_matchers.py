from __future__ import annotations

import pytest

from lucida.media.errors import InputError
from lucida.metrics import matchers as m
from lucida.metrics.matchers import Match
from lucida.world.language import lexicon

LEX = lexicon(("fox", "umbrella", "orange", "hot dog", "dog", "phone"))


@pytest.mark.parametrize(
    ("text", "truth", "status"),
    [
        ("yes", True, "ok"), ("Yes, it is.", "yes", "ok"), ("No.", True, "wrong"), ("it is not so", True, "unparsed"),
        ("true", True, "ok"), ("I think no", "no", "ok"), ("maybe yes or no", True, "unparsed"),
        ("", False, "unparsed"), ("no, yes is wrong", False, "ok"), ("nothing", False, "unparsed"),
    ],
)  # fmt: skip
def test_yesno(text: str, truth: bool | str, status: str) -> None:
    assert m.match_yesno(text, truth).status == status


def test_number() -> None:
    assert m.match_number("There are two.", 2) == Match(True, 2.0, "ok")
    assert m.match_number("3", "2") == Match(False, 3.0, "wrong")
    assert m.match_number("2 or 3", 2) == Match(False, None, "unparsed")
    assert m.match_number("2.4", 2.5, tolerance=0.2).ok
    assert not m.match_number("2.2", 2.5, tolerance=0.2).ok


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("B", "ok"), ("b", "ok"), ("(B)", "ok"), ("B.", "ok"), ("B) a fox", "ok"), ("B. a fox", "ok"),
        ("The answer is B.", "ok"), ("Answer: (B)", "ok"), ("the correct option is C", "wrong"), ("A", "wrong"),
        ("[b]", "ok"), ("A dog is shown", "unparsed"), ("BC", "unparsed"), ("E", "unparsed"), ("", "unparsed"),
        ("either A or B", "unparsed"), ("a fox", "unparsed"), ("the answer is B: a fox\nbecause", "ok"),
    ],
)  # fmt: skip
def test_choice_is_strict(text: str, status: str) -> None:
    assert m.match_choice(text, "B").status == status


def test_span() -> None:
    assert m.match_span("from 2 s to 6 s", (2, 6)) == Match(True, (2.0, 6.0), "ok")
    assert m.match_span("0:02-0:04", (2, 6)).ok  # 2 / 4 = 0.5
    assert m.match_span("2 to 3.9", (2, 6)).status == "wrong"
    assert m.match_span("at 3", (2, 6)).status == "unparsed"


def test_box_unit_is_declared_never_guessed() -> None:
    truth = (0.1, 0.2, 0.5, 0.6)
    assert m.match_box("[0.1, 0.2, 0.5, 0.6]", truth, unit="normalised").ok
    pixels = m.match_box("[20, 20, 100, 60]", truth, unit="pixels", size=(100, 200))
    assert pixels.ok and pixels.parsed == pytest.approx(truth)
    assert m.match_box("[20, 20, 100, 60]", truth, unit="normalised").status == "unparsed"
    # 0..1 numbers in an answer that should be pixels are a tiny box, not a hint
    assert m.match_box("[0.1, 0.2, 0.5, 0.6]", truth, unit="pixels", size=(100, 200)).status == "wrong"
    assert m.match_box("[0.5, 0.2, 0.1, 0.6]", truth, unit="normalised").status == "unparsed"
    with pytest.raises(InputError, match="size"):
        m.match_box("1 2 3 4", truth, unit="pixels")
    with pytest.raises(InputError, match="unit"):
        m.match_box("1 2 3 4", truth, unit="percent")  # type: ignore[arg-type]


def test_colour_and_noun() -> None:
    assert m.match_colour("It is gray.", "grey", colours=LEX.colours).ok
    assert m.match_colour("light blue", "cyan", colours=LEX.colours).ok
    assert m.match_colour("red or blue", "red", colours=LEX.colours).status == "unparsed"
    assert m.match_colour("blue", "red", colours=LEX.colours).status == "wrong"
    assert m.match_noun("a small hot dog", "hot dog", nouns=LEX.nouns).ok
    assert m.match_noun("a hot dog", "dog", nouns=LEX.nouns).status == "wrong"
    assert m.match_noun("a smartphone", "phone", nouns=LEX.nouns).ok
    assert m.match_noun("a zebra", "fox", nouns=LEX.nouns).status == "unparsed"


def test_region_text_phrase() -> None:
    assert m.match_region("it is <2>.", "<2>").ok
    assert m.match_region("<1> or <2>", "<2>").status == "unparsed"
    assert m.match_text("The  Red fox!", "red fox").ok
    assert m.match_text("...", "red fox").status == "unparsed"
    assert m.match_phrase("in the upper left corner", "top left", lexicon=LEX).ok
    assert m.match_phrase("a gray fox", "grey fox", lexicon=LEX).ok
    assert m.match_phrase("fox", "grey fox", lexicon=LEX).status == "wrong"
    assert m.match_phrase("hm", "grey fox", lexicon=LEX).status == "unparsed"


def test_match_answer_dispatches() -> None:
    cases = {
        "yesno": "yes",
        "number": "2",
        "region": "<1>",
        "colour": "red",
        "noun": "fox",
        "phrase": "top left",
    }
    for kind, answer in cases.items():
        assert m.match_answer(kind, answer, answer, lexicon=LEX).status == "ok"
    assert m.match_answer("noun", "foxes", "fox", lexicon=LEX).ok
    with pytest.raises(InputError, match="smell"):
        m.match_answer("smell", "a", "a", lexicon=LEX)
