"""Temporal grounding: when does the video show this? One span or several; R1@τ, mIoU, set F1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.films import (
    Prompts,
    find_file,
    find_video,
    frame_plan,
    mean,
)
from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.grounding_items import PATTERNS, Item, Window, read_items
from lucida.bench.protocols.videozero_read import windows_of
from lucida.bench.protocols.videozero_released import released_windows
from lucida.bench.records import MediaRef, Reply, Request, Row, Score, replies_of
from lucida.metrics.geometry import spans_iou, temporal_iou

THRESHOLDS = (0.3, 0.5, 0.7)
PROMPTS = {
    "one": "The video is {{duration}} seconds long.\nWhen does it show this: {{query}}\n"
    "Reply with one stretch only, as: From X seconds to Y seconds.",
    "several": "The video is {{duration}} seconds long.\nWhen does it show this: {{query}}\n"
    "Reply with every stretch, one a line, as: From X seconds to Y seconds.",
}


class TemporalGrounding(Protocol):
    """Reads Charades-STA (``charades_sta_*.txt``), QVHighlights (JSON lines with ``relevant_windows``), TVGBench
    (``answer``: "13.4-28.1") and plain records with ``timestamp`` (or ``timestamps``, ``windows``).

    R1@τ counts the first window of a reply at IoU of at least τ (``compat``: above τ, as some released scorers do) with
    the best true one; mIoU is its mean. Set F1 matches windows one to one at τ. What cannot be parsed scores 0.
    """

    name = "grounding"
    title = "Temporal grounding"
    licence = "of the annotations that are read"
    headline = "mIoU"

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items

    @classmethod
    def load(
        cls, data: Path, *, file: str | None = None, frames: Any = 64, fps: Any = 2, height: Any = None,
        prompts: str | None = None, **options: Any,
    ) -> Self:  # fmt: skip
        """Read the annotations.

        Args:
            file: the annotation file within the folder, where there are several.
            frames: the most frames shown, ``fps`` a second. height: of the frames. prompts: templates instead of ours.

        Raises:
            InputError: another folder, an unknown option, no usable query.
        """
        cls.only_known(options)
        path = find_file(data, [file] if file else PATTERNS, cls.title)
        problems: list[str] = []
        items = sorted(read_items(path, problems), key=lambda item: item.video)
        plan, words, requests = frame_plan(frames, fps=fps, height=height), Prompts(PROMPTS, prompts), []
        for item in items:
            video = find_video(data, item.video, ("videos", "."))
            requests.append(Request(
                id=item.id, item=item.id, cluster=item.video, meta=item.meta, max_tokens=256, frames=plan,
                prompt=words.fill("several" if item.several else "one", query=item.query),
                media=() if plan.kind == "none" else (MediaRef(path=video, kind="video"),),
            ))  # fmt: skip
        return cls(items).loaded(data, [path], requests, problems, words.wording)

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """R1@τ, mIoU, F1@τ and the IoU of the unions, in per cent. No judge is needed; one given is not asked."""
        rows = [self._row(item, replies.get(item.id), compat) for item in self.items]
        summary = {name: mean(row.scores[name] for row in rows) for name in rows[0].scores}
        return self.make_score(
            rows, summary, compat=compat, wording=self.wording, threshold="above" if compat else "at least"
        )

    def _row(self, item: Item, reply: Reply | None, compat: bool) -> Row:
        status, note = reply_status(reply)
        said: list[Window] = []
        if status == "ok" and reply is not None:
            said = (released_windows if compat else windows_of)(reply.raw)
            status = "ok" if said else "unparsed"
        first = (
            max((float(temporal_iou(said[0], window)) for window in item.windows), default=0.0)
            if said
            else 0.0
        )
        scores = {f"R1@{t}": float(first > t if compat else first >= t - 1e-12) for t in THRESHOLDS}
        scores["mIoU"] = first
        scores |= {f"F1@{t}": set_f1(item.windows, said, t, strict=compat) for t in THRESHOLDS}
        scores["union IoU"] = spans_iou(said, list(item.windows)) if said else 0.0
        return Row(
            id=item.id, item=item.id, cluster=item.video, scores=scores, status=status, note=note, meta=item.meta,
            parsed={"windows": [list(window) for window in said]} if said else None,
            gold={"windows": [list(window) for window in item.windows]},
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """The whole video (where its length is known), the commonest place and length, nothing, and the truth."""
        known = [item for item in self.items if item.duration]
        texts: dict[str, dict[str, str]] = {"empty": {item.id: "" for item in self.items}}
        if len(known) == len(self.items):
            texts["whole-video"] = {item.id: f"From 0 to {item.duration!r}" for item in known}
            bins = Counter(
                (round(10 * w[0] / item.duration), round(10 * w[1] / item.duration))
                for item in known
                for w in item.windows
            )  # fmt: skip
            (start, end), _ = max(
                bins.items(), key=lambda entry: (entry[1], entry[0][1] - entry[0][0], entry[0])
            )
            end = max(end, start + 1)
            texts["commonest-place"] = {
                item.id: f"From {start * item.duration / 10!r} to {end * item.duration / 10!r}"
                for item in known
            }
        texts["oracle"] = {
            item.id: "\n".join(f"From {a!r} to {b!r}." for a, b in item.windows) for item in self.items
        }
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}


def set_f1(
    truth: Sequence[Window], said: Sequence[Window], threshold: float, *, strict: bool = False
) -> float:
    """F1 of windows matched one to one at IoU of at least (``strict``: above) ``threshold``, by a largest matching."""
    if not truth or not said:
        return 0.0
    edges = [
        [j for j, t in enumerate(truth) if _passes(float(temporal_iou(s, t)), threshold, strict)]
        for s in said
    ]
    taken: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j in edges[i]:
            if j not in seen:
                seen.add(j)
                if j not in taken or place(taken[j], seen):
                    taken[j] = i
                    return True
        return False

    hits = sum(place(i, set()) for i in range(len(said)))
    return 2 * hits / (len(truth) + len(said))


def _passes(value: float, threshold: float, strict: bool) -> bool:
    return value > threshold if strict else value >= threshold - 1e-12
