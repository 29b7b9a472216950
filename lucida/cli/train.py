"""`lucida train`: run a recipe, resumably."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def train(
    recipe: str,
    *,
    out: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    until: int | None = None,
) -> int:
    """Train a recipe. Run it again with the same folder and it goes on where it stopped.

    Examples:

        lucida train describe

        lucida train describe --out runs/mine --set run.steps=200 --set bank.count=500

        torchrun --nproc_per_node 2 -m lucida train describe --out runs/two

    Parameters
    ----------
    recipe
        Name of a shipped recipe or path of a YAML file.
    out
        Folder of the run: log.jsonl, checkpoint.pt, and at the end model/. Default runs/train/RECIPE.
    set_
        Override a setting by its dotted name, for example run.steps=200; may be given again.
    until
        Stop with a checkpoint before this step.
    """
    # DDP would warn at the first step that it looks for unused parameters; later kinds of steps have some.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from lucida.media import settings
    from lucida.media.errors import InputError
    from lucida.train.loop import train as run
    from lucida.train.recipe import load_recipe

    if until is not None and until < 0:
        raise InputError(f"--until must not be negative, got {until}")
    loaded = load_recipe(recipe, dict(map(_override, set_ or [])))
    folder = out or Path("runs/train") / loaded.name
    outcome = run(loaded, folder, device=settings.device(), log=_say, until=until)
    if outcome.leads and outcome.model is not None:
        print(outcome.model)
    elif outcome.leads:
        done = f"{outcome.steps} of {loaded.run.steps} steps"
        sys.stderr.write(f"stopped after {done}; run the same command to go on: {folder}\n")
    return 128 + outcome.signal if outcome.signal else 0


def _override(item: str) -> tuple[str, Any]:
    """``run.steps=200`` as a dotted name and a YAML value; nothing behind the sign is an empty text."""
    import yaml

    from lucida.media.errors import InputError

    name, equals, value = item.partition("=")
    if not equals or not all(name.split(".")):
        raise InputError(f"--set {item!r}: want name=value, for example run.steps=200")
    try:
        return name, yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        raise InputError(f"--set {item!r}: {value!r} is not YAML") from error


def _say(row: dict[str, Any]) -> None:
    sys.stderr.write(line(row) + "\n")


def line(row: dict[str, Any]) -> str:
    """A log row as one readable line.

    >>> line({"event": "step", "step": 20, "of": 100, "stage": "stable", "loss": 1.5, "steps_per_second": 2.0,
    ...       "seconds": 10.5, "seconds_left": 39.5})
    'step 20/100  stable  loss 1.5  2.00 steps/s  40 s left'
    """
    rest = dict(row)
    event, words = rest.pop("event"), rest.pop("words", "")
    if event != "step":
        return "  ".join(part for part in (event, words, *_numbers(rest)) if part)
    head = f"step {rest.pop('step')}/{rest.pop('of')}"
    speed, left = rest.pop("steps_per_second"), rest.pop("seconds_left")
    rest.pop("seconds")
    return "  ".join((head, rest.pop("stage"), *_numbers(rest), f"{speed:.2f} steps/s", f"{_span(left)} left"))


def _numbers(values: dict[str, Any]) -> list[str]:
    return [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()]


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
