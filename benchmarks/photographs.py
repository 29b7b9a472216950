"""Nouns on photographs: cut-outs on real photographs, each named by a head that never saw it.

    python -m benchmarks.photographs [--folds 5] [--views 4] [--model describe] [--runs runs/photographs]

Every cut-out of the training package is put on crops of the example photographs, of which no model has seen one. Rows:
"imagenet": the tower's likeliest class name, in a template ("a cat"); "with-head": the likeliest name of hints, whose
head (recipe `names`) was trained without this fold; "described": the noun that `lucida describe` says, with this fold's
head, and "described-without-head". The describer itself has seen these very cut-outs in training, on other grounds, so
its two rows flatter it; the first two do not. Synonyms count. Intervals are cluster bootstraps by cut-out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lucida
from lucida.media import settings
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.models.name_head import NameHead, load_name_head
from lucida.models.tower import load_tower
from lucida.systems.describe.name_views import SIDE, Background, cutout_views, named_right, opened, placed
from lucida.systems.describe.names_task import folded
from lucida.systems.describe.naming import noun_in
from lucida.train.claims import Number, report
from lucida.train.loop import train
from lucida.train.recipe import load_recipe
from lucida.world.cutouts import cutout_files, plain_noun, recipe_cutouts
from lucida.world.language import lexicon

SEED = 1_000  # far from the training views'
Hits = dict[str, list[tuple[int, float]]]  # row -> (cut-out, right)


def photographs(folder: Path) -> Background:
    """Grounds cut from the photographs of a folder."""
    pictures = [Image.open(path).pixels for path in sorted(folder.glob("*.jpg"))]

    def ground(rng: np.random.Generator) -> np.ndarray:
        whole = pictures[int(rng.integers(len(pictures)))]
        side = round(min(whole.shape[:2]) * rng.uniform(0.4, 1.0))
        top, left = (int(rng.integers(extent - side + 1)) for extent in whole.shape[:2])
        return Image(np.ascontiguousarray(whole[top : top + side, left : left + side])).resized((SIDE, SIDE)).pixels

    return ground


def described(
    model: Any, head: NameHead | None, picture: np.ndarray, region: Region, noun: str, names: tuple[str, ...]
) -> float:
    """Whether the caption of the region names it right; ``names``: all that may be said."""
    words = lexicon().nouns
    model.names = head
    (caption,) = model.look(Image(picture)).describe([region])
    said = noun_in(caption.text, names)
    return float(words.get(said, said) == words.get(noun, noun))


def main() -> None:
    """Train the folds' heads, name everything, print a row each and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--model", default="describe")
    parser.add_argument("--examples", type=Path, default=Path("examples"))
    parser.add_argument("--runs", type=Path, default=Path("runs/photographs"))
    options = parser.parse_args()
    files = cutout_files(Path(recipe_cutouts("fetched")))
    ground, fold = photographs(options.examples), folded(len(files), options.folds)
    views = cutout_views(files, load_tower(settings.device()), options.views, ground, SEED, print)
    model: Any = lucida.load(options.model)
    every = tuple(sorted({plain_noun(file.stem) for file in files}))
    hits: Hits = {"imagenet": [], "with-head": [], "described": [], "described-without-head": []}
    for number in range(options.folds):
        recipe = load_recipe("names", {"fold": number, "folds": options.folds})
        trained = train(recipe, options.runs / f"fold-{number}").model
        if trained is None:
            raise SystemExit(130)
        head, which = load_name_head(trained), np.flatnonzero(fold == number)
        rights = named_right(views, head, torch.from_numpy(which))
        for name, right in zip(("imagenet", "with-head"), rights, strict=True):
            hits[name] += [(int(i), float(r)) for i, row in zip(which, right, strict=True) for r in row]
        for i in which:
            rng = np.random.default_rng((SEED, int(i)))
            picture, region = placed(opened(files[i]), ground(rng), 0, rng)
            for name, used in (("described", head), ("described-without-head", None)):
                right = described(model, used, picture, region, plain_noun(files[i].stem), every)
                hits[name].append((int(i), right))
    numbers: dict[str, Any] = {"cutouts": len(files), "nouns": len({plain_noun(f.stem) for f in files})}
    for name, rows in hits.items():
        owner, right = zip(*rows, strict=True)
        mean = cluster_bootstrap(np.array(right), np.array(owner))
        numbers[name] = Number(value=mean.mean, spread=mean.half, n=len(right))
        print(f"{name:>24}  {mean.mean:.3f} ± {mean.half:.3f}  ({len(right)} views of {len(set(owner))} cut-outs)")
    (owner, with_head), (_, alone) = (zip(*hits[name], strict=True) for name in ("with-head", "imagenet"))
    gain = cluster_bootstrap(np.array(with_head) - np.array(alone), np.array(owner))
    numbers["gain"] = Number(value=gain.mean, spread=gain.half, n=len(owner))
    print(f"{'gain':>24}  {gain.mean:.3f} ± {gain.half:.3f}")
    report(numbers, {"head_beats_imagenet_name": gain.mean - gain.half > 0}, "")


if __name__ == "__main__":
    main()
