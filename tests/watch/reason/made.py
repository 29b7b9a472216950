"""A clip as footage, with a describer that knows the truth: what the reasoner's own tests need of the world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lucida.media.geometry import Box
from lucida.media.video.frame import Frame
from lucida.metrics.geometry import box_iou
from lucida.world.clips import Clip


@dataclass
class Footage:
    """A clip as a film; frames inside ``gone`` are missing. ``asked`` counts the frames given out."""

    clip: Clip
    gone: Sequence[tuple[float, float]] = ()
    name: str = "clip"
    first_t: float = 0.0
    asked: int = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.clip.size

    @property
    def duration(self) -> float:
        return self.clip.seconds

    def at(self, times: Sequence[float]) -> list[Frame]:
        there = np.array([t for t in self.clip.times() if not any(a <= t <= b for a, b in self.gone)])
        ranks = [max(0, int(np.searchsorted(there, t + 1e-6, side="right")) - 1) for t in times]
        self.asked += len(ranks)
        return [Frame(self.clip.frame(float(there[k])), float(there[k]), k) for k in ranks]

    def stream(self, fps: float) -> Iterator[Frame]:
        return (self.at([t])[0] for t in np.arange(0, self.duration - 1e-9, 1 / fps))


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
