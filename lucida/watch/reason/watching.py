"""The first, coarse pass over a film: shots, what is followed in them, and a name for each thing.

Frames are streamed a few times a second and let go after at most a chunk's length, so an hour costs the memory of
twenty seconds and of what was found. What was found is enough to answer many questions without decoding again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import PIL.Image

from lucida.media.geometry import Box
from lucida.metrics.geometry import box_iou
from lucida.metrics.reader import read_caption
from lucida.watch.events.ground import shrunk
from lucida.watch.events.happenings import Shot, cuts, see_shot
from lucida.watch.events.sightings import Trail
from lucida.watch.protocols import Describer, Memory, Tower
from lucida.watch.reason.tools import FrameLike
from lucida.watch.records import Percept
from lucida.world.language import lexicon

RATE = 3.0  # frames a second
CHUNK, OVERLAP = 20.0, 2.0  # seconds of a shot followed at once, and shared with the next
MIDDLE = 384  # longer side of the pictures that are described and kept
_AFTER_NOUN = frozenset([",", "in", "at", "on", "left", "right", "above", "below", "near"])
NAMED = 8  # things of a chunk that get a name, the largest and longest seen first
VIEWS = 3  # of a thing that are described: one may be misread


@dataclass(frozen=True, kw_only=True)
class Name:
    """What a followed thing is called: ``noun`` and ``colour`` read out of ``text``; the thumb shows it at ``t``."""

    text: str
    noun: str | None
    colour: str | None
    t: float
    box: Box
    thumb: bytes = b""


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedShot:
    """A shot (or a chunk of a long one) and what was ``said`` of boxes in it, whatever trails they are on by now."""

    shot: Shot
    said: tuple[Name, ...] = ()

    @cached_property
    def names(self) -> tuple[Name | None, ...]:
        """One per trail: the noun that was said of it most, as said of the best view; None where nothing was."""
        return tuple(_voted(names) if names else None for names in self.heard)

    @cached_property
    def heard(self) -> tuple[list[Name], ...]:
        """All that was said of each trail."""
        found: tuple[list[Name], ...] = tuple([] for _ in self.shot.trails)
        for name in self.said:
            if (k := _shown_by(self.shot.trails, name)) is not None:
                found[k].append(name)
        return found


def _shown_by(trails: Sequence[Trail], name: Name) -> int | None:
    """The trail that is in a name's box at its time."""
    best, found = 0.5, None
    for k, trail in enumerate(trails):
        if trail.span[0] - 0.01 <= name.t <= trail.span[1] + 0.01:
            shown = trail.at(name.t)
            score = float(box_iou(np.array(shown.box), np.array(name.box)))
            if abs(shown.t - name.t) < 0.01 and score > best:
                best, found = score, k
    return found


def _voted(names: Sequence[Name]) -> Name:
    """The name whose noun comes most often; of equals the first said, of one noun the one with the commoner colour."""
    nouns, colours = [n.noun for n in names], [n.colour for n in names]
    return max(names, key=lambda n: (nouns.count(n.noun), colours.count(n.colour)))


@dataclass(kw_only=True)
class Watched:
    """What is known of a film, by the coarse pass and by close looks since.

    Attributes:
        size: (height, width). rate: frames a second of the coarse pass. end: seconds, of its last frame's share.
        times: of the coarse frames. closer: of the others. close: by shot, the spans looked at closely.
        zooms: what the describer said of boxes that it was shown (key: ``Tools.zoom``).
    """

    size: tuple[int, int]
    rate: float
    end: float = 0.0
    shots: list[WatchedShot] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    closer: list[float] = field(default_factory=list)
    close: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    zooms: dict[str, str] = field(default_factory=dict)
    memory: Memory | None = None


def watch(
    frames: Iterable[FrameLike], size: tuple[int, int], describer: Describer | None, *, rate: float = RATE,
    tower: Tower | None = None, memory: Memory | None = None, every: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Watched:  # fmt: skip
    """Follow everything in a film's frames.

    Args:
        frames: at ``rate`` a second, in order of time; a frame that is given twice counts once.
        size: (height, width). describer: names for things; None leaves them nameless.
        tower, memory: every ``every``-th frame is written into the memory as the tower sees it.
        progress: called with the time reached.
    """
    watched = Watched(size=size, rate=rate, memory=memory)
    chunk: list[tuple[float, np.ndarray, np.ndarray]] = []  # time, small, middle
    fresh = False  # whether the chunk has frames that no earlier one had
    for frame in frames:
        if watched.times and frame.t <= watched.times[-1]:
            continue
        small, middle = shrunk(frame.pixels), shrunk(frame.pixels, MIDDLE)
        if memory is not None and tower is not None and len(watched.times) % every == 0:
            memory.write(_percept(frame.t, middle, tower, every / rate))
        watched.times.append(frame.t)
        if chunk and len(cuts(np.stack([chunk[-1][1], small]))) > 1:
            _finish(watched, chunk, describer)
            chunk = []
        chunk.append((frame.t, small, middle))
        fresh = True
        if frame.t - chunk[0][0] >= CHUNK:
            _finish(watched, chunk, describer)
            chunk = [item for item in chunk if item[0] >= frame.t - OVERLAP]
            fresh = False
        if progress is not None:
            progress(frame.t)
    if chunk and (fresh or not watched.shots):
        _finish(watched, chunk, describer)
    watched.end = watched.times[-1] + 1 / rate if watched.times else 0.0
    return watched


def _finish(
    watched: Watched, chunk: Sequence[tuple[float, np.ndarray, np.ndarray]], describer: Describer | None
) -> None:
    times, small, middle = zip(*chunk, strict=True)
    shot = see_shot(times, np.stack(small), watched.size)
    said = said_of(shot, dict(zip(times, middle, strict=True)), describer)
    watched.shots.append(WatchedShot(shot=shot, said=said))


def said_of(shot: Shot, pictures: dict[float, np.ndarray], describer: Describer | None) -> tuple[Name, ...]:
    """What the describer says of the shot's largest and longest trails, from the pictures that show each best.

    Args:
        pictures: by time; a view without a picture is left out.
    """
    if describer is None:
        return ()

    def worth(k: int) -> float:
        return float(np.sqrt(len(shot.trails[k].sightings)) * shot.trails[k].best().area)

    views: dict[float, list[tuple[int, int, Box]]] = {}
    for k in sorted(range(len(shot.trails)), key=worth, reverse=True)[:NAMED]:
        for rank, view in enumerate(shot.trails[k].views(VIEWS)):
            if view.t in pictures:
                views.setdefault(view.t, []).append((rank, k, view.box))
    said: list[tuple[int, int, Name]] = []
    for t, shown in views.items():
        boxes = [box for _, _, box in shown]
        thumb = encoded(pictures[t]) if any(rank == 0 for rank, _, _ in shown) else b""
        for (rank, k, box), text in zip(shown, describer.describe(pictures[t], boxes), strict=True):
            said.append((rank, k, name_of(text, t, box, b"" if rank else thumb)))
    return tuple(name for _, _, name in sorted(said, key=lambda item: item[:2]))


def name_of(text: str, t: float, box: Box, thumb: bytes = b"") -> Name:
    """A caption as a name."""
    read = read_caption(text, lexicon())
    return Name(text=text, noun=read.noun or _last_word(text), colour=read.colour, t=t, box=box, thumb=thumb)


def _last_word(text: str) -> str | None:
    """The noun of a caption that has none of the world's: the word before its first comma, "in", "at" or "on"."""
    words = text.lower().replace(",", " ,").split()
    stops = [i for i, word in enumerate(words) if word in _AFTER_NOUN]
    head = words[: stops[0]] if stops else words
    return head[-1] if head and head[-1] not in ("a", "an", "the", "thing") else None


def _percept(t: float, picture: np.ndarray, tower: Tower, duration: float) -> Percept:
    seen = tower.see([picture])
    return Percept(t=t, duration=duration, vector=seen.vectors[0].astype(np.float32))


def encoded(picture: np.ndarray) -> bytes:
    """A picture as a JPEG of about ten kilobytes."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def decoded(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8 of ``encoded``."""
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))
