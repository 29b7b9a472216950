"""Made streams of frame vectors with known truth, for the memory benchmark: what happened when, how it is asked for.

A frame is a unit vector: what all frames share, plus what is going on, plus noise. A stream has events of random length
and short needles inside them; a question is a noisy picture of one of them. All is drawn from (kind, seed) alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

PERIOD = 0.5  # seconds per frame: 2 frames per second
KINDS = {
    "clean": "events with sharp cuts, needles of three frames",
    "one-frame": "needles of one frame",
    "drift": "each event turns slowly into the next, without a cut",
    "repeats": "twelve things that come again and again",
    "camera": "the camera pans to and fro within each event",
    "flicker": "one frame in twenty is a flash: half of them white, half of them like nothing else",
}
_SHARED, _NOISE, _ASKED = 0.8, 0.5, 0.5  # lengths beside the one of what is going on


@dataclass(frozen=True)
class Truth:
    """Something that happened: the spans at which it did (more than one if it came again), and a question for it."""

    spans: tuple[tuple[float, float], ...]
    query: np.ndarray  # (d,) unit


@dataclass(frozen=True)
class Stream:
    """vectors (T, d) float32; ``now`` asks for what is going on at a frame: (frame number, query)."""

    vectors: np.ndarray
    needles: list[Truth]
    events: list[Truth]
    now: list[tuple[int, np.ndarray]]

    @property
    def things(self) -> int:
        """Events and needles."""
        return len(self.events) + len(self.needles)


def make_stream(kind: str, seed: int, *, frames: int = 7200, dim: int = 256, needles: int = 20) -> Stream:
    """``kind`` of KINDS; events last 60 frames on average, at least 12."""
    random = np.random.Generator(np.random.PCG64([sorted(KINDS).index(kind), seed]))

    def direction(count: int) -> np.ndarray:
        x = random.standard_normal((count, dim))
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def seen(content: np.ndarray, noise: float) -> np.ndarray:
        x = _SHARED * shared + content + noise * random.standard_normal(content.shape) / np.sqrt(dim)
        return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)

    shared = direction(1)[0]
    lengths: list[int] = []
    while sum(lengths) < frames:
        lengths.append(12 + int(random.exponential(48)))
    starts = np.concatenate(([0], np.cumsum(lengths)))[: len(lengths)]
    ends = np.minimum(starts + lengths, frames)
    things = direction(len(lengths) + 1)
    which = np.arange(len(lengths) + 1)
    if kind == "repeats":
        which = np.concatenate([random.permutation(12) for _ in range(len(lengths) // 12 + 1)])[
            : len(lengths) + 1
        ]
    second = direction(len(lengths))
    content = np.empty((frames, dim))
    for event, (start, end) in enumerate(zip(starts, ends, strict=True)):
        part = np.arange(end - start) / lengths[event]
        one = things[which[event]]
        if kind == "drift":
            angle = 0.5 * np.pi * part[:, None]
            content[start:end] = np.cos(angle) * one + np.sin(angle) * things[which[event + 1]]
        elif kind == "camera":
            angle = np.pi / 3 * np.sin(2 * np.pi * np.arange(end - start) / 40)[:, None]
            content[start:end] = np.cos(angle) * one + np.sin(angle) * second[event]
        else:
            content[start:end] = one
    if kind == "flicker":
        flashes = random.random(frames) < 0.05
        white = random.random(frames) < 0.5
        content[flashes & white] = direction(1)[0]
        content[flashes & ~white] = direction(int((flashes & ~white).sum()))
    length = 1 if kind == "one-frame" else 3
    # One needle per equal part of the stream, so that every delay is asked about.
    slots = np.linspace(0, frames - length - 1, needles + 1)
    at = [int(random.integers(int(a), max(int(b) - length, int(a) + 1))) for a, b in pairwise(slots)]
    found = []
    for start, one in zip(at, direction(needles), strict=True):
        content[start : start + length] = one
        span = (start * PERIOD, (start + length) * PERIOD)
        found.append(Truth((span,), seen(one, _ASKED)))
    events = []
    for event in range(len(lengths)):
        same = [other for other in range(len(lengths)) if which[other] == which[event]]
        spans = tuple((starts[other] * PERIOD, ends[other] * PERIOD) for other in same)
        # While the camera moves or the scene drifts, what is asked about is the middle of the event.
        middle = content_of(kind, things[which[event]], things[which[event + 1]])
        events.append(Truth(spans, seen(middle, _ASKED)))
    asked = np.sort(random.choice(np.arange(frames // 10, frames), 60, replace=False))
    now = [(int(frame), seen(content[frame], _ASKED)) for frame in asked]
    return Stream(seen(content, _NOISE), found, events, now)


def content_of(kind: str, one: np.ndarray, following: np.ndarray) -> np.ndarray:
    """What the middle of an event looks like."""
    return (one + following) * np.sqrt(0.5) if kind == "drift" else one
