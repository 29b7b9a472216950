"""How right drawn pictures are, by a judge that is nobody's teacher, at several numbers of steps.

python benchmarks/drawing.py --judge runs/train/judge/model [--prompts 1000] [--steps 2 5 10 20 50] [--guidance 2]

Prompts are true of held-out scenes (split test, one to three things), so the same scenes, rendered and passed through
the tokenizer, say how well the judge could do at most: "ceiling". Shares right of what was asked: objects, colours,
relations. Frechet distances are between judge features of as many pictures; "floor" is between two sets of true ones.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

import lucida
from lucida.models.dense_judge import load_judge
from lucida.models.tower import to_pixels
from lucida.systems.generate.judging import distance_and_floor, judge_pictures, score_pictures
from lucida.systems.generate.prompts import draw_prompt
from lucida.systems.generate.system import DrawPlan
from lucida.systems.tokenize.teacher import small
from lucida.train.claims import Number, report
from lucida.world.config import SceneConfig
from lucida.world.scene import draw_scene

RENDER = 256


def main() -> None:
    """Print a row per number of steps and report all numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", required=True)
    parser.add_argument("--model", default="generate")
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 5, 10, 20, 50])
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--bad")
    options = parser.parse_args()
    generator, judge = lucida.load(options.model), load_judge(options.judge)
    bad = lucida.load(options.bad) if options.bad else None
    config, side, n = SceneConfig(objects=(1, 3)), generator.tokenizer.network.config.side, options.prompts

    def scenes(first: int) -> list:
        drawn = [draw_scene(first + i, split="test", size=(RENDER, RENDER), config=config) for i in range(n)]
        return [(draw_prompt(s, np.random.default_rng(s.seed)), small(s.pixels, side)) for s in drawn]

    own, others = scenes(0), scenes(n)
    prompts = [prompt for prompt, _ in own]
    truth = to_pixels(np.stack([pixels for _, pixels in own]))
    seen_truth = judge_pictures(truth, judge)
    seen_others = judge_pictures(to_pixels(np.stack([pixels for _, pixels in others])), judge)
    again = torch.cat([generator.tokenizer.network.reconstruct(part).cpu() for part in truth.split(50)])
    rows = {"truth": seen_truth, "ceiling": judge_pictures(again, judge)}
    numbers: dict[str, Number | float] = {}
    seconds: dict[str, float] = {}
    for steps in options.steps:
        plan, begin = DrawPlan(steps=steps, guidance=options.guidance), time.perf_counter()
        drawn = [
            generator.draw(prompt.text, seed=i, plan=plan, bad=bad).images[0]
            for i, prompt in enumerate(prompts)
        ]
        name = f"{steps}-steps"
        seconds[name] = (time.perf_counter() - begin) / n
        rows[name] = judge_pictures(drawn, judge)
    print(
        f"{n} prompts; {'object':>17} {'colour':>8} {'relation':>8} {'frechet':>8} {'floor':>8} {'s/picture':>9}"
    )
    for name, seen in rows.items():
        score = score_pictures(prompts, seen)
        distance, floor = distance_and_floor(seen.features, seen_truth.features, seen_others.features)
        print(
            f"{name:>26} {score.object:8.3f} {score.colour:8.3f} {score.relation:8.3f} {distance:8.3f} {floor:8.3f} "
            f"{seconds.get(name, 0.0):9.3f}"
        )
        for kind in ("object", "colour", "relation"):
            share, count = getattr(score, kind), score.asked[kind]
            if not count:  # a report holds no NaN
                continue
            spread = 1.96 * (share * (1 - share) / count) ** 0.5
            numbers[f"{name}/{kind}"] = Number(value=share, spread=spread, n=count)
        numbers[f"{name}/frechet"], numbers["floor"] = distance, floor
    for name in (name for name in rows if name.endswith("steps")):
        for kind in ("object", "colour", "relation"):
            top, own = numbers.get(f"ceiling/{kind}"), numbers.get(f"{name}/{kind}")
            if isinstance(top, Number) and isinstance(own, Number) and top.value:
                numbers[f"{name}/{kind}_of_ceiling"] = own.value / top.value
    report(numbers)


if __name__ == "__main__":
    main()
