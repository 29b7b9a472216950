"""Joint mode on VideoZeroBench's data: the answer and its evidence in one reply, and probes of whether it mattered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.evidence import Box
from lucida.bench.protocols.films import Prompts, final_answer, mean, plain, without_thoughts
from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.videozero import SYSTEM, VideoZeroBench, meta_of
from lucida.bench.protocols.videozero_items import Item, Window
from lucida.bench.protocols.videozero_probes import cited, elsewhere, length, overlap
from lucida.bench.protocols.videozero_read import answer_of, boxes_of, json_values, windows_of
from lucida.bench.protocols.videozero_rows import PASS
from lucida.bench.records import Reply, Request, Row, Score, replies_of
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
    elsewhere at random (both only where there is room elsewhere), and the windows of another question told as if they
    were the evidence.

    Precision and recall of time are shares of seconds, of boxes shares of boxes (IoU above 0.3 at the key time within
    half a second). ``joint`` is answer and time right; its lift is over what independence of both would give.
    """

    name = "videozero-joint"
    title = "VideoZeroBench, joint"
    licence = VideoZeroBench.licence
    headline = "joint"

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items

    @classmethod
    def load(cls, data: Path, **options: Any) -> Self:
        """Read VideoZeroBench's files; ``frames`` and ``height`` as there.

        Raises:
            InputError: as there; any other option.
        """
        cls.only_known({name: value for name, value in options.items() if name not in ("frames", "height")})
        base = VideoZeroBench.load(data, **options)
        words = Prompts({"joint": PROMPT})
        asked = {request.item: request for request in base.requests() if request.id.endswith("/level3")}
        joint = [
            replace(
                asked[item.id], id=f"{item.id}/joint", system=SYSTEM, meta={**meta_of(item, 0), "level": "joint"},
                prompt=words.fill("joint", question=item.question),
            )
            for item in base.items
        ]  # fmt: skip
        found = cls(base.items).loaded(data, base.sources, joint, ())
        found.problems = base.problems  # with its missing videos: they are the same
        return found

    def follow_ups(self, replies: Mapping[str, Reply]) -> Sequence[Request]:
        """The probes of every reply that has an answer and cites windows."""
        found = []
        for k, (item, request) in enumerate(zip(self.items, self.requests(), strict=True)):
            said = read_joint(replies.get(request.id), item)
            windows = cited(said, item)
            if said["answer"] is None or not windows:
                continue
            apart = elsewhere(item, windows)
            other = next(
                (o for o in (*self.items[k + 1 :], *self.items[:k]) if o.windows and o.id != item.id), None
            )
            told = "; ".join(f"{a:.2f} to {b:.2f} seconds" for a, b in other.windows) if other else ""
            ask = f"Question: {item.question}\nReply with the final answer only."
            for probe in PROBES:
                if not (told if probe == "swapped" else apart):
                    continue
                gone = {"removed": windows, "random": apart}.get(probe, ())
                found.append(replace(
                    request, id=f"{request.id}/{probe}", meta={**request.meta, "level": probe},
                    frames=replace(request.frames, without=gone),
                    prompt=(f"What matters happens at {told}.\n" if probe == "swapped" else "") + ask,
                ))  # fmt: skip
        return found

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Answer, evidence, both, lift; how often each probe changes the answer, and how often it is right then.

        In per cent but the lift.
        """
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
        saids = [(item, read_joint(replies.get(f"{item.id}/joint"), item)) for item in self.items]
        cites = [(item, cited(said, item)) for item, said in saids if said["answer"] is not None]
        crowded = sum(bool(windows) and not elsewhere(item, windows) for item, windows in cites)
        if crowded:
            notes.append(
                f"{crowded} replies cite so much that as much cannot be removed elsewhere: their frames are left"
            )
        lost = [f"{row.id}: {row.note}" for row in rows if row.note.startswith("probe")]
        if lost:
            notes.append(f"{len(lost)} questions lack a probe's reply and count in no mean of it: {lost[0]}")
        return self.make_score(rows, summary, compat=compat, ceilings=ceilings, notes=notes)

    def _row(self, item: Item, replies: Mapping[str, Reply]) -> Row:
        key = f"{item.id}/joint"
        status, note = reply_status(replies.get(key))
        said = read_joint(replies.get(key), item)
        if status == "ok" and said["answer"] is None:
            status = "unparsed"
        troubles = said.pop("troubles")
        note = note or "; ".join(dict.fromkeys(troubles))
        right = said["answer"] is not None and answer_of(said["answer"], item.answer)[1]
        scores = {"answer": float(right), "joint": 0.0}
        if item.windows:
            tiou = spans_iou(said["windows"], list(item.windows)) if said["windows"] else 0.0
            both = overlap(said["windows"], item.windows)
            scores |= {
                "tiou": tiou, "timed": float(tiou > PASS), "joint": float(right and tiou > PASS),
                "time precision": both / (length(said["windows"]) or 1.0), "time recall": both / length(item.windows),
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
            if said["answer"] is None or reply is None:
                continue
            asked.append(reply.id)
            if reply.error is not None:
                note = note or f"probe {probe}: {reply.error}"
                continue
            changed = plain(final_answer(reply.raw)) != plain(said["answer"])
            scores[f"changed when {probe}"] = float(changed)
            scores[f"answer when {probe}"] = float(answer_of(reply.raw, item.answer)[1])
        parsed = {**said, "boxes": [[time, list(box)] for time, box in said["boxes"]]}
        return Row(
            id=key, item=item.id, cluster=item.video, scores=scores, status=status, note=note, requests=tuple(asked),
            parsed=parsed if said["answer"] is not None else None, meta=meta_of(item, 0),
            gold={"answer": item.answer, "windows": [list(w) for w in item.windows],
                  "boxes": [[time, list(box)] for time, box in item.boxes]},
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """The whole video and "unknown"; the truth by looking (it is lost with the cited frames, and with nothing
        else); the truth by heart; the truth with evidence that misses, believing whatever it is told."""
        texts: dict[str, dict[str, str]] = {"whole-video": {}, "oracle": {}, "oracle-by-heart": {},
                                            "oracle-wrong-evidence": {}}  # fmt: skip
        for item in self.items:
            key, end = f"{item.id}/joint", max((b for _, b in item.windows), default=0.0)
            texts["whole-video"][key] = joint_text("unknown", [(0.0, item.duration)], ())
            texts["oracle"][key] = joint_text(item.answer, item.windows, item.boxes)
            texts["oracle-by-heart"][key] = texts["oracle"][key]
            texts["oracle-wrong-evidence"][key] = joint_text(item.answer, [(end + 1, end + 2)], ())
        lost = {"oracle": "removed", "oracle-wrong-evidence": "swapped"}
        truth = {item.id: item.answer for item in self.items}
        found = {}
        for name, said in texts.items():
            known = replies_of(said, f"baseline:{name}")
            for probe in self.follow_ups(known):
                fails = name == "whole-video" or probe.meta["level"] == lost.get(name)
                said[probe.id] = "unknown" if fails else truth[probe.item]
            found[name] = replies_of(said, f"baseline:{name}")
        return found


def joint_text(answer: str, windows: Sequence[Window], boxes: Sequence[tuple[float, Box]]) -> str:
    """A reply in the asked form."""
    return json.dumps({
        "answer": answer, "evidence": [{"start": a, "end": b} for a, b in windows],
        "boxes": [{"time": time, "bbox_2d": [[round(1000 * v, 3) for v in box]]} for time, box in boxes],
    })  # fmt: skip


def read_joint(reply: Reply | None, item: Item) -> dict[str, Any]:
    """``answer`` (None: unreadable), ``windows``, ``boxes`` (second, normalised box) and ``troubles`` of one reply."""
    nothing: dict[str, Any] = {"answer": None, "windows": [], "boxes": [], "troubles": []}
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
    boxes, troubles = boxes_of(
        json.dumps(document.get("boxes") or []), reply.unit or "thousand", reply.frame_size
    )
    windows = windows_of(json.dumps(document.get("evidence") or []))
    return {
        "answer": str(answer),
        "windows": windows,
        "boxes": [(time, box) for time, found in boxes for box in found],
        "troubles": troubles if document.get("boxes") else [],
    }


def _box_hits(item: Item, said: Sequence[tuple[float, Box]]) -> tuple[int, int]:
    """(boxes of the reply that hit a true one, true boxes that are hit)."""
    hits, found = 0, set()
    for time, box in said:
        near = [n for n, (at, truth) in enumerate(item.boxes)
                if abs(at - time) <= NEAR and float(box_iou(box, truth)) > PASS]  # fmt: skip
        hits += bool(near)
        found |= set(near)
    return hits, len(found)
