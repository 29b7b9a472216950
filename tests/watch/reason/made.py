"""A describer that knows the truth of a clip: what the reasoner's own tests need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lucida.media.geometry import Box
from lucida.metrics.geometry import box_iou
from lucida.world.clips import Clip


@dataclass
class Knowing:
    """Names every box after the object that fits it best at the frame that is shown."""

    clip: Clip

    def describe(self, pixels: np.ndarray, boxes: Sequence[Box]) -> list[str]:
        t = min(self.clip.times(), key=lambda t: self._unlike(pixels, t))
        return [self._name(box, t) for box in boxes]

    def _unlike(self, pixels: np.ndarray, t: float) -> float:
        frame = self.clip.frame(t)
        step = pixels.shape[0] // frame.shape[0] or 1
        return float(
            np.abs(pixels[::step, ::step][: frame.shape[0], : frame.shape[1]].astype(int) - frame).mean()
        )

    def _name(self, box: Box, t: float) -> str:
        best, name = 0.0, "a thing"
        for thing, script in zip(self.clip.objects, self.clip.scripts, strict=True):
            true = self.clip.box(thing.index, t)
            if true is not None and (score := float(box_iou(np.array(true), np.array(box)))) > best:
                colour = script.paint(t).word
                best, name = score, f"a {thing.size} {colour + ' ' if colour else ''}{thing.noun}"
        return name
