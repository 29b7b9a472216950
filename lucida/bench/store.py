"""A run folder: an append-only log of replies. Killing the process at any moment loses at most what was in flight.

``run.json`` says what was run; ``replies.jsonl`` has one reply a line, with the key of the request it answers. A line
is written with one call and ends in a line feed; a last line without one was cut by a crash and is moved to
``replies.torn``. Resuming is replaying the log.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from lucida.bench.predictions import REPLIES
from lucida.bench.records import Reply, reply_from_json, to_json
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

RUN, LOCK, TORN = "run.json", ".lock", "replies.torn"


class RunStore:
    """One run folder, opened for writing by one process at a time.

    Attributes:
        replies: what the log holds, by request key: the last line of each.
        said: the key of each request id's last line, which is the one that readers of the log go by.
        problems: lines of the log that could not be read.
    """

    def __init__(self, folder: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
        """Open ``folder``, or begin it.

        Raises:
            InputError: another process has it, it belongs to another protocol or model, or it cannot be written.
        """
        self.folder = Path(folder)
        self.replies: dict[str, Reply] = {}
        self.said: dict[str, str] = {}
        self.problems: list[str] = []
        self._mutex = threading.Lock()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise InputError(f"--out {self.folder}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise InputError(f"--out {self.folder}: another process is writing this run") from error
        try:
            self._claim(config)
            self._replay()
            self._log = os.open(self.folder / REPLIES, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        except BaseException:
            os.close(self._lock)
            raise

    def _claim(self, config: Mapping[str, Any]) -> None:
        path = self.folder / RUN
        before = read_run(self.folder) if path.exists() else {}
        for name in ("protocol", "model"):
            if before and before.get(name) != config.get(name):
                raise InputError(
                    f"--out {self.folder}: holds a run with {name} {before.get(name)!r}, not {config.get(name)!r}"
                )
        if not before and (self.folder / REPLIES).exists():
            raise InputError(f"--out {self.folder}: has replies but no {RUN}")
        document = {**before, **config}
        if document != before:
            atomic_write(path, json.dumps(document, indent=2, default=str) + "\n")

    def _replay(self) -> None:
        path = self.folder / REPLIES
        if not path.exists():
            return
        data = path.read_bytes()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            with (self.folder / TORN).open("ab") as torn:
                torn.write(data[end:] + b"\n")
            os.truncate(path, end)
        for number, line in enumerate(data[:end].split(b"\n"), start=1):
            if not line:
                continue
            try:
                row = json.loads(line)
                reply = reply_from_json(row, f"{REPLIES} line {number}")
                self.replies[row["key"]] = reply
                self.said[reply.id] = row["key"]
            except (ValueError, TypeError, KeyError):
                self.problems.append(f"{REPLIES} line {number}: not a reply")

    def append(self, entries: Iterable[tuple[str, Reply]]) -> None:
        """Log replies with their keys, in one write."""
        entries = list(entries)
        lines = [json.dumps({"key": key, **to_json(reply)}, allow_nan=False) for key, reply in entries]
        data = "".join(line + "\n" for line in lines).encode("ascii")
        with self._mutex:
            view = memoryview(data)
            while view:
                view = view[os.write(self._log, view) :]
            self.replies.update(entries)
            self.said.update((reply.id, key) for key, reply in entries)

    def close(self) -> None:
        """Let go of the folder; what was logged is on the disk."""
        os.fsync(self._log)
        os.close(self._log)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_run(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What ``run.json`` of a run folder says.

    Raises:
        InputError: not a run folder.
    """
    path = Path(folder) / RUN
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a run folder's {RUN}: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: want an object")
    return document
