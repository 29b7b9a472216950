"""The reader: text back to attributes.

A caption that is exactly one of the lexicon's templates is read by that template, and ``grammar_ok`` says so.
Any other text, whether a person's wording or a broken caption, is read by its known words alone: what stands
before a noun belongs to it, what follows belongs to the noun last named, and the noun phrase after a relation
word is the other thing. The tolerant way gives the same answer on grammatical text (a test holds this).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lucida.metrics.lexicon import FIELDS, Facts, Lexicon, alternation, article
from lucida.metrics.scan import Phrase, Token, phrases_of, scan

__all__ = [
    "FIELDS", "Expected", "Facts", "Lexicon", "ReadCaption", "ReadScene", "article", "mixed_up", "read_caption",
    "read_free", "read_scene", "score_caption", "score_scene",
]  # fmt: skip

TrueRelation = tuple[str, str | None, str]  # (word, colour of the other thing, its noun)
Thing = tuple[int, str | None, str]  # (how many, colour, noun)


@dataclass(frozen=True, kw_only=True)
class ReadCaption(Facts):
    """What a text says of one region. ``grammar_ok``: the text is exactly what some template writes."""

    grammar_ok: bool = False


@dataclass(frozen=True, kw_only=True)
class Expected(Facts):
    """What is true of one region. ``relations``: every true relation of it, in words."""

    relations: tuple[TrueRelation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReadScene:
    """What a whole-picture caption says."""

    things: tuple[Thing, ...]
    background: str | None = None
    grammar_ok: bool = False


def read_caption(text: str, lexicon: Lexicon) -> ReadCaption:
    """The attributes that ``text`` states of its main thing, in canonical words."""
    exact = lexicon.parse(text)
    if exact is not None:
        return ReadCaption(**asdict(exact), grammar_ok=True)
    return ReadCaption(**asdict(read_free(text, lexicon)))


def read_free(text: str, lexicon: Lexicon) -> Facts:
    """Like :func:`read_caption`, but by known words alone, as people write; never fails, at worst says nothing."""
    tokens = scan(text, lexicon)
    phrases = phrases_of(tokens)
    link = next((k for k, token in enumerate(tokens) if token.kind in ("relation", "inverse")), None)
    other = _other(tokens, phrases, link) if link is not None else None
    rest = sorted(
        (phrase for phrase in phrases if phrase is not other), key=lambda phrase: phrase.noun is None
    )
    main = rest[0] if rest else None  # the first with a noun, else the first "thing"
    places = [k for k, token in enumerate(tokens) if token.kind == "place"]
    return Facts(
        noun=main.noun if main else None,
        colour=main.colour if main else None,
        size=main.size if main else None,
        place=_place(tokens, places, main, other),
        relation=tokens[link].value if link is not None and other is not None else None,
        other_colour=other.colour if other else None,
        other_noun=other.noun if other else None,
    )


def _other(tokens: Sequence[Token], phrases: Sequence[Phrase], link: int) -> Phrase | None:
    """The noun phrase at the far end of the relation at token ``link``."""
    before = [phrase for phrase in phrases if phrase.at < link and phrase.noun is not None]
    after = [phrase for phrase in phrases if phrase.at > link]
    if tokens[link].kind == "inverse" and len(before) > 1:  # "a fox ... with a ball on its right"
        return before[-1]
    return after[0] if after else None


def _place(
    tokens: Sequence[Token], places: Sequence[int], main: Phrase | None, other: Phrase | None
) -> str | None:
    """The first place that is not said of the other thing ("... left of the ball at the bottom")."""
    for k in places:
        follows_other = other is not None and other.at < k and (main is None or main.at < other.at)
        if not follows_other:
            return tokens[k].value
    return None


def score_caption(read: ReadCaption, expected: Expected) -> dict[str, bool]:
    """Which attributes are right. Keys: noun, colour, size, place, relation_true, relation_exact, grammar, all.

    ``relation_true``: what is stated is true of the scene (an unstated colour fits any), and something is stated
    where something could be. ``relation_exact``: the partner of the caption rule, word for word. ``all`` is noun,
    colour, size, place, relation_true and grammar together.
    """
    score = {
        name: getattr(read, name) == getattr(expected, name) for name in ("noun", "colour", "size", "place")
    }
    if read.relation is None:
        score["relation_true"] = expected.relation is None
    else:
        score["relation_true"] = any(
            read.relation == word and read.other_noun == noun and read.other_colour in (None, colour)
            for word, colour, noun in expected.relations
        )
    score["relation_exact"] = all(
        getattr(read, name) == getattr(expected, name) for name in ("relation", "other_colour", "other_noun")
    )
    score["grammar"] = read.grammar_ok
    parts = ("noun", "colour", "size", "place", "relation_true", "grammar")
    score["all"] = all(score[name] for name in parts)
    return score


def mixed_up(read: Facts, labels: Sequence[tuple[str | None, str]]) -> bool:
    """Whether the other thing is a colour and a noun that are both in the scene, but on different objects."""
    if read.other_noun is None or read.other_colour is None:
        return False
    colours, nouns = {colour for colour, _ in labels}, {noun for _, noun in labels}
    there = read.other_colour in colours and read.other_noun in nouns
    return there and (read.other_colour, read.other_noun) not in labels


def read_scene(text: str, lexicon: Lexicon) -> ReadScene:
    """The things, counts and background that a whole-picture caption states."""
    backgrounds = alternation(list(lexicon.backgrounds))
    for template in lexicon.scene_templates:
        expression = re.escape(template).replace(r"\{list\}", "(?P<list>.+)")
        expression = expression.replace(r"\{background\}", f"(?P<background>{backgrounds})")
        match = re.fullmatch(expression, text)
        if match is None:
            continue
        things = [_item(item, lexicon) for item in re.split(r", | and ", match.group("list"))]
        if all(thing is not None for thing in things):
            background = match.groupdict().get("background")
            return ReadScene(
                things=tuple(thing for thing in things if thing is not None),
                background=lexicon.backgrounds[background] if background else None,
                grammar_ok=True,
            )
    phrases = phrases_of(scan(text, lexicon))
    background = re.search(backgrounds, text.lower()) if backgrounds else None
    return ReadScene(
        things=tuple((phrase.count or 1, phrase.colour, phrase.noun) for phrase in phrases if phrase.noun),
        background=lexicon.backgrounds[background.group()] if background else None,
    )


def _item(text: str, lexicon: Lexicon) -> Thing | None:
    """One item of a list, such as "a red fox" or "two blue umbrellas", or ``None`` if it is ungrammatical."""
    first, _, rest = text.partition(" ")
    if not rest:
        return None
    colour = next((c for c in set(lexicon.colours.values()) if rest.startswith(f"{c} ")), None)
    bare = rest.removeprefix(f"{colour} ") if colour else rest
    one = bare if lexicon.nouns.get(bare) == bare else None
    if first == "some":
        return (1, colour, bare) if one in lexicon.unarticled else None
    if first in ("a", "an"):
        return (1, colour, bare) if one and one not in lexicon.unarticled and first == article(rest) else None
    count, many = lexicon.numbers.get(first), lexicon.plurals.get(bare)
    return (count, colour, many) if count and count > 1 and many else None


def score_scene(read: ReadScene, expected: Sequence[Thing]) -> dict[str, float]:
    """Precision, recall and F1 over things, counted one by one, and whether all is right (1.0 or 0.0)."""
    said = Counter[tuple[str | None, str]]()
    true = Counter[tuple[str | None, str]]()
    for counter, things in ((said, read.things), (true, expected)):
        for count, colour, noun in things:
            counter[colour, noun] += count
    hits = sum((said & true).values())
    precision, recall = hits / max(1, said.total()), hits / max(1, true.total())
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "all": float(said == true)}
