"""Scripted ways of watching: they know the truth, and use it as a model with one skill (or one vice) would.

They are shown real frames, so what they say depends on the frame plan and on the probes. They measure the benchmark:
what each of its numbers sees of a skill, and what it does not see.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lucida.bench.prepare import Prepared, Shows
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.evidence import Box
from lucida.bench.protocols.videozero import VideoZeroBench
from lucida.bench.protocols.videozero_items import Item, Window
from lucida.bench.protocols.videozero_joint import PROBES, VideoZeroJoint, joint_text
from lucida.bench.protocols.videozero_read import windows_of
from lucida.bench.records import Reply
from lucida.media.errors import InputError

LATE = 1.0  # seconds by which shifted evidence comes late
RECENT = 0.75  # of a film: what is remembered begins here
NEAR = 0.25  # seconds between a frame and a key time that it shows
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One question as it is put: the truth about it, the seconds of the frames shown, the stretches that are told."""

    item: Item
    times: tuple[float, ...]
    told: tuple[Window, ...]


@dataclass(frozen=True, kw_only=True)
class Said:
    """Answer, stretches and boxes."""

    answer: str
    windows: Sequence[Window]
    boxes: Sequence[tuple[float, Box]]


def seen(item: Item, times: Sequence[float]) -> bool:
    """Whether frames at ``times`` show all the evidence: one in every window, else near every key time."""
    if item.windows:
        return all(any(a <= t <= b for t in times) for a, b in item.windows)
    return bool(times) and all(any(abs(t - key) <= NEAR for t in times) for key in item.key_times)


def _perfect(look: Look) -> Said:
    return Said(answer=look.item.answer, windows=look.item.windows, boxes=look.item.boxes)


def _answer_only(look: Look) -> Said:
    """Right for no reason that it can give: its evidence misses."""
    end = max((b for _, b in look.item.windows), default=0.0)
    corner = [(time, (0.0, 0.0, 0.01, 0.01)) for time in look.item.key_times]
    return Said(answer=look.item.answer, windows=[(end + 1.0, end + 2.0)], boxes=corner)


def _evidence_only(look: Look) -> Said:
    """Finds the place and cannot read it."""
    return Said(answer=UNKNOWN, windows=look.item.windows, boxes=look.item.boxes)


def _shifted(look: Look) -> Said:
    """Right, with a clock that is late."""
    windows = [(a + LATE, b + LATE) for a, b in look.item.windows]
    return Said(
        answer=look.item.answer, windows=windows, boxes=[(t + LATE, box) for t, box in look.item.boxes]
    )


def _recency(look: Look) -> Said:
    """Remembers the last quarter of the film, and cites it."""
    begin = RECENT * look.item.duration
    knows = seen(look.item, [t for t in look.times if t >= begin])
    boxes = [(t, box) for t, box in look.item.boxes if t >= begin]
    answer = look.item.answer if knows else UNKNOWN
    return Said(answer=answer, windows=[(begin, look.item.duration)], boxes=boxes)


def _reader(look: Look) -> Said:
    """Looks: right where the frames show the evidence, whatever it is told; cites what it saw, or everything."""
    windows = [(a, b) for a, b in look.item.windows if any(a <= t <= b for t in look.times)]
    boxes = [(t, box) for t, box in look.item.boxes if any(abs(t - shown) <= NEAR for shown in look.times)]
    answer = look.item.answer if seen(look.item, look.times) else UNKNOWN
    return Said(answer=answer, windows=windows or [(0.0, look.item.duration)], boxes=boxes)


def _believer(look: Look) -> Said:
    """Does not look: knows the answer, unless it is told stretches that have nothing to do with it."""
    beside = look.told and not any(a < d and c < b for a, b in look.told for c, d in look.item.windows)
    return Said(
        answer=UNKNOWN if beside else look.item.answer, windows=look.item.windows, boxes=look.item.boxes
    )


def _coin(look: Look) -> Said:
    """Two coins, one for the answer and one for the evidence, thrown once for each question: no lift."""
    coins = zlib.crc32(f"{look.item.video} {look.item.question}".encode())
    right, placed = bool(coins & 0x100), bool(coins & 0x10000)
    evidence = _perfect(look) if placed else _answer_only(look)
    return Said(answer=look.item.answer if right else UNKNOWN, windows=evidence.windows, boxes=evidence.boxes)


SKILLS: dict[str, Callable[[Look], Said]] = {
    "perfect": _perfect, "answer-only": _answer_only, "evidence-only": _evidence_only, "shifted-evidence": _shifted,
    "recency-only": _recency, "reader": _reader, "believer": _believer, "coin": _coin,
}  # fmt: skip


class SkillModel:
    """A scripted skill as a model under test of VideoZeroBench, five levels or joint."""

    concurrency = 1
    shows: Shows = "plain"
    batches = False
    by_id = True

    def __init__(self, name: str, items: Sequence[Item], unit: str, revision: str) -> None:
        self.name, self._skill, self._unit = f"skill:{name}", SKILLS[name], unit
        self._items = {item.id: item for item in items}
        self.identity: Mapping[str, Any] = {"skill": name, "data": revision, "unit": unit, "version": 2}

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """What the skill says of each request, in the asked form."""
        return [one.reply(self._text(one), model=self.name, unit=self._unit) for one in requests]

    def _text(self, one: Prepared) -> str:
        item, level = self._items[one.request.item], one.request.meta["level"]
        first = one.prompt.partition("Question:")[0] if level in (1, 2, "swapped") else ""
        first = first.partition("Look here:")[0]  # boxes, which are no stretches
        said = self._skill(Look(item=item, times=one.frame_times, told=tuple(windows_of(first))))
        if level == "joint":
            return joint_text(said.answer, said.windows, said.boxes)
        if level in (1, 2, 3, *PROBES):
            return said.answer
        if level == 4:
            return "\n".join(f"From <{a!r} seconds> to <{b!r} seconds>." for a, b in said.windows)
        return self._boxes(said.boxes, one.frame_size or (1, 1))

    def _boxes(self, boxes: Sequence[tuple[float, Box]], size: tuple[int, int]) -> str:
        x, y = {"thousand": (1000, 1000), "pixels": (size[1], size[0])}.get(self._unit, (1, 1))
        entries = [
            {
                "time": time,
                "bbox_2d": [[b[0] * x, b[1] * y, b[2] * x, b[3] * y] for t, b in boxes if t == time],
            }
            for time in sorted({time for time, _ in boxes})
        ]
        return json.dumps(entries)


def skill_model(name: str, protocol: Protocol) -> SkillModel:
    """A skill by name.

    Raises:
        InputError: unknown, or not for this protocol.
    """
    if name not in SKILLS:
        raise InputError(f"--model skill:{name}: want one of {', '.join(SKILLS)}")
    if not isinstance(protocol, VideoZeroBench | VideoZeroJoint):
        raise InputError(f"--model skill:{name}: only for videozero and videozero-joint, not {protocol.name}")
    unit = protocol.unit if isinstance(protocol, VideoZeroBench) else "thousand"
    return SkillModel(name, protocol.items, unit, protocol.revision)
