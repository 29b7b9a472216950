"""A describe training that is killed again and again, beside the same one left alone: does it end with the same bits?

    python -m benchmarks.resume [--steps 60] [--kills 3] [--seed 0]

A small network on a hundred scenes. Each kill is SIGKILL, at a random step, of a real process with the machine's own
number of threads; then the command is started again. Compared are all numbers of the last checkpoint (weights, their
average, the optimiser's moments) and of the exported model, and the log.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from pathlib import Path

from lucida.train.claims import report
from tests.systems.describe.small import recipe_text, small_home
from tests.train.runs import curve, finish, kill_at, largest_difference, rows, start, state

SETTINGS = {
    "network": {"width": 128, "layers": 3, "heads": 4, "hidden": 320},
    "bank": {"count": 100},
    "samples": {"pictures": 8, "groups": 4, "picture_pictures": 8, "question_pictures": 8, "question_groups": 4},
    "draws": 2,
    "probe": 4,
}


def write_recipe(folder: Path, steps: int) -> Path:
    """The recipe of both arms; checkpoints come every seven steps."""
    ramps = {"peak": 1e-3, "warmup": min(10, steps), "decay": steps // 4}
    run = {"steps": steps, "schedule": ramps, "probe_steps": max(steps // 3, 1), "save_steps": 7}
    path = folder / "resume.yaml"
    path.write_text(recipe_text(SETTINGS, run))
    return path


def main() -> None:
    """Train both arms and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the steps at which it is killed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["LUCIDA_HOME"] = str(small_home(folder / "home"))
        recipe = write_recipe(folder, options.steps)
        code, _, words = finish(start(recipe, folder / "whole"), timeout=1200)
        assert code == 0, words
        steps = sorted(random.Random(options.seed).sample(range(1, options.steps - 1), options.kills))
        survived = sum(kill_at(recipe, folder / "killed", step, timeout=1200) for step in steps)
        code, _, words = finish(start(recipe, folder / "killed"), timeout=1200)
        assert code == 0, words
        difference = largest_difference(folder / "whole", folder / "killed")
        same_log = curve(folder / "whole") == curve(folder / "killed")
        numbers = {
            "largest_difference": difference,
            "kills_survived": survived,
            "steps": options.steps,
            "numbers_compared": sum(tensor.numel() for tensor in state(folder / "whole").values()),
            "steps_done_again": _again(folder / "killed", steps),
        }
    notes = f"killed when the log showed step {', '.join(map(str, steps))}"
    passed = {"bit_equal": difference == 0, "same_log": same_log, "every_kill_hit": survived == options.kills}
    print(json.dumps(report(numbers, passed, notes), indent=2))


def _again(folder: Path, steps: list[int]) -> int:
    """How many steps the kills cost: from the checkpoint that was gone on from to the step that had been logged."""
    resumed = [row["step"] for row in rows(folder, "resume")]
    first = [0] * (len(steps) - len(resumed)) + resumed  # killed before there was a checkpoint
    return sum(step + 1 - start for step, start in zip(steps, first, strict=True))


if __name__ == "__main__":
    main()
