"""The world's clips as benchmark videos: H.264 files with tones, and evidence on the clock of their own frames.

Every other clip has a variable frame rate, so that nothing may count frames where it should read times.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lucida.media.errors import InputError
from lucida.world.clip_records import ClipEvidence, Event
from lucida.world.clips import Clip, ClipConfig, draw_clip
from lucida.world.clips_file import write_clip
from lucida.world.records import Box

JITTER = 0.2  # of a frame, in clips with odd numbers
LONGEST = 600.0  # seconds of one clip


@dataclass(frozen=True)
class Film:
    """A clip and the name of its file."""

    name: str
    clip: Clip

    @cached_property
    def times(self) -> list[float]:
        """Presentation times of all frames, rising."""
        return list(self.clip.times())

    def frame(self, t: float) -> int:
        """The number of the frame on screen at ``t``."""
        return max(0, bisect.bisect_right(self.times, t) - 1)

    def cited(self, evidence: Iterable[ClipEvidence]) -> list[tuple[float, Box]]:
        """The boxes of evidence at the frames on screen at its key times, each once, in order of time."""
        found: dict[tuple[float, int], Box] = {}
        for one in evidence:
            if one.object is None or one.t is None:
                continue
            t = self.times[self.frame(one.t)]
            box = self.clip.box(one.object, t)
            if box is not None:
                found.setdefault((t, one.object), box)
        return [(t, box) for (t, _), box in sorted(found.items())]

    def named(self, event: Event) -> list[Event]:
        """All events that are told in the same words, in order."""
        return [other for other in self.clip.events if other.text == event.text]


def films(
    clips: int, *, seed: int, split: str, size: tuple[int, int], seconds: float, fps: float
) -> Iterator[Film]:
    """Clips number ``seed`` to ``seed + clips - 1``, not yet written.

    Raises:
        InputError: a number out of range.
    """
    if clips < 1:
        raise InputError(f"clips is {clips}; it must be at least 1")
    if not 8 <= seconds <= LONGEST:
        raise InputError(f"seconds is {seconds}; want 8 to {LONGEST:g}")
    for k in range(clips):
        config = ClipConfig(jitter=JITTER if k % 2 else 0.0)
        clip = draw_clip(seed + k, split=split, size=size, seconds=seconds, fps=fps, config=config)
        yield Film(f"clip_{seed + k:06d}.mp4", clip)


def write_film(film: Film, folder: Path) -> None:
    """Write the film into ``folder`` under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    write_clip(film.clip, folder / film.name)


def spans(evidence: Iterable[ClipEvidence]) -> list[tuple[float, float]]:
    """The stretches of evidence to the hundredth of a second, each once, in order."""
    return sorted({(round(one.t0, 2), round(one.t1, 2)) for one in evidence})


def hundredths(values: Sequence[float], digits: int = 4) -> list[float]:
    """Numbers short enough for a file."""
    return [round(float(value), digits) for value in values]


def ceil_at(t: float) -> float:
    """A frame's time to the next tenth of a millisecond: never before the frame, so that it is on screen then."""
    return math.ceil(t * 10_000 - 1e-6) / 10_000
