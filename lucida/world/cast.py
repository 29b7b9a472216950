"""Choose what appears in a scene: nouns and colours, with look-alikes, inside what the split allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.world.atlas import Atlas
from lucida.world.config import SceneConfig
from lucida.world.palette import RAMPS
from lucida.world.splits import pair_held_out
from lucida.world.sprites import Sprite

_COLOURS = tuple(RAMPS)


@dataclass(frozen=True)
class Role:
    """One thing to draw: a sprite and the colour it is painted with (None: its own)."""

    sprite: Sprite
    colour: str | None
    required: bool = False  # the scene is not of its split without it


def _free_colours(sprite: Sprite, taken: set[tuple[str, str | None]]) -> list[str | None]:
    """Colours ``sprite`` may have here: allowed in training, and not yet on this noun in this scene."""
    colours: tuple[str | None, ...] = _COLOURS if sprite.colourable else (None,)
    return [c for c in colours if (sprite.noun, c) not in taken and not pair_held_out(sprite.noun, c)]


def choose_cast(
    rng: np.random.Generator, atlas: Atlas, split: str, count: int, config: SceneConfig
) -> list[Role]:
    """``count`` different (noun, colour) pairs in random order.

    ``test-pairs`` begins with a held-out pair, ``test-objects`` with a held-out object; everything else, and
    every other object of those scenes, is what training could show. With the chances of ``config`` an object
    repeats an earlier noun in another colour, or an earlier colour on another noun.
    """
    roles: list[Role] = []
    if split == "test-pairs":
        sprite, colour = atlas.held_out_pairs[int(rng.integers(len(atlas.held_out_pairs)))]
        roles.append(Role(sprite, colour, required=True))
    elif split == "test-objects":
        pool = atlas.pool("artwork", True)
        sprite = pool[int(rng.integers(len(pool)))]
        colours = _free_colours(sprite, set())
        roles.append(Role(sprite, colours[int(rng.integers(len(colours)))], required=True))
    artwork, photos = atlas.pool("artwork", False), atlas.pool("photo", False)
    taken = {(role.sprite.noun, role.colour) for role in roles}
    while len(roles) < count:
        earlier = roles[int(rng.integers(len(roles)))] if roles else None
        chance = rng.random()
        wanted: str | None = None
        if earlier and earlier.sprite.colourable and chance < config.same_noun:
            sprite = earlier.sprite
        else:
            pool = photos if photos and rng.random() < config.photo else artwork
            sprite = pool[int(rng.integers(len(pool)))]
            if earlier and chance < config.same_noun + config.same_colour:
                wanted = earlier.colour
        colours = _free_colours(sprite, taken)
        if not colours:
            continue
        colour = wanted if wanted in colours else colours[int(rng.integers(len(colours)))]
        taken.add((sprite.noun, colour))
        roles.append(Role(sprite, colour))
    order = rng.permutation(len(roles))
    return [roles[int(i)] for i in order]
