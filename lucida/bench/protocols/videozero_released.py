"""VideoZeroBench's released scorer, quirks and all, written from its observed behaviour. For ``compat`` only."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from lucida.bench.protocols.evidence import Box, clipped, pixels_iou
from lucida.bench.records import Reply
from lucida.metrics.geometry import spans_iou

Window = tuple[float, float]
_COLOUR, _VEHICLE = "色", "车"
_T = r"(?<![\d:.])(\d+:\d{2}(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d:])"
_TO = re.compile(rf"(?:from\s+)?{_T}\s*(?:[^\W\d_]+\s+)?to\s+{_T}", re.IGNORECASE)
_DASH = re.compile(rf"{_T}\s*[-–—~]\s*{_T}")


def released_answer(text: str) -> str:
    """Inside of the answer tags, else the whole; fence, outer quotes, spaces and full stops off."""
    tagged = re.search(r"<answer>(.*?)</answer>", text, re.DOTALL | re.IGNORECASE)
    text = (tagged.group(1) if tagged else text).strip()
    fenced = re.fullmatch(r"```\w*\s*(.*?)\s*```", text, re.DOTALL)
    return (fenced.group(1) if fenced else text).strip().strip("\"'“”‘’").rstrip(".。").strip()


def released_match(text: str, gold: str) -> bool:
    """Equality, case-blind for Latin truths. A truth with the character for colour accepts any part of itself, the
    empty reply too; the character for vehicle alone is looked for anywhere in the reply."""
    said = released_answer(text)
    if gold.isascii() and gold.isdigit():
        return said == gold
    if re.search("[A-Za-z]", gold):
        return said.lower() == gold.lower()
    if _COLOUR in gold:
        return said in gold
    if gold == _VEHICLE:
        return gold in said
    return said == gold


def released_windows(text: str) -> list[Window]:
    """ "A to B" and "A - B" wherever they occur, seconds or M:SS; reasoning is not stripped, backward pairs dropped."""
    text = text.replace("<", "").replace(">", "")
    found = [
        (match.start(), *map(_seconds, match.groups()))
        for form in (_TO, _DASH)
        for match in form.finditer(text)
    ]
    return [(start, end) for _, start, end in sorted(found) if start < end]


def _seconds(text: str) -> float:
    minutes, _, seconds = text.rpartition(":")
    return 60 * float(minutes or 0) + float(seconds)


def released_tiou(text: str, truth: Sequence[Window]) -> float:
    """IoU of the unions; 0 without a window on either side."""
    said = released_windows(text)
    return spans_iou(said, list(truth)) if said and truth else 0.0


def released_unit(reply: Reply) -> str:
    """The unit of boxes that goes with the model's class name."""
    name = reply.model.lower()
    return "thousand" if "qwen3" in name else "pixels" if "qwen2" in name else "normalised"


def released_boxes(
    text: str, unit: str | None, size: tuple[int, int] | None
) -> dict[float, list[Box]] | None:
    """Boxes by second at two decimals; ``None`` where the reply is void: not JSON as a whole, an item malformed or
    without boxes, or no unit set (as when a saved file is scored again). A time that comes twice keeps its last boxes.
    """
    text = text.strip()
    fenced = re.fullmatch(r"```\w*\s*(.*?)\s*```", text, re.DOTALL)
    try:
        items = json.loads(fenced.group(1) if fenced else text)
        if unit is None or not isinstance(items, list) or not items or (unit == "pixels" and size is None):
            return None
        found: dict[float, list[Box]] = {}
        for item in items:
            boxes = item["bbox_2d"]
            if not boxes:
                return None
            found[_key(float(item["time"]))] = [
                box for raw in boxes if (box := _scaled(raw, unit, size)) is not None
            ]
        return found
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None


def _scaled(raw: Any, unit: str, size: tuple[int, int] | None) -> Box | None:
    x0, y0, x1, y1 = map(float, raw)
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise ValueError("not finite")
    height, width = (1000, 1000) if unit == "thousand" else size if unit == "pixels" and size else (1, 1)
    return clipped((x0 / width, y0 / height, x1 / width, y1 / height))


def _key(time: float) -> float:
    return round(time, 2)


def released_viou(
    reply: Reply, truth: Sequence[tuple[float, Box]], *, unit: str | None
) -> tuple[float, dict[float, list[Box]] | None]:
    """(mean over key times of the IoU as sets of pixels, boxes read). Times must agree to 0.01 s."""
    said = released_boxes(reply.raw, unit, reply.frame_size)
    gold: dict[float, list[Box]] = {}
    for time, box in truth:
        gold.setdefault(_key(time), []).append(box)
    if not said or not gold:
        return 0.0, said
    return sum(pixels_iou(boxes, said.get(time, [])) for time, boxes in gold.items()) / len(gold), said
