"""The ledger of claims: ``docs/claims.yaml`` (by hand), ``docs/claims/ID.json`` (by runs), and verdicts.

A claim says what is expected as data, so its verdict is computed and never typed::

    - id: help-time
      claim: "`lucida --help` answers in under half a second."
      source: DESIGN section 8
      arms: [lucida --help, python -c "import numpy"]
      budget: 2m
      seeds: 1
      command: python benchmarks/startup.py
      expect:
        - {number: help_seconds, op: "<", value: 0.5}                # against a constant
        - {number: help_seconds, op: "<", than: other, spreads: 2}  # another, beyond noise
        - {passed: "*_equal"}          # named yes/no checks; here and for numbers, * stands for all that match
      only_if:                                                 # tried in turn when `expect` fails
        - when: "the disk cache is warm"
          expect: [{number: warm_help_seconds, op: "<", value: 0.5}]
      note: a caveat, in words
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from lucida.media.errors import InputError
from lucida.media.files import atomic_write

T = TypeVar("T")

HOLDS, FAILS, NOT_RUN = "holds", "does not hold at this scale", "not yet run"
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A measured value, its spread over ``n`` repeats or seeds (standard deviation, in the value's unit)."""

    value: float
    spread: float | None = None
    n: int = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run of a claim's command left behind."""

    status: str  # "finished" | "budget" | "failed"
    command: str
    numbers: dict[str, Number] = field(default_factory=dict)
    passed: dict[str, bool] = field(default_factory=dict)
    notes: str = ""
    why: str = ""  # for a run that did not finish
    seconds: float = 0.0
    machine: dict[str, Any] = field(default_factory=dict)
    commit: str = ""
    dirty: bool = False
    date: str = ""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One condition of a claim: a number against a constant or another number, or a named check."""

    number: str = ""
    op: str = ""
    value: float | None = None
    than: str = ""
    spreads: float = 0.0
    passed: str = ""

    def holds(self, result: Result) -> bool:
        """Whether it is met; with ``spreads`` k the gap must exceed k combined standard deviations.

        A name with ``*`` stands for every number or check that it matches, and all of them must meet it.

        Raises:
            KeyError: the result has no number or check of that name.
        """
        if self.passed:
            return all(_matching(result.passed, self.passed))
        right = result.numbers[self.than] if self.than else Number(value=float(self.value or 0.0))
        return all(self._compares(left, right) for left in _matching(result.numbers, self.number))

    def _compares(self, left: Number, right: Number) -> bool:
        slack = self.spreads * math.hypot(left.spread or 0.0, right.spread or 0.0)
        shift = {"<": slack, "<=": slack, ">": -slack, ">=": -slack, "==": 0.0}[self.op]
        return OPERATORS[self.op](left.value + shift, right.value)

    def __str__(self) -> str:
        if self.passed:
            return f"check `{self.passed}` passes"
        right = f"`{self.than}`" if self.than else f"{self.value:g}"
        clear = f" by {self.spreads:g} spreads" if self.spreads else ""
        return f"`{self.number}` {self.op} {right}{clear}"


def _matching(named: Mapping[str, T], pattern: str) -> list[T]:
    if "*" not in pattern:
        return [named[pattern]]
    found = [value for name, value in named.items() if fnmatchcase(name, pattern)]
    if not found:
        raise KeyError(pattern)
    return found


@dataclass(frozen=True, kw_only=True)
class Condition:
    """An alternative under which a claim still holds: ``holds only if <when>``."""

    when: str
    expect: tuple[Expectation, ...]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row of ``docs/claims.yaml``; see the module's docstring."""

    id: str
    claim: str
    source: str
    arms: tuple[str, ...]
    budget: str
    seeds: int
    command: str
    expect: tuple[Expectation, ...]
    only_if: tuple[Condition, ...] = ()
    note: str = ""


def verdict(claim: Claim, result: Result | None) -> str:
    """``holds``, ``holds only if …``, ``does not hold at this scale``, or ``not yet run`` with its reason."""
    if result is None:
        return NOT_RUN
    if result.status != "finished":
        return f"{NOT_RUN} ({result.why or result.status})"
    try:
        if all(expectation.holds(result) for expectation in claim.expect):
            return HOLDS
        for condition in claim.only_if:
            if all(expectation.holds(result) for expectation in condition.expect):
                return f"holds only if {condition.when}"
    except KeyError as error:
        return f"{NOT_RUN} (the command gives no {error.args[0]!r})"
    return FAILS


def find_root(start: Path | None = None) -> Path:
    """The checkout: the nearest folder with ``docs/claims.yaml`` from ``start`` (default: here) upwards.

    Raises:
        InputError: there is none; claims need a checkout, not a wheel.
    """
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / "docs" / "claims.yaml").is_file():
            return folder
    raise InputError(f"no docs/claims.yaml in {here} or above it (claims need a source checkout)")


def load_claims(root: Path) -> list[Claim]:
    """Read ``docs/claims.yaml`` and check every field of every row.

    Raises:
        InputError: naming the row and the field.
    """
    import yaml

    path = root / "docs" / "claims.yaml"
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(rows, list):
        raise InputError(f"{path}: want a list of claims")
    claims = [_claim(row, f"docs/claims.yaml row {index}") for index, row in enumerate(rows, 1)]
    names = [claim.id for claim in claims]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise InputError(f"docs/claims.yaml: id {sorted(repeated)[0]!r} is used twice")
    return claims


def _claim(row: object, where: str) -> Claim:
    if not isinstance(row, Mapping):
        raise InputError(f"{where}: want a mapping, got {row!r}")
    where = f"docs/claims.yaml {row.get('id', where)}"
    given = dict(row)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(given.get("id", ""))):
        raise InputError(f"{where}: id {given.get('id')!r}: want lower-case words joined by hyphens")
    names = {entry.name for entry in fields(Claim)}
    if extra := set(given) - names:
        raise InputError(f"{where}: unknown field {sorted(extra)[0]!r}")
    if missing := names - {"only_if", "note"} - set(given):
        raise InputError(f"{where}: field {sorted(missing)[0]!r} is missing")
    seconds(given["budget"])
    given["arms"] = tuple(str(arm) for arm in given["arms"])
    given["expect"] = tuple(_expectation(entry, where) for entry in given["expect"])
    if not given["expect"]:
        raise InputError(f"{where}: expect is empty, so nothing could be decided")
    given["only_if"] = tuple(
        Condition(
            when=str(entry["when"]), expect=tuple(_expectation(item, where) for item in entry["expect"])
        )
        for entry in given.get("only_if", ())
    )
    return Claim(**given)


def _expectation(entry: object, where: str) -> Expectation:
    if not isinstance(entry, Mapping) or set(entry) - {item.name for item in fields(Expectation)}:
        raise InputError(f"{where}: expect {entry!r}: want number, op and value or than; or passed")
    made = Expectation(**entry)
    compared = bool(made.number and made.op in OPERATORS) and (made.value is not None) != bool(made.than)
    if bool(made.passed) == compared:
        raise InputError(f"{where}: expect {entry!r}: want number, op and value or than; or passed")
    return made


def seconds(budget: str) -> float:
    """``"90s"``, ``"40m"``, ``"1h30m"`` in seconds.

    Raises:
        InputError: anything else.
    """
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", str(budget).strip())
    total = (
        sum(int(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
        if match
        else 0
    )
    if not total:
        raise InputError(f"budget {budget!r}: want a time such as 90s, 40m or 1h30m")
    return float(total)


def result_path(root: Path, name: str) -> Path:
    """Where the result of claim ``name`` is kept."""
    return root / "docs" / "claims" / f"{name}.json"


def load_result(root: Path, name: str) -> Result | None:
    """The last result of claim ``name``, or None when it was never run.

    Raises:
        InputError: the file is not one that a run wrote.
    """
    path = result_path(root, name)
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["numbers"] = {key: Number(**value) for key, value in data["numbers"].items()}
        return Result(**data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a claim's result: {error}") from error


def save_result(root: Path, name: str, result: Result) -> None:
    """Write the result of claim ``name``, whole or not at all."""

    def plain(value: Any) -> Any:
        return (
            {item.name: getattr(value, item.name) for item in fields(value)}
            if isinstance(value, Number)
            else value
        )

    data = {item.name: getattr(result, item.name) for item in fields(Result)}
    data["numbers"] = {key: plain(value) for key, value in result.numbers.items()}
    atomic_write(result_path(root, name), json.dumps(data, indent=2, allow_nan=False) + "\n")
