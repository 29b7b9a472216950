"""A recipe: one YAML file that says what is trained, on what, and how.

Its keys have the names of the dataclass fields they fill. ``task`` names the class that is trained; ``run`` belongs to
the loop; everything else is handed to the task. Its header comment says what it makes, the number reached, the wall
clock and the command, and ``verified:`` records the run behind them.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.train.schedule import ScheduleConfig


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What the loop needs to know.

    Attributes:
        steps: optimiser steps in all.
        schedule: learning-rate stages.
        weight_decay, betas, clip: AdamW and the gradient-norm bound.
        ema: decay of the weight average.
        seed: of weights, data order and noise.
        dtype: auto | bf16 | fp32.
        save_seconds: time between checkpoints; save_steps: or steps between them (0: by time only).
        log_steps, probe_steps: how often to log and to measure on held-out data (0: never).
    """

    steps: int
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    dtype: str = "auto"
    save_seconds: float = 180.0
    save_steps: int = 0
    log_steps: int = 20
    probe_steps: int = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A parsed recipe. ``settings`` is what the task gets."""

    name: str
    task: str
    run: RunConfig
    settings: dict[str, Any]


def build(cls: type, values: Any, where: str) -> Any:
    """A frozen config dataclass from plain YAML values; unknown keys and wrong types are refused by name."""
    if not isinstance(values, dict):
        raise InputError(f"{where}: want a mapping, got {values!r}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in values:
        if key not in fields:
            raise InputError(f"{where}: no setting {key!r}; there are {', '.join(fields)}")
    hints = _hints(cls)
    made = {}
    for key, value in values.items():
        kind = hints[key]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            made[key] = build(kind, value, f"{where}.{key}")
        elif isinstance(value, list):
            made[key] = tuple(value)
        elif kind is float and isinstance(value, int | str):
            try:
                made[key] = float(value)
            except ValueError:
                raise InputError(f"{where}.{key}: want a number, got {value!r}") from None
        elif kind in (int, str, bool) and not isinstance(value, kind):
            raise InputError(f"{where}.{key}: want {kind.__name__}, got {value!r}")
        else:
            made[key] = value
    try:
        return cls(**made)
    except TypeError as error:
        raise InputError(f"{where}: {error}") from None


def _hints(cls: type) -> dict[str, Any]:
    from typing import get_type_hints

    return get_type_hints(cls)


def find_recipe(name: str | os.PathLike[str]) -> Path:
    """A recipe by path or by the name of a shipped one."""
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise InputError(f"recipe {path}: no such file")
    folder = settings.shipped("recipes")
    if folder is not None and (folder / f"{name}.yaml").is_file():
        return folder / f"{name}.yaml"
    there = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) if folder else "none"
    raise InputError(f"no recipe named {str(name)!r} (there are: {there})")


def load_recipe(name: str | os.PathLike[str], overrides: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe; ``overrides`` maps dotted names ("run.steps") to values given on the command line."""
    path = find_recipe(name)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"recipe {path}: not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict) or "task" not in data or "run" not in data:
        raise InputError(f"recipe {path}: needs the keys task and run")
    for dotted, value in (overrides or {}).items():
        _set(data, dotted, value, path)
    rest = {k: v for k, v in data.items() if k not in ("task", "run", "verified")}
    return Recipe(name=path.stem, task=data["task"], run=build(RunConfig, data["run"], f"{path}: run"), settings=rest)


def _set(data: dict[str, Any], dotted: str, value: Any, path: Path) -> None:
    *parents, last = dotted.split(".")
    for key in parents:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise InputError(f"recipe {path}: {dotted} does not name a setting")
    data[last] = value


def task_class(name: str) -> Any:
    """The class named "package.module:Class"."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"task {name!r} cannot be imported: {error}") from error
