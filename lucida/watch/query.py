"""Reading a text query without a model: colour words, verbs, and the longest run of words that names a class.

What is left over is not dropped in silence: a query carries the words that nothing will check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lucida.media.errors import InputError
from lucida.models.imagenet_names import CLASSES, basic_index, basic_names, names
from lucida.watch.colour import colour_of

LONGEST = 200  # characters of a query
SILENT = frozenset(
    "a an the some any this that is are be there it in on at of with and to into from out up by its his her their "
    "scene picture frame view video camera something anything thing things colour colored coloured when if "
    "whenever now".split()
)
# What people ask for and ImageNet has no class of; the nearest classes in meaning would be nonsense.
ABSENT = frozenset(
    "person persons people human humans man men woman women boy boys girl girls child children kid kids baby babies "
    "someone somebody anyone anybody pedestrian pedestrians crowd face faces hand hands sky tree trees road".split()
)
VERBS = {
    "enter": "enter enters entering arrive arrives arriving appear appears appearing come comes coming".split(),
    "leave": "leave leaves leaving exit exits exiting disappear disappears disappearing vanish vanishes".split(),
    "jump": "jump jumps jumping hop hops hopping leap leaps leaping".split(),
    "approach": "approach approaches approaching near nears nearing".split(),
    "stop": "stop stops stopping halt halts halting".split(),
    "change colour": "change changes changing turn turns turning become becomes".split(),
}
_VERB = {form: verb for verb, forms in VERBS.items() for form in forms}


@dataclass(frozen=True, kw_only=True)
class Words:
    """A query taken apart.

    Attributes:
        text: as given. phrase: what is left for the noun once colours, verbs and small words are gone.
        noun: the class name found in it, "" if none. classes: the ImageNet classes of that name.
        colour: the first colour word. verb: the event it asks for. unchecked: words that nothing accounts for;
        absent: those of them that name what no class is there for ("person").
    """

    text: str
    phrase: str
    noun: str
    classes: tuple[int, ...]
    colour: str | None
    verb: str | None
    unchecked: tuple[str, ...]
    absent: tuple[str, ...] = ()


def take_apart(text: str) -> Words:
    """Split a query into noun, colour, verb and rest. A verb alone ("something enters") is a query too.

    Raises:
        InputError: it is empty or longer than 200 characters, or holds nothing to look for.
    """
    if not text.strip():
        raise InputError("query is empty")
    if len(text) > LONGEST:
        raise InputError(f"query of {len(text)} characters: want at most {LONGEST}")
    words = re.findall(r"[^\W_]+(?:['’][a-z]+)?", text.lower().replace("-", " "))
    run, classes = _longest_name(words)
    colour = verb = None
    rest: list[str] = []
    for place, word in enumerate(words):
        if place in run or word in SILENT:
            continue
        if colour is None and colour_of(word):
            colour = colour_of(word)
        elif verb is None and word in _VERB:
            verb = _VERB[word]
        else:
            rest.append(word)
    noun = " ".join(words[i] for i in run)
    phrase = " ".join([noun, *rest] if noun else rest)
    if not phrase and colour is None and verb is None:
        raise InputError(f"query {text!r}: names nothing that could be looked for")
    return Words(
        text=text, phrase=phrase, noun=noun, classes=classes, colour=colour, verb=verb, unchecked=tuple(rest),
        absent=tuple(word for word in rest if word in ABSENT),
    )  # fmt: skip


def _longest_name(words: list[str]) -> tuple[range, tuple[int, ...]]:
    """The first of the longest runs of words that is a class name, singular or plural."""
    table = class_table()
    for length in range(min(len(words), 5), 0, -1):
        for start in range(len(words) - length + 1):
            run = words[start : start + length]
            if length == 1 and (colour_of(run[0]) or run[0] in SILENT or run[0] in _VERB):
                continue
            for ending in singulars(run[-1]):
                if classes := table.get(" ".join([*run[:-1], ending])):
                    return range(start, start + length), classes
    return range(0), ()


def singulars(word: str) -> tuple[str, ...]:
    """The word, and what it may be the plural of."""
    found = [word]
    if word.endswith("ies") and len(word) > 4:
        found.append(word[:-3] + "y")
    if word.endswith("ves") and len(word) > 4:
        found += [word[:-3] + "f", word[:-3] + "fe"]
    if word.endswith("es") and len(word) > 3:
        found.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss") and len(word) > 2:
        found.append(word[:-1])
    return tuple(found)


@cache
def class_table() -> dict[str, tuple[int, ...]]:
    """Every basic name and every lemma, in words as ``take_apart`` sees them -> its classes. Basic names win."""
    table: dict[str, set[int]] = {}
    basic = {" ".join(name.replace("-", " ").split()) for name in basic_names()}
    for index in range(CLASSES):
        for lemma in names(index):
            key = lemma.lower().replace("-", " ")
            if key not in basic:
                table.setdefault(key, set()).add(index)
        key = basic_names()[basic_index()[index]].replace("-", " ")
        table.setdefault(key, set()).add(index)
    return {key: tuple(sorted(found)) for key, found in table.items()}
