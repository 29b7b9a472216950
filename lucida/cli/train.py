"""`lucida train`: run a recipe, resumably."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def train(
    recipe: str,
    *,
    out: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    until: int | None = None,
) -> None:
    """Train a recipe. Run it again with the same folder and it goes on where it stopped.

    Examples:

        lucida train describe

        lucida train describe --out runs/mine --set run.steps=200 --set bank.count=500

        accelerate launch --cpu --num_processes 2 -m lucida train describe --out runs/two

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
    import sys

    import yaml

    from lucida.media import settings
    from lucida.media.errors import InputError
    from lucida.train.loop import train as run
    from lucida.train.recipe import load_recipe

    overrides: dict[str, Any] = {}
    for item in set_ or []:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InputError(f"--set {item!r}: want name=value")
        overrides[name] = yaml.safe_load(value)
    loaded = load_recipe(recipe, overrides)
    folder = out or Path("runs/train") / loaded.name
    model = run(loaded, folder, device=settings.device(), log=lambda row: print(_line(row), file=sys.stderr), until=until)
    if model is None:
        print(f"stopped; run the same command to go on: {folder}", file=sys.stderr)
    else:
        print(model)


def _line(row: dict[str, Any]) -> str:
    """A log row as one readable line."""
    rest = {k: v for k, v in row.items() if k not in ("event", "words")}
    numbers = "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in rest.items())
    return "  ".join(part for part in (row["event"], row.get("words", ""), numbers) if part)
