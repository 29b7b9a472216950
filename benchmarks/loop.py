"""The loop on five prompts, scored; beside it true pictures of the prompts, and pictures of other prompts.

    python -m benchmarks.loop [--prompts 5] [--seeds 1] [--draw-model generate] [--segment-model segment]
        [--describe-model describe] [--judge runs/train/judge/model] [--steps 20] [--guidance 3]

Prompts are true of held-out scenes, composed as those the drawer learned from, in which one thing lies beside another,
so a true picture of each exists. What the loop says of the true pictures is the most that a drawer could get from these
readers ("true"), what it says of them encoded and decoded again is the most that a drawer in these latents could get
("again"), and what it says of the next prompt's true picture is what looking at nothing would get ("others"). The same
facts, the same witnesses, the same size of picture.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

import lucida
from benchmarks.drawing import scenes_like
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.models.dense_judge import load_judge
from lucida.systems.generate.system import DrawPlan
from lucida.systems.loop.checks import added, tally
from lucida.systems.loop.facts import read_prompt
from lucida.systems.loop.run import inspect
from lucida.systems.tokenize.bank import SceneBankConfig, atlas_of
from lucida.systems.tokenize.teacher import small
from lucida.train.claims import Value, report
from lucida.train.ledger import Number
from lucida.world.grammar import with_article
from lucida.world.nouns import COMMON_NOUNS
from lucida.world.scene import draw_scene

RENDER = 256
Tally = dict[str, dict[str, int]]


def cases(count: int, side: int, nouns: tuple[str, ...], like: SceneBankConfig) -> list[tuple[str, Image]]:
    """Prompts with a relation between two coloured things that the segmenter knows, and a true picture of each."""
    found: list[tuple[str, Image]] = []
    config, atlas = replace(like, objects=(2, 2)).scenes, atlas_of(like.nouns)
    for seed in range(2000):
        scene = draw_scene(seed, split="test", size=(RENDER, RENDER), config=config, atlas=atlas)
        clear = [r for r in scene.relations if r.word in ("left of", "above")]
        known = all(o.noun in nouns and o.colour is not None for o in scene.objects)
        if not clear or not known or scene.objects[0].noun == scene.objects[1].noun:
            continue
        ends = (scene.objects[clear[0].subject], scene.objects[clear[0].other])
        a, b = (with_article(f"{o.colour} {o.noun}", o.noun) for o in ends)
        found.append((f"{a} {clear[0].word} {b}", Image(small(scene.pixels, side))))
        if len(found) == count:
            return found
    raise InputError(f"only {len(found)} of {count} prompts could be made")


def main() -> None:
    """Run the arms, print a row per prompt and arm, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--draw-model", default="generate")
    parser.add_argument("--segment-model", default="segment")
    parser.add_argument("--describe-model", default="describe")
    parser.add_argument("--judge")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    options = parser.parse_args()
    generator, describer = lucida.load(options.draw_model), lucida.load(options.describe_model)
    segmenter: Any = None if options.segment_model == "none" else lucida.load(options.segment_model)
    judge = load_judge(options.judge) if options.judge else None
    nouns = COMMON_NOUNS if segmenter is None else tuple(segmenter.names)
    side = generator.tokenizer.network.config.side
    chosen = cases(options.prompts, side, nouns, scenes_like(generator, options.prompts))
    plan = DrawPlan(steps=options.steps, guidance=options.guidance)
    tallies: dict[str, list[Tally]] = {"drawn": [], "true": [], "again": [], "others": []}
    again = generator.tokenizer.reconstruct([truth for _, truth in chosen])
    for seed in range(options.seeds):
        texts = [text for text, _ in chosen]
        drawn = generator.draw_each(texts, [seed] * len(texts), plan=plan)
        for number, (text, truth) in enumerate(chosen):
            arms = {"drawn": drawn[number]}
            if seed == 0:
                other = chosen[(number + 1) % len(chosen)][1]
                arms |= {"true": truth, "again": again[number], "others": other}
            for arm, image in arms.items():
                found = inspect(
                    image, read_prompt(text), segmenter=segmenter, describer=describer, judge=judge
                )
                score = tally(found.checks)
                tallies[arm].append(score)
                print(f"{arm:>7} {score['all']['right']:3d}/{score['all']['of']:<3d} {text}", flush=True)
    numbers: dict[str, Value] = {"prompts": len(chosen)}
    for arm, scores in tallies.items():
        total = added(scores)
        shares = [score["all"]["right"] / score["all"]["of"] for score in scores]
        spread = float(np.std(shares, ddof=1)) if len(shares) > 1 else None
        for name, entry in total.items():
            share = entry["right"] / max(entry["of"], 1)
            numbers[f"{arm}/{name}"] = Number(
                value=share, spread=spread if name == "all" else None, n=entry["of"]
            )
        parts = ", ".join(f"{n} {e['right']}/{e['of']}" for n, e in total.items() if "/" not in n)
        print(f"{arm:>7}: {parts}")
    share = {arm: float(getattr(numbers[f"{arm}/all"], "value", 0.0)) for arm in tallies}
    passed = {
        "every_prompt_scored": all(score["all"]["of"] > 0 for score in tallies["drawn"]),
        "drawn_nearer_to_true_than_to_others": share["drawn"] - share["others"]
        > share["true"] - share["drawn"],
        "drawn_nearer_to_decoded_than_to_others": share["drawn"] - share["others"]
        > share["again"] - share["drawn"],
        "readers_tell_true_from_others": share["true"] > share["others"],
    }
    report(numbers, passed, "" if segmenter is not None else "no segmenter: regions are the describer's own")


if __name__ == "__main__":
    main()
