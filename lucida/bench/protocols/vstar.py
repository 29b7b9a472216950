"""V-STaR: what, when and where in two orders of asking, each step told the truth of the one before."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.films import (
    Prompts,
    find_file,
    find_video,
    frame_plan,
    mean,
)
from lucida.bench.protocols.pictures import read_json
from lucida.bench.protocols.vstar_items import Item, read_items
from lucida.bench.protocols.vstar_rows import CALLS, Scorer
from lucida.bench.protocols.vstar_table import CHAINS, summarise
from lucida.bench.records import MediaRef, Reply, Request, Score, replies_of

R1, AP = (0.3, 0.5, 0.7), (0.1, 0.3, 0.5, 0.7, 0.9)
_BOX = (
    "Reply with a JSON object only, from each second to its box in pixels of the {{width}} by {{height}} video: "
    '{"12": [x1, y1, x2, y2]}.'
)
_SPAN = "Reply with the first and last second only, as [start, end]."
PROMPTS = {
    "what": "Question: {{question}}\nReply in a few words.",
    "chain1-when": "The video is {{duration}} seconds long.\n{{temporal}}\n" + _SPAN,
    "chain1-where": "{{spatial}}\nSay where, at each of these seconds: {{seconds}}.\n" + _BOX,
    "chain2-where": "{{spatial2}}\nSay where, at {{boxes_count}} seconds of your choice.\n" + _BOX,
    "chain2-when": "The video is {{duration}} seconds long.\n{{temporal}}\nWhat matters is in these boxes "
    "(x1, y1, x2, y2), in order: {{boxes}}.\n" + _SPAN,
}  # fmt: skip


class VSTaR(Protocol):
    """Five calls an item. The steps are told the truth, not the model's own answers: conditional skills, no rollout.

    Answers are compared as words; the published accuracy has a judge (0 to 3, right from 2), whose figures are
    ``judged``. mLGM is left out, with a note, where a perfect column makes it infinite.
    """

    name = "vstar"
    title = "V-STaR"
    licence = "see the data set's card"
    headline = "mAM"

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items

    @classmethod
    def load(
        cls, data: Path, *, frames: Any = 64, fps: Any = 1, height: Any = None, prompts: str | None = None,
        **options: Any,
    ) -> Self:  # fmt: skip
        """Read the test JSON (``V_STaR_test.json`` or any ``*STaR*.json``).

        Args:
            frames: the most frames shown, ``fps`` a second. height: of the frames. prompts: templates instead of ours.

        Raises:
            InputError: another folder, an unknown option, no usable item.
        """
        cls.only_known(options)
        path, problems = find_file(data, ["*STaR*.json", "*star*.json"], cls.title), []
        items = sorted(
            read_items(path.name, read_json(path, list, problems), problems), key=lambda item: item.video
        )
        plan, words = frame_plan(frames, fps=fps, height=height), Prompts(PROMPTS, prompts)
        requests = []
        for item in items:
            video = find_video(data, item.video, ("videos", "."))
            values = {
                "question": item.question, "temporal": item.temporal, "spatial": item.spatial,
                "spatial2": item.spatial2,
                "seconds": ", ".join(map(str, item.seconds)), "boxes_count": len(item.boxes), "width": item.size[1],
                "height": item.size[0], "boxes": "; ".join(str([round(v) for v in box]) for _, box in item.boxes),
            }  # fmt: skip
            requests += [
                Request(
                    id=f"{item.id}/{call}", item=item.id, cluster=item.video, prompt=words.fill(call, **values),
                    media=() if plan.kind == "none" else (MediaRef(path=video, kind="video"),), frames=plan,
                    meta={**item.meta, "call": call, "question": item.question},
                )
                for call in CALLS
            ]  # fmt: skip
        return cls(items).loaded(data, [path], requests, problems, words.wording)

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """The published columns in per cent, joint rates, AM and LGM of both chains and their means.

        ``compat``: items without an answer leave the means of time and space but stay in the accuracy; boxes are
        taken for native pixels whatever frames were shown; a time needs exactly two numbers in the reply.
        """
        scorer = Scorer(replies, compat=compat, judge=judge)
        rows = [scorer.row(item) for item in self.items]

        def of(name: str) -> list[float]:
            return [row.scores[name] for row in rows if name in row.scores]

        columns = {"accuracy": mean(of("accuracy"))}
        for chain in CHAINS:
            times, places = f"tiou_chain{chain}", f"viou_chain{chain}"
            columns |= {f"m_{times}": mean(of(times)), f"m_{places}": mean(of(places))}
            columns |= {f"R1@{t}_chain{chain}": mean(float(v >= t) for v in of(times)) for t in R1}
            columns |= {f"AP@{t}_chain{chain}": mean(float(v >= t) for v in of(places)) for t in AP}
        n = len(rows)
        for chain in CHAINS:
            table = [
                (row.scores["accuracy"] > 0, row.scores.get(f"tiou_chain{chain}", 0.0) >= 0.3,
                 row.scores.get(f"viou_chain{chain}", 0.0) >= 0.1)
                for row in rows
            ]  # fmt: skip
            for name, pick in (
                ("what and when", (0, 1)),
                ("what and where", (0, 2)),
                ("all three", (0, 1, 2)),
            ):
                columns[f"{name}_chain{chain}"] = 100 * sum(all(row[k] for k in pick) for row in table) / n
        summary, notes = _finite({**columns, **summarise(columns)})
        judged = None
        if judge is not None:
            with_judge = {**columns, "accuracy": mean(of("judged_accuracy"))}
            judged, _ = _finite({"accuracy": with_judge["accuracy"], **summarise(with_judge)})
        return self.make_score(
            rows, summary, compat=compat, judge=judge, judged=judged, notes=notes, wording=self.wording
        )

    @classmethod
    def composed(cls, means: Mapping[str, Any]) -> Mapping[str, Any]:
        """``mLGM``; ``mAM`` is linear and stands in the rows."""
        names = [f"{name}_chain{chain}" for chain in CHAINS for name in ("tiou", "viou")]
        if "accuracy" not in means or any(name not in means for name in names):
            return {}
        parts = [means["accuracy"]] * len(CHAINS) + [means[name] for name in names]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"mLGM": sum(-np.log1p(-np.minimum(part, 1.0)) for part in parts) / (3 * len(CHAINS))}

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """Whole video and whole frame (the released baseline of this name scores 0 by a slip), silence, the truth, and
        the truth for every other item: all columns at one half."""
        trivial, truth, half = {}, {}, {}
        for k, item in enumerate(self.items):
            height, width = item.size
            everywhere = {str(second): [0, 0, width, height] for second, _ in item.boxes}
            answers = item.oracle()
            for call in CALLS:
                key = f"{item.id}/{call}"
                truth[key] = answers[call]
                half[key] = answers[call] if k % 2 == 0 else "?"
                whole = f"[0, {item.duration!r}]" if call.endswith("when") else json.dumps(everywhere)
                trivial[key] = "" if call == "what" else whole
        texts = {"whole-video-whole-frame": trivial, "empty": dict.fromkeys(truth, ""), "oracle": truth,
                 "oracle-half": half}  # fmt: skip
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}


def _finite(summary: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    lost = [name for name, value in summary.items() if not math.isfinite(value)]
    notes = [f"{', '.join(lost)}: infinite, as a column is perfect; left out"] if lost else []
    return {name: value for name, value in summary.items() if name not in lost}, notes
