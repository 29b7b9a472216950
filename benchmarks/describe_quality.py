"""How right the shipped describer's captions are on held-out scenes, by the reader, for several plans.

python benchmarks/describe_quality.py [--scenes 300] [--split test] [--model describe] [--style 0]

Each scene is drawn, looked at, and described exactly as `lucida describe` would with its true masks, hints included.
Intervals are cluster bootstraps by scene. An attribute that the truth lacks (a thing without colour) must not
be stated.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

import lucida
from lucida.canvas.plan import Plan
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.metrics.reader import read_caption, score_caption
from lucida.train.claims import Number, report
from lucida.world.language import expected, lexicon
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

PLANS = {
    "2-passes": Plan(steps=2),
    "4-passes": Plan(steps=4),
    "8-passes": Plan(steps=8),
    "threshold": Plan(steps=30, law="threshold", threshold=0.9),
}
SHOWN = ("noun", "colour", "size", "place", "relation_true", "grammar", "all")


def scenes(count: int, split: str) -> Iterator[tuple[Scene, Image, list[Region]]]:
    """Held-out scenes with their pictures and true regions."""
    for seed in range(count):
        scene = draw_scene(seed, split=split)
        yield scene, Image.from_array(scene.pixels), [Region.from_mask(mask) for mask in scene.masks]


def main() -> None:
    """Print a row per plan and report all numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", default="describe")
    parser.add_argument("--style", type=int, default=0)
    options = parser.parse_args()
    model, words = lucida.load(options.model), lexicon()
    plans = {"causal": None} if model.twin else PLANS
    hits: dict[str, dict[str, list[float]]] = {plan: defaultdict(list) for plan in plans}
    owner: list[int] = []
    for number, (scene, image, regions) in enumerate(scenes(options.scenes, options.split)):
        look = model.look(image)
        owner += [number] * len(regions)
        for name, plan in plans.items():
            description = look.describe(regions, style=options.style, plan=plan)
            hits[name]["passes"] += [description.passes] * len(regions)
            for i, caption in enumerate(description):
                for key, right in score_caption(read_caption(caption.text, words), expected(scene, i)).items():
                    hits[name][key].append(right)
    numbers = {}
    print(f"{len(owner)} regions of {options.scenes} scenes of split {options.split}, style {options.style}")
    print(f"{'plan':>10} {'passes':>7} " + " ".join(f"{name:>13}" for name in SHOWN))
    for plan, columns in hits.items():
        row = f"{plan:>10} {np.mean(columns['passes']):7.2f} "
        for name in SHOWN:
            mean = cluster_bootstrap(np.array(columns[name], float), np.array(owner))
            numbers[f"{plan}/{name}"] = Number(value=mean.mean, spread=mean.half, n=len(owner))
            row += f"  {mean.mean:.3f} ±{mean.half:.3f}"
        numbers[f"{plan}/passes"] = float(np.mean(columns["passes"]))
        print(row)
    report(numbers)


if __name__ == "__main__":
    main()
