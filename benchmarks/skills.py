"""Scripted skills on the world's VideoZeroBench: what its five levels, its joint mode and its probes see of them.

    python benchmarks/skills.py [levels | probes] [--clips 16] [--dense 160] [--sparse 16] [--seed 0]

``levels``: every skill at five levels and in joint mode on all frames; the reader also on few, told and shown where to
look. ``probes``: how often an answer changes when the cited frames are removed, as much elsewhere, or other evidence is
told. Real H.264 files are made and decoded; no network runs. The numbers are per cent, but lifts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.cache import Cache
from lucida.bench.made import make
from lucida.bench.models.skills import SKILLS, seen, skill_model
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.videozero_joint import PROBES
from lucida.bench.records import Score
from lucida.bench.runner import run
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.train.claims import report

LEVELS = ("level1", "level2", "level3", "tiou", "level4", "viou", "level5")
JOINT = ("answer", "joint", "time precision", "time recall", "box precision", "box recall", "lift")
LOOKING = ("reader", "recency-only")  # skills whose answers depend on the frames
HEIGHT = 64  # of the frames shown: scripted skills read times, not pixels


class Bench:
    """The made data, and a place for runs."""

    def __init__(self, folder: Path, clips: int, seed: int) -> None:
        self.folder, self.cache, self.runs = folder, Cache(folder / "cache"), 0
        self.data = make("videozero", folder / "data", count=clips, seed=seed)

    def score(self, protocol: str, skill: str, frames: int, **options: Any) -> Score:
        """One skill on one protocol with so many frames of each video."""
        loaded = load_protocol(protocol, self.data, frames=frames, height=HEIGHT, **options)
        self.runs += 1
        result = run(loaded, skill_model(skill, loaded), self.folder / f"run-{self.runs}", cache=self.cache)
        assert not result.errors, result.problems
        score = loaded.score(result.replies)
        print(
            f"{protocol:16} {skill:17} {frames:4} frames  {result.asked + result.cached} replies",
            file=sys.stderr,
        )
        return score


def levels(bench: Bench, dense: int, sparse: int) -> tuple[dict[str, float], dict[str, bool]]:
    """Five levels and joint mode."""
    numbers: dict[str, float] = {}
    passed: dict[str, bool] = {}
    for skill in SKILLS:
        five, joint = bench.score("videozero", skill, dense), bench.score("videozero-joint", skill, dense)
        numbers |= {f"{skill}/{name}": five.summary[name] for name in LEVELS}
        numbers |= {f"{skill}/joint_{name}": joint.summary[name] for name in JOINT if name in joint.summary}
        if skill == "perfect":
            numbers |= {f"ceiling/{name}": value for name, value in five.ceilings.items()} | {
                "questions": five.n
            }
            passed["perfect_reaches_the_ceilings"] = all(
                abs(five.summary[name] - value) < 1e-9 for name, value in five.ceilings.items()
            )
    few = bench.score("videozero", "reader", sparse)
    shown = bench.score("videozero", "reader", sparse, show_evidence=True)
    numbers |= {f"reader_few_frames/{name}": few.summary[name] for name in LEVELS}
    numbers |= {f"reader_few_frames_shown/{name}": shown.summary[name] for name in LEVELS[:3]}
    joint = bench.score("videozero-joint", "reader", sparse)
    numbers |= {
        f"reader_few_frames/joint_{name}": joint.summary[name] for name in JOINT if name in joint.summary
    }
    expected = sampled(bench, sparse)
    numbers["reader_few_frames/level3_from_the_frame_plan"] = expected
    passed["reader_follows_the_frame_plan"] = abs(expected - few.summary["level3"]) < 1e-9
    passed["told_is_not_shown"] = few.summary["level2"] == few.summary["level3"] < shown.summary["level2"]
    return numbers, passed


def sampled(bench: Bench, frames: int) -> float:
    """Per cent of questions all of whose evidence is on screen in so many uniform frames, from the files' own times."""
    from lucida.media.video import Video

    items: Any = load_protocol("videozero", bench.data).items  # type: ignore[attr-defined]
    known: dict[str, list[float]] = {}
    for item in items:
        if item.video not in known:
            with Video(bench.data / "videos" / item.video) as video:
                times = video.times()
            known[item.video] = [
                float(times[int(k)]) for k in np.linspace(0, len(times) - 1, frames).astype(int)
            ]
    return 100 * sum(seen(item, known[item.video]) for item in items) / len(items)


def probes(bench: Bench, dense: int) -> tuple[dict[str, float], dict[str, bool]]:
    """How often each probe changes an answer, and removed minus random with its interval, by skill."""
    numbers: dict[str, float] = {}
    passed: dict[str, bool] = {}
    for skill in SKILLS:
        score = bench.score("videozero-joint", skill, dense)
        for probe in PROBES:
            numbers[f"{skill}/changed_{probe}"] = score.summary.get(f"changed when {probe}", 0.0)
        both = [row for row in score.rows if "changed when random" in row.scores]
        numbers[f"{skill}/probed"] = len(both)
        if not both:
            continue
        differences = [row.scores["changed when removed"] - row.scores["changed when random"] for row in both]
        interval = cluster_bootstrap(differences, [row.cluster for row in both])
        for name, value in (("", interval.mean), ("_low", interval.low), ("_high", interval.high)):
            numbers[f"{skill}/removed_minus_random{name}"] = 100 * value
        if skill in LOOKING:
            passed[f"{skill}_removal_matters"] = interval.low > 0
        else:
            passed[f"{skill}_removal_does_not_matter"] = interval.low <= 0 <= interval.high
    return numbers, passed


def main() -> None:
    """Make the data, run the skills, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=("levels", "probes"), default="levels")
    for name, value in (("clips", 16), ("dense", 160), ("sparse", 16), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.clips, options.seed)
        if options.part == "levels":
            numbers, passed = levels(bench, options.dense, options.sparse)
        else:
            numbers, passed = probes(bench, options.dense)
    numbers = {name.replace(" ", "_"): round(value, 4) for name, value in numbers.items()}
    for name, value in numbers.items():
        print(f"{name:48} {value:9.2f}")
    print({name: value for name, value in passed.items() if not value} or "all checks hold")
    report(
        numbers, passed, notes=f"{options.clips} clips of 20 s, five questions each; scripted, no network."
    )


if __name__ == "__main__":
    main()
