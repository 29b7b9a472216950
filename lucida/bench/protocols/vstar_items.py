"""V-STaR's test file into typed items."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lucida.bench.protocols.evidence import Box


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question. ``span``: seconds. ``boxes``: (whole second, xyxy in native pixels). ``size``: (height, width)."""

    id: str
    video: str
    size: tuple[int, int]
    duration: float
    question: str
    answer: str
    temporal: str
    spatial: str
    spatial2: str
    span: tuple[float, float]
    boxes: tuple[tuple[int, Box], ...]
    domain: str = ""

    @property
    def seconds(self) -> list[int]:
        """The whole seconds within the span, which chain 1 is told; those of the boxes where there is none."""
        inside = list(range(math.ceil(self.span[0]), math.floor(self.span[1]) + 1))
        return inside or [second for second, _ in self.boxes]

    @property
    def meta(self) -> dict[str, Any]:
        """Domain, and the published bins of length."""
        length = "< 60 s" if self.duration < 60 else "60-180 s" if self.duration < 180 else ">= 180 s"
        return {"domain": self.domain, "length": length}

    def oracle(self) -> dict[str, str]:
        """The truth in the asked formats, by call."""
        when = json.dumps(list(self.span))
        where = json.dumps({str(second): list(box) for second, box in self.boxes})
        return {"what": self.answer, "chain1-when": when, "chain1-where": where, "chain2-where": where,
                "chain2-when": when}  # fmt: skip


def read_items(name: str, rows: Sequence[Any], problems: list[str]) -> list[Item]:
    """All usable rows; ids are positions in the file, since ``vid`` comes many times. Others go to ``problems``.

    A row that says the same as one before is named and counts too: the published figures are over all rows.
    """
    items, seen = [], dict[str, int]()
    for number, row in enumerate(rows):
        try:
            if not isinstance(row, Mapping):
                raise ValueError("not an object")
            items.append(_item(str(number), row))
            first = seen.setdefault(json.dumps(row, sort_keys=True, default=str), number)
            if first != number:
                problems.append(f"{name}: row {number}: the same as row {first}; both count")
        except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
            what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(f"{name}: row {number}: {what}; left out")
    return items


def _item(key: str, row: Mapping[str, Any]) -> Item:
    size = (int(row["height"]), int(row["width"]))
    if min(size) < 1 or float(row["fps"]) <= 0:
        raise ValueError(f"size is {size}, fps {row['fps']}")
    start, end = (float(value) for value in row["timestamps"])
    if not (math.isfinite(start) and math.isfinite(end)) or end < start:
        raise ValueError(f"timestamps are {row['timestamps']}")
    boxes = []
    for entry in row["bboxes"]:
        box = tuple(float(entry[side]) for side in ("xmin", "ymin", "xmax", "ymax"))
        if not all(map(math.isfinite, box)) or box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError(f"box at {entry['timestamp']} is {box}")
        boxes.append((int(float(entry["timestamp"])), box))
    if not boxes:
        raise ValueError("no boxes")
    video = str(row["vid"])
    return Item(
        id=key, video=video if "." in video else f"{video}.mp4", size=size,
        duration=float(row["frame_count"]) / float(row["fps"]), question=str(row["question"]),
        answer=str(row["answer"]),
        temporal=str(row["temporal_question"]), spatial=str(row["spatial_question"]),
        spatial2=str(row["spatial_question_2"]), span=(start, end), boxes=tuple(boxes),
        domain=str(row.get("domain") or ""),
    )  # fmt: skip
