"""How right the shipped describer and its twin are on held-out scenes, by the reader and the typed matchers.

python benchmarks/describe_quality.py [--scenes 1000] [--models describe describe-twin] [--split test]

Each scene is drawn, looked at, described and asked exactly as `lucida describe` would with its true masks, hints
included. Sets beside the held-out scenes: ``pairs`` (colours on things that training never showed so), and questions in
the wordings that training never used. Intervals are cluster bootstraps by scene. An attribute that the truth lacks (a
thing without colour) must not be stated. A model that is not there is left out, and said.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

import lucida
from lucida.canvas.plan import Plan
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.metrics.matchers import match_answer
from lucida.metrics.reader import read_caption, score_caption
from lucida.systems.describe.markers import whole
from lucida.train.claims import Number, report
from lucida.world.language import expected, lexicon
from lucida.world.questions import questions
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

PLANS: dict[str, Plan | None] = {
    "1-pass": Plan(steps=1),
    "2-passes": Plan(steps=2),
    "3-passes": Plan(steps=3),
    "4-passes": Plan(steps=4),
    "8-passes": Plan(steps=8),
    "threshold": Plan(steps=30, law="threshold", threshold=0.9),
}
SHOWN = ("noun", "colour", "size", "place", "relation_true", "grammar", "all")
BETWEEN = {"relation", "relation yes/no", "compare", "same"}
Hits = dict[str, dict[str, list[tuple[int, float]]]]  # arm -> what -> (scene, right)


def looks(model: Any, count: int, split: str) -> Iterator[tuple[int, Scene, Any, list[Region]]]:
    """Held-out scenes, looked at, with their true regions."""
    for seed in range(count):
        scene = draw_scene(seed, split=split)
        yield seed, scene, model.look(Image.from_array(scene.pixels)), [Region.from_mask(m) for m in scene.masks]


def caption(hits: Hits, arm: str, seed: int, scene: Scene, look: Any, regions: list[Region], plan: Plan | None) -> None:
    """Describe all regions under one plan and score each."""
    description = look.describe(regions, plan=plan)
    for i, said in enumerate(description):
        for key, right in score_caption(read_caption(said.text, lexicon()), expected(scene, i)).items():
            hits[arm][key].append((seed, float(right)))
    hits[arm]["passes"].append((seed, description.passes))


def ask(hits: Hits, arm: str, seed: int, scene: Scene, look: Any, regions: list[Region], held_out: bool) -> None:
    """Ask one question of each kind, all in one decode."""
    asked = questions(scene, seed, per_kind=1, held_out=held_out)
    if not asked:
        return
    answers = look.ask_all([whole(q.text, q.cites) for q in asked], regions)
    for question, answer in zip(asked, answers, strict=True):
        truth = whole(question.answer, question.cites)
        right = float(match_answer(question.answer_type, answer.text, truth, lexicon=lexicon()).ok)
        hits[arm][question.kind].append((seed, right))
        hits[arm]["all questions"].append((seed, right))
        if question.kind in BETWEEN:
            hits[arm]["between regions"].append((seed, right))


def run(name: str, count: int, split: str) -> Hits:
    """All arms of one model."""
    model: Any = lucida.load(name)
    plans = {"causal": None} if model.twin else PLANS
    hits: Hits = defaultdict(lambda: defaultdict(list))
    for seed, scene, look, regions in looks(model, count, split):
        for plan, value in plans.items():
            caption(hits, plan, seed, scene, look, regions, value)
        ask(hits, "questions", seed, scene, look, regions, False)
        ask(hits, "held-out wordings", seed, scene, look, regions, True)
    best = "causal" if model.twin else "4-passes"
    for seed, scene, look, regions in looks(model, max(count // 4, 1), "test-pairs"):
        caption(hits, f"pairs/{best}", seed, scene, look, regions, plans[best])
    return hits


def main() -> None:
    """Print a row per arm and report all numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--split", default="test")
    parser.add_argument("--models", nargs="+", default=["describe", "describe-twin"])
    options = parser.parse_args()
    numbers: dict[str, Any] = {}
    for name in options.models:
        try:
            hits = run(name, options.scenes, options.split)
        except InputError as error:
            print(f"{name}: left out: {error}")
            continue
        print(f"{name}: {options.scenes} scenes of split {options.split}")
        for arm, columns in hits.items():
            words = []
            for key in SHOWN if "noun" in columns else sorted(columns):
                owner, right = zip(*columns[key], strict=True)
                mean = cluster_bootstrap(np.array(right), np.array(owner))
                numbers[f"{name}/{arm}/{key}"] = Number(value=mean.mean, spread=mean.half, n=len(right))
                words.append(f"{key} {mean.mean:.3f}±{mean.half:.3f}")
            if "passes" in columns:
                passes = float(np.mean([value for _, value in columns["passes"]]))
                numbers[f"{name}/{arm}/passes"] = passes
                words.append(f"passes {passes:.2f}")
            print(f"  {arm:>18}  " + "  ".join(words))
    report(numbers)


if __name__ == "__main__":
    main()
