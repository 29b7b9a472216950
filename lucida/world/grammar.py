"""Small English: plurals, numbers, lists, and the phrase tables of places, sizes and relations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lucida.metrics.lexicon import article

NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)

# Nouns that take no "a": plural in form, or stuff. Only their last word (or the word before "of") is looked at.
PLURAL_FORMS = frozenset(
    "beans binoculars cards cherries chopsticks clothes curds dominoes fireworks footprints fries glasses gloves "
    "goggles grapes headphones jeans lungs pants peanuts pills scissors shoes shorts skis socks sunglasses "
    "spectacles tools trousers waves wings".split()
)
MASS_NOUNS = frozenset(
    "bacon bread broccoli butter cheese coral corn garlic ginger hay honey ice jewellery lava luggage meat milk money "
    "popcorn rice salt sake seaweed soap spaghetti sushi tofu toast wood wool yarn".split()
)
_IRREGULAR = {
    "child": "children", "deer": "deer", "dice": "dice", "die": "dice", "fish": "fish", "foot": "feet",
    "goose": "geese", "knife": "knives", "leaf": "leaves", "loaf": "loaves", "man": "men", "mouse": "mice",
    "ox": "oxen", "person": "people", "scarf": "scarves", "sheep": "sheep", "shelf": "shelves", "shrimp": "shrimp",
    "squid": "squid", "moose": "moose", "tooth": "teeth", "wolf": "wolves", "woman": "women", "bison": "bison",
    "aircraft": "aircraft", "potato": "potatoes", "tomato": "tomatoes", "mango": "mangoes",
    "mosquito": "mosquitoes", "volcano": "volcanoes",
    "hero": "heroes", "tornado": "tornadoes", "torpedo": "torpedoes", "buffalo": "buffalo", "axe": "axes",
    "ax": "axes", "elf": "elves", "half": "halves", "calf": "calves", "quiz": "quizzes", "salmon": "salmon",
}  # fmt: skip
_JOINTS = (" of ", " with ", " in ", " on ", " and ", " without ")


ARTICLES = ("a", "an")
_ARTICLE = re.compile(r"\ban?(?= (\w.*))")


def agreed(text: str) -> str:
    """The text with every "a" and "an" as the sound behind it wants, and no comma that nothing follows.

    Words written side by side cannot hear each other; which of the two an article is follows from the next word alone:
    "a orange fox," -> "an orange fox".
    """
    return _ARTICLE.sub(lambda found: article(found[1]), text).rstrip(" ,")


def head(noun: str) -> str:
    """The part of a noun phrase that carries the number: "cup with straw" -> "cup"."""
    for joint in _JOINTS:
        noun = noun.split(joint, 1)[0]
    return noun.rsplit(" ", 1)[-1]


def is_plural(noun: str) -> bool:
    """Whether the noun is already plural in form ("glasses")."""
    return head(noun) in PLURAL_FORMS


def is_unarticled(noun: str) -> bool:
    """Whether the noun takes "some" instead of "a"."""
    return head(noun) in PLURAL_FORMS or head(noun) in MASS_NOUNS


def plural(noun: str) -> str:
    """The plural of a noun phrase: "fox" -> "foxes", "cup with straw" -> "cups with straw"."""
    for joint in _JOINTS:
        if joint in noun:
            first, rest = noun.split(joint, 1)
            return plural(first) + joint + rest
    if is_unarticled(noun):
        return noun
    before, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("fish"):
        pass
    elif last.endswith("man"):
        last = last[:-2] + "en"
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{before} {last}" if before else last


def with_article(phrase: str, noun: str) -> str:
    """``phrase`` (ending in ``noun``) with "a", "an" or "some"."""
    return f"{'some' if is_unarticled(noun) else article(phrase)} {phrase}"


def join_list(items: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def table(pattern: str, words: Sequence[str], **changes: str) -> Mapping[str, str]:
    """A phrase table: ``pattern`` with ``{}`` filled by each word; ``changes`` (spaces as ``_``) override."""
    return {word: changes.get(word.replace(" ", "_"), pattern.format(word)) for word in words}
