"""The last seconds as JPEGs within a byte budget, and clips cut from them around events."""

from __future__ import annotations

import io
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import PIL.Image

from lucida.media.errors import InputError
from lucida.media.video import write_video

QUALITIES = (75, 60, 45, 30)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A picture on the tape."""

    t: float
    jpeg: bytes


@dataclass(frozen=True, kw_only=True)
class TapeConfig:
    """Seconds before (``pre``) and after (``post``) an event that a clip shows.

    ``delay``: seconds by which an event may be told late and still have its ``pre``; ``longest``: of a clip;
    ``side``: longer side of its pictures.
    """

    pre: float = 3.0
    post: float = 3.0
    delay: float = 5.0
    longest: float = 60.0
    side: int = 640

    def __post_init__(self) -> None:
        if not (self.pre >= 0 and self.post >= 0 and self.delay >= 0 and self.longest > 0):
            raise InputError(f"pre, post and delay must be 0 seconds or more, longest above 0, got {self}")


@dataclass
class _Open:
    number: int
    t0: float  # wanted start
    t1: float  # wanted end; grows while the event goes on
    short: bool = False  # part of it was taped over


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """A finished clip: which event, its pictures, whether the budget made it shorter than was wanted."""

    number: int
    shots: tuple[Shot, ...]
    short: bool


class Tape:
    """Keeps what an event may still need; never more than ``budget`` bytes of JPEG.

    Pictures stay for ``pre`` and ``delay`` seconds, and as long as an open clip needs them. When the budget
    is full, clips that need the oldest picture are finished early: how an event begins is worth more than
    how it goes on.
    """

    def __init__(self, budget: int, config: TapeConfig | None = None) -> None:
        self.budget, self.config = budget, config or TapeConfig()
        self.bytes = 0
        self._shots: deque[Shot] = deque()
        self._open: list[_Open] = []
        self._lost = -math.inf  # time of the last picture that went for want of room

    def add(self, t: float, pixels: np.ndarray) -> list[Cut]:
        """Tape a picture; returns the clips that are complete with it."""
        jpeg = jpeg_of(pixels, side=self.config.side)
        done = [clip for clip in self._open if t > clip.t1]
        cuts = [self._cut(clip) for clip in done]
        self._open = [clip for clip in self._open if clip not in done]
        self._forget(min([t - self.config.pre - self.config.delay, *(clip.t0 for clip in self._open)]))
        while self._shots and self.bytes + len(jpeg) > self.budget:
            cuts += self._drop()
        if len(jpeg) <= self.budget:
            self._shots.append(Shot(t=t, jpeg=jpeg))
            self.bytes += len(jpeg)
        else:
            self._note_lost(t)
        return cuts

    def begin(self, number: int, t0: float, t: float) -> None:
        """Open a clip for event ``number`` that began at ``t0`` and is told at ``t``."""
        start = t0 - self.config.pre
        self._open.append(_Open(number, start, t + self.config.post, short=self._lost >= start))

    def lasts(self, number: int, t: float) -> None:
        """The event goes on at ``t``: its clip goes on too, up to ``longest``."""
        for clip in self._open:
            if clip.number == number:
                clip.t1 = max(clip.t1, min(t + self.config.post, clip.t0 + self.config.longest))

    def finish(self) -> list[Cut]:
        """All clips that are open, as far as they go."""
        cuts = [self._cut(clip) for clip in self._open]
        self._open = []
        return cuts

    def at(self, t: float) -> np.ndarray | None:
        """The picture nearest to ``t``, (h, w, 3) uint8; None when nothing is taped."""
        shot = min(self._shots, key=lambda shot: abs(shot.t - t), default=None)
        return None if shot is None else picture_of(shot.jpeg)

    def _cut(self, clip: _Open) -> Cut:
        shots = tuple(shot for shot in self._shots if clip.t0 <= shot.t <= clip.t1)
        return Cut(number=clip.number, shots=shots, short=clip.short)

    def _forget(self, before: float) -> None:
        while self._shots and self._shots[0].t < before:
            self.bytes -= len(self._shots.popleft().jpeg)

    def _drop(self) -> list[Cut]:
        shot = self._shots[0]
        needed = [clip for clip in self._open if clip.t0 <= shot.t <= clip.t1]
        for clip in needed:
            clip.short = True
        cuts = [self._cut(clip) for clip in needed]
        self._open = [clip for clip in self._open if clip not in needed]
        self._shots.popleft()
        self.bytes -= len(shot.jpeg)
        self._note_lost(shot.t)
        return cuts

    def _note_lost(self, t: float) -> None:
        self._lost = max(self._lost, t)


def write_cut(cut: Cut, path: Path, fps: float) -> Path:
    """A clip as H.264, its first picture at 0; the file appears only when it is whole.

    Raises:
        InputError: it has no pictures, or cannot be written (a full disk).
    """
    if not cut.shots:
        raise InputError(f"cannot write {path}: the budget leaves no room for its pictures")
    first = cut.shots[0].t

    def frames() -> Iterator[tuple[float, np.ndarray]]:
        size: tuple[int, int] | None = None
        for shot in cut.shots:
            pixels = picture_of(shot.jpeg)
            size = size or (pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2)
            if pixels.shape[0] < size[0] or pixels.shape[1] < size[1]:
                continue  # the source changed its size midway
            yield shot.t - first, np.ascontiguousarray(pixels[: size[0], : size[1]])

    try:
        return write_video(path, frames(), fps=Fraction(fps).limit_denominator(1000), crf=23)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def jpeg_of(pixels: np.ndarray, *, side: int = 640, most: int | None = None) -> bytes:
    """(H, W, 3) uint8 as JPEG, its longer side at most ``side``, in at most ``most`` bytes if given.

    Quality goes down first, then size; the result is never empty.
    """
    picture = PIL.Image.fromarray(pixels)
    while True:
        if max(picture.size) > side:
            scale = side / max(picture.size)
            size = (max(2, round(picture.width * scale)), max(2, round(picture.height * scale)))
            picture = picture.resize(size, PIL.Image.Resampling.BILINEAR)
        for quality in QUALITIES:
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=quality)
            if most is None or buffer.tell() <= most:
                return buffer.getvalue()
        if side <= 16:
            return buffer.getvalue()
        side = side // 2


def picture_of(jpeg: bytes) -> np.ndarray:
    """(h, w, 3) uint8 of a JPEG of ours."""
    return np.asarray(PIL.Image.open(io.BytesIO(jpeg)).convert("RGB"))
