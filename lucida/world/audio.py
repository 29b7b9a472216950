"""The sound of a clip: one short tone per event, at its onset, on the same clock as the frames.

Each kind has its own pitch, so that what is heard can be checked against what is seen. Mono float32, ``RATE``
samples per second, computed for any span without the rest of the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lucida.world.clip_records import EVENT_KINDS, Event

RATE = 16_000
TONE_SECONDS = 0.16
PITCHES: dict[str, float] = dict(
    zip(EVENT_KINDS, (523.25, 349.23, 880.0, 659.26, 440.0, 1174.66), strict=True)
)  # Hz


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A tone that begins at ``t`` seconds and belongs to ``events[event]`` of its clip."""

    t: float
    kind: str
    event: int


def cues(events: Iterable[Event]) -> tuple[Cue, ...]:
    """The cues of a clip's events, in time order."""
    found = [Cue(t=event.t0, kind=event.kind, event=index) for index, event in enumerate(events)]
    return tuple(sorted(found, key=lambda cue: (cue.t, cue.event)))


def tone(kind: str) -> np.ndarray:
    """The tone of an event kind, (samples,) float32 within ±0.3: a 2 ms attack, then an even fall to silence.

    The attack is that steep so that an onset can be found to a few milliseconds.
    """
    t = np.arange(round(TONE_SECONDS * RATE)) / RATE
    envelope = np.minimum(1.0, t / 0.002) * (1 - t / TONE_SECONDS)
    wave = np.sin(2 * np.pi * PITCHES[kind] * t) + 0.3 * np.sin(4 * np.pi * PITCHES[kind] * t)
    return (0.3 / 1.3 * envelope * wave).astype(np.float32)


def sound(sounds: Iterable[Cue], start: int, stop: int) -> np.ndarray:
    """Samples [start, stop) of the sound of ``sounds``, (stop - start,) float32 in [-1, 1]."""
    out = np.zeros(max(0, stop - start), np.float32)
    for cue in sounds:
        begin = round(cue.t * RATE)
        wave = tone(cue.kind)
        a, b = max(start, begin), min(stop, begin + len(wave))
        if a < b:
            out[a - start : b - start] += wave[a - begin : b - begin]
    return np.clip(out, -1.0, 1.0)


def sound_blocks(sounds: tuple[Cue, ...], seconds: float, block: int = RATE) -> Iterator[np.ndarray]:
    """The whole sound of ``sounds`` (in time order) in blocks of at most ``block`` samples."""
    total, first = round(seconds * RATE), 0
    for start in range(0, total, block):
        stop = min(total, start + block)
        while first < len(sounds) and sounds[first].t + TONE_SECONDS < start / RATE - 0.01:
            first += 1
        last = first
        while last < len(sounds) and sounds[last].t < stop / RATE + 0.01:
            last += 1
        yield sound(sounds[first:last], start, stop)
