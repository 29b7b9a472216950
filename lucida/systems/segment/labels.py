"""Which classes a segmenter knows: kinds of ground, and things by noun or by group; and a scene's class map.

All 280 nouns of the world would leave each a few pixels of training. The default label set has 59 nouns, those with
photographic cut-outs first, and the five painted grounds: 64 classes. A few other nouns appear in the scenes as well
and are void: never trained, never scored, and what the *unknown* class is measured on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lucida.flow.codes import VOID
from lucida.media.errors import InputError
from lucida.world.atlas import Atlas
from lucida.world.background import KINDS
from lucida.world.nouns import COMMON_NOUNS, GROUPS, group_of
from lucida.world.records import Scene
from lucida.world.splits import object_held_out


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """A label set.

    Attributes:
        grounds: kinds of background that are classes; the others are void.
        things: "nouns": each of ``nouns`` is a class. "groups": the eight groups of the noun table are.
        nouns: which, when they are the classes.
        others: how many further nouns appear in the scenes, as void.
    """

    grounds: tuple[str, ...] = KINDS
    things: Literal["nouns", "groups"] = "nouns"
    nouns: tuple[str, ...] = COMMON_NOUNS
    others: int = 10

    def __post_init__(self) -> None:
        if strange := [kind for kind in self.grounds if kind not in (*KINDS, "photo")]:
            raise InputError(f"labels: ground {strange[0]!r} is none of {', '.join(KINDS)}, photo")
        for name in ("grounds", "nouns"):
            if len(set(getattr(self, name))) != len(getattr(self, name)):
                raise InputError(f"labels: {name} names something twice")
        if self.others < 0 or not 2 <= len(self.names) < VOID:
            raise InputError(f"labels: want others >= 0 and 2 to {VOID - 1} classes, got {len(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by number: grounds first."""
        things = self.nouns if self.things == "nouns" else tuple(GROUPS)
        return (*(f"{kind} ground" for kind in self.grounds), *things)

    def thing_class(self, noun: str) -> int:
        """The class of a thing, or ``VOID``."""
        if self.things == "groups":
            groups = list(GROUPS)
            group = group_of().get(noun)
            return VOID if group is None else len(self.grounds) + groups.index(group)
        return len(self.grounds) + self.nouns.index(noun) if noun in self.nouns else VOID


def restricted(atlas: Atlas, labels: LabelConfig) -> Atlas:
    """The part of an atlas that scenes of this label set are drawn with.

    Raises:
        InputError: a noun that the atlas does not have or that is held out of training.
    """
    known = [noun for noun in atlas.nouns if not object_held_out(noun)]
    if labels.things == "groups":
        kept = {noun for noun in known if noun in group_of()}
    else:
        if missing := [noun for noun in labels.nouns if noun not in known]:
            raise InputError(f"labels: the world has no {missing[0]!r} to train on")
        rest = sorted(n for n in group_of() if n in known and n not in labels.nouns)
        step = max(len(rest) // max(labels.others, 1), 1)
        kept = {*labels.nouns, *rest[::step][: labels.others]}
    return atlas.only(kept)


def class_map(scene: Scene, labels: LabelConfig) -> np.ndarray:
    """(H, W) uint8: the class of every pixel, ``VOID`` where the label set has none."""
    ground = labels.grounds.index(scene.background) if scene.background in labels.grounds else VOID
    found = np.full(scene.size, ground, np.uint8)
    for thing, mask in zip(scene.objects, scene.masks, strict=True):
        found[mask] = labels.thing_class(thing.noun)
    return found
