"""What ``lucida ask`` and ``lucida index`` hand to the watch room: the describer, the tower, the sentence encoder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lucida.media.errors import InputError
from lucida.media.geometry import Box
from lucida.media.region import Region
from lucida.media.track import Track

if TYPE_CHECKING:
    from lucida.media.video import Video
    from lucida.watch.reason.findings import Findings
    from lucida.watch.reason.watching import Watched

MEMORY, DIM = "three-tier", 256
MOST_SEEN = 900  # frames of a film that the tower sees, evenly spread; at most every other coarse frame
PLENTY = 4 << 20  # bytes of the memory inside an index


class RegionDescriber:
    """``lucida.watch.protocols.Describer`` over a trained describer, read when it is first needed."""

    def __init__(self, model: str = "describe") -> None:
        self.model = model

    @cached_property
    def _loaded(self) -> Any:
        from lucida.systems.registry import load

        return load(self.model)

    def describe(self, pixels: np.ndarray, boxes: Sequence[Box]) -> list[str]:
        """One caption per normalised box of (H, W, 3) uint8 ``pixels``."""
        regions = [Region.from_box(box, pixels.shape[:2]) for box in boxes]
        return [caption.text for caption in self._loaded.look(np.ascontiguousarray(pixels)).describe(regions)]


class Words:
    """Likeness of nouns and query vectors; what needs the sentence encoder is left out where it is not installed."""

    @cached_property
    def _encoder(self) -> Any:
        from lucida.bench.sentence import sentence_folder
        from lucida.bench.sentence_cache import Sentences

        return None if sentence_folder() is None else Sentences()

    @cached_property
    def tower(self) -> Any:
        """The frozen tower as percepts and class probabilities."""
        from lucida.watch.tower_view import TowerView

        return TowerView()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, e) unit vectors: the ``TextEncoder`` protocol."""
        return self._encoder.encode(texts)

    def alike(self, a: str, b: str) -> float:
        """0..1: cosine of two nouns; 0 without the encoder."""
        if self._encoder is None:
            return 0.0
        one, two = self._encoder.encode([a, b])
        return float(np.clip(one @ two, 0, 1))

    @cached_property
    def _bridge(self) -> Any:
        from lucida.watch.bridge import Bridge

        return Bridge(self if self._encoder is not None else None)

    def weights(self, text: str) -> np.ndarray | None:
        """(1000,) class weights of a name, None where the tower knows no such."""
        try:
            reading = self._bridge.read(text)
        except InputError:
            return None
        return reading.weights if reading.names else None

    def query(self, text: str) -> tuple[np.ndarray, np.ndarray] | None:
        """(d,) vector to read the memory with and (K, d) of unrelated names; None where the tower knows no such."""
        try:
            reading = self._bridge.read(text)
        except InputError:
            return None
        if not reading.names or not len(reading.background):
            return None
        unrelated = np.stack([self.tower.query_vector(weights) for weights in reading.background])
        return self.tower.query_vector(reading.weights), unrelated


def located(findings: Findings, film: Video, kept: dict[str, str], words: Words) -> Findings:
    """Boxes for evidence that the tower remembered as a whole frame: where in three key frames it speaks for the name.

    Args:
        kept: boxes that were found before, by name and time; it is read and added to, so that they are found once.
    """
    evidence = []
    for item in findings.evidence:
        bare = item.region is None and item.track is None and item.t0 is not None and item.t1 is not None
        weights = words.weights(item.label) if bare else None
        if weights is None or item.t0 is None or item.t1 is None:
            evidence.append(item)
            continue
        boxes: dict[float, Region] = {}
        for t in sorted({item.t0, (item.t0 + item.t1) / 2, item.t1}):
            key = f"where {item.label} {t:.3f}"
            if key not in kept:
                kept[key] = _box_of(film, t, weights, words.tower)
            if kept[key]:
                at, *box = map(float, kept[key].split())
                boxes[at] = Region.from_box((box[0], box[1], box[2], box[3]), film.size)
        evidence.append(replace(item, track=Track(boxes)) if boxes else item)
    return replace(findings, evidence=tuple(evidence))


def _box_of(film: Video, t: float, weights: np.ndarray, tower: Any) -> str:
    """The frame's own time and the box, as text; "" where nothing in the frame speaks for the name."""
    from lucida.watch.tower_view import heat_box

    frame = film.at([t])[0]
    box = heat_box(tower.locate(frame.pixels, weights))
    return "" if box is None else " ".join(f"{v:.6f}" for v in (frame.t, *box))


def watched_of(
    path: str,
    video: Video,
    fps: float,
    model: str,
    words: Words,
    *,
    use_index: bool,
    say: Callable[[str], None],
) -> tuple[Watched, bool]:
    """The coarse pass over a film, or its index: (what is known, whether it was read from the cache).

    Raises:
        InputError: the film has no picture that can be decoded, or the index cannot be read or written.
    """
    from lucida.watch.index import index_path, load_index

    where = index_path(path, how(fps, model)) if use_index else None
    if where is not None and where.exists():
        return load_index(where), True
    from lucida.watch.memory import MEMORIES
    from lucida.watch.reason.watching import watch

    teller = _Teller(path, video.duration, say)
    memory = MEMORIES[MEMORY](PLENTY, DIM)
    watched = watch(
        video.stream(fps), video.size, RegionDescriber(model), rate=fps, tower=words.tower, memory=memory,
        every=max(2, round(video.duration * fps / MOST_SEEN)), progress=teller,
    )  # fmt: skip
    teller.done(len(watched.times))
    if not watched.times:
        raise InputError(f"{path}: no picture could be decoded")
    if where is not None:
        keep(where, watched, path)
    return watched, False


def keep(where: Any, watched: Watched, path: str) -> None:
    """Write (or write again, after closer looks) the index of a film."""
    from lucida.watch.index import save_index

    save_index(where, watched, {"name": path, "dim": DIM, "seconds": watched.end})


def how(fps: float, model: str) -> dict[str, Any]:
    """The way of watching that an index belongs to."""
    return {"fps": fps, "model": model, "events": "events", "memory": MEMORY, "dim": DIM}


class _Teller:
    """A line on stderr every few seconds."""

    def __init__(self, name: str, duration: float, say: Callable[[str], None]) -> None:
        self.name, self.duration, self.say = name, duration, say
        self.begin = self.last = time.monotonic()

    def __call__(self, t: float) -> None:
        now = time.monotonic()
        if now - self.last > 5:
            self.last = now
            self.say(f"{self.name}: {t:.0f} of {self.duration:.0f} s watched")

    def done(self, frames: int) -> None:
        self.say(
            f"{self.name}: {frames} frames of {self.duration:.1f} s watched in {time.monotonic() - self.begin:.1f} s"
        )


def say(line: str) -> None:
    """A line of progress."""
    sys.stderr.write(line + "\n")
