"""Names of the tower's 1,000 classes, in ILSVRC order.

``data/imagenet_names.tsv`` has one line per class: a *basic name*, a tab, the WordNet lemmas. The lemmas
are facts taken from timm 1.0.31 (Apache-2.0: ``imagenet_synsets.txt``, ``imagenet_synset_to_lemma.txt``).
The basic name is ours, kept by hand: the word a person would say first (118 breeds are "dog", espresso and
mug are "cup"), lower case, British spelling, the world's own noun where it has one, and never a colour
word, since colour is described separately.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

CLASSES = 1000


@cache
def _table() -> tuple[tuple[str, tuple[str, ...]], ...]:
    text = resources.files("lucida.models").joinpath("data/imagenet_names.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    assert len(rows) == CLASSES, f"imagenet_names.tsv has {len(rows)} lines"
    return tuple((basic, tuple(lemmas.split(", "))) for basic, lemmas in rows)


def names(index: int) -> tuple[str, ...]:
    """All lemmas of a class as WordNet has them: ``names(281) == ("tabby", "tabby cat")``."""
    return _table()[index][1]


def plain_name(index: int) -> str:
    """The class in its plainest lemma, lower case: the basic name where that is one, else the first."""
    basic, lemmas = _table()[index]
    return basic if basic in lemmas else lemmas[0].lower()


def basic_name(index: int) -> str:
    """The everyday word for the class: ``basic_name(281) == "cat"``. Several classes share one."""
    return _table()[index][0]


@cache
def basic_names() -> tuple[str, ...]:
    """Every basic name once, in order of first class."""
    return tuple(dict.fromkeys(basic for basic, _ in _table()))


@cache
def basic_index() -> tuple[int, ...]:
    """For each class the place of its basic name in ``basic_names()``: adds up probabilities by name."""
    place = {name: i for i, name in enumerate(basic_names())}
    return tuple(place[basic] for basic, _ in _table())
