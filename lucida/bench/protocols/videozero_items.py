"""VideoZeroBench's annotation file, TSV or JSON, into typed items."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucida.bench.protocols.evidence import Box, clipped
from lucida.bench.protocols.pictures import read_json
from lucida.media.errors import InputError

Window = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question.

    Attributes:
        windows: evidence in time, seconds, none of zero length. boxes: evidence in space, (second, normalised box).
        duration: seconds. language: ``cn`` or ``en``. span: how long the evidence is, in words.
    """

    id: str
    video: str
    duration: float
    question: str
    answer: str
    language: str = "en"
    domain: str = ""
    span: str = ""
    abilities: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    boxes: tuple[tuple[float, Box], ...] = ()

    @property
    def key_times(self) -> tuple[float, ...]:
        """Seconds of the boxes in order, those within a millisecond once."""
        times: list[float] = []
        for time in sorted(time for time, _ in self.boxes):
            if not times or time - times[-1] > 0.001:
                times.append(time)
        return tuple(times)

    def boxes_at(self, time: float) -> tuple[Box, ...]:
        """The boxes of one key time."""
        return tuple(box for at, box in self.boxes if abs(at - time) <= 0.001)


def read_items(path: Path, problems: list[str]) -> list[Item]:
    """All usable items; everything else is named in ``problems``.

    Raises:
        InputError: the file cannot be read.
    """
    items, seen = [], set()
    for number, row in enumerate(_rows(path, problems), start=1):
        name = row.get("question_id") if isinstance(row, Mapping) else None
        where = f"{path.name}: {'question ' + str(name) if name not in (None, '') else f'row {number}'}"
        try:
            if not isinstance(row, Mapping) or name in (None, ""):
                raise ValueError("no question_id")
            if str(name) in seen:
                raise ValueError("duplicate question_id")
            notes: list[str] = []
            items.append(_item(row, notes))
        except (ValueError, KeyError, TypeError) as error:
            what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(f"{where}: {what}; left out")
            continue
        seen.add(str(name))
        problems += [f"{where}: {note}" for note in notes]
    return items


def _rows(path: Path, problems: list[str]) -> Sequence[Any]:
    if path.suffix == ".json":
        return read_json(path, list, problems)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    csv.field_size_limit(1 << 24)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))


def _item(row: Mapping[str, Any], notes: list[str]) -> Item:
    for field in ("video", "question", "answer"):
        if not isinstance(row[field], (str, int, float)) or not str(row[field]).strip():
            raise ValueError(f"{field} is {row[field]!r}")
    duration = float(row["duration"])
    if not math.isfinite(duration) or duration <= 0:
        raise ValueError(f"duration is {row['duration']!r}")
    windows: list[Window] = []
    for entry in _list(row.get("evidence_windows"), "evidence_windows"):
        start, end = _number(entry["start"]), _number(entry["end"])
        if end > start:
            windows.append((start, end))
        else:
            notes.append(f"window {start:g} to {end:g} has no length; it cannot be hit and is left out")
    boxes: list[tuple[float, Box]] = []
    for entry in _list(row.get("evidence_boxes"), "evidence_boxes"):
        box = clipped([_number(value) for value in entry["box"]])
        if box is None:
            notes.append(f"box {entry['box']} at {entry['time']} s is empty; left out")
        else:
            boxes.append((_number(entry["time"]), box))
    return Item(
        id=str(row["question_id"]), video=str(row["video"]), duration=duration, question=str(row["question"]),
        answer=str(row["answer"]).strip(), language=str(row.get("language") or "en"),
        domain=str(row.get("category") or ""), span=str(row.get("evidence_span") or ""),
        abilities=tuple(map(str, _list(row.get("annotation_capabilities"), "annotation_capabilities"))),
        windows=tuple(windows), boxes=tuple(boxes),
    )  # fmt: skip


def _list(value: Any, field: str) -> list[Any]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"{field} is not JSON") from error
    if not isinstance(value, list):
        raise ValueError(f"{field} is {type(value).__name__}, want a list")
    return value


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value!r} is not a time or coordinate")
    return number
