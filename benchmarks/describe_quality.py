"""How right the shipped describer and its twin are on held-out scenes, by the reader and the typed matchers.

python benchmarks/describe_quality.py [--scenes 1000] [--plan-scenes 200] [--models describe describe-twin]
    [--split test]

Each scene is drawn, looked at, described and asked exactly as `lucida describe` would with its true masks, hints
included. Sets beside the held-out scenes: ``pairs`` (colours on things that training never showed so), questions in the
wordings that training never used, and the look-up probe (300 scenes). Intervals are cluster bootstraps by scene. An
attribute that the truth lacks (a thing without colour) must not be stated. A model that is not there is left out, and
said. The reader itself is examined on held-out templates and on a hundred hand-written texts. Plans other than the
model's own are tried on the first --plan-scenes only. Models run side by side, sharing the processor's threads.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

import lucida
from lucida.canvas.plan import Plan
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.metrics.matchers import match_answer
from lucida.metrics.reader import read_caption, score_caption
from lucida.systems.describe.bank import BankConfig, FeatureBank
from lucida.systems.describe.evaluation import lookup_probe
from lucida.systems.describe.markers import whole
from lucida.train.claims import Number, report
from lucida.world.handwritten import load_handwritten
from lucida.world.language import STYLES_HELD_OUT, expected, lexicon
from lucida.world.language import caption as write
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
    "own": None,  # what the model's recipe chose, and a plain `lucida describe` does
}
LOOKED_UP = 300  # scenes of the look-up probe
READ = 50  # scenes on which the reader itself is examined
SHOWN = ("noun", "colour", "size", "place", "relation_true", "grammar", "all")
BETWEEN = {"relation", "relation yes/no", "compare", "same"}
Hits = dict[str, dict[str, list[tuple[int, float]]]]  # arm -> what -> (scene, right)


def looks(model: Any, count: int, split: str) -> Iterator[tuple[int, Scene, Any, list[Region]]]:
    """Held-out scenes, looked at, with their true regions."""
    for seed in range(count):
        scene = draw_scene(seed, split=split)
        yield (
            seed,
            scene,
            model.look(Image.from_array(scene.pixels)),
            [Region.from_mask(m) for m in scene.masks],
        )


def caption(
    hits: Hits, arm: str, seed: int, scene: Scene, look: Any, regions: list[Region], plan: Plan | None
) -> None:
    """Describe all regions under one plan and score each."""
    description = look.describe(regions, plan=plan)
    for i, said in enumerate(description):
        for key, right in score_caption(read_caption(said.text, lexicon()), expected(scene, i)).items():
            hits[arm][key].append((seed, float(right)))
    hits[arm]["passes"].append((seed, description.passes))


def ask(
    hits: Hits, arm: str, seed: int, scene: Scene, look: Any, regions: list[Region], held_out: bool
) -> None:
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


def run(name: str, count: int, planned: int, split: str) -> Hits:
    """All arms of one model."""
    model: Any = lucida.load(name)
    hits: Hits = defaultdict(lambda: defaultdict(list))
    for seed, scene, look, regions in looks(model, count, split):
        for plan, value in PLANS.items():
            if plan == "own" or (seed < planned and not model.twin):
                caption(hits, plan, seed, scene, look, regions, value)
        ask(hits, "questions", seed, scene, look, regions, False)
        ask(hits, "held-out wordings", seed, scene, look, regions, True)
    for seed, scene, look, regions in looks(model, max(count // 4, 1), "test-pairs"):
        caption(hits, "pairs/own", seed, scene, look, regions, None)
    return {arm: dict(columns) for arm, columns in hits.items()}


def examined(name: str, count: int, planned: int, split: str, threads: int) -> tuple[Hits, float] | str:
    """All that is measured of one model, or why it is left out; runs in a process of its own."""
    torch.set_num_threads(threads)
    try:
        return run(name, count, planned, split), lookup(name, min(count, LOOKED_UP), split)
    except InputError as error:
        return str(error)


def reader_apart(count: int, split: str) -> dict[str, float]:
    """How often the reader itself is right where no training template speaks: it reads the models' captions."""
    mine = [
        score_caption(read_caption(write(scene, o.index, style), lexicon()), expected(scene, o.index))["all"]
        for scene in (draw_scene(seed, split=split) for seed in range(count))
        for o in scene.objects
        for style in STYLES_HELD_OUT
    ]
    hundred = [
        all(getattr(read_caption(item.text, lexicon()), name) == value for name, value in vars(item.states).items())
        for item in load_handwritten()
    ]
    return {"reader/held-out templates": float(np.mean(mine)), "reader/hand-written": float(np.mean(hundred))}


def lookup(name: str, count: int, split: str) -> float:
    """Share of relation captions whose other noun is read right, all other words given (``lookup_probe``)."""
    model: Any = lucida.load(name)
    wanted = BankConfig(split=split, count=count, cutouts="")
    bank = FeatureBank(settings.cache_dir() / "banks", wanted, model.layout.config)
    bank.build(lambda _: None)
    scenes = [bank[i] for i in range(count)]
    return lookup_probe(model.network, model.layout, scenes, model.visibility)["lookup"]


def compared(numbers: dict[str, Any], name: str, twin: str) -> dict[str, bool]:
    """Whether the first model is as good as its twin, to a point in whole captions and to three in the look-up."""
    if f"{twin}/own/all" not in numbers:
        return {}
    behind = numbers[f"{twin}/own/all"].value - numbers[f"{name}/own/all"].value
    blind = numbers[f"{twin}/lookup"] - numbers[f"{name}/lookup"]
    return {"all_within_a_point_of_the_twin": behind <= 0.01, "lookup_within_three_points_of_the_twin": blind <= 0.03}


def main() -> None:
    """Print a row per arm and report all numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--plan-scenes", type=int, default=200)
    parser.add_argument("--split", default="test")
    parser.add_argument("--models", nargs="+", default=["describe", "describe-twin"])
    options = parser.parse_args()
    numbers: dict[str, Any] = {**reader_apart(READ, options.split)}
    print("  ".join(f"{name} {value:.3f}" for name, value in numbers.items()))
    threads = max(1, torch.get_num_threads() // len(options.models))
    what = (options.scenes, options.plan_scenes, options.split, threads)
    with ProcessPoolExecutor(len(options.models), get_context("spawn")) as pool:
        jobs = {name: pool.submit(examined, name, *what) for name in options.models}
        found = {name: job.result() for name, job in jobs.items()}
    for name, result in found.items():
        if isinstance(result, str):
            print(f"{name}: left out: {result}")
            continue
        hits, looked_up = result
        numbers[f"{name}/lookup"] = looked_up
        print(f"{name}: {options.scenes} scenes of split {options.split}; look-up probe {looked_up:.3f}")
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
    report(numbers, compared(numbers, *options.models[:2]) if len(options.models) > 1 else {})


if __name__ == "__main__":
    main()
