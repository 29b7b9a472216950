"""A folder of results, one picture at a time, that can be taken up again.

A folder holds ``results.jsonl``, one line per picture in the order they were finished, and per picture NAME.json and
whatever else a verb writes beside it. The line is written last, so whatever it names is whole; a picture is skipped
when its last line was made from the same file by the same request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lucida.media.errors import InputError
from lucida.media.files import atomic_write, unique_dir

RESULTS = "results.jsonl"
DOCUMENT = ".json"


def default_folder(verb: str) -> Path:
    """``runs/VERB/TIME``, new."""
    return unique_dir(Path("runs") / verb / time.strftime("%Y%m%d-%H%M%S"))


def made_folder(out: Path | None, verb: str) -> Path:
    """The folder to write, made now: better to fail before the work than after it.

    Raises:
        InputError: it cannot be made.
    """
    if out is None:
        return default_folder(verb)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to --out {out}: {error.strerror or error}") from error
    return out


def stamp_of(*parts: object) -> str:
    """A short hash of what a result depends on."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=8).hexdigest()


class Results:
    """The output folder of a run, perhaps with the results of an earlier one.

    Args:
        folder: made where it is not there.
        endings: of the files that a picture has beside its document.
        needed: those of them without which a picture counts as not done.

    Raises:
        InputError: it cannot be made or written.
    """

    def __init__(self, folder: Path, endings: Sequence[str], needed: Sequence[str] = ()) -> None:
        self.folder, self.results = folder, folder / RESULTS
        self.endings, self.needed = (DOCUMENT, *endings), tuple(needed)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self.results.open("ab"):
                pass
        except OSError as error:
            raise InputError(f"cannot write to --out {folder}: {error.strerror or error}") from error
        self._done: dict[str, dict[str, Any]] = {}  # by picture: its last line
        self._owner: dict[str, str] = {}  # by NAME: the picture
        text = self.results.read_bytes()
        self._broken = bool(text) and not text.endswith(b"\n")
        for line in text.decode("utf-8", errors="replace").splitlines():
            self._note(line)

    def finished(self, path: str, stamp: str) -> dict[str, Any] | None:
        """The document that the same request made of the same picture before."""
        entry = self._done.get(path)
        if entry is None or entry.get("request") != stamp or "error" in entry:
            return None
        if not all((self.folder / f"{entry.get('name')}{ending}").is_file() for ending in self.needed):
            return None
        return {key: value for key, value in entry.items() if key not in ("name", "request")}

    def keep(
        self,
        path: str,
        document: Mapping[str, Any],
        stamp: str,
        files: Mapping[str, Callable[[Path], object]],
    ) -> None:
        """Write a picture's document, then its other files (ending to what writes it), then its line.

        Raises:
            InputError: a file cannot be written.
        """
        name = self._name(path)
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
        atomic_write(self.folder / (name + DOCUMENT), text + "\n")
        for ending, write in files.items():
            write(self.folder / (name + ending))
        self._append({**document, "name": name, "request": stamp})

    def failed(self, path: str, message: str) -> None:
        """Note that nothing could be made of a picture; the next run tries again."""
        self._append({"schema": "lucida/1", "image": path, "error": message})

    def tidy(self) -> bool:
        """Leave no trace of a run that wrote nothing; returns whether anything is there."""
        with contextlib.suppress(OSError):
            if not self.results.stat().st_size:
                self.results.unlink()
                self.folder.rmdir()
        return self.results.exists()

    def _note(self, line: str) -> None:
        """Remember a line; one that was cut short by a crash says nothing, and its picture is done again."""
        try:
            entry = json.loads(line)
            picture = entry["image"]
        except (ValueError, KeyError, TypeError):
            return
        self._done[picture] = entry
        if isinstance(entry.get("name"), str):
            self._owner[entry["name"]] = picture

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False)
        try:
            with self.results.open("ab") as file:
                file.write((("\n" if self._broken else "") + line + "\n").encode())
        except OSError as error:
            raise InputError(f"cannot write {self.results}: {error.strerror or error}") from error
        self._broken = False
        self._note(line)

    def _name(self, path: str) -> str:
        """The base of a picture's files: its stem, unless those files belong to something else."""
        for name in _names(Path(path)):
            files = [self.folder / (name + ending) for ending in self.endings]
            if (
                self._owner.get(name) == path
                or not any(file.exists() for file in files)
                or _is_of(files[0], path)
            ):
                return name
        raise AssertionError("names never run out")


def _names(path: Path) -> Iterator[str]:
    yield path.stem
    yield path.name
    number = 2
    while True:
        yield f"{path.stem}-{number}"
        number += 1


def _is_of(file: Path, path: str) -> bool:
    """Whether ``file`` is a document about the picture (as a crash before its line leaves it)."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return (
        isinstance(document, dict) and document.get("schema") == "lucida/1" and document.get("image") == path
    )
