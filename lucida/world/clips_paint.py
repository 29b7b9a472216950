"""Painting one moment of a clip: any time, on its own, from the scripts and a handful of cached sprites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lucida.world.clip_records import ClipObject
from lucida.world.motion import Paint, Point, Script
from lucida.world.records import Box

Sprite = tuple[np.ndarray, np.ndarray]  # (h, w, 4) uint8 premultiplied RGBA and its (h, w) bool mask


@dataclass
class Painter:
    """The background, the sprites (painted when first needed, one per colour), and what is where when."""

    background: np.ndarray  # (H, W, 3) uint8
    objects: Sequence[ClipObject]
    scripts: Sequence[Script]
    draw: Callable[[int, str | None], Sprite]  # (object, colour) -> its sprite
    _sprites: dict[tuple[int, str | None], Sprite] = field(default_factory=dict)

    def sprite(self, index: int, colour: str | None) -> Sprite:
        """One object in one colour."""
        if (index, colour) not in self._sprites:
            self._sprites[index, colour] = self.draw(index, colour)
        return self._sprites[index, colour]

    def frame(self, t: float) -> np.ndarray:
        """The picture at ``t`` seconds, (H, W, 3) uint8."""
        pixels = self.background.copy()
        for thing, script in zip(self.objects, self.scripts, strict=True):
            if window := self._window(thing, script.at(t)):
                there, here = window
                rgba = self._rgba(thing.index, script.paint(t))[here]
                keep = 255 - rgba[..., 3:].astype(np.uint16)
                pixels[there] = rgba[..., :3] + ((pixels[there] * keep + 127) // 255).astype(np.uint8)
        return pixels

    def owner(self, t: float) -> np.ndarray:
        """(H, W) int16: the index of the object seen at each pixel at ``t``, -1 for the background."""
        owner = np.full(self.background.shape[:2], -1, np.int16)
        for thing, script in zip(self.objects, self.scripts, strict=True):
            if window := self._window(thing, script.at(t)):
                there, here = window
                owner[there][self.sprite(thing.index, thing.colour)[1][here]] = thing.index
        return owner

    def masks(self, t: float) -> np.ndarray:
        """(N, H, W) bool: the visible mask of every object at ``t``, empty for what is not in the picture."""
        return self.owner(t)[None] == np.arange(len(self.objects), dtype=np.int16)[:, None, None]

    def box(self, index: int, t: float) -> Box | None:
        """Normalised xyxy box of the visible mask of one object, None when nothing of it is seen."""
        return mask_box(self.owner(t) == index)

    def visible(self, index: int, t: float) -> float:
        """The share of an object's own pixels that is seen at ``t``: neither covered nor outside."""
        own = self.sprite(index, self.objects[index].colour)[1]
        return float((self.owner(t) == index).sum() / own.sum())

    def corner(self, thing: ClipObject, centre: Point) -> tuple[int, int]:
        """(top, left) of the drawn sprite: its box rounded to whole pixels."""
        return round(centre[1] - thing.extent[0] / 2), round(centre[0] - thing.extent[1] / 2)

    def _window(self, thing: ClipObject, centre: Point):
        """The part of the picture the sprite fills, and the part of the sprite that fills it."""
        (height, width), (h, w) = self.background.shape[:2], thing.extent
        top, left = self.corner(thing, centre)
        y0, y1, x0, x1 = max(0, top), min(height, top + h), max(0, left), min(width, left + w)
        if y0 >= y1 or x0 >= x1:
            return None
        return np.s_[y0:y1, x0:x1], np.s_[y0 - top : y1 - top, x0 - left : x1 - left]

    def _rgba(self, index: int, paint: Paint) -> np.ndarray:
        before = self.sprite(index, paint.before)[0]
        if paint.after is None or paint.share <= 0:
            return before
        after, share = self.sprite(index, paint.after)[0], round(256 * paint.share)
        return ((before.astype(np.uint16) * (256 - share) + after.astype(np.uint16) * share) >> 8).astype(
            np.uint8
        )


def mask_box(mask: np.ndarray) -> Box | None:
    """Tight normalised xyxy box of an (H, W) bool mask, None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    (height, width), (top, bottom), (left, right) = mask.shape, rows[[0, -1]], columns[[0, -1]]
    return float(left / width), float(top / height), float((right + 1) / width), float((bottom + 1) / height)
