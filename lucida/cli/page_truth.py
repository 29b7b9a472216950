"""What is true of the shipped composed scenes, worked out from their regions and labels alone.

A wheel has the pictures but not the artwork, so the scenes are not drawn again: size, place and relations follow from
the masks by the world's own definitions (a test compares the result with the scene that was drawn).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucida.media.region import Region
from lucida.metrics.matchers import match_answer
from lucida.metrics.reader import read_caption, score_caption
from lucida.world.config import SceneConfig
from lucida.world.grammar import NUMBERS, plural, with_article
from lucida.world.language import caption, expected, lexicon, listing
from lucida.world.questions import questions
from lucida.world.records import SIZES, Question, Scene, SceneObject
from lucida.world.scene import SIZE_EDGES, place_word, relations_of

KINDS = ("relation", "compare", "composition", "relation yes/no", "same")


def scene_of(regions: Sequence[Region], labels: Sequence[str]) -> Scene:
    """The scene that has these things, each labelled "red fox" or "fox". Its pixels are left out."""
    height, width = regions[0].size
    objects = []
    for index, (region, label) in enumerate(zip(regions, labels, strict=True)):
        read = read_caption(label, lexicon())
        x0, y0, x1, y1 = region.box
        longest = max((x1 - x0) * width, (y1 - y0) * height) / min(height, width)
        centre = ((x0 + x1) / 2, (y0 + y1) / 2)
        objects.append(
            SceneObject(
                index=index,
                noun=read.noun or label,
                colour=read.colour,
                size=SIZES[sum(longest >= edge for edge in SIZE_EDGES)],
                place=place_word(centre),
                box=region.box,
                centre=centre,
                area=region.area,
            )
        )
    things = tuple(objects)
    return Scene(seed=0, split="test", pixels=np.zeros((height, width, 0), np.uint8),
                 masks=np.zeros((len(things), 0, 0), bool), objects=things, background="",
                 relations=relations_of(things, (height, width), SceneConfig()))  # fmt: skip


def marks(text: str, scene: Scene, index: int) -> tuple[tuple[str, bool], ...]:
    """What a caption says of object ``index``, attribute by attribute, and whether it is right.

    An attribute that is neither true nor stated has no mark.
    """
    read, true = read_caption(text, lexicon()), expected(scene, index)
    score: dict[str, Any] = score_caption(read, true)
    names = [
        name for name in ("noun", "colour", "size", "place") if getattr(true, name) or getattr(read, name)
    ]
    found = [(name, bool(score[name])) for name in names]
    if true.relation or read.relation:
        found.append(("relation", bool(score["relation_true"])))
    return tuple(found)


def things_of(scene: Scene) -> str:
    """The things of a scene in words: "a red fox, two umbrellas"."""
    found = []
    for count, colour, noun in listing(scene):
        lead = f"{colour} " if colour else ""
        found.append(
            with_article(lead + noun, noun) if count == 1 else f"{NUMBERS[count]} {lead}{plural(noun)}"
        )
    return ", ".join(found)


def truth_of(scene: Scene, index: int) -> str:
    """The world's own caption of object ``index``."""
    return caption(scene, index, 0)


def asked_of(scene: Scene, seed: int, most: int) -> list[Question]:
    """Up to ``most`` questions that cite regions, of different kinds."""
    found = questions(scene, seed, kinds=KINDS, per_kind=1)
    return found[:most]


def is_right(question: Question, answer: str) -> bool:
    """Whether an answer (with the question's own region numbers) agrees with the truth."""
    return match_answer(question.answer_type, answer, question.answer, lexicon=lexicon()).ok
