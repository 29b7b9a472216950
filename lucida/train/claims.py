"""Running claims: the command of a row of ``docs/claims.yaml`` in a process of its own, within a budget.

The command calls :func:`report` once, at its end. Everything else, the wall clock, the machine, the commit,
is recorded by the runner, so a script cannot forget it.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lucida.media.files import atomic_write
from lucida.train.ledger import Claim, Number, Result, save_result, seconds

OUT = "LUCIDA_CLAIM_OUT"
BUDGET = "LUCIDA_CLAIM_BUDGET"
_GRACE = 10.0  # seconds between asking a command to stop and killing it
_UNTRACKED_BY_DIRTY = (":!docs/claims", ":!docs/claims.md", ":!README.md")  # what a run itself rewrites

Value = float | int | Number | Mapping[str, float]


def measured(values: Sequence[float]) -> Number:
    """The mean of repeated measurements with their sample standard deviation, as one number of a report.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("measured(): no values")
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Number(value=statistics.fmean(values), spread=spread, n=len(values))


def report(
    numbers: Mapping[str, Value], passed: Mapping[str, bool] | None = None, notes: str = ""
) -> dict[str, Any]:
    """Hand a claim's numbers to the runner (a file at ``$LUCIDA_CLAIM_OUT`` when set); returned for printing.

    Args:
        numbers: by name, the unit in the name (``help_seconds``); a plain number, ``{"value", "spread",
            "n"}``, or a :class:`Number` such as :func:`measured` makes.
        passed: named yes/no checks.
        notes: what a reader should know about this run.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    data = {
        "numbers": {name: _plain(value) for name, value in numbers.items()},
        "passed": {name: bool(value) for name, value in (passed or {}).items()},
        "notes": notes,
    }
    text = json.dumps(data, allow_nan=False)
    if out := os.environ.get(OUT):
        atomic_write(out, text)
    return data


def _plain(value: Value) -> dict[str, float | int | None]:
    if isinstance(value, Number):
        return {"value": value.value, "spread": value.spread, "n": value.n}
    if isinstance(value, Mapping):
        number = Number(**value)  # type: ignore[arg-type]  # an unknown key is refused here
        return _plain(number)
    item = getattr(value, "item", None)  # a number of numpy or PyTorch
    return {"value": value if item is None else item(), "spread": None, "n": 1}


def argv(command: str) -> list[str]:
    """A claim's command as arguments; ``python``, ``pytest``, ``lucida`` are those of this interpreter."""
    words = shlex.split(command)
    own = {"python": [], "pytest": ["-m", "pytest"], "lucida": ["-m", "lucida"]}
    return [sys.executable, *own[words[0]], *words[1:]] if words and words[0] in own else words


def run_claim(
    root: Path, claim: Claim, *, budget: str | None = None, say: Callable[[str], None] = lambda line: None
) -> Result:
    """Run a claim's command in ``root`` and write its result to ``docs/claims/ID.json``.

    The command's own output goes to stderr. Over ``budget`` it is stopped with everything it started, and the
    result says so. An interrupt stops it too, and records nothing.

    Raises:
        InputError: the budget cannot be read, or the result cannot be written.
    """
    limit = seconds(budget or claim.budget)
    say(f"{claim.id}: {claim.command} (at most {limit:.0f} s)")
    with tempfile.TemporaryDirectory(prefix="lucida-claim-") as folder:
        out = Path(folder) / "result.json"
        environment = {**os.environ, OUT: str(out), BUDGET: f"{limit:.0f}"}
        path = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
        provenance = _provenance(root)  # before the command: a commit made while it runs is not what it measured
        start = time.perf_counter()
        why = _run(argv(claim.command), root, environment, limit)
        elapsed = time.perf_counter() - start
        data: dict[str, Any] = {}
        if not why:
            data, why = _read(out)
    status = "finished" if not why else "budget" if why == "budget" else "failed"
    result = Result(
        status=status,
        command=claim.command,
        numbers={name: Number(**value) for name, value in data.get("numbers", {}).items()},
        passed=data.get("passed", {}),
        notes=data.get("notes", ""),
        why=why,
        seconds=round(elapsed, 1),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        **provenance,
    )
    save_result(root, claim.id, result)
    return result


def _run(command: list[str], root: Path, environment: dict[str, str], limit: float) -> str:
    """Run to the end or the limit; return why there is no result, or an empty string."""
    try:
        # A session of its own, so that whatever the command starts can be stopped with it.
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=_stderr(),
            start_new_session=True,
        )
    except OSError as error:
        return f"cannot start {command[0]}: {error.strerror}"
    try:
        code = process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        return "budget"
    finally:
        _stop(process)
    return f"the command exited with code {code}" if code else ""


def _stderr() -> int | None:
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError):  # stderr is not a real file, as under some test runners
        return subprocess.DEVNULL


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the command's whole session, also children that outlived it; politely first."""
    for sign, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
            return


def _read(out: Path) -> tuple[dict[str, Any], str]:
    if not out.is_file():
        return {}, "the command reported no numbers"
    return json.loads(out.read_text(encoding="utf-8")), ""


def _provenance(root: Path) -> dict[str, Any]:
    from lucida.train.machine import machine

    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", ".", *_UNTRACKED_BY_DIRTY)
    return {"machine": machine(), "commit": commit, "dirty": bool(changed) or not commit}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
