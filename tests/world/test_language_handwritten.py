from __future__ import annotations

import pytest

from lucida.metrics.lexicon import FIELDS
from lucida.metrics.reader import read_caption
from lucida.world.handwritten import HandWritten, load_handwritten
from lucida.world.language import lexicon
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS, PLACES, RELATIONS, SIZES

HUNDRED = load_handwritten()


def test_there_are_a_hundred_different_texts() -> None:
    assert len(HUNDRED) == len({item.text for item in HUNDRED}) == 100
    assert {item.kind for item in HUNDRED} == {"caption", "question"}


def test_they_speak_of_the_world_in_canonical_words() -> None:
    allowed = {
        "noun": set(noun_table().values()), "other_noun": set(noun_table().values()), "colour": set(COLOURS),
        "other_colour": set(COLOURS), "size": set(SIZES), "place": set(PLACES), "relation": set(RELATIONS),
    }  # fmt: skip
    wrong = [(item.text, name, value) for item in HUNDRED for name, value in vars(item.states).items()
             if value is not None and value not in allowed[name]]  # fmt: skip
    assert wrong == []
    assert {value for item in HUNDRED for value in (item.states.colour,) if value} == set(COLOURS)
    assert {item.states.place for item in HUNDRED} >= set(PLACES)
    assert {item.states.size for item in HUNDRED} >= set(SIZES)
    assert {item.states.relation for item in HUNDRED} >= set(RELATIONS)


@pytest.mark.parametrize("item", HUNDRED, ids=lambda item: item.text[:40])
def test_the_reader_reads_them(item: HandWritten) -> None:
    read = read_caption(item.text, lexicon())
    assert not read.grammar_ok  # a person's words, not a template's
    assert {name: getattr(read, name) for name in FIELDS} == vars(item.states)
