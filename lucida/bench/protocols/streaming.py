"""StreamingBench: questions asked in the middle of a video, chains of them, and outputs at the right moment."""

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
from lucida.bench.protocols.ovo_read import read_letter
from lucida.bench.protocols.streaming_items import Alarm, Choice, read_alarms, read_choices
from lucida.bench.protocols.streaming_proactive import first_yes, proactive_row
from lucida.bench.records import FramePlan, MediaRef, Reply, Request, Row, Score, replies_of
from lucida.media.errors import InputError

PARTS = ("real", "omni", "sqa")
PROMPTS = {
    "choice": "{{before}}You are watching a video; this is what has been shown last.\nQuestion: {{question}}\n"
    "{{options}}\nReply with the letter of the best option only.",
    "before": "Asked at {{time}}: {{question}} Answer: {{answer}}\n",
    "poll": "You are watching a video; this is what has been shown last. Your task: {{question}}\n"
    "Is it time to do so right now? Reply Yes or No only.",
    "output": "You are watching a video; this is what has been shown last. Your task: {{question}}\n"
    "It is time. Reply with the output only.",
}


class StreamingBench(Protocol):
    """Reads ``questions_real.json``, ``_omni``, ``_sqa`` and ``_proactive``, those that are there.

    A question is shown the last ``context`` whole seconds before it. A proactive task is polled each second from one
    after it is set to four after its moment; at the first yes a follow-up asks for the output. In chains the questions
    before, with their true answers, are told.
    """

    name = "streaming"
    title = "StreamingBench"
    licence = "MIT"
    headline = "accuracy"
    pools = ("choices", "alarms")

    def __init__(
        self, choices: Sequence[Choice], alarms: Sequence[Alarm], outputs: Mapping[str, Request], delta: float
    ) -> None:
        self.choices, self.alarms, self.outputs, self.delta = choices, alarms, outputs, delta

    @classmethod
    def load(
        cls, data: Path, *, frames: Any = 32, height: Any = None, context: Any = 60, delta: Any = 2,
        prompts: str | None = None, **options: Any,
    ) -> Self:  # fmt: skip
        """Read the question files.

        Args:
            frames: uniform frames of what is shown. height: of the frames in pixels.
            context: seconds shown before a question; -1: everything since the start.
            delta: how far from its moment an output may come, in seconds.
            prompts: JSON object of templates instead of ours.

        Raises:
            InputError: another folder, an unknown option, no usable question.
        """
        cls.only_known(options)
        try:
            back, within = int(context), float(delta)
        except (TypeError, ValueError) as error:
            raise InputError(f"context is {context!r}, delta {delta!r}; want numbers") from error
        if (back < 1 and back != -1) or not within >= 0:
            raise InputError(f"context is {context!r}, delta {delta!r}; want -1 or seconds, and seconds")
        sources, problems, choices, alarms = [], [], [], []
        for part in (*PARTS, "proactive"):
            try:
                path = find_file(data, [f"questions_{part}.json"], cls.title)
            except InputError:
                continue
            sources.append(path)
            if part == "proactive":
                alarms = read_alarms(path, problems)
            else:
                choices += read_choices(path, part, problems)
        if not sources:
            raise InputError(f"--data {data}: not {cls.title}: no questions_*.json")
        plan, words = frame_plan(frames, height=height), Prompts(PROMPTS, prompts)

        def shown(video: str, time: float) -> tuple[MediaRef, ...]:
            if plan.kind == "none":
                return ()
            end = float(int(time)) if int(time) > 0 else 1.0
            start = 0.0 if back == -1 else max(0.0, end - back)
            return (MediaRef(path=find_video(data, video, ("videos", ".")), kind="video", span=(start, end)),)

        requests = [
            Request(
                id=item.id, item=item.id, cluster=item.video, media=shown(item.video, item.time), frames=plan,
                max_tokens=64, meta=item.meta,
                prompt=words.fill(
                    "choice", question=item.question, options=lettered(item.options),
                    before="".join(
                        words.fill("before", time=f"{time:g} s", question=asked, answer=answer)
                        for time, asked, answer in item.before
                    ),
                ),
            )
            for item in choices
        ]  # fmt: skip
        outputs = {}
        for item in alarms:
            for time in item.polls:
                for key, kind, group in (
                    (item.poll_id(time), "poll", requests),
                    (item.output_id(time), "output", None),
                ):
                    request = _alarm_request(
                        item, key, words.fill(kind, question=item.task), shown(item.video, time), plan
                    )
                    if group is None:
                        outputs[key] = request
                    else:
                        group.append(request)
        requests.sort(key=lambda request: request.cluster)
        return cls(choices, alarms, outputs, within).loaded(data, sources, requests, problems, words.wording)

    def follow_ups(self, replies: Mapping[str, Reply]) -> Sequence[Request]:
        """For each proactive task that was answered with yes, the request for its output at that second."""
        times = ((item, first_yes(item, replies, compat=False)[0]) for item in self.alarms)
        return [self.outputs[item.output_id(time)] for item, time in times if time is not None]

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Per cent right: by part, by task, over all multiple choice (``accuracy``), and of the proactive tasks in time
        and in time with the right output. No judge is needed; one given is not asked.

        ``compat``: the first character of a reply is its letter, whatever follows; an output is right that contains
        the true one anywhere.
        """
        rows = [self._row(item, replies.get(item.id), compat) for item in self.choices]
        summary: dict[str, float] = {}
        if rows:
            summary["accuracy"] = mean(row.scores["accuracy"] for row in rows)
            for key in ("part", "task"):
                for value in dict.fromkeys(row.meta[key] for row in rows):
                    summary[str(value)] = mean(
                        row.scores["accuracy"] for row in rows if row.meta[key] == value
                    )
        alarms = [proactive_row(item, replies, delta=self.delta, compat=compat) for item in self.alarms]
        notes = []
        if alarms:
            for name in ("proactive time", "proactive output"):
                summary[name] = mean(row.scores[name] for row in alarms)
            early = [
                row for row in alarms if row.parsed and row.parsed["time"] < row.gold["time"] - self.delta
            ]
            late = [abs(row.parsed["time"] - row.gold["time"]) for row in alarms if row.parsed]
            summary["proactive false alarms"] = 100 * len(early) / len(alarms)
            if late:
                summary["proactive seconds off"] = sum(late) / len(late)
            notes.append(
                "polls end four seconds after the moment, as released: when they end is a hint in itself"
            )
        return self.make_score(
            [*rows, *alarms], summary, compat=compat, notes=notes, wording=self.wording, delta=self.delta
        )

    def _row(self, item: Choice, reply: Reply | None, compat: bool) -> Row:
        status, note = reply_status(reply)
        letter, right = None, False
        if status == "ok" and reply is not None:
            if compat:
                letter, right = reply.raw[:1], reply.raw[:1] == item.gold
            else:
                letter, right = read_letter(reply.raw, item.options, item.gold)
                status = "ok" if letter is not None else "unparsed"
        return Row(
            id=item.id, item=item.id, cluster=item.video, scores={"accuracy": float(right)}, status=status, note=note,
            parsed={"answer": letter} if letter else None, gold={"answer": item.gold}, meta=item.meta,
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """One letter and yes always, a random letter (seed 0) and no always, and the truth at the right second."""
        rng = np.random.default_rng(0)
        letters = {item.id: LETTERS[int(rng.integers(len(item.options)))] for item in self.choices}
        texts = {"always-A-yes": dict.fromkeys(letters, "A"), "random-no": dict(letters)}
        texts["oracle"] = {item.id: item.gold for item in self.choices}
        for item in self.alarms:
            for time in item.polls:
                texts["always-A-yes"] |= {item.poll_id(time): "Yes", item.output_id(time): ""}
                texts["random-no"][item.poll_id(time)] = "No"
                now = time >= item.moment
                texts["oracle"] |= {
                    item.poll_id(time): "Yes" if now else "No",
                    item.output_id(time): item.gold,
                }
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}


def _alarm_request(
    item: Alarm, key: str, prompt: str, media: tuple[MediaRef, ...], plan: FramePlan
) -> Request:
    return Request(
        id=key, item=item.id, cluster=item.video, prompt=prompt, media=media, frames=plan, max_tokens=64,
        meta=item.meta,
    )  # fmt: skip
