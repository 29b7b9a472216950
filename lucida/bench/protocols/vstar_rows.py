"""V-STaR's replies into scored rows: answer, span and boxes of both chains."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lucida.bench.judge import Judge, Question
from lucida.bench.protocols.choices import verdict
from lucida.bench.protocols.evidence import Box
from lucida.bench.protocols.films import final_answer, plain, without_thoughts
from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.videozero_read import windows_of
from lucida.bench.protocols.vstar_items import Item
from lucida.bench.records import Reply, Row, Status
from lucida.metrics.geometry import box_iou, temporal_iou

CALLS = ("what", "chain1-when", "chain1-where", "chain2-where", "chain2-when")
_WORST: tuple[Status, ...] = ("missing", "error", "unparsed", "refused")
RUBRIC = (
    "Question: {question}\nTrue answer: {truth}\nAnswer to be judged: {said}\nHow well does it agree with the true "
    "answer? 0 not at all, 1 a little, 2 mostly, 3 fully."
)


class Scorer:
    """Scores items one by one."""

    def __init__(self, replies: Mapping[str, Reply], *, compat: bool, judge: Judge | None) -> None:
        self.replies, self.compat, self.judge = replies, compat, judge

    def row(self, item: Item) -> Row:
        """One item with all of its columns."""
        statuses: dict[str, Status] = {}
        said: dict[str, Any] = {}
        scores: dict[str, float] = {}
        why: dict[str, str] = {}
        for call in CALLS:
            reply = self.replies.get(f"{item.id}/{call}")
            statuses[call], why[call] = reply_status(reply)
            text = reply.raw if reply is not None and statuses[call] == "ok" else ""
            if call == "what":
                scores |= self._what(item, text, statuses)
                if text:
                    said["answer"] = final_answer(text)
                continue
            name = f"{'tiou' if call.endswith('when') else 'viou'}_{call[:6]}"
            value: float = 0.0
            if text and call.endswith("when"):
                span = released_span(text) if self.compat else span_of(text)
                value = float(temporal_iou(span, item.span)) if span else 0.0
                said[call] = span
            elif text and not (self.compat or _known_unit(reply)):
                said[call] = None
                why[call] = f"unknown box unit {reply.unit!r}" if reply is not None else ""
            elif text:
                boxes = boxes_by_second(text, reply, item, compat=self.compat)
                value = sum(_best(boxes.get(second, []), box) for second, box in item.boxes) / len(item.boxes)
                said[call] = {
                    str(second): [list(box) for box in found] for second, found in boxes.items()
                } or None
            if text and said[call] is None:
                statuses[call] = "unparsed"
            if not (self.compat and statuses["what"] in ("missing", "error")):
                scores[name] = value
        parts = [f"{name}_chain{chain}" for name in ("tiou", "viou") for chain in (1, 2)]
        if all(name in scores for name in parts):  # linear, so its mean is the published figure
            scores["mAM"] = (scores["accuracy"] + sum(scores[name] for name in parts) / 2) / 3
        status: Status = "ok"
        for word in reversed(_WORST):
            status = word if word in statuses.values() else status
        failed = {call: word for call, word in statuses.items() if word != "ok"}
        bad = ", ".join(
            f"{call} {word}" + (f": {why[call]}" if why[call] else "") for call, word in failed.items()
        )
        return Row(
            id=item.id, item=item.id, cluster=item.video, scores=scores, status=status, note=bad, meta=item.meta,
            parsed={**said, "windows": [list(said["chain1-when"])] if said.get("chain1-when") else [],
                    "boxes": _drawn(said.get("chain1-where"), item)},
            gold={"answer": item.answer, "windows": [list(item.span)], "boxes": [
                [second, [box[0] / item.size[1], box[1] / item.size[0], box[2] / item.size[1], box[3] / item.size[0]]]
                for second, box in item.boxes
            ]},
            requests=tuple(f"{item.id}/{call}" for call in CALLS),
        )  # fmt: skip

    def _what(self, item: Item, text: str, statuses: dict[str, Status]) -> dict[str, float]:
        answer = final_answer(text)
        scores = {"accuracy": float(bool(plain(answer)) and plain(answer) == plain(item.answer))}
        if self.judge is None:
            return scores
        if scores["accuracy"] and not self.compat:  # typed matchers first: the same words need no judge
            return {**scores, "judged_accuracy": 1.0}
        rating = None
        if text:
            prompt = RUBRIC.format(question=item.question, truth=item.answer, said=text)
            rating = verdict(
                self.judge, Question(prompt=prompt, options=("0", "1", "2", "3"), rubric="vstar/1")
            )
            if rating is None:
                statuses["what"] = "refused"
        return {**scores, "judged_accuracy": float(rating is not None and rating >= 2)}


def released_span(text: str) -> tuple[float, float] | None:
    """Exactly two numbers in the whole reply, in order; anything else is nothing."""
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and numbers[0] <= numbers[1] else None


def span_of(text: str) -> tuple[float, float] | None:
    """The one span in a reply, in any clear form; two different spans are none. A span of one moment counts."""
    found = set(windows_of(text))
    return found.pop() if len(found) == 1 else None if found else released_span(without_thoughts(text))


def boxes_by_second(text: str, reply: Reply | None, item: Item, *, compat: bool) -> dict[int, list[Box]]:
    """Boxes in native pixels by whole second.

    Boxes in pixels of a smaller shown frame, per mille or fractions (``reply.unit``) are brought to native pixels;
    the released code has this step and never calls it.
    """
    match = re.search(r"\{.*\}", text if compat else without_thoughts(text), re.DOTALL)
    try:
        document = json.loads(match.group(0)) if match else None
    except (ValueError, RecursionError):
        document = None
    found: dict[int, list[Box]] = {}
    x, y = (1.0, 1.0) if compat else _scale(reply, item)
    for key, value in document.items() if isinstance(document, dict) else ():
        second = re.fullmatch(r"\s*(\d+)(?:\.\d*)?\s*(?:s|sec|seconds)?\s*", str(key))
        if second is None or (compat and key != second.group(1)):
            continue
        for raw in value if isinstance(value, list) and value and isinstance(value[0], list) else [value]:
            try:
                x0, y0, x1, y1 = (float(number) for number in raw)
            except (TypeError, ValueError):
                continue
            if x0 < x1 < float("inf") and y0 < y1 < float("inf"):
                found.setdefault(int(second.group(1)), []).append((x0 * x, y0 * y, x1 * x, y1 * y))
    return found


def _scale(reply: Reply | None, item: Item) -> tuple[float, float]:
    height, width = item.size
    unit = reply.unit if reply is not None else ""
    if unit in ("normalised", "thousand"):
        return (width, height) if unit == "normalised" else (width / 1000, height / 1000)
    if unit == "pixels" and reply is not None and reply.frame_size is not None:
        return width / reply.frame_size[1], height / reply.frame_size[0]
    return 1.0, 1.0  # the prompt asks for native pixels


def _known_unit(reply: Reply | None) -> bool:
    unit = reply.unit if reply is not None else ""
    return unit in ("", "pixels", "normalised", "thousand")


def _drawn(boxes: Mapping[str, list[list[float]]] | None, item: Item) -> list[list[Any]]:
    """Boxes by second as reports draw them: normalised."""
    height, width = item.size
    return [
        [float(second), [box[0] / width, box[1] / height, box[2] / width, box[3] / height]]
        for second, found in (boxes or {}).items()
        for box in found
    ]


def _best(boxes: list[Box], truth: Box) -> float:
    return max((float(box_iou(box, truth)) for box in boxes), default=0.0)
