"""The tools of a search through a film, and the ledger of what they cost.

Each tool returns what it saw and a line about it. A wrong call (a span outside the film, the same call again, nothing
left to spend) is not an exception but an observation, as it would be for any other reasoner behind the same tools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from lucida.media.geometry import Box
from lucida.media.records import Evidence
from lucida.watch.protocols import Describer, Memory
from lucida.watch.records import Hit, Step

MARGIN = 0.15  # of a box, added around it on a zoom


class FrameLike(Protocol):
    """What is needed of a frame (``lucida.media.video.Frame`` has it)."""

    @property
    def pixels(self) -> np.ndarray: ...
    @property
    def t(self) -> float: ...


class Footage(Protocol):
    """What is needed of a film (``lucida.media.Video`` has it)."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def first_t(self) -> float: ...
    @property
    def duration(self) -> float: ...

    def at(self, times: Any) -> Sequence[FrameLike]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What a tool saw: frames as (t, pixels), ``hits`` of a memory, ``words``; ``note`` says it in a line."""

    note: str
    frames: tuple[tuple[float, np.ndarray], ...] = ()
    hits: tuple[Hit, ...] = ()
    words: tuple[str, ...] = ()
    failed: bool = False


@dataclass
class Ledger:
    """Frames and pixels spent, call by call.

    ``budget`` is frames. A frame costs once, however often it is looked at: it is known by its timestamp.
    """

    budget: int
    steps: list[Step] = field(default_factory=list)
    seen: set[float] = field(default_factory=set)
    calls: set[tuple[Any, ...]] = field(default_factory=set)

    @property
    def frames(self) -> int:
        """Distinct frames inspected."""
        return len(self.seen)

    @property
    def pixels(self) -> int:
        """Pixels looked at, all calls together."""
        return sum(step.pixels for step in self.steps)

    @property
    def left(self) -> int:
        """Frames that may still be inspected."""
        return max(0, self.budget - len(self.seen))

    def note(
        self, tool: str, args: dict[str, Any], observation: str, times: Sequence[float] = (), pixels: int = 0,
        evidence: tuple[Evidence, ...] = (),
    ) -> None:  # fmt: skip
        """Write a call down."""
        fresh = {round(t, 6) for t in times} - self.seen
        self.seen |= fresh
        self.steps.append(Step(tool=tool, args=args, frames=len(fresh), pixels=pixels, evidence=evidence,
                               observation=observation))  # fmt: skip


class Tools:
    """overview, seek, crop, glance, zoom, recall over one film.

    Args:
        footage: the film. ledger: what may be spent. memory: what was kept of it, if anything.
        describer: words for a box. query: text -> (d,) vector to read the memory with and (K, d) of
            unrelated names; None where it names nothing known.
        zooms: what was said of boxes before; it is read and added to.
    """

    def __init__(
        self, footage: Footage, ledger: Ledger, *, memory: Memory | None = None, describer: Describer | None = None,
        query: Callable[[str], tuple[np.ndarray, np.ndarray] | None] | None = None, zooms: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.zooms = {} if zooms is None else zooms
        self.footage, self.ledger, self.memory, self.describer, self.query = (
            footage,
            ledger,
            memory,
            describer,
            query,
        )
        self._kept: dict[
            float, np.ndarray
        ] = {}  # the last frames decoded, so that a zoom need not decode again

    def overview(self, n: int, t0: float | None = None, t1: float | None = None) -> Look:
        """``n`` frames at the middles of equal parts of [t0, t1) (default: the whole film)."""
        begin = self.footage.first_t if t0 is None else t0
        end = self.footage.duration if t1 is None else t1
        times = [begin + (k + 0.5) * (end - begin) / max(1, n) for k in range(max(0, n))]
        return self._frames("overview", {"n": n, "t0": begin, "t1": end}, times)

    def crop(self, t0: float, t1: float, fps: float) -> Look:
        """Frames of [t0, t1] at ``fps``; fewer where the budget does not reach."""
        times = (
            [t0 + k / fps for k in range(int(np.floor((t1 - t0) * fps + 1e-6)) + 1)]
            if fps > 0 and t1 >= t0
            else []
        )
        return self._frames("crop", {"t0": round(t0, 3), "t1": round(t1, 3), "fps": fps}, times)

    def glance(self, times: Sequence[float]) -> Look:
        """The frames on screen at ``times``, the most wanted first: those for which the budget does not reach are left.

        ``Look.frames`` come in that order, a frame that is on screen at several of the times once.
        """
        args = {"times": tuple(round(t, 3) for t in times)}
        if not times:
            return self._refused("glance", args, "no time is given")
        if (wrong := self._wrong("glance", args, min(times), max(times))) is not None:
            return wrong
        times = list(times)[: self.ledger.left]
        if not times:
            return self._refused("glance", args, "the budget of frames is spent")
        shown = {frame.t: frame.pixels for frame in self.footage.at(times)}
        self._kept = dict([*self._kept.items(), *shown.items()][-64:])
        note = f"{len(shown)} frames, {min(shown):.2f} to {max(shown):.2f} s"
        self.ledger.note("glance", args, note, list(shown), sum(p.size // 3 for p in shown.values()))
        return Look(note=note, frames=tuple(shown.items()))

    def zoom(self, t: float, box: Box) -> Look:
        """What the describer says of a box at ``t``."""
        args = {"t": round(t, 3), "box": tuple(round(v, 3) for v in box)}
        key = " ".join(f"{v:.3f}" for v in (t, *box))
        if key in self.zooms:
            self.ledger.note("zoom", args, f"known: {self.zooms[key]}")
            return Look(note=self.zooms[key], words=(self.zooms[key],))
        if self.describer is None:
            return self._refused("zoom", args, "no describer is loaded")
        if (wrong := self._wrong("zoom", args, t, t)) is not None:
            return wrong
        pixels = self._picture(t)
        if pixels is None:
            return self._refused("zoom", args, "the budget of frames is spent")
        words = self.describer.describe(pixels, [grown(box)])
        self.zooms[key] = words[0]
        self.ledger.note(
            "zoom",
            args,
            words[0],
            [t],
            int(pixels.size // 3 * max(1e-3, (box[2] - box[0]) * (box[3] - box[1]))),
        )
        return Look(note=words[0], words=tuple(words), frames=((t, pixels),))

    def seek(self, text: str, k: int = 5) -> Look:
        """Where the memory holds something like ``text``; costs no frame.

        A hit's score is the number of standard deviations by which it lies above unrelated names at the same frame.
        """
        args = {"text": text, "k": k}
        if self.memory is None or self.query is None:
            return self._refused("seek", args, "there is no memory to search")
        vectors = self.query(text)
        if vectors is None:
            return self._refused("seek", args, f"{text!r} names nothing that the tower knows")
        hits = [
            replace(hit, score=_standing(hit.vector, *vectors)) for hit in self.memory.read(vectors[0], k)
        ]
        hits.sort(key=lambda hit: -hit.score)
        note = "; ".join(f"{h.t0:.1f}-{h.t1:.1f} s ({h.score:.2f})" for h in hits[:3]) or "nothing"
        self.ledger.note("seek", args, note)
        return Look(note=note, hits=tuple(hits))

    def recall(self, hit: Hit) -> Look:
        """The picture that the memory kept of a hit, else the film's; only the latter costs a frame."""
        from lucida.watch.reason.watching import decoded

        args = {"t": round(hit.t, 3)}
        if hit.thumb is not None:
            pixels = decoded(hit.thumb)
            self.ledger.note("recall", args, "kept", (), pixels.size // 3)
            return Look(note="kept", frames=((hit.t, pixels),))
        return self._frames("recall", args, [hit.t])

    def _picture(self, t: float) -> np.ndarray | None:
        """The frame on screen at ``t``, decoded unless it is among the last ones; None where that costs too much."""
        near = min(self._kept, key=lambda other: abs(other - t), default=None)
        if near is not None and abs(near - t) < 1e-3:
            return self._kept[near]
        if not self.ledger.left and round(t, 6) not in self.ledger.seen:
            return None
        frame = self.footage.at([t])[0]
        self._kept[frame.t] = frame.pixels
        return frame.pixels

    def _frames(self, tool: str, args: dict[str, Any], times: Sequence[float]) -> Look:
        if not times:
            return self._refused(tool, args, "the span is empty or runs backwards")
        if (wrong := self._wrong(tool, args, times[0], times[-1])) is not None:
            return wrong
        room = self.ledger.left
        fewer = len(times) > room
        if fewer:
            keep = np.unique(np.linspace(0, len(times) - 1, room).round().astype(int)) if room else []
            times = [times[int(i)] for i in keep]
        if not times:
            return self._refused(tool, args, "the budget of frames is spent")
        shown = {frame.t: frame.pixels for frame in self.footage.at(times)}
        self._kept = dict(list(shown.items())[-64:])
        pixels = sum(p.size // 3 for p in shown.values())
        note = f"{len(shown)} frames, {min(shown):.2f} to {max(shown):.2f} s"
        note += ", thinned to the budget" if fewer else ""
        self.ledger.note(tool, args, note, list(shown), pixels)
        return Look(note=note, frames=tuple(sorted(shown.items(), key=lambda item: item[0])))

    def _wrong(self, tool: str, args: dict[str, Any], t0: float, t1: float) -> Look | None:
        key = (tool, *((name, repr(value)) for name, value in sorted(args.items())))
        if key in self.ledger.calls:
            return self._refused(tool, args, "the same call was made before")
        self.ledger.calls.add(key)
        begin, end = self.footage.first_t, self.footage.duration
        if not begin - 1e-6 <= t0 <= t1 <= end + 1e-6:
            return self._refused(
                tool, args, f"{t0:.2f} to {t1:.2f} s is not within {begin:.2f} to {end:.2f} s"
            )
        return None

    def _refused(self, tool: str, args: dict[str, Any], why: str) -> Look:
        self.ledger.note(tool, args, f"refused: {why}")
        return Look(note=why, failed=True)


def _standing(vector: np.ndarray, wanted: np.ndarray, unrelated: np.ndarray) -> float:
    """z-score of one name among others at one frame."""
    null = unrelated @ vector
    return float((wanted @ vector - null.mean()) / max(1e-6, float(null.std())))


def grown(box: Box) -> Box:
    """A box with a little of its surroundings."""
    x0, y0, x1, y1 = box
    dx, dy = MARGIN * (x1 - x0) / 2, MARGIN * (y1 - y0) / 2
    return max(0.0, x0 - dx), max(0.0, y0 - dy), min(1.0, x1 + dx), min(1.0, y1 + dy)
