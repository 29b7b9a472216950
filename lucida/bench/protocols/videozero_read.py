"""VideoZeroBench's replies read with care: typed answers, times in any clock, boxes in a declared unit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from lucida.bench.protocols.evidence import Box, clipped, objects_iou
from lucida.bench.protocols.films import final_answer, plain, spaced, without_thoughts
from lucida.metrics.matchers import match_number, match_yesno
from lucida.metrics.parsing import parse_time

Window = tuple[float, float]
TIME_TOLERANCE = (
    0.1  # seconds between an asked key time and the time a reply gives it: labels have one decimal
)
UNITS = ("normalised", "thousand", "pixels")
MOST_FAILURES = 64  # brackets that open nothing readable, after which the rest of a reply is not searched

_OPEN = re.compile(r"[\[{]")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_CLOCK = re.compile(r"\d+:\d{2}(?::\d{2})?(?:\.\d+)?")
_CJK_NUMBERS = {word: str(n) for n, word in enumerate("零一二三四五六七八九十")} | {"两": "2", "〇": "0"}
_UNIT = r"(?:\s*(?:seconds?|secs?|s|秒)(?![a-z]))"
_TIME = r"(\d+:\d{1,2}(?::\d{1,2})?(?:\.\d+)?|\d+(?:\.\d+)?)"
_PAIR = re.compile(
    rf"(?:from\s+|between\s+|从\s*)?(?<![\w:.]){_TIME}(?P<u1>{_UNIT})?\s*(?:to|until|till|and|-|–|—|~|,|至|到)\s*"
    rf"(?:(?:at|second)\s+)?{_TIME}(?![\d:]|\.\d)(?P<u2>{_UNIT})?(?P<rest>\s*[a-z]+)?",
    re.IGNORECASE,
)


def answer_of(text: str, gold: str) -> tuple[str | None, bool]:
    """(the short answer, whether it is right), matched by the type of the truth: clock time, number, yes or no,
    list, words. An empty answer is ``None`` and wrong, whatever the truth."""
    said = final_answer(text)
    return (said, matches(said, gold)) if plain(said) else (None, False)


def matches(said: str, gold: str) -> bool:
    """Whether one short answer is the truth."""
    if _CLOCK.fullmatch(gold):
        return _CLOCK.search(said) is not None and parse_time(said) == parse_time(gold)
    if _NUMBER.fullmatch(gold):
        digits = re.sub(r"^[零一二两三四五六七八九十](?=$|[个人次辆只张条])", _to_digit, said)
        return match_number(spaced(digits), gold).ok
    if gold.lower() in ("yes", "no"):
        return match_yesno(said, gold.lower()).ok
    parts, heard = _parts(gold), _parts(said)
    if len(parts) > 1:
        return len(parts) == len(heard) and all(map(matches, heard, parts))
    if plain(said) == plain(gold):
        return True
    if gold.endswith("色") or said.endswith(
        "色"
    ):  # "red" and "the colour red" are two words in one language only
        return bool(gold.rstrip("色")) and said.rstrip("色") == gold.rstrip("色")
    return gold == "车" and len(said) <= 4 and said.endswith("车")


def _to_digit(match: re.Match[str]) -> str:
    return _CJK_NUMBERS[match.group(0)]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\s*(?:[,,、;]|\band\b)\s*", text) if part.strip()]


def windows_of(text: str) -> list[Window]:
    """Windows in a reply: JSON lists or objects, "from A to B", "between A and B", [A, B], with dashes, in seconds or
    clock time. A bare pair that goes on with another word ("3 to 5 people") is no window, nor is a backward one."""
    text = without_thoughts(text)
    found: list[Window] = []
    for value in json_values(text):
        found += _json_windows(value)
    if not found:
        for match in _PAIR.finditer(spaced(re.sub("[<>*`]", "", text))):
            first, second = match.group(1), match.group(3)
            timed = ":" in first + second or match["u1"] or match["u2"]
            rest = (match["rest"] or "").strip().lower()
            if timed or not rest or rest in ("and", "or", "then", "from"):
                a, b = parse_time(first), parse_time(second)
                if a is not None and b is not None:
                    found.append((a, b))
    return [(a, b) for a, b in found if a < b]


def _json_windows(value: Any) -> list[Window]:
    if isinstance(value, dict):
        pair = next((k for k in (("start", "end"), ("start_time", "end_time")) if set(k) <= set(value)), None)
        if pair:
            return _window(value[pair[0]], value[pair[1]])
        return [window for entry in value.values() for window in _json_windows(entry)]
    if isinstance(value, list):
        if len(value) == 2 and not any(isinstance(entry, (list, dict)) for entry in value):
            return _window(*value)
        return [window for entry in value for window in _json_windows(entry)]
    return []


def _window(first: Any, second: Any) -> list[Window]:
    a, b = parse_time(str(first)), parse_time(str(second))
    return [(a, b)] if a is not None and b is not None else []


def json_values(text: str) -> Iterator[Any]:
    """Every JSON list or object in ``text``, outermost first; of one cut off at the end, its whole members."""
    decoder, at, failed = json.JSONDecoder(), 0, 0
    while failed < MOST_FAILURES and (match := _OPEN.search(text, at)) is not None:
        try:
            value, at = decoder.raw_decode(text, match.start())
            yield value
        except (ValueError, RecursionError):
            at, failed = match.start() + 1, failed + 1


def boxes_of(
    text: str, unit: str, size: tuple[int, int] | None
) -> tuple[list[tuple[float, list[Box]]], list[str]]:
    """(boxes by the time a reply gives them, what could not be read). Prose around JSON is passed over; a malformed
    item costs itself only. A box that does not fit its ``unit`` is not read in another."""
    found: list[tuple[float, list[Box]]] = []
    troubles: list[str] = []
    if unit not in UNITS or (unit == "pixels" and size is None):
        return [], [
            f"unknown box unit {unit!r}"
            if unit not in UNITS
            else "boxes in pixels of a frame of unknown size"
        ]
    scale = {"normalised": (1.0, 1.0), "thousand": (1000.0, 1000.0)}.get(unit)
    if scale is None:
        assert size is not None  # checked above
        scale = (float(size[1]), float(size[0]))
    for item in _items(without_thoughts(text)):
        raw = item.get("bbox_2d", item.get("boxes", item.get("box")))
        time = parse_time(str(item.get("time")))
        if time is None or not isinstance(raw, list):
            troubles.append("an item without a time or boxes")
            continue
        boxes = []
        for entry in [raw] if raw and not isinstance(raw[0], list) else raw:
            box = _box(entry, scale)
            troubles += [] if box else [f"box {str(entry)[:60]} is not one in the unit {unit}"]
            boxes += [box] if box else []
        found.append((time, boxes))
    return found, troubles


def _items(text: str) -> Iterator[dict[str, Any]]:
    for value in json_values(text):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and ("time" in item or "bbox_2d" in item):
                yield item


def _box(raw: Any, scale: tuple[float, float]) -> Box | None:
    try:
        x0, y0, x1, y1 = (float(value) for value in raw)
    except (TypeError, ValueError):
        return None
    box = (x0 / scale[0], y0 / scale[1], x1 / scale[0], y1 / scale[1])
    inside = all(math.isfinite(value) and -0.01 <= value <= 1.01 for value in box)
    return clipped(box) if inside else None


def viou(
    truth: dict[float, Sequence[Box]],
    said: Sequence[tuple[float, list[Box]]],
    *,
    tolerance: float = TIME_TOLERANCE,
) -> float:
    """Mean over key times of :func:`objects_iou`; a time in the reply belongs to the nearest key time within
    ``tolerance``, and what several entries say of one key time is put together."""
    heard: dict[float, list[Box]] = {}
    for time, boxes in said:
        near = min(truth, key=lambda key: abs(key - time), default=None)
        if near is not None and abs(near - time) <= tolerance + 1e-9:
            heard.setdefault(near, []).extend(box for box in boxes if box not in heard.get(near, []))
    return (
        sum(objects_iou(boxes, heard.get(time, [])) for time, boxes in truth.items()) / len(truth)
        if truth
        else 0.0
    )
