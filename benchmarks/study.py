"""Arms of a recipe trained side by side: a queue with a file per arm and seed, which carries on where it stopped."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lucida.media.files import atomic_write
from lucida.train.loop import train
from lucida.train.recipe import load_recipe

Curve = list[tuple[int, dict[str, float]]]  # (training step, probe)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One thing that is trained: a name for tables, and what it changes in the recipe."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


class Queue:
    """The runs of a study, and the folder that holds their results.

    Args:
        recipe: name of the recipe that all arms change. one_run: seconds that must be left to begin a run.
    """

    def __init__(self, recipe: str, arms: list[Arm], seeds: int, folder: Path, *, one_run: float) -> None:
        self.recipe, self.arms, self.seeds, self.folder, self.one_run = recipe, arms, range(seeds), folder, one_run

    def path(self, arm: Arm, seed: int) -> Path:
        """The result file of a run."""
        return self.folder / f"{arm.name}-s{seed}.json"

    def missing(self) -> list[tuple[Arm, int]]:
        """Runs without a result, first seeds first."""
        return [(arm, seed) for seed in self.seeds for arm in self.arms if not self.path(arm, seed).is_file()]

    def run(self, until: float, overrides: dict[str, Any], only: list[str] | None = None) -> None:
        """Train what is missing; none is begun that might not end before ``until`` (monotonic seconds)."""
        for arm, seed in self.missing():
            if only and arm.name not in only:
                continue
            if time.monotonic() + self.one_run > until:
                return
            print(f"{arm.name}, seed {seed}", flush=True)
            begin, place = time.monotonic(), self.folder / f"{arm.name}-s{seed}"
            recipe = load_recipe(self.recipe, arm.settings | overrides | {"run.seed": seed})
            if train(recipe, place).model is None:
                raise SystemExit(130)  # stopped by a signal; the checkpoint stays
            rows = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
            probes = {row["step"]: row for row in rows if row.get("event") == "probe"}
            result = {"arm": arm.name, "seed": seed, "settings": recipe.settings, "steps": recipe.run.steps,
                      "seconds": time.monotonic() - begin, "probes": [probes[s] for s in sorted(probes)]}  # fmt: skip
            atomic_write(self.path(arm, seed), json.dumps(result, indent=1) + "\n")
            (place / "checkpoint.pt").unlink(missing_ok=True)

    def curves(self) -> dict[str, dict[int, Curve]]:
        """Finished runs: arm -> seed -> curve."""
        found: dict[str, dict[int, Curve]] = {}
        for arm in self.arms:
            for seed in self.seeds:
                if self.path(arm, seed).is_file():
                    data = json.loads(self.path(arm, seed).read_text())
                    found.setdefault(arm.name, {})[seed] = [(row["step"], row) for row in data["probes"]]
        return found

    def left(self) -> str:
        """What is not yet run, in words; "" when all is."""
        return ", ".join(f"{arm.name} seed {seed}" for arm, seed in self.missing())
