"""How long ``lucida --help`` takes, against importing numpy and against starting Python at all.

    python benchmarks/startup.py [ROUNDS]

The arms take turns within each round, so that whatever else the machine does falls on all of them. The first round only
warms the disk cache and is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from lucida.train.claims import measured, report

ARMS = {
    "help": ["-m", "lucida", "--help"],
    "import_lucida": ["-c", "import lucida"],
    "import_numpy": ["-c", "import numpy"],
    "python": ["-c", "pass"],
}


def seconds(arguments: list[str]) -> float:
    """Wall clock of one process from start to exit."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(rounds: int = 15) -> None:
    """Measure and report; prints the report."""
    times: dict[str, list[float]] = {name: [] for name in ARMS}
    for turn in range(rounds + 1):
        for name, arguments in ARMS.items():
            taken = seconds(arguments)
            if turn:
                times[name].append(taken)
    numbers = {f"{name}_seconds": measured(values) for name, values in times.items()}
    ratios = [a / b for a, b in zip(times["help"], times["import_numpy"], strict=True)]
    numbers["help_over_import_numpy"] = measured(ratios)
    print(json.dumps(report(numbers), indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
