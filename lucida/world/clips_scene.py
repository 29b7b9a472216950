"""One moment of a clip as a scene, so that everything that captions and questions scenes does so for key frames."""

from __future__ import annotations

import numpy as np

from lucida.world.clips import Clip
from lucida.world.clips_paint import mask_box
from lucida.world.config import SceneConfig
from lucida.world.records import Scene, SceneObject
from lucida.world.scene import place_word, relations_of

LEAST_SEEN = 0.3  # of an object's pixels; less is not part of the moment's scene


def scene_at(clip: Clip, t: float) -> tuple[Scene, tuple[int, ...]]:
    """The scene of the picture at ``t``, and for each of its objects the object of the clip that it is.

    Left out: what is hardly seen, and what has its centre outside. Unlike in drawn scenes, a centre may lie near a
    line of the 3 x 3 grid, and a colour may be half way to the next (the nearer one is named).
    """
    (height, width), owner = clip.size, clip.painter.owner(t)
    things: list[SceneObject] = []
    masks: list[np.ndarray] = []
    which: list[int] = []
    for thing, script in zip(clip.objects, clip.scripts, strict=True):
        x, y = script.at(t)
        centre = (x / width, y / height)
        mask = owner == thing.index
        box = mask_box(mask)
        if box is None or not (0 <= centre[0] < 1 and 0 <= centre[1] < 1):
            continue
        if clip.painter.visible(thing.index, t) < LEAST_SEEN:
            continue
        things.append(
            SceneObject(
                index=len(things), noun=thing.noun, colour=script.paint(t).word, size=thing.size,
                place=place_word(centre), box=box, centre=centre, area=int(mask.sum()), source=thing.source,
            )
        )  # fmt: skip
        masks.append(mask)
        which.append(thing.index)
    found = tuple(things)
    scene = Scene(
        seed=clip.seed, split=clip.split, pixels=clip.frame(t), objects=found, background=clip.background,
        masks=np.stack(masks) if masks else np.zeros((0, height, width), bool),
        relations=relations_of(found, clip.size, SceneConfig()),
    )  # fmt: skip
    return scene, tuple(which)
