"""Annotations of temporal grounding, in the forms in which they are published, into one typed item."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucida.bench.protocols.pictures import read_json
from lucida.media.errors import InputError
from lucida.metrics.parsing import parse_span

Window = tuple[float, float]
PATTERNS = (
    "charades_sta_test.txt", "charades_sta*.txt", "highlight*.jsonl", "tvgbench*.json*", "*grounding*.json*",
    "annotations.json*", "test.json*",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Item:
    """One query. ``several``: any number of windows may be right. ``duration``: seconds, 0 where it is not known."""

    id: str
    video: str
    query: str
    windows: tuple[Window, ...]
    duration: float = 0.0
    several: bool = False
    source: str = ""

    @property
    def meta(self) -> dict[str, Any]:
        """Breakdown keys."""
        length = sum(b - a for a, b in self.windows)
        bins = "< 5 s" if length < 5 else "5-15 s" if length < 15 else ">= 15 s"
        return {"evidence": bins, "windows": len(self.windows), "query": self.query,
                **({"source": self.source} if self.source else {})}  # fmt: skip


def read_items(path: Path, problems: list[str]) -> list[Item]:
    """All usable queries; the others are named in ``problems``.

    Raises:
        InputError: the file cannot be read.
    """
    items: list[Item] = []
    seen: set[str] = set()
    for where, row in _rows(path, problems):
        try:
            item = _charades(row, where) if isinstance(row, str) else _record(row, where)
            if item.id in seen:
                raise ValueError(f"id {item.id!r} again")
        except (ValueError, KeyError, TypeError) as error:
            what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(f"{path.name}: {where}: {what}; left out")
            continue
        seen.add(item.id)
        items.append(item)
    return items


def _rows(path: Path, problems: list[str]) -> Iterator[tuple[str, Any]]:
    if path.suffix == ".json":
        for number, row in enumerate(read_json(path, list, problems)):
            yield str(number), row
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if path.suffix != ".jsonl":
            yield str(number), line
            continue
        try:
            yield str(number), json.loads(line)
        except (ValueError, RecursionError):
            problems.append(f"{path.name}: {number}: not JSON; left out")


def _charades(line: str, key: str) -> Item:
    """``VIDEO START END##QUERY``."""
    head, mark, query = line.partition("##")
    fields = head.split()
    if not mark or len(fields) != 3 or not query.strip():
        raise ValueError(f"not VIDEO START END##QUERY: {line[:60]!r}")
    return Item(id=key, video=_named(fields[0]), query=query.strip(), windows=(_window(fields[1:]),))


def _record(row: Any, key: str) -> Item:
    if not isinstance(row, Mapping):
        raise ValueError("not an object")
    video = str(next((row[name] for name in ("video", "path", "vid", "video_path") if name in row), ""))
    query = str(next((row[name] for name in ("query", "question", "caption", "sentence") if name in row), ""))
    if not video or not query.strip():
        raise ValueError("no video or no query")
    name, value = next(((k, row[k]) for k in ("relevant_windows", "windows", "timestamp", "timestamps", "answer")
                        if k in row), ("", None))  # fmt: skip
    several = name in ("relevant_windows", "windows")
    if isinstance(value, str):
        value = parse_span(value)
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("no time span")
    windows = tuple(_window(entry) for entry in value) if isinstance(value[0], list) else (_window(value),)
    duration = float(row.get("duration") or 0.0)
    if not math.isfinite(duration) or duration < 0:
        raise ValueError(f"duration is {row['duration']!r}")
    return Item(
        id=str(row.get("qid", row.get("id", key))), video=_named(video), query=query.strip(), windows=windows,
        duration=duration, several=several or len(windows) > 1, source=str(row.get("dataset_name") or ""),
    )  # fmt: skip


def _window(values: Any) -> Window:
    start, end = (float(value) for value in values)
    if not (math.isfinite(start) and math.isfinite(end)) or not 0 <= start < end:
        raise ValueError(f"span {start:g} to {end:g} has no length")
    return start, end


def _named(video: str) -> str:
    return video if Path(video).suffix else f"{video}.mp4"
