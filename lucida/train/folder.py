"""The folder of a training run: whose it is, that one run at a time writes it, and a log without repeated steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.train.recipe import Recipe

Row = dict[str, Any]
Log = Callable[[Row], None]
MEASURED = ("step", "probe", "diverged")  # events that belong to a step and happen again when it is repeated


class RunFolder:
    """Files of one run; in a process that does not lead, every method does nothing.

    Used as a context manager: between :meth:`claim` and the end no other process can claim the folder.
    """

    def __init__(self, path: Path, *, leads: bool = True, log: Log | None = None) -> None:
        self.path, self.leads, self.log = path, leads, log
        self._lock: IO[str] | None = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def claim(self, recipe: Recipe) -> None:
        """Make the folder this recipe's, or check that it is.

        Raises:
            InputError: it cannot be written, holds a run of another recipe, or another process is training in it.
        """
        if not self.leads:
            return
        path = self.path / "recipe.json"
        wanted = json.loads(json.dumps(asdict(recipe)))
        if not path.exists():
            atomic_write(path, json.dumps(wanted, indent=2) + "\n")
        try:
            self._lock = path.open(encoding="utf-8")
            found = json.load(self._lock)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as the recipe of a run: {error}") from error
        if changed := differences(found, wanted):
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            words = ", ".join(changed[:3]) + more
            raise InputError(f"{self.path} holds a run of another recipe ({words}); choose another --out")
        _lock(self._lock, self.path)
        for pattern in (".checkpoint.*.pt", ".log.*.jsonl", ".recipe.*.json"):  # of a kill while writing
            for leftover in self.path.glob(pattern):
                leftover.unlink(missing_ok=True)

    def write(self, row: Row) -> None:
        """Append a row to log.jsonl and hand it to the caller's ``log``."""
        if not self.leads:
            return
        path = self.path / "log.jsonl"
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        if self.log is not None:
            self.log(row)

    def rewind(self, step: int) -> None:
        """Take back what the log says of steps from ``step`` on: they are about to be done again.

        A last line that a kill cut short goes too.
        """
        path = self.path / "log.jsonl"
        if not self.leads or not path.is_file():
            return
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and _stands(line, step)]
        if kept != lines:
            atomic_write(path, "".join(kept))


def _stands(line: str, step: int) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return not (isinstance(row, dict) and row.get("event") in MEASURED and row.get("step", 0) >= step)


def _lock(file: IO[str], folder: Path) -> None:
    """An advisory lock that the system lifts when this process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"another process is training in {folder}; wait for it or choose another --out") from None
    except OSError:  # a file system without locks
        return


def differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Where two plain JSON values differ, for example ``run.steps: 100 there, 200 here``."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted({*found, *wanted})
        inner = [differences(found.get(k), wanted.get(k), f"{name}.{k}" if name else k) for k in keys]
        return [line for lines in inner for line in lines]
    return [] if found == wanted else [f"{name or 'recipe'}: {json.dumps(found)} there, {json.dumps(wanted)} here"]
