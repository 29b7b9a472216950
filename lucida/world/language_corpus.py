"""Sentences without pictures: scene records drawn at random, for training a tokeniser and for testing language.

A sketch has the truth of a scene (objects, places, relations with margin) and no pixels, so that a hundred
thousand sentences take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lucida.world.config import SceneConfig
from lucida.world.language_captions import STYLES, caption
from lucida.world.language_refer import refer
from lucida.world.language_scenes import BACKGROUNDS, scene_caption
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS, PLACES, SIZES, Scene, SceneObject

_SIDE = {"small": 0.12, "medium": 0.2, "large": 0.32}


def sketch(seed: int, *, count: int | None = None, nouns: Sequence[str] | None = None) -> Scene:
    """A scene record without pixels: 3 to 8 objects (or ``count``) at random, one in eight without a colour."""
    from lucida.world.scene import relations_of  # it needs the renderer, which language otherwise does not

    rng = np.random.default_rng(seed)
    names = tuple(nouns) if nouns is not None else tuple(noun_table().values())
    number = count or int(rng.integers(3, 9))
    drawn = rng.integers(len(names), size=number)
    if number > 1 and rng.random() < 0.4:  # the same thing twice, which is what counts and ordinals are for
        drawn[-1] = drawn[0]
    objects = []
    for i in range(number):
        x, y = (float(v) for v in rng.uniform(0.08, 0.92, 2))
        size = SIZES[rng.integers(3)]
        half = _SIDE[size] / 2
        box = (max(0.0, x - half), max(0.0, y - half), min(1.0, x + half), min(1.0, y + half))
        objects.append(SceneObject(
            index=i, noun=names[drawn[i]], colour=None if rng.random() < 0.125 else COLOURS[rng.integers(len(COLOURS))],
            size=size, place=PLACES[3 * int(3 * y) + int(3 * x)], box=box, centre=(x, y),
            area=int(192 * 192 * _SIDE[size] ** 2 * rng.uniform(0.5, 0.8)),
        ))  # fmt: skip
    relations = relations_of(tuple(objects), (1, 1), SceneConfig())
    backgrounds = tuple(BACKGROUNDS)
    return Scene(
        seed=seed, split="train", pixels=np.zeros((1, 1, 3), np.uint8), masks=np.zeros((number, 1, 1), bool),
        objects=tuple(objects), background=backgrounds[rng.integers(len(backgrounds))], relations=relations,
    )  # fmt: skip


def corpus(count: int, seed: int, *, nouns: Sequence[str] | None = None) -> Iterator[str]:
    """``count`` sentences: captions, whole-picture captions, references, questions and answers, in every style.

    Held-out wordings are among them: this is for learning how to spell, not what to say.
    """
    from lucida.world.questions import questions  # it needs this package's sentences itself

    rng = np.random.default_rng(seed)
    left = count
    while left > 0:
        scene = sketch(int(rng.integers(2**63)), nouns=nouns)
        sentences = [caption(scene, i, int(rng.choice(STYLES))) for i in range(len(scene.objects))]
        sentences += [
            scene_caption(scene, int(rng.choice(STYLES))),
            refer(scene, int(rng.integers(len(sentences)))),
        ]
        for question in questions(scene, int(rng.integers(2**63)), held_out=bool(rng.random() < 0.2)):
            sentences += [question.text, question.answer]
            sentences += [step.text for step in question.derivation]
        yield from sentences[:left]
        left -= len(sentences)
