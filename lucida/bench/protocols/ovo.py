"""OVO-Bench: online video understanding, 1,640 items and 3,035 queries, each on the part of a video seen so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.choices import LETTERS, lettered
from lucida.bench.protocols.films import (
    Prompts,
    find_file,
    find_video,
    frame_plan,
    mean,
)
from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.ovo_items import MODE_OF, MODES, Query, read_queries, released_replies
from lucida.bench.protocols.ovo_read import read_released, read_strict
from lucida.bench.protocols.pictures import read_json
from lucida.bench.records import MediaRef, Reply, Request, Row, Score, replies_of

FILE = "ovo_bench_new.json"
PROMPTS = {
    "choice": "You have watched a video up to the present moment.\nQuestion: {{question}}\n{{options}}\n"
    "Reply with the letter of the best option only.",
    "REC": "You have watched a video up to the present moment. Somebody in it may do this several times: "
    "{{question}}.\nHow many times has it been done so far? Reply with one number only.",
    "SSR": "You have watched a video of {{tutorial}} up to the present moment. Is this step being carried out "
    "right now: {{question}}?\nReply Yes or No only.",
    "CRR": "You have watched a video up to the present moment. Question: {{question}}\n"
    "Has the video shown enough by now to answer it? Do not answer it. Reply Yes or No only.",
}


class OVOBench(Protocol):
    """Backward tracing, real-time perception, forward responding; the headline is the mean of the three.

    A clip that was cut beforehand (``chunked_videos/ID.mp4``, ``ID_k.mp4``) is shown where there is one, else the
    source video (``src_videos/``) up to the second of the query: frames after it are never shown.
    """

    name = "ovo"
    title = "OVO-Bench"
    licence = "CC BY-NC-SA 4.0"
    headline = "total"
    pools = ("queries",)

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = queries

    @classmethod
    def load(
        cls, data: Path, *, frames: Any = 64, height: Any = None, prompts: str | None = None, **options: Any
    ) -> Self:  # fmt: skip
        """Read ``ovo_bench_new.json``.

        Args:
            frames: uniform frames of the part seen so far. height: of the frames in pixels, native by default.
            prompts: JSON object of templates (``choice``, ``REC``, ``SSR``, ``CRR``) instead of ours.

        Raises:
            InputError: another folder, an unknown option, no usable item.
        """
        cls.only_known(options)
        path, problems = find_file(data, [FILE], cls.title), []
        queries = read_queries(read_json(path, list, problems), problems)
        plan, words, requests = frame_plan(frames, height=height), Prompts(PROMPTS, prompts), []
        for query in sorted(queries, key=lambda query: query.video):
            cut = f"chunked_videos/{query.id.replace('/', '_')}.mp4"
            if (data / cut).is_file():
                medium = MediaRef(path=cut, kind="video")
            else:
                source = find_video(data, query.video, ("src_videos", "data/src_videos", "."))
                medium = MediaRef(path=source, kind="video", span=(0.0, query.time))
            kind = "choice" if query.kind == "choice" else query.task
            requests.append(Request(
                id=query.id, item=query.item, cluster=query.video, media=(medium,), frames=plan, max_tokens=64,
                prompt=words.fill(
                    kind, question=query.question, options=lettered(query.options), tutorial=query.tutorial
                ),
                meta=query.meta,
            ))  # fmt: skip
        return cls(queries).loaded(data, [path], requests, problems, words.wording)

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Per cent right by task, mode, and the mean of the modes. No judge is needed; one given is not asked.

        Strict: one clear letter or the words of one option, one clear number, one clear yes or no. ``compat``: the gold
        letter (or Yes, No) *anywhere* in the reply, case respected; all digits of the reply joined must be the count.
        """
        rows = [self._row(query, replies.get(query.id), compat) for query in self.queries]
        summary: dict[str, float] = {}
        for mode, tasks in MODES.items():
            for task in tasks:
                part = [row.scores["accuracy"] for row in rows if row.meta["task"] == task]
                if part:
                    summary[task] = mean(part)
            known = [summary[task] for task in tasks if task in summary]
            if known:
                summary[mode] = sum(known) / len(known)
        modes, tasks = ([summary[name] for name in names if name in summary] for names in (MODES, MODE_OF))
        summary["total"] = sum(modes) / len(modes)
        summary["total by task"] = sum(tasks) / len(tasks)
        notes = [
            "total is the mean of the modes, as published; the released script prints the mean of the tasks"
        ]
        return self.make_score(rows, summary, compat=compat, notes=notes, wording=self.wording)

    def _row(self, query: Query, reply: Reply | None, compat: bool) -> Row:
        status, note = reply_status(reply)
        said, right = None, False
        if reply is not None and reply.error is None and (compat or status == "ok"):
            said, right = (read_released if compat else read_strict)(query, reply.raw)
            status = "ok" if said is not None else "unparsed"
        return Row(
            id=query.id, item=query.item, cluster=query.video, status=status,
            scores={"accuracy": float(right), query.task: float(right)},
            parsed=None if said is None else {"answer": said}, gold={"answer": query.gold}, meta=query.meta, note=note,
        )  # fmt: skip

    @classmethod
    def composed(cls, means: Mapping[str, Any]) -> Mapping[str, Any]:
        """The modes, each the mean of its tasks, and ``total``, the mean of the modes."""
        parts = {mode: [means[task] for task in tasks if task in means] for mode, tasks in MODES.items()}
        found = {mode: sum(known) / len(known) for mode, known in parts.items() if known}
        return {**found, "total": sum(found.values()) / len(found)} if found else {}

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """One answer always, a random one (seed 0), every answer at once, and the truth."""
        rng = np.random.default_rng(0)
        texts: dict[str, dict[str, str]] = {
            f"always-{letter}-{word}-{count}": {
                query.id: {"choice": letter, "yesno": word, "count": count}[query.kind]
                for query in self.queries
            }
            for letter, word, count in (("A", "Yes", "1"), ("D", "No", "0"))
        }
        texts["random"] = {
            query.id: {
                "choice": LETTERS[int(rng.integers(max(1, len(query.options))))],
                "yesno": ("No", "Yes")[int(rng.integers(2))], "count": str(int(rng.integers(0, 6))),
            }[query.kind]
            for query in self.queries
        }  # fmt: skip
        everything = {"choice": "A B C D E", "yesno": "Yes No", "count": "0"}
        texts["every-answer"] = {query.id: everything[query.kind] for query in self.queries}
        texts["oracle"] = {query.id: query.gold for query in self.queries}
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}

    def read_predictions(self, path: Path) -> tuple[dict[str, Reply], list[str]]:
        """Also the released result files: one ``*_offline.json``, or a folder of one model's."""
        found = released_replies(Path(path).expanduser(), self.queries)
        return super().read_predictions(path) if found is None else found
