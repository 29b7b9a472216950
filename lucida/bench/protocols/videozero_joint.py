"""Joint mode on VideoZeroBench's data: the answer and its evidence in one reply, and probes of whether it mattered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.evidence import Box
from lucida.bench.protocols.films import Prompts, final_answer, mean, plain, replies_of, without_thoughts
from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.videozero import SYSTEM, VideoZeroBench, meta_of
from lucida.bench.protocols.videozero_items import Item, Window
from lucida.bench.protocols.videozero_read import answer_of, boxes_of, json_values, windows_of
from lucida.bench.protocols.videozero_rows import PASS
from lucida.bench.records import Reply, Request, Row, Score
from lucida.media.errors import InputError
from lucida.metrics.geometry import box_iou, spans_iou

NEAR = 0.5  # seconds between a box of the reply, at a time of its own, and the key time it is held against
PROBES = ("removed", "random", "swapped")
PROMPT = (
    "The video is {{duration}} seconds long; {{frames}} of its frames are shown.\nQuestion: {{question}}\n"
    'Reply with JSON only: {"answer": "the final answer", "evidence": [{"start": seconds, "end": seconds}, ...], '
    '"boxes": [{"time": seconds, "bbox_2d": [[x1, y1, x2, y2], ...]}, ...]}. Give the stretches that show what '
    "your answer rests on, and boxes at times of your choice. Coordinates run from 0 to 1000 in both directions."
)


class VideoZeroJoint(Protocol):
    """One call a question; then, for replies that cite windows, three probes: the cited frames removed, as much removed
    elsewhere at random, and the windows of another question told as if they were the evidence.

    Precision and recall of time are shares of seconds, of boxes shares of boxes (IoU above 0.3 at the key time within
    half a second). ``joint`` is answer and time right; its lift is over what independence of both would give.
    """

    name = "videozero-joint"
    title = "VideoZeroBench, joint"
    licence = VideoZeroBench.licence
    headline = "joint"

    def __init__(self, base: VideoZeroBench, requests: Sequence[Request]) -> None:
        self.items, self._requests, self.problems = base.items, requests, base.problems
        self.sources = base.sources

    @classmethod
    def load(cls, data: Path, **options: Any) -> Self:
        """Read VideoZeroBench's files; ``frames`` and ``height`` as there.

        Raises:
            InputError: as there; any other option.
        """
        unknown = set(options) - {"frames", "height"}
        if unknown:
            raise InputError(f"{cls.name}: unknown option {min(unknown)!r}")
        base = VideoZeroBench.load(data, **options)
        words = Prompts({"joint": PROMPT})
        asked = {request.item: request for request in base.requests() if request.id.endswith("/level3")}
        return cls(base, [
            replace(
                asked[item.id], id=f"{item.id}/joint", system=SYSTEM, meta={**meta_of(item, 0), "level": "joint"},
                prompt=words.fill("joint", question=item.question),
            )
            for item in base.items
        ])  # fmt: skip

    def requests(self) -> Sequence[Request]:
        """One per question."""
        return self._requests

    def follow_ups(self, replies: Mapping[str, Reply]) -> Sequence[Request]:
        """The probes of every reply that has an answer and cites windows."""
        found = []
        for k, (item, request) in enumerate(zip(self.items, self._requests, strict=True)):
            said = read_joint(replies.get(request.id), item)
            windows = tuple(
                (max(0.0, a), min(b, item.duration)) for a, b in said["windows"] if a < item.duration
            )
            if said["answer"] is None or not windows:
                continue
            other = next(
                (o for o in (*self.items[k + 1 :], *self.items[:k]) if o.windows and o.id != item.id), None
            )
            told = "; ".join(f"{a:.2f} to {b:.2f} seconds" for a, b in other.windows) if other else ""
            ask = f"Question: {item.question}\nReply with the final answer only."
            for probe in PROBES:
                if probe == "swapped" and not told:
                    continue
                gone = {"removed": windows, "random": elsewhere(item, windows)}.get(probe, ())
                found.append(replace(
                    request, id=f"{request.id}/{probe}", meta={**request.meta, "level": probe},
                    frames=replace(request.frames, without=gone),
                    prompt=(f"What matters happens at {told}.\n" if probe == "swapped" else "") + ask,
                ))  # fmt: skip
        return found

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Answer, evidence, both, lift, and how often each probe changes the answer; in per cent but the lift."""
        rows = [self._row(item, replies) for item in self.items]
        names = list(dict.fromkeys(name for row in rows for name in row.scores))
        summary = {name: mean(row.scores[name] for row in rows if name in row.scores) for name in names}
        timed = [row for row in rows if "timed" in row.scores]
        apart = mean(row.scores["answer"] for row in timed) * mean(row.scores["timed"] for row in timed) / 100
        if apart > 0:
            summary["lift"] = mean(row.scores["joint"] for row in timed) / apart
        ceilings = {"joint": 100 * len(timed) / len(rows)}
        notes = [
            "lift is over the questions with windows; 1 means that answer and evidence have nothing to do with it"
        ]
        return self.make_score(rows, summary, compat=compat, ceilings=ceilings, notes=notes)

    def _row(self, item: Item, replies: Mapping[str, Reply]) -> Row:
        key = f"{item.id}/joint"
        status, note = reply_status(replies.get(key))
        said = read_joint(replies.get(key), item)
        if status == "ok" and said["answer"] is None:
            status = "unparsed"
        right = said["answer"] is not None and answer_of(said["answer"], item.answer)[1]
        scores = {"answer": float(right), "joint": 0.0}
        if item.windows:
            tiou = spans_iou(said["windows"], list(item.windows)) if said["windows"] else 0.0
            both = _overlap(said["windows"], item.windows)
            scores |= {
                "tiou": tiou, "timed": float(tiou > PASS), "joint": float(right and tiou > PASS),
                "time precision": both / (_length(said["windows"]) or 1.0), "time recall": both / _length(item.windows),
            }  # fmt: skip
        if item.boxes:
            hits, found = _box_hits(item, said["boxes"])
            scores |= {
                "box precision": hits / max(1, len(said["boxes"])),
                "box recall": found / len(item.boxes),
            }
        asked = [key]
        for probe in PROBES:
            reply = replies.get(f"{key}/{probe}")
            if said["answer"] is not None and reply is not None and reply.error is None:
                asked.append(reply.id)
                changed = plain(final_answer(reply.raw)) != plain(said["answer"])
                scores[f"changed when {probe}"] = float(changed)
        parsed = {**said, "boxes": [[time, list(box)] for time, box in said["boxes"]]}
        return Row(
            id=key, item=item.id, cluster=item.video, scores=scores, status=status, note=note, requests=tuple(asked),
            parsed=parsed if said["answer"] is not None else None, meta=meta_of(item, 0),
            gold={"answer": item.answer, "windows": [list(w) for w in item.windows],
                  "boxes": [[time, list(box)] for time, box in item.boxes]},
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """The whole video and "unknown"; the truth; the truth with evidence that misses."""
        texts: dict[str, dict[str, str]] = {"whole-video": {}, "oracle": {}, "oracle-wrong-evidence": {}}
        for item in self.items:
            end = max((b for _, b in item.windows), default=0.0)
            for name, answer, windows in (
                ("whole-video", "unknown", [(0.0, item.duration)]), ("oracle", item.answer, list(item.windows)),
                ("oracle-wrong-evidence", item.answer, [(end + 1, end + 2)]),
            ):  # fmt: skip
                boxes = [{"time": t, "bbox_2d": [[1000 * v for v in box]]} for t, box in item.boxes]
                texts[name][f"{item.id}/joint"] = json.dumps({
                    "answer": answer, "evidence": [{"start": a, "end": b} for a, b in windows],
                    "boxes": boxes if name == "oracle" else [],
                })  # fmt: skip
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}


def read_joint(reply: Reply | None, item: Item) -> dict[str, Any]:
    """``answer`` (None: unreadable), ``windows`` and ``boxes`` (second, normalised box) of one reply."""
    nothing: dict[str, Any] = {"answer": None, "windows": [], "boxes": []}
    if reply is None or reply.error is not None:
        return nothing
    text = without_thoughts(reply.raw)
    document = next(
        (value for value in json_values(text) if isinstance(value, dict) and "answer" in value), None
    )
    answer = document.get("answer") if document else None
    if (
        document is None
        or isinstance(answer, (bool, dict, list))
        or not plain(str(answer or "0" * (answer == 0)))
    ):
        return nothing
    boxes, _ = boxes_of(json.dumps(document.get("boxes") or []), reply.unit or "thousand", reply.frame_size)
    windows = windows_of(json.dumps(document.get("evidence") or []))
    return {
        "answer": str(answer),
        "windows": windows,
        "boxes": [(time, box) for time, found in boxes for box in found],
    }


def elsewhere(item: Item, windows: Sequence[Window]) -> tuple[Window, ...]:
    """Windows of the same lengths at random places (seeded by the question), clear of ``windows`` where possible."""
    rng = np.random.default_rng(list(item.id.encode()))
    found = []
    for a, b in windows:
        length = min(b - a, item.duration)
        for _ in range(50):
            start = float(rng.uniform(0.0, item.duration - length))
            if not any(start < w[1] and w[0] < start + length for w in windows):
                break
        found.append((start, start + length))
    return tuple(found)


def _merged(windows: Sequence[Window]) -> list[Window]:
    merged: list[Window] = []
    for a, b in sorted(windows):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged


def _length(windows: Sequence[Window]) -> float:
    return sum(b - a for a, b in _merged(windows))


def _overlap(first: Sequence[Window], second: Sequence[Window]) -> float:
    pairs = [(max(a, c), min(b, d)) for a, b in _merged(first) for c, d in _merged(second)]
    return sum(max(0.0, b - a) for a, b in pairs)


def _box_hits(item: Item, said: Sequence[tuple[float, Box]]) -> tuple[int, int]:
    """(boxes of the reply that hit a true one, true boxes that are hit)."""
    hits, found = 0, set()
    for time, box in said:
        near = [n for n, (at, truth) in enumerate(item.boxes)
                if abs(at - time) <= NEAR and float(box_iou(box, truth)) > PASS]  # fmt: skip
        hits += bool(near)
        found |= set(near)
    return hits, len(found)
