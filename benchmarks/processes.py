"""One describe training in one process and in two that share every batch: how far do the loss curves part?

    python -m benchmarks.processes [--steps 60]

A small network on a hundred scenes, in fp32. The two are started by torchrun and train under DDP. Both arms see the
same pictures and the same noise; what is left is the order in which floating-point numbers are added.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.resume import write_recipe
from lucida.train.claims import report
from tests.systems.describe.small import small_home
from tests.train.runs import ROOT, finish, largest_difference, rows, start


def start_torchrun(recipe: Path, out: Path) -> subprocess.Popen[str]:
    """The command of ``lucida train --help``."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"]
    command = [*launcher, "lucida", "train", str(recipe), "--out", str(out)]
    environment = {**os.environ, "LUCIDA_DEVICE": "cpu"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def main() -> None:
    """Train both arms and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["LUCIDA_HOME"] = str(small_home(folder / "home"))
        recipe = write_recipe(folder, options.steps)
        for process in (start(recipe, folder / "one"), start_torchrun(recipe, folder / "two")):
            code, _, words = finish(process, timeout=1200)
            assert code == 0, words
        one, two = rows(folder / "one"), rows(folder / "two")
        processes = rows(folder / "two", "dtype")[0]["processes"]
        numbers = {
            "largest_relative_difference_of_loss": parted(one, two, "loss"),
            "largest_relative_difference_of_gradient_norm": parted(one, two, "norm"),
            "largest_difference_of_weights": largest_difference(folder / "one", folder / "two"),
            "first_loss": one[0]["loss"],
            "last_loss": one[-1]["loss"],
            "steps": len(one),
            "processes": processes,
        }
    same = [row["step"] for row in one] == [row["step"] for row in two] == list(range(options.steps))
    passed = {"every_step_logged_once": same, "two_processes": processes == 2}
    print(json.dumps(report(numbers, passed), indent=2))


def parted(one: list[dict], two: list[dict], name: str) -> float:
    """Largest relative difference of two logged curves."""
    return max(abs(a[name] - b[name]) / abs(a[name]) for a, b in zip(one, two, strict=True))


if __name__ == "__main__":
    main()
