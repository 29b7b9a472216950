"""Prompts for pictures whose truth is known, and what each of them asks for.

A prompt names some things, each with or without its colour, size and place, and perhaps how two of them lie. Only what
it says is asked for, so a drawn picture can be scored against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.world.grammar import join_list, with_article
from lucida.world.language_captions import STYLES_TRAIN, caption
from lucida.world.language_scenes import background_phrase, scene_caption
from lucida.world.records import Scene, SceneObject

COLOURED, SIZED, PLACED, RELATED, GROUNDED = 0.85, 0.4, 0.3, 0.6, 0.5


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A thing that a prompt asks for; None where it does not say."""

    noun: str
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt and its meaning. ``relations``: (thing, word, thing), things by their place in ``things``."""

    text: str
    things: tuple[Asked, ...]
    relations: tuple[tuple[int, str, int], ...] = ()


def draw_prompt(scene: Scene, rng: np.random.Generator) -> Prompt:
    """A prompt that is true of the scene; every call words it anew."""
    if rng.random() < 0.15:
        things = tuple(Asked(noun=o.noun, colour=o.colour) for o in scene.objects)
        return Prompt(text=scene_caption(scene, int(rng.choice(STYLES_TRAIN))), things=things)
    if len(scene.objects) == 1 and rng.random() < 0.3:
        only = scene.objects[0]
        asked = (Asked(noun=only.noun, colour=only.colour),)
        return Prompt(text=caption(scene, 0, int(rng.choice(STYLES_TRAIN))), things=asked)
    order = [int(i) for i in rng.permutation(len(scene.objects))]
    clear = {(r.subject, r.other): r.word for r in scene.relations}
    related = [(a, b) for a in order for b in order if (a, b) in clear]
    said: dict[int, tuple[str, Asked]] = {i: _thing(scene.objects[i], rng) for i in order}
    relations: tuple[tuple[int, str, int], ...] = ()
    if related and rng.random() < RELATED:
        a, b = related[int(rng.integers(len(related)))]
        order = [a, b, *(i for i in order if i not in (a, b))]
        joined = f"{said[a][0]} {clear[a, b]} {said[b][0]}"
        rest = [said[i][0] for i in order[2:]]
        text = joined if not rest else f"{joined}, with {join_list(rest)}"
        relations = ((0, clear[a, b], 1),)
    else:
        placed = [
            f"{said[i][0]} {_place(scene.objects[i])}" if rng.random() < PLACED else said[i][0] for i in order
        ]
        text = join_list(placed)
    if rng.random() < GROUNDED:
        text += f", on {background_phrase(scene.background)}"
    return Prompt(text=text, things=tuple(said[i][1] for i in order), relations=relations)


def _thing(o: SceneObject, rng: np.random.Generator) -> tuple[str, Asked]:
    colour = o.colour if o.colour is not None and rng.random() < COLOURED else None
    size = f"{o.size} " if rng.random() < SIZED else ""
    words = f"{size}{colour + ' ' if colour else ''}{o.noun}"
    return with_article(words, o.noun), Asked(noun=o.noun, colour=colour)


def _place(o: SceneObject) -> str:
    return "in the centre" if o.place == "centre" else f"at the {o.place}"
