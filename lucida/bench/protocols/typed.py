"""Typed answers to questions about captions: what a caption says is read back into attributes and compared with truth.

World-made questions carry a ``check``: what they ask about, and the role of each choice. A check is decided by the
reader alone; where the reader finds nothing to go by it is left undecided, for a judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from lucida.metrics.lexicon import Lexicon
from lucida.metrics.reader import ReadCaption, read_caption
from lucida.metrics.scan import scan

_MARK = re.compile(r"<[Pp]rompt(\d+)>")
_OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@lru_cache(maxsize=1)
def world_lexicon() -> Lexicon:
    """Every word of the world."""
    from lucida.world.language import lexicon

    return lexicon()


@lru_cache(maxsize=4096)
def read_world(text: str) -> ReadCaption:
    """The attributes a caption states, in the world's words."""
    return read_caption(text.strip().rstrip(".").lower(), world_lexicon())


def role_of(check: Mapping[str, Any], read: ReadCaption) -> str | None:
    """The role (``right``, ``unsaid``, ``wrong``, ``absent``; ``yes``, ``no``) of the choice that holds for ``read``.

    ``None`` where the text names no known thing.
    """
    ask = check.get("ask")
    if read.noun is None:
        return None
    named = read.noun == check.get("noun")
    if ask == "thing":  # another region's thing, by noun and, where it has one, colour
        same = named and check.get("colour") in (None, read.colour)
        return "yes" if same else "no"
    if not named:
        return "absent"
    if ask == "relation":
        if read.relation is None or read.other_noun is None:
            return "unsaid"
        said = (read.relation, read.other_colour, read.other_noun)
        true = any(
            said[0] == word and said[2] == noun and said[1] in (None, colour)
            for word, colour, noun in check["true"]
        )
        return "right" if true else "wrong"
    value = getattr(read, str(ask), None)
    if check.get("leak") is not None:  # another region's value of the same attribute
        return "yes" if value == check["leak"] else "no"
    if value is None:
        return "unsaid"
    return "right" if value == check.get("value") else "wrong"


def decide(check: Mapping[str, Any] | None, text: str) -> int | None:
    """The index of the choice that a caption makes true, by the question's ``check``; ``None``: undecided."""
    if check is None:
        return None
    role = role_of(check, read_world(text))
    roles: Sequence[str] = check.get("roles", ())
    return roles.index(role) if role in roles else None


def recognised(noun: str, text: str) -> bool | None:
    """Whether a caption names the world's ``noun``; ``None`` where it names nothing that is known."""
    read = read_world(text)
    return None if read.noun is None else read.noun == noun


def marked_relation(text: str) -> tuple[str, str, str] | None:
    """("<Prompt0>", "left of", "<Prompt1>") from a sentence with exactly two marks and one relation between them.

    The lower mark comes first; the relation is turned round where needed.
    """
    marks = [match.group(1) for match in _MARK.finditer(text)]
    plain = _MARK.sub(
        " mark ", text
    )  # a word that the lexicon does not know: "to the right of it" means its opposite
    words = [t.value for t in scan(plain, world_lexicon()) if t.kind == "relation"]
    if len(marks) != 2 or marks[0] == marks[1] or len(words) != 1 or words[0] not in _OPPOSITE:
        return None
    (first, second), word = marks, words[0]
    if int(first) > int(second):
        first, second, word = second, first, _OPPOSITE[word]
    return f"<Prompt{first}>", word, f"<Prompt{second}>"
