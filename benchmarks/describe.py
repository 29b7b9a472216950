"""How fast regions are described: parallel diffusion against the autoregressive twin, in turn in one run.

    python -m benchmarks.describe [--model describe] [--twin describe-twin] [--counts 1 2 4 8 16 32 64]
        [--passes 1 2 4 8] [--runs 0.9 0.8 0.7 0.5] [--rounds 5] [--scenes 40]

Arms, all over one picture that has been looked at and read once:
  strict-K   N regions in one decode, shared context cache, K passes
  run-P      the same, in as many passes as it takes to reveal runs of slots at least P sure; threshold: surest first
  single     the same, one region per decode (PerceptionDLM's own comparison)
  twin-one   the twin, one region at a time with K/V cache (what users of such models run)
  twin       the twin, all regions in one batch over the shared context, finished rows dropped (the fair rival)
  released   PerceptionDLM's published visibility: the whole sequence read at every pass

A time is what answering takes: compiling the canvas, reading the regions' given parts, decoding. Every arm is timed in
fp32 and bf16, the faster one at that N counts and its quality stands beside it. The plan is chosen that takes the
fewest passes of those whose captions are within a point of the twin's (all attributes right); where none is, the best
plan (fewer passes at equal quality), and the report says so. The single and released arms take the chosen plan.
For N above a scene's things regions repeat. Per cent of peak: the multiply-adds of the arm's slots against this
machine's measured square matmul in that precision.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

import lucida
from benchmarks.describe_common import SHOWN, Ready, matmul_flops, ready, scores
from lucida.canvas.decoding import Decoded
from lucida.canvas.plan import Plan
from lucida.systems.describe.system import DTYPES, Describer, Precision
from lucida.train.claims import Value, report
from lucida.train.dtype import matmul_rate

THRESHOLD = Plan(steps=30, law="threshold", threshold=0.9)
SLOW = 6.0  # seconds: an arm that takes longer is timed once, not in every round
POINT = 0.01
GIVEN = 30  # about as many tokens as a region's given part


@dataclass(frozen=True)
class Arm:
    """One way to caption the regions of a scene."""

    name: str
    describer: Describer
    plan: Plan | None
    together: bool = True

    def write(self, one: Ready) -> Decoded:
        """All requests of a scene, in one decode or one by one; costs add up."""
        if self.together:
            return self._decode(one, one.requests)
        parts = [self._decode(one, [request]) for request in one.requests]
        joined = [list(itertools.chain.from_iterable(getattr(p, f) for p in parts)) for f in FIELDS]
        return Decoded(
            ids=joined[0], confidence=joined[1], steps=joined[2], lengths=joined[3], trajectory=None,
            passes=sum(p.passes for p in parts), token_forwards=sum(p.token_forwards for p in parts),
        )  # fmt: skip

    def _decode(self, one: Ready, requests: Sequence) -> Decoded:
        return self.describer.write([one.cells], [requests], self.plan, context=lambda: one.look.context)


FIELDS = ("ids", "confidence", "steps", "lengths")


def plans_of(passes: Sequence[int], runs: Sequence[float]) -> dict[str, Plan]:
    """The plans that the diffusion model is tried with."""
    run = Plan(steps=30, law="threshold", order="left-to-right", tail=0.9)
    return {
        **{f"strict-{k}": Plan(steps=k) for k in passes},
        **{f"run-{p:g}": replace(run, threshold=p) for p in runs},
        "threshold": THRESHOLD,
    }


def arms_of(model: Describer, twin: Describer, plans: dict[str, Plan], chosen: Plan) -> list[Arm]:
    """The arms; ``single`` and ``released`` with the chosen plan."""
    return [
        *(Arm(name, model, plan) for name, plan in plans.items()),
        Arm("single", model, chosen, together=False),
        Arm("twin-one", twin, None, together=False),
        Arm("twin", twin, None),
        Arm("released", model.variant("released"), chosen),
    ]


def choose(
    judged: dict[tuple[str, str], tuple[dict, float]], plans: Sequence[str], precision: str
) -> tuple[str, bool]:
    """The plan to quote, and whether its captions are within a point of the twin's."""
    right = {name: judged[name, precision][0]["all"].value for name in plans}
    passes = {name: judged[name, precision][1] for name in plans}
    good = [name for name in plans if right[name] >= judged["twin", precision][0]["all"].value - POINT]
    if good:
        return min(good, key=lambda name: passes[name]), True
    return max(plans, key=lambda name: (right[name], -passes[name])), False


def set_precision(arms: Sequence[Arm], precision: Precision) -> None:
    """Turn every arm's describer to a precision."""
    for arm in arms:
        arm.describer.precision = precision


def repeated(one: Ready, count: int) -> Ready:
    """The scene with ``count`` requests; things repeat."""
    return replace(one, requests=[one.requests[i % len(one.requests)] for i in range(count)])


def timed(
    arms: dict[Precision, list[Arm]], scene: dict[str, Ready], rounds: int
) -> dict[tuple[str, str], list[float]]:
    """Seconds per (arm, precision), the arms in turn in every round; the first round warms up and is not counted."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds + 1):
        for precision, some in arms.items():
            set_precision(some, precision)
            for arm in some:
                key = (arm.name, precision)
                if sum(seconds.get(key, [])) > SLOW:
                    continue
                one = scene[arm.describer.name]
                _ = one.look.context
                begin = time.perf_counter()
                arm.write(one)
                took = time.perf_counter() - begin
                if turn or took > SLOW:
                    seconds.setdefault(key, []).append(took)
    return seconds


def crossover(counts: Sequence[int], ratio: Sequence[float]) -> float:
    """N at which the ratio twin / strict falls to 1 (log-interpolated): the last N where it never does, else 0."""
    if ratio[0] < 1:
        return 0.0
    for (n, a), (m, b) in itertools.pairwise(zip(counts, ratio, strict=True)):
        if b < 1:
            share = math.log(a) / (math.log(a) - math.log(b))
            return n * (m / n) ** share
    return float(counts[-1])


def share_of_peak(arm: Arm, one: Ready, decoded: Decoded, seconds: float, peak: float) -> float:
    """Multiply-adds over time and measured peak (GFLOP/s). Half of the open slots get logits in a diffusion pass."""
    config, layout = arm.describer.network.config, arm.describer.layout
    slots = sum(len(line) + 1 for line in decoded.ids)
    keys = one.cells.shape[0] + GIVEN + max((len(line) for line in decoded.ids), default=0)
    if arm.name == "released":
        keys = decoded.token_forwards / decoded.passes  # everything looks at everything
    allowed = len(layout.vocabulary.allowed("text+end"))
    logits = slots if arm.describer.twin else round(slots * min(decoded.passes, 2 * slots) / 2)
    return matmul_flops(config, decoded.token_forwards, keys, logits, allowed) / seconds / peak / 1e9


def quality(
    arms: dict[Precision, list[Arm]], scenes: dict[str, list[Ready]], names: Callable[[str], bool]
) -> dict[tuple[str, str], tuple[dict, float]]:
    """Scores and mean passes of the named arms, in each precision."""
    out = {}
    for precision, some in arms.items():
        set_precision(some, precision)
        for arm in some:
            if names(arm.name):
                out[arm.name, precision] = scores(arm.describer, scenes[arm.describer.name], arm.write)
                found, passes = out[arm.name, precision]
                line = " ".join(f"{k} {found[k].value:.3f}" for k in SHOWN if k in found)
                print(f"{arm.name:16} {precision}  passes {passes:5.2f}  {line}", file=sys.stderr)
    return out


def main() -> None:
    """Measure, print tables to stderr and the report to stdout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="describe")
    parser.add_argument("--twin", default="describe-twin")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--runs", type=float, nargs="+", default=[0.9, 0.8, 0.7, 0.5])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--precisions", nargs="+", default=list(DTYPES))
    options = parser.parse_args()
    model, twin = lucida.load(options.model), lucida.load(options.twin)
    if model.twin or not twin.twin:
        parser.error("--model wants a diffusion describer, --twin its autoregressive twin")
    model.name, twin.name = "model", "twin"
    device = torch.device("cpu")
    rates = {p: matmul_rate(DTYPES[p], device) for p in options.precisions}
    scenes = {"model": ready(model, options.scenes), "twin": ready(twin, options.scenes)}

    plans = plans_of(options.passes, options.runs)
    base = {p: arms_of(model, twin, plans, Plan()) for p in options.precisions}
    judged = quality(base, scenes, lambda name: name in plans or name == "twin")
    chosen, good = choose(judged, list(plans), options.precisions[0])
    arms = {p: arms_of(model, twin, plans, plans[chosen]) for p in options.precisions}
    judged |= quality(arms, scenes, lambda name: name == "released")
    print(f"chosen: {chosen}", file=sys.stderr)

    passes = judged[chosen, options.precisions[0]][1]
    numbers: dict[str, Value] = {"chosen_passes": passes, **{f"peak/{p}_gflops": r for p, r in rates.items()}}
    for (name, precision), (found, passes) in judged.items():
        numbers |= {f"quality/{name}/{precision}/{k}": v for k, v in found.items()}
        numbers[f"quality/{name}/{precision}/passes"] = passes
    ratios: dict[str, list[float]] = {}
    for count in options.counts:
        scene = {name: repeated(some[0], count) for name, some in scenes.items()}
        seconds = timed(arms, scene, options.rounds)
        best_of: dict[str, tuple[float, str]] = {}
        for (name, precision), values in seconds.items():
            middle = statistics.median(values)
            if name not in best_of or middle < best_of[name][0]:
                best_of[name] = (middle, precision)
        print(f"\nN = {count}", file=sys.stderr)
        for arm in arms[options.precisions[0]]:
            middle, precision = best_of[arm.name]
            set_precision([arm], precision)
            decoded = arm.write(scene[arm.describer.name])
            share = share_of_peak(arm, scene[arm.describer.name], decoded, middle, rates[precision])
            fair, plain = best_of["twin"][0] / middle, best_of["twin-one"][0] / middle
            score = judged.get(({"twin-one": "twin", "single": chosen}.get(arm.name, arm.name), precision))
            shown = f"{score[0]['all'].value:.3f}" if score else "-"
            numbers |= {
                f"N{count}/{arm.name}/ms": middle * 1e3, f"N{count}/{arm.name}/passes": decoded.passes,
                f"N{count}/{arm.name}/token_forwards": decoded.token_forwards,
                f"N{count}/{arm.name}/percent_of_peak": 100 * share,
                f"N{count}/{arm.name}/faster_than_twin": fair, f"N{count}/{arm.name}/faster_than_twin_one": plain,
                f"N{count}/{arm.name}/bf16": float(precision == "bf16"),
            }  # fmt: skip
            ratios.setdefault(arm.name, []).append(fair)
            print(f"  {arm.name:16} {precision} {middle * 1e3:9.1f} ms  passes {decoded.passes:5} "
                  f"tokens {decoded.token_forwards:7}  {100 * share:5.1f} % of peak  "
                  f"{fair:6.2f} x twin  {plain:6.2f} x twin-one  all {shown}", file=sys.stderr)  # fmt: skip
    passed = {"quality_within_a_point_of_the_twin": good}
    for name in plans:
        numbers[f"crossover/{name}"] = crossover(options.counts, ratios[name])
    for count in options.counts:
        for rival in ("twin", "twin_one"):
            key = f"faster_than_{rival}"
            numbers[f"chosen/N{count}_{key}"] = numbers[f"N{count}/{chosen}/{key}"]
    if 4 in options.counts:
        single, together = (float(numbers[f"N4/{name}/ms"]) for name in ("single", chosen))  # type: ignore[arg-type]
        numbers["chosen/N4_together_over_single"] = single / together
    verdict = "" if good else "no plan within a point of the twin; the best one taken. "
    notes = f"{torch.get_num_threads()} threads; plan {chosen}; {verdict}"
    print(json.dumps(report(numbers, passed, notes), indent=1))


if __name__ == "__main__":
    main()
