"""A recipe: one YAML file that says what is trained, on what, and how.

Its keys have the names of the dataclass fields they fill. ``task`` names the class that is trained; ``run`` belongs to
the loop; everything else is handed to the task. Its header comment says what it makes, the number reached, the wall
clock and the command, and ``verified:`` records the run behind them.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.train.plain import build
from lucida.train.schedule import ScheduleConfig


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What the loop needs to know.

    Attributes:
        steps: optimiser steps in all.
        schedule: learning-rate stages.
        optimiser: adamw, or muon: Muon for the matrices inside, AdamW for the rest.
        weight_decay, betas, clip: of the optimiser (betas: AdamW's), and the gradient-norm bound.
        ema: decay of the weight average.
        seed: of weights, data order and noise.
        dtype: auto | bf16 | fp32.
        save_seconds: time between checkpoints; save_steps: or steps between them (0: by time only).
        log_steps, probe_steps: how often to log and to measure on held-out data (0: never).

    Raises:
        InputError: a number is out of its range.
    """

    steps: int
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    optimiser: Literal["adamw", "muon"] = "adamw"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    dtype: Literal["auto", "bf16", "fp32"] = "auto"
    save_seconds: float = 180.0
    save_steps: int = 0
    log_steps: int = 20
    probe_steps: int = 500

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"steps must be at least 1, got {self.steps}")
        for name in ("weight_decay", "seed", "save_seconds", "save_steps", "log_steps", "probe_steps"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.clip <= 0:
            raise InputError(f"clip must be above 0, got {self.clip}")
        for name, value in (("betas", max(self.betas)), ("betas", min(self.betas)), ("ema", self.ema)):
            if not 0 <= value < 1:
                raise InputError(f"{name} must lie in [0, 1), got {value}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A parsed recipe. ``settings`` is what the task gets."""

    name: str
    task: str
    run: RunConfig
    settings: dict[str, Any]


def find_recipe(name: str | os.PathLike[str]) -> Path:
    """A recipe by path or by the name of a shipped one."""
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise InputError(f"recipe {path}: {'not a file' if path.exists() else 'no such file'}")
    folder = settings.shipped("recipes")
    if folder is not None and (folder / f"{name}.yaml").is_file():
        return folder / f"{name}.yaml"
    there = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) if folder else "none"
    raise InputError(f"no recipe named {str(name)!r} (there are: {there}; or give the path of a .yaml file)")


def load_recipe(name: str | os.PathLike[str], overrides: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe; ``overrides`` maps dotted names ("run.steps") to values given on the command line.

    Raises:
        InputError: no such recipe, not YAML, or a setting of ``run`` is unknown, missing or of the wrong type.
    """
    path = find_recipe(name)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"recipe {path}: not YAML: {' '.join(str(error).split())}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"recipe {path}: cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"recipe {path}: want a mapping with the keys task and run")
    for dotted, value in (overrides or {}).items():
        _set(data, dotted, value, path)
    if missing := [key for key in ("task", "run") if key not in data]:
        raise InputError(f"recipe {path}: needs the key {missing[0]}")
    if not isinstance(data["task"], str):
        raise InputError(f"recipe {path}: task: want package.module:Class, got {data['task']!r}")
    if strange := [key for key in data if not isinstance(key, str)]:
        raise InputError(f"recipe {path}: want words for keys, got {strange[0]!r}")
    rest = {k: v for k, v in data.items() if k not in ("task", "run", "verified")}
    run = build(RunConfig, data["run"], f"recipe {path}: run")
    return Recipe(name=path.stem, task=data["task"], run=run, settings=rest)


def _set(data: dict[str, Any], dotted: str, value: Any, path: Path) -> None:
    *parents, last = dotted.split(".")
    for key in parents:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise InputError(f"recipe {path}: {dotted} does not name a setting ({key} has none inside)")
    data[last] = value


def task_class(name: str) -> Any:
    """The class named "package.module:Class".

    Raises:
        InputError: there is no such module or class. (A missing package that the module needs is another error.)
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise InputError(f"task {name!r}: want package.module:Class")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise InputError(f"task {name!r}: no module {error.name}") from error
    except AttributeError as error:
        raise InputError(f"task {name!r}: module {module} has no {attribute}") from error


__all__ = ["Recipe", "RunConfig", "build", "find_recipe", "load_recipe", "task_class"]
