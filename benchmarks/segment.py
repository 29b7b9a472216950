"""Segmentation as a flow: plain against reshaped fields, codes and widths, and the discriminative twins.

    python -m benchmarks.segment STUDY [--runs runs/segment-study] [--minutes 60] [--seeds 3] [--report-only]

STUDY is reshaping, twin, codes, causes or all. Each run is one arm with one seed of the recipe segment-screen, with a
file of its own. Arms of a seed share data, order, noise and first weights (the shipped twin's trunk). A study carries
on where it stopped, shares runs with the others, and says which are not yet run. Within a study the first seeds come
first. No run is begun that might not end within --minutes (or the claim's budget). mIoU is over one confusion matrix of
held-out scenes.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from benchmarks.study import Arm, Curve, Queue
from lucida.train.claims import BUDGET, Value, measured, report

RECIPE = "segment-screen"
ONE_RUN = 240.0  # seconds that must be left to begin one
STEPS = (1, 2, 5, 10)
CODES = ("kronecker", "r_d", "grid", "random")
WIDTHS = (3, 8, 16)
MAIN = "kronecker-8"


def arm(kind: str, code: str = MAIN, suffix: str = "", **more: object) -> Arm:
    """An arm of the recipe with codes such as ``grid-3``; ``more`` holds further settings, ``__`` for dots."""
    rule, _, width = code.partition("-")
    name = kind if kind == "twin" else f"{kind}_{code}"
    settings = {"arm": kind, "codes.kind": rule, "codes.width": int(width)}
    return Arm(name=name + suffix, settings=settings | {k.replace("__", "."): v for k, v in more.items()})


STUDIES: dict[str, list[Arm]] = {
    "reshaping": [arm(kind, code) for code in (MAIN, "kronecker-3") for kind in ("vanilla", "static", "annealed")],
    "twin": [arm("twin"), arm("metric"), arm("static"), arm("vanilla")],
    "codes": [arm("static", f"{rule}-{width}") for width in WIDTHS for rule in CODES],
    "causes": [
        arm("twin"), arm("metric"), arm("static"),
        arm("static", suffix="_early", schedule__base="logit_normal", schedule__mean=1.0),
        arm("static", suffix="_shift3", schedule__shift=3.0),
        arm("static", suffix="_quarter", codes__scale=0.25), arm("static", suffix="_whole", codes__scale=1.0),
        arm("static", suffix="_soft", target__temperature=2.0), arm("static", suffix="_eps", target__eps=1e-3),
        arm("static", suffix="_velocity", network__prediction="velocity"),
        arm("static", suffix="_shift1", schedule__shift=1.0),
        arm("static", suffix="_apart", network__head_layers=0), arm("vanilla", "kronecker-16"),
        arm("annealed", suffix="_early", schedule__base="logit_normal", schedule__mean=1.0),
    ],
}  # fmt: skip
STUDIES["all"] = list({a.name: a for study in list(STUDIES.values()) for a in study}.values())


def steps_to(curve: Curve, wanted: float, key: str) -> float | None:
    """The training step at which a curve first reaches ``wanted``, between probes by a straight line; None: never."""
    before, low = 0, 0.0
    for step, probe in curve:
        high = probe[key]
        if high >= wanted:
            return before + (step - before) * ((wanted - low) / (high - low) if high > low else 0.0)
        before, low = step, high
    return None


def best_miou(curve: Curve, most: int = max(STEPS)) -> float:
    """The best final mIoU of a run over numbers of Euler steps up to ``most``."""
    last = curve[-1][1]
    return max(last[f"miou_{k}"] for k in STEPS if k <= most and f"miou_{k}" in last)


def table(curves: dict[str, dict[int, Curve]]) -> None:
    """Print mIoU against training step (mean over seeds), then the final scores."""
    for name, seeds in curves.items():
        print(f"\n{name}: mIoU % at {', '.join(map(str, STEPS))} Euler steps, {len(seeds)} seed(s)")
        for place, (step, _) in enumerate(next(iter(seeds.values()))):
            probes = [curve[place][1] for curve in seeds.values()]
            cells = [
                f"{100 * sum(p[f'miou_{k}'] for p in probes) / len(probes):6.2f}"
                for k in STEPS
                if f"miou_{k}" in probes[0]
            ]
            print(f"  step {step:5d}  {'  '.join(cells)}")


def finals(curves: dict[str, dict[int, Curve]]) -> dict[str, Value]:
    """Every final score, mean and spread over seeds."""
    numbers: dict[str, Value] = {}
    for name, seeds in curves.items():
        last = [curve[-1][1] for curve in seeds.values()]
        for key in last[0]:
            if key.rpartition("_")[0] in ("miou", "averaged", "boundary", "third") or key == "unknown_auroc":
                numbers[f"{name}/{key}"] = measured([probe[key] for probe in last if key in probe])
    return numbers


def against_vanilla(
    curves: dict[str, dict[int, Curve]], code: str
) -> tuple[dict[str, Value], dict[str, bool]]:
    """How much sooner, better and cleaner the bent fields are, seed by seed, for the same codes and 5 Euler steps."""
    numbers: dict[str, Value] = {}
    passed: dict[str, bool] = {}
    plain = curves.get(f"vanilla_{code}", {})
    for kind in ("static", "annealed"):
        bent = curves.get(f"{kind}_{code}", {})
        both = sorted(set(plain) & set(bent))
        if not both:
            continue
        shares, gains, thirds = [], [], []
        for seed in both:
            end = plain[seed][-1]
            reached = steps_to(bent[seed], end[1]["miou_5"], "miou_5")
            shares.append(reached / end[0] if reached is not None else None)
            gains.append(bent[seed][-1][1]["miou_5"] - end[1]["miou_5"])
            thirds.append(bent[seed][-1][1]["third_5"] - end[1]["third_5"])
        name = f"{kind}_{code}"
        if None not in shares:
            numbers[f"{name}/share_of_vanillas_steps"] = measured([s for s in shares if s is not None])
        numbers[f"{name}/miou_5_above_vanilla"] = measured(gains)
        numbers[f"{name}/third_5_above_vanilla"] = measured(thirds)
        passed[f"{name}/at_most_60_per_cent_of_the_steps"] = all(s is not None and s <= 0.6 for s in shares)
        passed[f"{name}/ends_one_point_higher"] = all(gain >= 0.01 for gain in gains)
        passed[f"{name}/fewer_third_classes"] = all(third < 0 for third in thirds)
    return numbers, passed


def gaps(curves: dict[str, dict[int, Curve]]) -> dict[str, Value]:
    """How far each arm ends behind the twin, in mIoU, at its best number of Euler steps up to 2 and up to 5."""
    numbers: dict[str, Value] = {}
    twin = curves.get("twin", {})
    for name, seeds in curves.items():
        both = sorted(set(twin) & set(seeds)) if name != "twin" else []
        for most in (2, 5) if both else ():
            behind = [twin[s][-1][1]["miou_1"] - best_miou(seeds[s], most) for s in both]
            numbers[f"{name}/behind_twin_at_{most}_steps"] = measured(behind)
    return numbers


def codes(curves: dict[str, dict[int, Curve]]) -> dict[str, bool]:
    """Whether the claims on codes hold in seed-means: Kronecker beats random, wider beats rule."""
    mean = {name: sum(map(best_miou, seeds.values())) / len(seeds) for name, seeds in curves.items()}
    passed: dict[str, bool] = {}
    for width in WIDTHS:
        names = [f"static_{rule}-{width}" for rule in CODES]
        if all(name in mean for name in names):
            passed[f"kronecker_beats_random_at_{width}"] = mean[names[0]] > mean[names[3]]
            passed[f"kronecker_beats_grid_at_{width}"] = mean[names[0]] > mean[names[2]]
    kron = [mean.get(f"static_kronecker-{width}") for width in WIDTHS]
    rules = [mean.get(f"static_{rule}-3") for rule in CODES]
    if None not in kron and None not in rules:
        values = [r for r in rules if r is not None]
        passed["width_matters_more_than_rule"] = (kron[1] or 0) - (kron[0] or 0) > max(values) - min(values)
    return passed


def main() -> None:
    """Run what is missing as far as the time goes, then print and report everything there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--runs", type=Path, default=Path("runs/segment-study"))
    parser.add_argument("--minutes", type=float, default=float(os.environ.get(BUDGET, "3600")) / 60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="ARM", help="of the study's arms; the others stay not yet run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe, for trials"
    )
    options = parser.parse_args()
    begin = time.monotonic()
    overrides = {k: json.loads(v) for k, _, v in (pair.partition("=") for pair in options.set)}
    queue = Queue(RECIPE, STUDIES[options.study], options.seeds, options.runs, one_run=ONE_RUN)
    if not options.report_only:
        queue.run(begin + 60 * options.minutes, overrides, options.only)
    curves = queue.curves()
    table(curves)
    numbers = finals(curves) | gaps(curves)
    passed = codes(curves)
    for code in (MAIN, "kronecker-3"):
        more, checks = against_vanilla(curves, code)
        numbers |= more
        passed |= checks
    left = queue.left()
    print(f"\nnot yet run: {left or 'nothing'}")
    for name, value in report(numbers, passed, f"not yet run: {left}" if left else "")["numbers"].items():
        spread = f" ± {value['spread']:.4f}" if value["spread"] is not None else ""
        print(f"{name:<45} {value['value']:.4f}{spread} (n {value['n']})")
    for name, held in passed.items():
        print(f"{name:<45} {'yes' if held else 'no'}")


if __name__ == "__main__":
    main()
