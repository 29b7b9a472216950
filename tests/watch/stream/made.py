"""A stand-in tower and scorer for streams made of plain colours, so that tests are about the engine alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from lucida.media.video import Frame
from lucida.watch.query import take_apart
from lucida.watch.records import Seen

DIM = 16
SIZE = (24, 32)


class PlainTower:
    """Vector and score from the mean colour; counts the frames it was shown."""

    dim = DIM

    def __init__(self) -> None:
        self.times = 0
        self._mix = np.random.default_rng(0).normal(size=(3, DIM))

    def see(self, frames) -> Seen:
        self.times += len(frames)
        means = np.stack([f.reshape(-1, 3).mean(0) / 255 for f in frames])
        vectors = (means - 0.5) @ self._mix + 0.05
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Seen(vectors=vectors.astype(np.float32), classes=means.astype(np.float32))


class RedScorer:
    """The score of any query is how much redder than grey the frame is, plus what its last pixel's blue says."""

    def read(self, text: str) -> SimpleNamespace:
        words = take_apart(text)
        return SimpleNamespace(
            text=text, words=words, doubt="", names=((words.noun, 1.0),), weights=np.ones(1000) / 1000
        )

    def scores(self, seen: Seen, reading) -> np.ndarray:
        return 20 * (seen.classes[:, 0] - seen.classes[:, 1])


def frame(t: float, redness: float = 0.0, noise: float = 0.0, index: int = 0, rng=None) -> Frame:
    """A grey frame, more or less red. ``redness`` 0.2 scores 4."""
    pixels = np.full((*SIZE, 3), 120.0)
    pixels[..., 0] += 255 * redness
    if rng is not None:
        pixels += rng.normal(scale=noise, size=(1, 1, 3))
    return Frame(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), t, index)


def film(spans, seconds: float, fps: float = 2.0, seed: int = 0, redness: float = 0.25) -> list[Frame]:
    """Noisy grey frames that are red in ``spans``."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * fps)) / fps
    inside = [any(a <= t < b for a, b in spans) for t in times]
    return [
        frame(float(t), redness * x, 4.0, i, rng) for i, (t, x) in enumerate(zip(times, inside, strict=True))
    ]
