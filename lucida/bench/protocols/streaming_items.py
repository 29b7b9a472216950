"""StreamingBench's question files into typed items."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucida.bench.protocols.choices import LETTERS
from lucida.bench.protocols.pictures import read_json

_LABEL = re.compile(r"\s*[A-J]\s*[.)]\s*")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A multiple-choice question at a second. ``before``: (second, question, true answer) of the chain so far."""

    id: str
    part: str
    task: str
    video: str
    time: int
    question: str
    options: tuple[str, ...]
    gold: str
    before: tuple[tuple[int, str, str], ...] = ()

    @property
    def meta(self) -> dict[str, Any]:
        """Breakdown keys; question and options apart for systems that answer in words."""
        return {
            "part": self.part,
            "task": self.task,
            "question": self.question,
            "choices": list(self.options),
        }


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An output to be given at a moment: ``task`` is set at second ``time``, its moment is ``moment``."""

    id: str
    video: str
    time: int
    moment: int
    task: str
    gold: str

    @property
    def polls(self) -> range:
        """The seconds at which a model is asked whether it is time."""
        return range(self.time + 1, self.moment + 5)

    def poll_id(self, time: int) -> str:
        """Of the request at one of :attr:`polls`."""
        return f"{self.id}/{time}"

    def output_id(self, time: int) -> str:
        """Of the follow-up for the output."""
        return f"{self.id}/{time}/output"

    @property
    def meta(self) -> dict[str, Any]:
        """Breakdown keys."""
        wait = self.moment - self.time
        return {"part": "proactive", "task": "Proactive Output", "wait": "<= 5 s" if wait <= 5 else "> 5 s"}


def read_choices(path: Path, part: str, problems: list[str]) -> list[Choice]:
    """Real-time, omni-source and sequential questions; a chain is a list of records. The rest goes to ``problems``."""
    found: list[Choice] = []
    for where, chain in _chains(read_json(path, list, problems)):
        before: list[tuple[int, str, str]] = []
        for k, (video, question) in enumerate(_questions(chain, path, where, problems)):
            try:
                options, gold = question["options"], question["answer"]
                if not isinstance(options, list) or not 2 <= len(options) <= len(LETTERS):
                    raise ValueError(f"options are {options!r}")
                if not isinstance(gold, str) or gold not in tuple(LETTERS[: len(options)]):
                    raise ValueError(f"answer {gold!r} is not one of the options")
                texts = tuple(_LABEL.sub("", str(option), count=1) for option in options)
                item = Choice(
                    id=f"{part}/{where}/{k}", part=part, task=str(question["task_type"]), video=video,
                    time=seconds(question["time_stamp"]), question=str(question["question"]), options=texts, gold=gold,
                    before=tuple(before) if part == "sqa" else (),
                )  # fmt: skip
            except (ValueError, KeyError, TypeError) as error:
                problems.append(f"{path.name}: {where}, question {k}: {_said(error)}; left out")
                continue
            found.append(item)
            before.append((item.time, item.question, texts[LETTERS.index(gold)]))
    return found


def read_alarms(path: Path, problems: list[str]) -> list[Alarm]:
    """Proactive tasks; the rest goes to ``problems``."""
    found = []
    for where, chain in _chains(read_json(path, list, problems)):
        for k, (video, question) in enumerate(_questions(chain, path, where, problems)):
            try:
                time, moment = seconds(question["time_stamp"]), seconds(question["ground_truth_time_stamp"])
                if moment < time:
                    raise ValueError(f"its moment {moment} s is before it is set, {time} s")
                if not str(question["ground_truth_output"]).strip():
                    raise ValueError("ground_truth_output is empty")
                found.append(Alarm(
                    id=f"proactive/{where}/{k}", video=video, time=time, moment=moment, task=str(question["question"]),
                    gold=str(question["ground_truth_output"]).strip(),
                ))  # fmt: skip
            except (ValueError, KeyError, TypeError) as error:
                problems.append(f"{path.name}: {where}, question {k}: {_said(error)}; left out")
    return found


def seconds(text: Any) -> int:
    """Whole seconds of ``H:MM:SS`` or ``MM:SS``."""
    match = re.fullmatch(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})", str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    return 3600 * int(match[1] or 0) + 60 * int(match[2]) + int(match[3])


def _said(error: Exception) -> str:
    return f"field {error} is missing" if isinstance(error, KeyError) else str(error)


def _chains(document: Sequence[Any]) -> Iterator[tuple[int, list[Any]]]:
    for number, entry in enumerate(document):
        yield number, entry if isinstance(entry, list) else [entry]


def _questions(
    chain: list[Any], path: Path, where: int, problems: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    seen: list[tuple[str, Any]] = []
    for record in chain:
        ok = isinstance(record, Mapping) and isinstance(record.get("questions"), list)
        if not ok or not isinstance(record.get("video_path"), str):
            problems.append(f"{path.name}: {where}: not a record with video_path and questions; left out")
            continue
        for question in record["questions"]:
            if isinstance(question, Mapping):
                if (record["video_path"], question) in seen:
                    problems.append(f"{path.name}: {where}: a question comes twice; both count")
                seen.append((record["video_path"], question))
                yield Path(record["video_path"]).name, question
            else:
                problems.append(f"{path.name}: {where}: a question is not an object; left out")
