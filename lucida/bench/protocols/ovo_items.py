"""OVO-Bench's files: items into queries, released result files into replies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lucida.bench.protocols.choices import LETTERS
from lucida.bench.protocols.pictures import load_json_or_none
from lucida.bench.records import Reply
from lucida.media.errors import InputError

MODES: dict[str, tuple[str, ...]] = {
    "backward": ("EPM", "ASI", "HLD"),
    "realtime": ("OCR", "ACR", "ATR", "STU", "FPD", "OJR"),
    "forward": ("REC", "SSR", "CRR"),
}
MODE_OF = {task: mode for mode, tasks in MODES.items() for task in tasks}


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question at one moment. ``id`` is the item's, or ``ITEM/k`` for the k-th test of a forward item.

    ``gold`` is a letter, ``Yes`` or ``No``, or a count in digits; ``time`` is the last second that may be seen.
    """

    id: str
    item: str
    task: str
    video: str
    time: float
    question: str
    gold: str
    kind: Literal["choice", "yesno", "count"]
    options: tuple[str, ...] = ()
    tutorial: str = ""

    @property
    def meta(self) -> dict[str, Any]:
        """Breakdown keys; question and options apart for systems that answer in words."""
        extra = {"question": self.question, "choices": list(self.options)} if self.kind == "choice" else {}
        return {"task": self.task, "mode": MODE_OF[self.task], "time": self.time, **extra}


def read_queries(rows: Sequence[Any], problems: list[str]) -> list[Query]:
    """All queries of the official list; every row that cannot be used is named in ``problems``."""
    queries, seen = [], set()
    for number, row in enumerate(rows):
        where = f"item {row.get('id', number) if isinstance(row, Mapping) else number!r}"
        try:
            if not isinstance(row, Mapping):
                raise ValueError("not an object")
            if row.get("task") not in MODE_OF:
                raise ValueError(f"unknown task {row.get('task')!r}")
            if "id" not in row or not isinstance(row.get("video"), str):
                raise ValueError("no id or no video")
            if str(row["id"]) in seen:
                raise ValueError("duplicate id")
            found = list(_queries(row))
        except (ValueError, KeyError, TypeError) as error:
            what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(f"{where}: {what}; left out")
            continue
        seen.add(str(row["id"]))
        queries += found
    return queries


def _queries(row: Mapping[str, Any]) -> Iterator[Query]:
    item, task = str(row["id"]), str(row["task"])
    if MODE_OF[task] != "forward":
        options, gold = row["options"], row["gt"]
        if not isinstance(options, list) or not 2 <= len(options) <= len(LETTERS):
            raise ValueError(f"options are {options!r}")
        if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(options):
            raise ValueError(f"gt is {gold!r}, not the index of an option")
        yield Query(
            id=item, item=item, task=task, video=row["video"], time=_time(row["realtime"]), kind="choice",
            question=str(row["question"]), options=tuple(map(str, options)), gold=LETTERS[gold],
        )  # fmt: skip
        return
    if not isinstance(row["test_info"], list) or not row["test_info"]:
        raise ValueError("test_info is empty")
    for k, test in enumerate(row["test_info"]):
        if task == "REC":
            kind, gold, question = "count", str(int(test["count"])), str(row["activity"])
        else:
            if test["type"] not in (0, 1):
                raise ValueError(f"type is {test['type']!r}, want 0 or 1")
            kind, gold = "yesno", ("No", "Yes")[test["type"]]
            question = str(test["step"] if task == "SSR" else row["question"])
        yield Query(
            id=f"{item}/{k}", item=item, task=task, video=row["video"], time=_time(test["realtime"]),
            question=question, gold=gold, kind=kind, tutorial=str(row.get("tutorial", "")),
        )  # fmt: skip


def _time(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"realtime is {value!r}")
    return seconds


def released_replies(path: Path, queries: Sequence[Query]) -> tuple[dict[str, Reply], list[str]] | None:
    """Replies from released result files, and their problems; ``None`` where ``path`` is something else.

    An id of the file whose task or truth differs from the data is a problem, and its reply is not used.

    Raises:
        InputError: files of several models in one folder.
    """
    files = sorted(path.glob("*_offline.json")) if path.is_dir() else [path]
    documents = {file.name: load_json_or_none(file) for file in files}
    if not files or not all(isinstance(d, dict) and set(d) >= set(MODES) for d in documents.values()):
        return None
    models = {name.split("_", 1)[0] for name in documents}
    if len(models) > 1:
        raise InputError(f"predictions {path}: files of several models: {', '.join(sorted(models))}")
    model, known = models.pop(), {query.id: query for query in queries}
    replies: dict[str, Reply] = {}
    problems: list[str] = []
    for name, document in documents.items():
        for key, task, truth, text in (entry for mode in MODES for entry in _entries(document[mode])):
            query = known.get(key)
            if query is None or query.task != task or query.gold != truth:
                problems.append(f"{name}: {key}: not in the data, or its task or truth differs; left out")
            elif key in replies:
                problems.append(f"{name}: {key}: again; the first counts")
            else:
                said = isinstance(text, str)
                replies[key] = Reply(
                    id=key,
                    raw=text if said else "",
                    error=None if said else "no response in the file",
                    model=model,
                )
    return replies, problems


def _entries(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, Any]]:
    for row in rows:
        tests = row.get("test_info")
        if tests is None:
            yield str(row.get("id")), str(row.get("task")), str(row.get("ground_truth")), row.get("response")
            continue
        for k, test in enumerate(tests):
            truth = str(test["count"]) if "count" in test else ("No", "Yes")[int(test.get("type", 0))]
            yield f"{row.get('id')}/{k}", str(row.get("task")), truth, test.get("response")
