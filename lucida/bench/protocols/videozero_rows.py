"""VideoZeroBench's replies into scored rows, one for each question and level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.videozero_items import Item
from lucida.bench.protocols.videozero_read import answer_of, boxes_of, viou, windows_of
from lucida.bench.protocols.videozero_released import (
    released_answer,
    released_match,
    released_tiou,
    released_unit,
    released_viou,
    released_windows,
)
from lucida.bench.records import Reply, Row, Status
from lucida.metrics.geometry import spans_iou

PASS = 0.3
"""Evidence passes above this IoU; exactly 0.3 fails, as published."""


class Scorer:
    """Scores questions one by one. ``unit`` is what the prompt asked for; ``None``: as if the process had forgotten."""

    def __init__(self, replies: Mapping[str, Reply], *, compat: bool, unit: str | None) -> None:
        self.replies, self.compat, self.unit = replies, compat, unit

    def rows(self, item: Item) -> list[Row]:
        """Levels 1 to 5. 4 and 5 rest on level 3 too; without windows or boxes they have no reply of their own."""
        rows = [self._answer(item, level) for level in (1, 2, 3)]
        right = rows[-1].scores["level3"] > 0
        when = self._when(item, right)
        timed = when.scores.get("tiou", 0.0) > PASS
        return [*rows, when, self._where(item, right and timed)]

    def _answer(self, item: Item, level: int) -> Row:
        reply, status, note = self._get(item, level)
        said, right = None, False
        if reply is not None and reply.error is None:
            if self.compat:  # an empty reply is matched too
                said, right = released_answer(reply.raw), released_match(reply.raw, item.answer)
            elif status == "ok":
                said, right = answer_of(reply.raw, item.answer)
                status = "ok" if said is not None else "unparsed"
        gold = {"answer": item.answer, "windows": _windows(item), "boxes": _boxes(item)}
        return self._row(
            item, level, {f"level{level}": float(right)}, status, note, said and {"answer": said}, gold
        )

    def _when(self, item: Item, right: bool) -> Row:
        if not item.windows:
            return self._row(item, 4, {"level4": 0.0}, "ok", "no windows are annotated: it cannot pass")
        reply, status, note = self._get(item, 4)
        tiou, said = 0.0, []
        if status == "ok" and reply is not None:
            said = released_windows(reply.raw) if self.compat else windows_of(reply.raw)
            status = "ok" if said else "unparsed"
            if said:
                tiou = (
                    released_tiou(reply.raw, item.windows)
                    if self.compat
                    else spans_iou(said, list(item.windows))
                )
        scores = {"tiou": tiou, "level4": float(right and tiou > PASS)}
        return self._row(item, 4, scores, status, note, {"windows": said} if said else None,
                         {"windows": _windows(item)})  # fmt: skip

    def _where(self, item: Item, before: bool) -> Row:
        if not item.boxes:
            return self._row(item, 5, {"level5": 0.0}, "ok", "no boxes are annotated: it cannot pass")
        reply, status, note = self._get(item, 5)
        value, said = 0.0, []
        if status == "ok" and reply is not None:
            if self.compat:
                unit = None if self.unit is None else released_unit(reply)
                value, void = released_viou(reply, item.boxes, unit=unit)
                said = [] if void is None else list(void.items())
                note = "the whole reply is void" if void is None else note
            else:
                said, troubles = boxes_of(reply.raw, reply.unit or self.unit or "", reply.frame_size)
                value = viou({time: item.boxes_at(time) for time in item.key_times}, said)
                note = "; ".join(dict.fromkeys(troubles)) or note
            status = "ok" if any(boxes for _, boxes in said) else "unparsed"
        scores = {"viou": value, "level5": float(before and value > PASS)}
        parsed = [[time, list(box)] for time, boxes in said for box in boxes]
        return self._row(item, 5, scores, status, note, {"boxes": parsed} if parsed else None,
                         {"boxes": _boxes(item)})  # fmt: skip

    def _get(self, item: Item, level: int) -> tuple[Reply | None, Status, str]:
        reply = self.replies.get(f"{item.id}/level{level}")
        return reply, *reply_status(reply)

    def _row(
        self, item: Item, level: int, scores: dict[str, float], status: Status, note: str, parsed: Any = None,
        gold: Any = None,
    ) -> Row:  # fmt: skip
        levels = {4: (3, 4), 5: (3, 4, 5)}.get(level, (level,))
        has = {4: bool(item.windows), 5: bool(item.boxes)}
        asked = tuple(f"{item.id}/level{n}" for n in levels if has.get(n, True))
        meta = {
            "level": level, "domain": item.domain, "ability": list(item.abilities), "evidence": item.span,
            "language": item.language,
        }  # fmt: skip
        return Row(
            id=f"{item.id}/level{level}", item=item.id, cluster=item.video, scores=scores, status=status, note=note,
            parsed=parsed, gold=gold, meta=meta, requests=asked,
        )  # fmt: skip


def _windows(item: Item) -> list[list[float]]:
    return [list(window) for window in item.windows]


def _boxes(item: Item) -> list[list[Any]]:
    return [[time, list(box)] for time, box in item.boxes]
