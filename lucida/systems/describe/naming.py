"""What the hints are sure of, they name: a hint of at least ``SURE`` takes the place of the describer's own noun. With
a name head, which gives no hints of what is drawn, ``LIKELY`` is enough.

The describer is trained on artwork and cut-outs, and names what looks like neither as the nearest thing it knows, while
the tower (and the name head on it) was trained on photographs. Copying a hint is part of the training, but this small
network did not learn to copy arbitrary words. ``hints=False`` leaves every noun to the describer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from lucida.models.imagenet_names import basic_names
from lucida.systems.describe.layout import Request
from lucida.systems.describe.records import Piece
from lucida.world.grammar import ARTICLES, agreed
from lucida.world.language import lexicon
from lucida.world.records import COLOURS
from lucida.world.stamps import LEMMAS

SURE = 0.8  # of a hint without a name head
LIKELY = 0.3  # of one with it: of what is not drawn the describer's own noun is seldom right
RELATIONS = ("left of", "right of", "above", "below", "over")  # behind one of these it is the other thing's noun
Said = tuple[str, float, tuple[Piece, ...]]  # text, mean confidence, pieces


def believe_hints(said: Sequence[Said], requests: Sequence[Request], names: tuple[str, ...] = ()) -> list[Said]:
    """Captions with their regions' sure names in place; ``names``: what a name head may say."""
    out = []
    for one, request in zip(said, requests, strict=True):
        hints = request.regions[0].hints if request.regions else ()
        name, probability = hints[0] if hints else ("", 0.0)
        believed = probability >= (LIKELY if names else SURE)
        out.append(renamed_caption(one, name, probability, names) if believed else one)
    return out


def noun_in(text: str, names: tuple[str, ...] = ()) -> str:
    """The noun that a caption gives its own region, "" where it names nothing. ``names``: more names to know."""
    found = _own_noun(text, names)
    return found[0] if found else ""


def _own_noun(text: str, names: tuple[str, ...]) -> re.Match[str] | None:
    found = _nouns(names).search(text)
    return None if found is None or any(word in text[: found.start()] for word in RELATIONS) else found


def renamed_caption(said: Said, name: str, probability: float, names: tuple[str, ...] = ()) -> Said:
    """The caption with ``name`` for its first noun, at the hint's probability; as it is where it names nothing."""
    text, _, pieces = said
    found = _own_noun(text, names)
    if found is None or found[0] == name:
        return said
    before, after = text[: found.start()], text[found.end() :]
    span = _span([piece for piece, _, _ in pieces], found[0].replace(" ", ""))
    if span is not None:
        words = tuple((word, probability, pieces[span.start][2]) for word in name.split())
        pieces = (*pieces[: span.start], *words, *pieces[span.stop :])
    text = agreed(before + name + after)
    return text, sum(sure for _, sure, _ in pieces) / max(len(pieces), 1), with_articles_of(text, pieces)


def with_articles_of(text: str, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The pieces with the text's articles, where each has one (a piece inside a word may look like one)."""
    articles = [word for word in text.split() if word in ARTICLES]
    places = [n for n, (piece, _, _) in enumerate(pieces) if piece in ARTICLES]
    if len(places) != len(articles):
        return pieces
    changed = dict(zip(places, articles, strict=True))
    return tuple((changed.get(n, piece), sure, step) for n, (piece, sure, step) in enumerate(pieces))


def _span(pieces: Sequence[str], letters: str) -> range | None:
    """The run of pieces that spells ``letters``."""
    for first in range(len(pieces)):
        spelled = ""
        for last in range(first, len(pieces)):
            spelled += pieces[last].strip()
            if spelled == letters:
                return range(first, last + 1)
            if not letters.startswith(spelled):
                break
    return None


@cache
def _nouns(more: tuple[str, ...]) -> re.Pattern[str]:
    """Every name a caption may use, the longest first, so that a "fire engine" is not found as a fire.

    An orange is left out: in captions that word is a colour.
    """
    names = sorted({*lexicon().nouns, *LEMMAS, *basic_names(), *more} - {*COLOURS}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
