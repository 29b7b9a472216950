"""Wordings of questions: every kind writes one plain form, and this file says it in other words.

The plain form is itself one of the training wordings. Each pattern is tried in turn; the first that fits gives
the alternatives, with ``{0}``, ``{1}`` for what its groups matched.
"""

from __future__ import annotations

import re

import numpy as np

_PATTERNS: tuple[tuple[str, tuple[str, ...], str], ...] = (  # (plain form, other training wordings, held out)
    (r"what is (left of|right of|above|below) (.+)\?", ("which thing is {0} {1}?",), "name the thing {0} {1}"),
    (r"is (<1>) (left of|right of|above|below) (<2>)\?", ("does {0} lie {1} {2}?",), "is it true that {0} is {1} {2}?"),
    (r"which of (.+) is (.+)\?", ("of {0}, which is {1}?",), "tell me which is {1}: {0}"),
    (r"what colour is (.+)\?", ("what is the colour of {0}?",), "tell me the colour of {0}"),
    (r"how big is (.+)\?", ("what size is {0}?",), "tell me the size of {0}"),
    (r"where is (.+)\?", ("in which part of the picture is {0}?",), "tell me the place of {0}"),
    (r"what is (<1>)\?", ("what do you see at {0}?",), "tell me what {0} shows"),
    (r"how many (.+) are there\?", ("how many {0} can you see?",), "count the {0}"),
    (r"is there (.+)\?", ("can you see {0}?",), "does the picture show {0}?"),
    (r"are (<1>) and (<2>) (.+)\?", ("do {0} and {1} count as {2}?",), "is it true that {0} and {1} are {2}?"),
    (r"is (<1>) ([a-z ]+)\?", ("would you call {0} {1}?",), "is it true that {0} is {1}?"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), others, held) for pattern, others, held in _PATTERNS)


def wordings(plain: str, *, held_out: bool = False) -> tuple[str, ...]:
    """Every wording of a plain question: the training ones, or the held-out one."""
    for pattern, others, held in _COMPILED:
        match = pattern.fullmatch(plain)
        if match:
            if held_out:
                return (held.format(*match.groups()),)
            return (plain, *(other.format(*match.groups()) for other in others))
    raise AssertionError(f"no wording for {plain!r}")


def word_question(plain: str, rng: np.random.Generator, *, held_out: bool = False) -> str:
    """One wording at random."""
    choices = wordings(plain, held_out=held_out)
    return choices[rng.integers(len(choices))]
