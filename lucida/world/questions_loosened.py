"""Questions as people type them: small words missing, words in between that the world does not know.

The world asks each question in two wordings, and a network that has read no other text takes any third one for
another question. Losing small words and meeting strange ones teaches it which words a question hangs on. The strange
words are made of syllables, so that no wording that is held out is practised.
"""

from __future__ import annotations

import numpy as np

SMALL = frozenset("a an and are at can do does in is it lie of the there to would you".split())
DROPPED = 0.4  # chance of each small word
MOST_STRANGE = 4
_ONSETS = "b c d f g h k l m n p r s t th sh w wh".split()
_VOWELS, _CODAS = "a e i o u ea oo".split(), ("", "", "l", "m", "n", "r", "s", "t")


def loosened(text: str, rng: np.random.Generator) -> str:
    """A question with some of its small words left out and up to ``MOST_STRANGE`` strange ones put in.

    Region marks, nouns, colours, places, relations and question words stay, in their order.
    """
    words = text.removesuffix("?").split()
    kept = [word for word in words if word not in SMALL or rng.random() >= DROPPED] or words
    begin = rng.random() < 0.5  # a phrase before the question, or words anywhere
    for n in range(int(rng.integers(MOST_STRANGE + 1))):
        kept.insert(n if begin else int(rng.integers(len(kept) + 1)), _strange(rng))
    return " ".join(kept) + ("?" if rng.random() < 0.5 else "")


def _strange(rng: np.random.Generator) -> str:
    parts = (_ONSETS, _VOWELS, _CODAS)
    syllables = ("".join(part[rng.integers(len(part))] for part in parts) for _ in range(rng.integers(1, 3)))
    return "".join(syllables)
