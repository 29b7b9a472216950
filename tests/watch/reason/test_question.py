"""Questions: the world's own wordings are all understood, and a strange verb is kept."""

from __future__ import annotations

import pytest

from lucida.media.errors import InputError
from lucida.watch.reason.question import understand
from lucida.world.clip_questions import clip_questions
from lucida.world.clips import draw_clip

SAME = {
    "just before": "before",
    "never": "when",
    "before": "order",
    "which colour": "colour",
    "tone": "sound",
}
SAME |= {"tones": "sound"}


@pytest.mark.parametrize("held_out", [False, True])
def test_every_wording_of_the_world_is_understood(held_out: bool) -> None:
    asked = [q for seed in range(4) for q in clip_questions(draw_clip(seed, split="val"), held_out=held_out)]
    assert len(asked) > 60
    for question in asked:
        found = understand(question.text)
        assert found.kind == SAME.get(question.kind, question.kind), question.text
        assert found.clause is None or found.clause.kind is not None, question.text


@pytest.mark.parametrize(
    ("text", "kind", "subject", "verb"),
    [
        ("When does the cat sing?", "when", "cat", "sing"),
        ("does the dog eat the fish", "happens", "dog", "eat"),
        ("how often does the red fox dance?", "how often", "fox", "dance"),
    ],
)
def test_a_strange_verb_stays_what_it_is(text: str, kind: str, subject: str, verb: str) -> None:
    found = understand(text)
    assert found.kind == kind and found.clause is not None
    assert found.clause.kind is None and found.clause.verb == verb and found.clause.subject.noun == subject


def test_nouns_take_the_worlds_words() -> None:
    found = understand("how many bunnies are there?")
    assert found.kind == "count" and found.thing is not None and found.thing.noun == "rabbit"
    found = understand("is there a gray plane in the picture?")
    assert found.thing is not None and (found.thing.noun, found.thing.colour) == ("airplane", "grey")


def test_a_clause_has_its_parts() -> None:
    found = understand("when does the red fox approach the blue umbrella for the last time?")
    assert found.pick == "last" and found.clause is not None and found.clause.other is not None
    other = found.clause.other
    assert (found.clause.subject.colour, other.noun, other.colour) == ("red", "umbrella", "blue")
    found = understand("does the cat turn green before the dog comes to a stop?")
    assert found.kind == "order" and found.clause is not None and found.second is not None
    assert (found.clause.kind, found.clause.colour, found.second.kind) == ("change colour", "green", "stop")


@pytest.mark.parametrize("text", ["", "   ", "blah", "tell me a story", "x" * 400])
def test_what_is_not_understood_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as error:
        understand(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
