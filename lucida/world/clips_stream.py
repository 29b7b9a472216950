"""Hours of video in constant memory: clips end to end, and needles, rare events a memory must not lose.

The stream is cut into segments of uneven length, each a clip with a background and a cast of its own, so any
time can be drawn without what comes before it. A needle is a thing that is cast nowhere else in the stream
and crosses the picture once; the list of needles is known before anything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from lucida.media.errors import InputError
from lucida.world import audio
from lucida.world.atlas import Atlas, load_atlas
from lucida.world.cast import Role
from lucida.world.clip_records import Event, Needle
from lucida.world.clips import TICKS, Clip, ClipConfig, compose_clip
from lucida.world.grammar import is_plural
from lucida.world.palette import RAMPS
from lucida.world.splits import generator, pair_held_out, stable_hash


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """How a stream is made. Times in seconds."""

    segment: float = 20.0  # mean length of a segment
    wobble: float = 0.25  # each cut is moved by up to this share of a segment either way
    needles: int = 8
    visit: tuple[float, float] = (1.5, 3.0)  # how long a needle is seen
    clip: ClipConfig = field(default_factory=ClipConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.wobble <= 0.4:
            raise InputError(f"wobble is {self.wobble}; it must be between 0 and 0.4")
        if not 0 < self.visit[0] <= self.visit[1] <= self.segment * (1 - 2 * self.wobble) - 2:
            raise InputError(f"visit is {self.visit}; a visit and two seconds must fit the shortest segment")


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Hours of moving scenes with their truth. Times are seconds from the first frame."""

    seed: int
    split: str
    size: tuple[int, int]
    seconds: float
    fps: Fraction
    needles: tuple[Needle, ...]  # in order of time
    config: StreamConfig
    atlas: Atlas = field(repr=False, compare=False)
    _drawn: dict[int, Clip] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def segments(self) -> int:
        """Number of segments."""
        return max(1, round(self.seconds / self.config.segment))

    def bounds(self, i: int) -> tuple[float, float]:
        """Where segment ``i`` begins and ends, in whole 1/TICKS seconds."""
        return self._cut(i), self._cut(i + 1)

    def index(self, t: float) -> int:
        """The segment shown at ``t``."""
        if not 0 <= t < self.seconds:
            raise InputError(f"t is {t}; the stream runs from 0 to {self.seconds:g} seconds")
        guess = min(self.segments - 1, int(t / self.seconds * self.segments))
        while t < self._cut(guess):
            guess -= 1
        while t >= self._cut(guess + 1):
            guess += 1
        return guess

    def clip(self, i: int) -> Clip:
        """Segment ``i`` as a clip on its own clock. The last two drawn are kept."""
        if i not in self._drawn:
            while len(self._drawn) > 1:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[i] = self._compose(i)
        return self._drawn[i]

    def frame(self, t: float) -> np.ndarray:
        """The picture at any time, (H, W, 3) uint8."""
        i = self.index(t)
        return self.clip(i).frame(t - self._cut(i))

    def times(self, t0: float = 0.0, t1: float | None = None) -> Iterator[float]:
        """Presentation times of the frames in [t0, t1)."""
        stop = self.seconds if t1 is None else min(t1, self.seconds)
        k = max(0, math.ceil(Fraction(t0) * self.fps))
        while (t := round(k / self.fps * TICKS) / TICKS) < stop:
            yield t
            k += 1

    def frames(self, t0: float = 0.0, t1: float | None = None) -> Iterator[tuple[float, np.ndarray]]:
        """(time, (H, W, 3) uint8) of every frame in [t0, t1), drawn one by one."""
        return ((t, self.frame(t)) for t in self.times(t0, t1))

    def events(self, t0: float = 0.0, t1: float | None = None) -> Iterator[tuple[int, Event]]:
        """(segment, event) of all that begins in [t0, t1): the stream's clock, the segment's indices."""
        stop = self.seconds if t1 is None else min(t1, self.seconds)
        if stop <= t0:
            return
        for i in range(self.index(t0), self.segments):
            start = self._cut(i)
            if start >= stop:
                return
            for event in self.clip(i).events:
                if t0 <= event.t0 + start < stop:
                    yield i, replace(event, t0=event.t0 + start, t1=event.t1 + start)

    def audio(self, t0: float = 0.0, t1: float | None = None) -> np.ndarray:
        """The sound of [t0, t1), float32 mono at ``audio.RATE`` samples per second."""
        stop = self.seconds if t1 is None else min(t1, self.seconds)
        first, last = round(t0 * audio.RATE), round(stop * audio.RATE)
        whole = np.zeros(max(0, last - first), np.float32)
        if len(whole):
            for i in range(self.index(t0), self.segments):
                start, end = (round(t * audio.RATE) for t in self.bounds(i))
                if start >= last:
                    break
                a, b = max(first, start), min(last, end)
                whole[a - first : b - first] = audio.sound(self.clip(i).cues, a - start, b - start)
        return whole

    def _cut(self, i: int) -> float:
        """Where segment ``i`` begins: on an even grid, moved by a share that depends on the seed and i alone."""
        if not 0 < i < self.segments:
            return 0.0 if i <= 0 else self.seconds
        share = stable_hash("stream cut", self.split, self.seed, i) % 2001 / 1000 - 1
        return round((i + share * self.config.wobble) * self.seconds / self.segments * TICKS) / TICKS

    def _compose(self, i: int) -> Clip:
        start, stop = self.bounds(i)
        here = next((needle for needle in self.needles if needle.segment == i), None)
        guest, visit = None, (0.0, 0.0)
        if here:
            guest = (Role(self.atlas[here.noun], here.colour), "medium")
            visit = (here.t0 - start, here.t1 - start)
        return compose_clip(
            ("stream", i), self.seed, split=self.split, size=self.size, seconds=stop - start, fps=self.fps,
            atlas=self.atlas, config=self.config.clip, guest=guest, visit=visit,
            never=frozenset(needle.noun for needle in self.needles),
        )  # fmt: skip


def draw_stream(
    seed: int,
    hours: float,
    *,
    split: str = "train",
    size: tuple[int, int] = (192, 192),
    fps: float | Fraction = 2,
    atlas: Atlas | None = None,
    config: StreamConfig | None = None,
) -> Stream:
    """Draw stream ``seed`` of ``split``: same arguments, same stream. Frames wait to be asked for.

    Raises:
        InputError: an argument is out of range, or there are more needles than segments.
    """
    config, atlas = config or StreamConfig(), atlas or load_atlas()
    if not (math.isfinite(hours) and hours > 0):
        raise InputError(f"hours is {hours}; it must be a positive number")
    if not 0 < fps <= 240:
        raise InputError(f"fps is {fps}; it must be over 0 and at most 240")
    stream = Stream(
        seed=seed, split=split, size=size, seconds=round(hours * 3600 * TICKS) / TICKS, needles=(),
        fps=Fraction(fps).limit_denominator(100_000), config=config, atlas=atlas,
    )  # fmt: skip
    return replace(stream, needles=_needles(stream))


def _needles(stream: Stream) -> tuple[Needle, ...]:
    """Each in a segment of its own, each of a noun of its own."""
    count, config = stream.config.needles, stream.config
    rng = generator(stream.split, stream.seed, "needles")
    sprites = [s for s in stream.atlas.pool("artwork", False) if not is_plural(s.noun)]
    if count > min(stream.segments, len(sprites) // 4):
        raise InputError(
            f"needles is {count}; {stream.segments} segments and {len(sprites)} nouns allow "
            f"{min(stream.segments, len(sprites) // 4)}"
        )
    places = sorted(int(i) for i in rng.choice(stream.segments, count, replace=False))
    found = []
    for segment, k in zip(places, rng.choice(len(sprites), count, replace=False), strict=True):
        sprite = sprites[int(k)]
        colours = [c for c in RAMPS if not pair_held_out(sprite.noun, c)] if sprite.colourable else [None]
        start, stop = stream.bounds(segment)
        visit = float(rng.uniform(*config.visit))
        t0 = start + float(rng.uniform(0.5, max(0.5, stop - start - visit - 0.5)))
        colour = colours[int(rng.integers(len(colours)))]
        found.append(Needle(noun=sprite.noun, colour=colour, t0=t0, t1=t0 + visit, segment=segment))
    return tuple(found)
