"""Compose a scene: choose things, place them, paint them, and write down exactly what was drawn.

Definitions that make every word decidable from the drawing (s is the picture's shorter side in pixels):

- *Size* is the longer side of the drawn box, before occlusion, over s: small < 0.24 <= medium < 0.405 <=
large.
- *Place* is the cell of a 3x3 grid that holds the centre of the drawn box; centres keep ``place_margin`` from
  its lines.
- *Relation*: with dx, dy the difference of the centres over s, A is ``left of`` B when dx = x_B - x_A exceeds
  ``relation_margin`` and also ``relation_dominance`` times abs(dy); the other three words likewise. y grows
  downwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from lucida.media.errors import InputError
from lucida.world.atlas import Atlas, load_atlas
from lucida.world.background import paint_background
from lucida.world.cast import Role, choose_cast
from lucida.world.config import SceneConfig
from lucida.world.nouns import NO_FLIP
from lucida.world.palette import RAMPS, to_lab
from lucida.world.records import PLACES, SIZES, Relation, Scene, SceneObject
from lucida.world.splits import generator
from lucida.world.sprites import LEVELS

LEAST_SIDE = 32  # pixels; below this even large objects are not legible
SIZE_EDGES = (0.24, 0.405)
# Positions tried with little overlap, and again with as much as is allowed, before an object becomes smaller.
_TRIES = 12
_RAMP_LAB = {name: to_lab(np.array(ramp.rgb)) for name, ramp in RAMPS.items()}


@dataclass
class Drawn:
    """A sprite turned, scaled and coloured, not yet placed."""

    role: Role
    size: str
    rgba: np.ndarray  # (h, w, 4) uint8 premultiplied, tight
    mask: np.ndarray  # (h, w) bool


@dataclass
class _Placed:
    drawn: Drawn
    top: int
    left: int
    pixels: int  # of the whole mask
    visible: int


def draw_sprite(rng: np.random.Generator, role: Role, size: str, short: int, config: SceneConfig) -> Drawn:
    """Paint one sprite at a size drawn from its class, with a slight turn and perhaps mirrored."""
    longest = rng.uniform(*getattr(config, size)) * short
    angle = math.radians(rng.uniform(-config.rotation, config.rotation))
    flip = -1.0 if rng.random() < config.flip and role.sprite.noun not in NO_FLIP else 1.0
    level = next((i for i, side in enumerate(LEVELS) if side >= longest), len(LEVELS) - 1)
    painted = role.sprite.paint(level, role.colour)
    h, w = painted.shape[:2]
    scale = longest / LEVELS[level]
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    width = math.ceil(scale * scale * (w * abs(cos) + h * abs(sin))) + 2
    height = math.ceil(scale * scale * (w * abs(sin) + h * abs(cos))) + 2
    # Output pixel (x, y) samples the sprite at M (x - width/2, y - height/2) + (w/2, h/2).
    matrix = (
        flip * cos, flip * sin, w / 2 - flip * (cos * width + sin * height) / 2,
        -sin, cos, h / 2 + (sin * width - cos * height) / 2,
    )  # fmt: skip
    turned = PILImage.frombuffer("RGBa", (w, h), painted, "raw", "RGBa", 0, 1).transform(
        (width, height), PILImage.Transform.AFFINE, matrix, PILImage.Resampling.BILINEAR
    )
    rgba = np.frombuffer(turned.tobytes(), np.uint8).reshape(height, width, 4)
    mask = rgba[..., 3] >= 128
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Drawn(role, size, rgba[box], mask[box])


def _coordinate(rng: np.random.Generator, extent: int, total: int, margin: float) -> int | None:
    """Where an object of ``extent`` pixels starts on an axis of ``total``; None when it fits nowhere.

    A third of the axis is chosen, then a point in it for the object's centre.
    """
    half = extent / 2 / total
    thirds = [
        (max(k / 3 + (margin if k else 0.0), half), min((k + 1) / 3 - (margin if k < 2 else 0.0), 1 - half))
        for k in range(3)
    ]
    thirds = [(low, high) for low, high in thirds if (high - low) * total >= 1.0]
    if not thirds:
        return None
    low, high = thirds[int(rng.integers(len(thirds)))]
    first, last = math.ceil(low * total - extent / 2), math.floor(high * total - extent / 2)
    return int(rng.integers(first, last + 1)) if last >= first else None


def _place(
    rng: np.random.Generator, drawn: Drawn, placed: list[_Placed], owner: np.ndarray, config: SceneConfig
) -> bool:
    """Find room for ``drawn`` and enter it in ``placed`` and ``owner``; False when there is none.

    Args:
        owner: (H, W) int8, the index of the object seen at each pixel, -1 for the background.
    """
    height, width = owner.shape
    h, w = drawn.mask.shape
    pixels = int(np.count_nonzero(drawn.mask))
    for overlap in np.repeat((config.overlap, 1 - config.visible), _TRIES):
        top = _coordinate(rng, h, height, config.place_margin)
        left = _coordinate(rng, w, width, config.place_margin)
        if top is None or left is None:
            return False
        window = owner[top : top + h, left : left + w]
        hidden = np.bincount(window[drawn.mask] + 1, minlength=len(placed) + 1)[1:]
        if hidden.sum() > overlap * pixels or any(
            taken
            and (taken > overlap * other.pixels or other.visible - taken < config.visible * other.pixels)
            for other, taken in zip(placed, hidden, strict=True)
        ):
            continue
        for other, taken in zip(placed, hidden, strict=True):
            other.visible -= int(taken)
        window[drawn.mask] = len(placed)
        placed.append(_Placed(drawn, top, left, pixels, pixels))
        return True
    return False


def _compose(rng: np.random.Generator, roles: list[Role], size: tuple[int, int], config: SceneConfig):
    """Draw and place every role it can, the large ones first. Returns (placed, owner)."""
    weights = np.array(config.size_weights) / sum(config.size_weights)
    wanted = sorted((int(k) for k in rng.choice(3, len(roles), p=weights)), reverse=True)
    owner = np.full(size, -1, np.int8)
    placed: list[_Placed] = []
    for role, largest in zip(roles, wanted, strict=True):
        for k in range(largest, -1, -1):
            if _place(rng, draw_sprite(rng, role, SIZES[k], min(size), config), placed, owner, config):
                break
    return placed, owner


def relations_of(
    objects: tuple[SceneObject, ...], size: tuple[int, int], config: SceneConfig
) -> tuple[Relation, ...]:
    """Every ordered pair that holds with margin (see the module's definitions)."""
    height, width = size
    short = min(size)
    found = []
    for a in objects:
        for b in objects:
            dx = (b.centre[0] - a.centre[0]) * width / short
            dy = (b.centre[1] - a.centre[1]) * height / short
            if abs(dx) > max(config.relation_margin, config.relation_dominance * abs(dy)):
                found.append(
                    Relation(subject=a.index, word="left of" if dx > 0 else "right of", other=b.index)
                )
            elif abs(dy) > max(config.relation_margin, config.relation_dominance * abs(dx)):
                found.append(Relation(subject=a.index, word="above" if dy > 0 else "below", other=b.index))
    return tuple(found)


def place_word(centre: tuple[float, float]) -> str:
    """The cell of the 3x3 grid that holds a normalised (x, y)."""
    column, row = (min(int(value * 3), 2) for value in centre)
    return PLACES[row * 3 + column]


def _record(index: int, item: _Placed, mask: np.ndarray) -> SceneObject:
    """The truth about one placed object; ``mask`` is its (H, W) visible mask."""
    height, width = mask.shape
    h, w = item.drawn.mask.shape
    window = mask[item.top : item.top + h, item.left : item.left + w]
    rows, columns = np.flatnonzero(window.any(1)), np.flatnonzero(window.any(0))
    centre = ((item.left + w / 2) / width, (item.top + h / 2) / height)
    role = item.drawn.role
    return SceneObject(
        index=index,
        noun=role.sprite.noun,
        colour=role.colour,
        size=item.drawn.size,
        place=place_word(centre),
        box=(
            (item.left + int(columns[0])) / width,
            (item.top + int(rows[0])) / height,
            (item.left + int(columns[-1]) + 1) / width,
            (item.top + int(rows[-1]) + 1) / height,
        ),
        centre=centre,
        area=item.visible,
        medium=role.sprite.medium,
        source=role.sprite.source,
    )


def _paste(pixels: np.ndarray, item: _Placed) -> None:
    """Blend one premultiplied sprite over ``pixels`` in place."""
    rgba = item.drawn.rgba
    h, w = rgba.shape[:2]
    window = pixels[item.top : item.top + h, item.left : item.left + w]
    keep = np.uint16(255) - rgba[..., 3:]
    window[...] = np.minimum(rgba[..., :3] + (window * keep + 127) // 255, 255)


def draw_scene(
    seed: int,
    *,
    split: str = "train",
    size: tuple[int, int] = (192, 192),
    atlas: Atlas | None = None,
    config: SceneConfig | None = None,
) -> Scene:
    """Draw scene ``seed`` of ``split``; the same arguments give the same scene, bit for bit, in any process.

    Args:
        seed: non-negative.
        split: one of ``records.SPLITS``; decides which objects and pairs may appear.
        size: (height, width) in pixels, each at least 32.
        atlas: what to draw with; the shipped atlas by default.
        config: how to compose; the defaults by default.

    Raises:
        InputError: an argument is out of range.
    """
    config = config or SceneConfig()
    if min(size) < LEAST_SIDE:
        raise InputError(f"size is {size[0]}x{size[1]}; each side must be at least {LEAST_SIDE} pixels")
    rng = generator(split, seed)
    atlas = atlas or load_atlas()
    for _ in range(20):
        count = int(rng.integers(config.objects[0], config.objects[1] + 1))
        roles = choose_cast(rng, atlas, split, count, config)
        placed, owner = _compose(rng, roles, size, config)
        required = sum(role.required for role in roles) == sum(item.drawn.role.required for item in placed)
        if required and len(placed) >= config.objects[0]:
            break
    else:
        raise InputError(f"objects is {config.objects}; so many do not fit a {size[0]}x{size[1]} picture")
    labs = np.stack(
        [
            _RAMP_LAB[p.drawn.role.colour] if p.drawn.role.colour else p.drawn.role.sprite.own_lab
            for p in placed
        ]
    )
    pixels, background = paint_background(
        rng,
        size,
        labs,
        contrast=config.contrast,
        photographs=atlas.backgrounds,
        photo_share=config.photo_background,
    )
    for item in placed:
        _paste(pixels, item)
    masks = owner[None] == np.arange(len(placed), dtype=np.int8)[:, None, None]
    objects = tuple(_record(index, item, masks[index]) for index, item in enumerate(placed))
    return Scene(
        seed=seed,
        split=split,
        pixels=pixels,
        masks=masks,
        objects=objects,
        background=background,
        relations=relations_of(objects, size, config),
    )
