"""Reading saved replies: a run folder, JSON lines, or a JSON file. Bad rows are named, never dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lucida.bench.records import Reply, reply_from_json
from lucida.media.errors import InputError

REPLIES = "replies.jsonl"
TEXT_FIELDS = ("raw", "prediction", "text", "output", "response")


def read_predictions(path: str | Path) -> tuple[dict[str, Reply], list[str]]:
    """Replies by request id, and one line for every row that could not be used.

    Accepted: a run folder (its last line for an id counts, as resuming writes it), ``.jsonl`` with one object a line,
    ``.json`` with a list of objects or an object ``{id: text}``. An object has ``id`` and ``raw`` (or ``prediction``,
    ``text``, ``output``, ``response``), and any field of :class:`~lucida.bench.records.Reply`. In a file, of two rows
    with one id the first counts and the second is a problem.

    Raises:
        InputError: no such file, or nothing in it can be read.
    """
    path = Path(path).expanduser()
    folder = path.is_dir()
    if folder and (shards := sorted(path.glob(f"shard-*/{REPLIES}"))):
        return _shards([path, *(shard.parent for shard in shards)] if (path / REPLIES).exists() else
                       [shard.parent for shard in shards])  # fmt: skip
    return _read_file(path / REPLIES if folder else path, log=folder)


def _read_file(file: Path, *, log: bool) -> tuple[dict[str, Reply], list[str]]:
    try:
        text = file.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"predictions {file}: {error.strerror or error}") from error
    whole = None if file.suffix == ".jsonl" else _whole(text)
    replies: dict[str, Reply] = {}
    problems: list[str] = []
    for where, row in _lines(text, file.name) if whole is None else _entries(whole, file.name):
        if isinstance(row, str):
            problems.append(f"{where}: {row}")
            continue
        try:
            reply = reply_from_json(_with_raw(row), where)
        except InputError as error:
            problems.append(str(error))
            continue
        if reply.id in replies and not log:
            if replies[reply.id].raw != reply.raw:
                problems.append(f"{where}: id {reply.id!r} again, with another text; the first counts")
            continue
        replies[reply.id] = reply
    if not replies and problems:
        raise InputError(f"predictions {file}: no row can be used; {problems[0]}")
    return replies, problems


def _shards(folders: list[Path]) -> tuple[dict[str, Reply], list[str]]:
    """What several processes wrote, one folder each."""
    replies: dict[str, Reply] = {}
    problems: list[str] = []
    for folder in folders:
        found, trouble = _read_file(folder / REPLIES, log=True)
        replies.update(found)
        problems += [f"{folder.name}: {line}" for line in trouble]
    return replies, problems


def _whole(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _lines(text: str, name: str) -> Iterable[tuple[str, Mapping[str, Any] | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{name} line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                yield where, "not JSON"
                continue
            yield where, row if isinstance(row, Mapping) else f"want an object, got {type(row).__name__}"


def _entries(document: Any, name: str) -> Iterable[tuple[str, Mapping[str, Any] | str]]:
    if isinstance(document, Mapping) and isinstance(document.get("replies"), list):
        document = document["replies"]
    if isinstance(document, Mapping):
        document = [
            {**value, "id": key} if isinstance(value, Mapping) else {"id": key, "raw": value}
            for key, value in document.items()
        ]
    if not isinstance(document, list):
        raise InputError(f"predictions {name}: want a list or an object, got {type(document).__name__}")
    for number, row in enumerate(document, start=1):
        what = f"want an object, got {type(row).__name__}"
        yield f"{name} row {number}", row if isinstance(row, Mapping) else what


def _with_raw(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if "raw" in row:
        return row
    field = next((name for name in TEXT_FIELDS if name in row), None)
    return row if field is None else {**row, "raw": row[field]}
