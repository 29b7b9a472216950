"""The describer and its twin on the world's ParaDLC-Bench at N = 2…8 regions a picture, and on its GAR-Bench.

    python -m benchmarks.paradlc_world [--pictures 12] [--models describe describe-twin]

Held-out scenes in the official formats, scored by the benchmark engine's own protocols; questions are decided by the
reader. Arms take turns on each picture: the describer with all regions in one decode, the describer with one region a
decode (the picture is looked at once all the same), and the twin with all regions in one decode. Seconds are those of
the replies, look included; tokens are written ones, passes are network passes. Intervals are cluster bootstraps by
picture. Models are names or folders; one that is not there ends the run before anything is made.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gar_pictures import load_models
from lucida.bench.made import make_gar, make_paradlc
from lucida.bench.models.lucida_system import LucidaModel
from lucida.bench.prepare import Prepared
from lucida.bench.protocol import Protocol, load_protocol
from lucida.bench.protocols.masks import summarise
from lucida.bench.protocols.paradlc import parallel_costs
from lucida.bench.records import Reply, Request, Row
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.train.claims import Number, report

NUMBERS = range(2, 9)
SAME = 0.01  # near-ties of floating point may turn a word
GAR = ("gar-vqa", "gar-caption-simple", "gar-caption-detailed")


@dataclass
class Arm:
    """A model and how many regions it is given at once (0: all of the picture)."""

    name: str
    model: LucidaModel
    at_once: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)

    def take(self, asked: Sequence[Prepared]) -> None:
        """Answer the requests of one picture."""
        step = self.at_once or len(asked)
        for start in range(0, len(asked), step):
            for reply in self.model.generate(asked[start : start + step]):
                self.replies[reply.id] = reply


def groups(protocol: Protocol) -> list[list[Prepared]]:
    """The requests, those of a picture together."""
    found: dict[str, list[Prepared]] = {}
    for request in protocol.requests():
        ready = Prepared(request=request, prompt=request.prompt, shown=(), data=protocol.data)
        found.setdefault(request.media[0].path, []).append(ready)
    return list(found.values())


def arms_of(names: Sequence[str]) -> tuple[list[Arm], list[str]]:
    """Each arm has a model of its own, so that none finds a picture looked at by another."""
    arms: list[Arm] = []
    missing: list[str] = []
    for name in names:
        models, trouble = load_models([name])
        missing += trouble
        for arm, model in models.items():
            arms.append(Arm(arm, model))
            if not model.system.twin:
                again, _ = load_models([name])
                arms.append(Arm(f"{arm}-one-by-one", again[arm], at_once=1))
    return arms, missing


def in_turn(arms: Sequence[Arm], protocol: Protocol) -> None:
    """Every arm on every picture, the order turned round from picture to picture; the first picture warms up."""
    pictures = groups(protocol)
    for arm in arms:
        arm.replies = {}
        arm.take(pictures[0])
        arm.model.forget()
    for n, asked in enumerate(pictures):
        for arm in arms[:: 1 if n % 2 == 0 else -1]:
            arm.take(asked)


def quality(rows: Sequence[Row]) -> dict[str, Number]:
    """``mean`` as the released scorers give it, over masks, and ``per_mask`` with its interval, as shares of one."""
    means = summarise([row.scores for row in rows])
    interval = cluster_bootstrap([row.scores["score"] for row in rows], [row.cluster for row in rows])
    return {
        "mean": Number(value=means["mean"] / 100, n=len(rows)),
        "positive": Number(value=means["positive"] / 100, n=len(rows)),
        "negative": Number(value=means["negative"] / 100, n=len(rows)),
        "per_mask": Number(value=interval.mean, spread=interval.half, n=len(rows)),
    }


def costs(requests: Sequence[Request], replies: Mapping[str, Reply]) -> dict[str, float]:
    """Seconds a picture, tokens and regions a pass."""
    pictures = len({request.item.rsplit("_", 1)[0] for request in requests})
    found = parallel_costs([replies[request.id] for request in requests])
    a_picture = {f"{name}_per_picture": found[name] / pictures for name in ("seconds", "passes")}
    return {**a_picture, **{name: found[name] for name in ("tokens_per_pass", "regions_per_pass")}}


def main() -> None:
    """Make the data, run all arms, print two tables, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=12, help="of each number of regions")
    parser.add_argument("--models", nargs="+", default=["describe", "describe-twin"])
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    arms, missing = arms_of(wish.models)
    if missing:
        raise SystemExit("\n".join([*missing, "nothing was asked; --models NAME … runs what is there"]))
    numbers: dict[str, Number | float] = {}
    errors = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in NUMBERS:
            data = make_paradlc(folder / str(n), pictures=wish.pictures, regions=[n], seed=wish.seed + 100_000 * n)
            protocol = load_protocol("paradlc", data)
            in_turn(arms, protocol)
            for arm in arms:
                errors += sum(reply.error is not None for reply in arm.replies.values())
                found = {**quality(protocol.score(arm.replies).rows), **costs(protocol.requests(), arm.replies)}
                numbers |= {f"{arm.name}/{n}/{key}": value for key, value in found.items()}
                shown = "  ".join(f"{key} {_value(value):7.3f}" for key, value in found.items())
                print(f"N={n}  {arm.name:22}{shown}", flush=True)
        data = make_gar(folder / "gar", pictures=7 * wish.pictures, seed=wish.seed + 900_000)
        whole = [arm for arm in arms if not arm.at_once]
        for part in GAR:
            protocol = load_protocol(part, data)
            in_turn(whole, protocol)
            chance = protocol.score(protocol.baselines()["random"]).summary["accuracy"] if part == "gar-vqa" else 0.0
            numbers[f"chance/{part}"] = chance / 100
            for arm in whole:
                errors += sum(reply.error is not None for reply in arm.replies.values())
                score = protocol.score(arm.replies)
                interval = cluster_bootstrap(
                    [row.scores["accuracy"] for row in score.rows], [row.cluster for row in score.rows]
                )
                numbers[f"{arm.name}/{part}"] = Number(value=interval.mean, spread=interval.half, n=score.n)
                kinds = {key: value / 100 for key, value in score.summary.items() if key not in ("accuracy", "decided")}
                numbers |= {f"{arm.name}/{part}/{kind}": value for kind, value in kinds.items()}
                print(f"{part:22}{arm.name:22}accuracy {interval.mean:.3f}  n {score.n}  {kinds}", flush=True)
    passed = {"every_request_answered": errors == 0, "twin_there": any(arm.model.system.twin for arm in arms)}
    if (alone := "describe-one-by-one") in {arm.name for arm in arms}:
        arms_of_one = [(f"{alone}/{n}/per_mask", f"describe/{n}/per_mask") for n in NUMBERS]
        differences = [_value(numbers[one]) - _value(numbers[all_of_them]) for one, all_of_them in arms_of_one]
        numbers["largest_loss_by_sharing"] = max(differences)
        passed["same_together_as_alone"] = max(map(abs, differences)) <= SAME
    if {"describe", "describe-twin"} <= {arm.name for arm in arms}:
        last = NUMBERS[-1]

        def both(n: int, key: str) -> tuple[float, float]:
            return _value(numbers[f"describe/{n}/{key}"]), _value(numbers[f"describe-twin/{n}/{key}"])

        for key, name in (("seconds_per_picture", "faster_at_8"), ("passes_per_picture", "fewer_passes_at_8")):
            ours, twins = both(last, key)
            numbers[f"twin_over_describe/{key}"] = twins / ours
            passed[name] = ours < twins
        for n in NUMBERS:
            ours, twins = both(n, "per_mask")
            numbers[f"describe_minus_twin/{n}/per_mask"] = ours - twins
    report(numbers, passed)


def _value(value: Number | float) -> float:
    return value.value if isinstance(value, Number) else value


if __name__ == "__main__":
    main()
