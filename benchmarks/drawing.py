"""How right drawn pictures are, by judges that are nobody's teachers, at several numbers of steps.

python -m benchmarks.drawing --judge runs/train/judge/model [--tower tower-lite2] [--model generate] [--prompts 1000]
    [--steps 2 5 10 20 50] [--guidance 3] [--bad MODEL]

Prompts are true of held-out scenes (split test, composed as the training's), so the same scenes, rendered and passed
through the tokenizer, say how well the judge could do at most: "ceiling". "others" are pictures of other prompts: what
no drawing at all would get. Shares right of what was asked: objects, colours, relations. Frechet distances are between
judge features of as many pictures, and between features of a second tower (in 128 main directions); each stands beside
its floor, the distance between two sets of true pictures.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

import lucida
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models.dense_judge import DenseJudge, load_judge
from lucida.models.store import resolve_weights
from lucida.models.tower import Tower, load_tower, to_pixels
from lucida.systems.generate.judging import (
    distance_and_floor,
    judge_pictures,
    principal,
    score_pictures,
    tower_features,
)
from lucida.systems.generate.prompts import Prompt, draw_prompt
from lucida.systems.generate.system import DrawPlan
from lucida.systems.tokenize.bank import SceneBankConfig, atlas_of
from lucida.systems.tokenize.teacher import small
from lucida.train.claims import Value, report
from lucida.train.ledger import Number
from lucida.world.scene import draw_scene

RENDER = 256
KINDS = ("object", "colour", "relation")


@lru_cache(maxsize=4)
def truths(side: int, scenes: SceneBankConfig) -> tuple[tuple[Prompt, ...], Tensor]:
    """Prompts of such scenes, and the scenes themselves (count, 3, side, side)."""
    config, atlas, size = scenes.scenes, atlas_of(scenes.nouns), (RENDER, RENDER)
    first, count = scenes.first, scenes.count
    drawn = [draw_scene(first + i, split="test", size=size, config=config, atlas=atlas) for i in range(count)]
    prompts = tuple(draw_prompt(s, np.random.default_rng(s.seed)) for s in drawn)
    return prompts, to_pixels(np.stack([small(s.pixels, side) for s in drawn]))


def scenes_like(generator: Any, count: int) -> SceneBankConfig:
    """Test scenes composed as those the generator learned from."""
    c = generator.config
    return SceneBankConfig(
        split="test", count=count, nouns=c["nouns"], objects=tuple(c["objects"]), sizes=tuple(c["sizes"])
    )


def second_tower(name: str | None) -> Tower | None:
    """The tower named; by default tower-lite2 where it is installed (lucida/models/convert_tower.py makes it)."""
    if name is None:
        try:
            resolve_weights("tower-lite2")
        except InputError:
            print("no model tower-lite2 here: the world's judge judges alone")
            return None
    return load_tower(settings.device(), name or "tower-lite2")


def measure(
    generator: Any,
    judge: DenseJudge,
    *,
    tower: Tower | None,
    count: int,
    steps: Sequence[int],
    guidance: float,
    bad: Any = None,
) -> dict[str, Value]:
    """All numbers of a generator; prints a row per number of steps."""
    side = generator.tokenizer.network.config.side
    like = scenes_like(generator, count)
    (prompts, truth), (_, other) = truths(side, like), truths(side, replace(like, first=count))
    with torch.no_grad():
        again = torch.cat([generator.tokenizer.network.reconstruct(part).cpu() for part in truth.split(50)])
    pictures: dict[str, Any] = {"truth": truth, "ceiling": again, "others": other}
    seconds: dict[str, float] = {}
    for many in steps:
        plan, begin = DrawPlan(steps=many, guidance=guidance), time.perf_counter()
        texts = [prompt.text for prompt in prompts]
        pictures[f"{many}-steps"] = generator.draw_each(texts, range(count), plan=plan, bad=bad)
        seconds[f"{many}-steps"] = (time.perf_counter() - begin) / count
    seen = {name: judge_pictures(some, judge) for name, some in pictures.items()}
    distances = {
        name: distance_and_floor(one.features, seen["truth"].features, seen["others"].features)
        for name, one in seen.items()
    }
    far: dict[str, tuple[float, float]] = {}
    if tower is not None:
        raw = {name: tower_features(some, tower) for name, some in pictures.items()}
        reference = np.concatenate((raw["truth"], raw["others"]))
        flat = {name: principal(reference, one)[0] for name, one in raw.items()}
        far = {n: distance_and_floor(one, flat["truth"], flat["others"]) for n, one in flat.items()}
    numbers: dict[str, Value] = {"floor": distances["truth"][1]}
    if far:
        numbers["tower_floor"] = far["truth"][1]
    print(f"{count} prompts; {'object':>17} {'colour':>8} {'relation':>8} {'frechet':>8} {'floor':>8} "
          f"{'tower':>8} {'floor':>8} {'s/picture':>9}")  # fmt: skip
    for name, one in seen.items():
        score = score_pictures(prompts, one)
        second = far.get(name, (float("nan"), float("nan")))
        cells = [score.object, score.colour, score.relation, *distances[name], *second]
        print(f"{name:>26} {' '.join(f'{cell:8.3f}' for cell in cells)} {seconds.get(name, 0.0):9.3f}")
        for kind in KINDS:
            share, asked = getattr(score, kind), score.asked[kind]
            if asked:  # a report holds no NaN
                spread = 1.96 * (share * (1 - share) / asked) ** 0.5
                numbers[f"{name}/{kind}"] = Number(value=share, spread=spread, n=asked)
        if name not in ("truth", "others"):
            numbers[f"{name}/frechet"] = distances[name][0]
            if far:
                numbers[f"{name}/frechet_tower"] = far[name][0]
        if name in seconds:
            numbers[f"{name}/seconds_per_picture"] = seconds[name]
    return numbers | of_ceiling(numbers, steps)


def of_ceiling(numbers: dict[str, Value], steps: Sequence[int]) -> dict[str, float]:
    """Each share right over the share that the judge reads off true pictures passed through the tokenizer."""
    told: dict[str, float] = {}
    for many in steps:
        for kind in KINDS:
            top, own = numbers.get(f"ceiling/{kind}"), numbers.get(f"{many}-steps/{kind}")
            if isinstance(top, Number) and isinstance(own, Number) and top.value:
                told[f"{many}-steps/{kind}_of_ceiling"] = own.value / top.value
    return told


def main() -> None:
    """Draw, judge, print a row per number of steps and report all numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", required=True)
    parser.add_argument("--tower")
    parser.add_argument("--model", default="generate")
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 5, 10, 20, 50])
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--bad")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16", help="of the generator")
    options = parser.parse_args()
    generator = lucida.load(options.model)
    generator.precision = options.precision
    tower = second_tower(options.tower)
    numbers = measure(
        generator, load_judge(options.judge), tower=tower, count=options.prompts,
        steps=options.steps, guidance=options.guidance, bad=lucida.load(options.bad) if options.bad else None,
    )  # fmt: skip
    near = {
        f"{many}-steps/all_at_least_nine_tenths_of_ceiling": all(
            value >= 0.9 for name, value in numbers.items()
            if name.startswith(f"{many}-steps/") and name.endswith("_of_ceiling") and isinstance(value, float)
        )
        for many in options.steps
    }  # fmt: skip
    report(numbers, near, "" if tower else "judged by the world's judge alone")


if __name__ == "__main__":
    main()
