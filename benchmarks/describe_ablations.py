"""What the describer's parts are worth: each is taken away, and all arms train on alike from the shipped weights.

    python -m benchmarks.describe_ablations [--runs runs/describe-ablations] [--minutes 60] [--seeds 3] [--steps 60]
        [--only ARM ...] [--report-only]

Arms of a seed share data, order, noise and number of steps; "whole" trains on with nothing taken away. So a row says
what a part is worth to a network that grew up with it and had these steps to do without, not what one could become
that never knew it. In "told" nothing is taken away: its captions are those that the shipped weights wrote with many
passes, where the reader finds them right (``systems.describe.told``), so as to write in fewer; "twin" and "twin-told"
are the same of the autoregressive twin, compared with each other. Measured on held-out scenes by the reader in the
recipe's plan, whose passes are counted, and by the look-up probe. A study carries on where it stopped and says what is
not yet run.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from benchmarks.study import Arm, Curve, Queue
from lucida.train.claims import BUDGET, Value, measured, report

WITHOUT_SIDES = {"layout.sides": False, "grounding.guide": 0.0}
SCENES = 500  # about as many as a run of the usual length sees with captions
ARMS = [
    Arm(name="whole"),
    Arm(name="no-cover", settings={"layout.covered": False, "network.cover_bias": False}),
    Arm(name="no-replay", settings={"layout.replayed": False, "samples.unseen": 0.0}),
    Arm(name="told", settings={"told.model": "describe", "told.scenes": SCENES, "told.share": 1.0}),
    Arm(name="no-sides", settings=WITHOUT_SIDES),
    Arm(name="no-neighbours", settings={"network.near": []}),
]
TWIN_ARMS = [
    Arm(name="twin"),
    Arm(name="twin-told", settings={"told.model": "describe-twin", "told.scenes": SCENES, "told.share": 1.0}),
]
KEYS = ("noun", "colour", "size", "place", "relation_true", "grammar", "all", "lookup", "passes")
ONE_RUN = 420.0  # seconds that must be left to begin one


def numbers_of(curves: dict[str, dict[int, Curve]]) -> dict[str, Value]:
    """Final scores by arm, and how far each arm ends below "whole" (or "twin"), seed by seed."""
    numbers: dict[str, Value] = {}
    for name, seeds in curves.items():
        last = {seed: curve[-1][1] for seed, curve in seeds.items()}
        against = "twin" if name.startswith("twin") else "whole"
        whole = curves.get(against, {})
        both = sorted(set(last) & set(whole)) if name != against else []
        for key in KEYS:
            numbers[f"{name}/{key}"] = measured([probe[key] for probe in last.values()])
            if both:
                numbers[f"{name}/{key}_lost"] = measured([whole[s][-1][1][key] - last[s][key] for s in both])
    return numbers


def main() -> None:
    """Run what is missing as far as the time goes, then print and report everything there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/describe-ablations"))
    parser.add_argument("--minutes", type=float, default=float(os.environ.get(BUDGET, "3600")) / 60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--only", nargs="+", metavar="ARM", choices=[arm.name for arm in ARMS + TWIN_ARMS])
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args()
    begin = time.monotonic()
    shared = {
        "run.steps": options.steps, "run.schedule.peak": 5e-4, "run.schedule.warmup": 20,
        "run.schedule.decay": options.steps // 2, "run.ema": 0.98, "run.probe_steps": 0, "probe": 80,
        "bank.count": SCENES,
        # Read-outs begin anew with every run, and would be most of the gradient of one as short as these.
        "grounding.weight": 0.0, "grounding.sides": 0.0,
        "corruption.surprise": 1.0, "corruption.surprise_until": 0,
    }  # fmt: skip
    queues = [
        Queue(name, arms, options.seeds, options.runs, one_run=ONE_RUN)
        for name, arms in (("describe", ARMS), ("describe-twin", TWIN_ARMS))
    ]
    for queue in queues if not options.report_only else []:
        queue.run(begin + 60 * options.minutes, shared | {"start": queue.recipe}, options.only)
    curves = {name: seeds for queue in queues for name, seeds in queue.curves().items()}
    for name, seeds in curves.items():
        last = [curve[-1][1] for curve in seeds.values()]
        row = "  ".join(f"{key} {sum(p[key] for p in last) / len(last):.3f}" for key in KEYS)
        print(f"{name:>14}, {len(seeds)} seed(s): {row}")
    left = ", ".join(filter(None, (queue.left() for queue in queues)))
    print(f"\nnot yet run: {left or 'nothing'}")
    report(numbers_of(curves), {}, f"not yet run: {left}" if left else "")


if __name__ == "__main__":
    main()
