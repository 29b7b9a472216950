"""The language of the world, in one place to import from.

``language_captions`` writes one region, ``language_scenes`` the whole picture, ``language_refer`` points at one
object in the fewest words, ``language_lexicon`` lists every word and synonym for the reader, and
``language_corpus`` streams sentences for training a tokeniser.
"""

from __future__ import annotations

from lucida.world.language_captions import (
    STYLES,
    STYLES_HELD_OUT,
    STYLES_TRAIN,
    caption,
    expected,
    facts,
    named_by,
    partner,
    short_label,
)
from lucida.world.language_corpus import corpus
from lucida.world.language_lexicon import lexicon, words
from lucida.world.language_refer import refer
from lucida.world.language_scenes import listing, scene_caption

__all__ = [
    "STYLES", "STYLES_HELD_OUT", "STYLES_TRAIN", "caption", "corpus", "expected", "facts", "lexicon", "listing",
    "named_by", "partner", "refer", "scene_caption", "short_label", "words",
]  # fmt: skip
