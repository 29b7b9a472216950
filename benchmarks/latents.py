"""How good tokenizers are on held-out scenes: pixels, and what is readable along the noise path.

python -m benchmarks.latents NAME=MODEL ... [--judge runs/train/judge/model] [--tower tower-lite2] [--tested 400]
    [--fitted 1500]

PSNR and SSIM at the tokenizer's size; with a judge the Frechet distance of reconstructions (rfd) to the pictures, and
its floor, and with a second tower the same in its features (rfd_tower). The probe fits a linear reader at each noise
level on training scenes, on normalised latents, and again on raw ones. Its scenes show common nouns, so that each is
seen often. "retention" is accuracy at 0.6 over that at 0, "mean" the mean over levels. The std of raw latents stands
beside, because large latents flatter a raw probe.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch

import lucida
from benchmarks.drawing import second_tower
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models.dense_judge import DenseJudge, load_judge
from lucida.models.tower import Tower
from lucida.systems.generate.judging import distance_and_floor, judge_pictures, principal, tower_features
from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig
from lucida.systems.tokenize.evaluation import LEVELS, probe_path, reconstruction
from lucida.systems.tokenize.teacher import TeacherConfig
from lucida.train.claims import report


def measure(
    model: str,
    *,
    judge: DenseJudge | None,
    fitted: int,
    tested: int,
    levels: Sequence[float] = LEVELS,
    tower: Tower | None = None,
) -> dict[str, float]:
    """All numbers of one tokenizer; curves as "normalised/object_noun/0.6"."""
    tokenizer = lucida.load(model)
    net = tokenizer.network.config
    home, teacher = settings.cache_dir() / "banks", TeacherConfig(side=net.side, grid=net.grid, channels=32)
    train = SceneBank(home, SceneBankConfig(count=fitted, nouns="common"), teacher)
    test = SceneBank(home, SceneBankConfig(split="test", count=2 * tested, nouns="common"), teacher)
    train.build()
    test.build()
    found = reconstruction(tokenizer.network, test, range(tested))
    with torch.no_grad():
        pixels = test.rows(list(range(2 * tested))).pixels
        again = torch.cat([tokenizer.network.reconstruct(p).cpu() for p in pixels[:tested].split(50)])
        found["latent_std"] = float(tokenizer.network.encode(pixels[:100]).mean.std())
    if judge is not None:
        made, truth, other = (judge_pictures(p, judge).features for p in (again, *pixels.split(tested)))
        found["rfd"], found["rfd_floor"] = distance_and_floor(made, truth, other)
    if tower is not None:
        truth, other = (tower_features(p, tower) for p in pixels.split(tested))
        parts = principal(np.concatenate((truth, other)), tower_features(again, tower), truth, other)
        found["rfd_tower"], found["rfd_tower_floor"] = distance_and_floor(*parts)
    for kind, raw in (("normalised", False), ("raw", True)):
        path = probe_path(
            tokenizer.network, train, test, levels=levels, fitted=fitted, tested=tested, raw=raw
        )
        for reader, curve in path.items():
            found |= {f"{kind}/{reader}/{level:g}": value for level, value in curve.items()}
            found[f"{kind}/{reader}/mean"] = sum(curve.values()) / len(curve)
        start = path["object_noun"][0.0]
        found[f"{kind}/retention"] = path["object_noun"][0.6] / start if start else 0.0
    return found


def show(name: str, found: dict[str, float]) -> None:
    """Print one tokenizer's numbers."""
    print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items() if "/" not in key))
    for kind in ("normalised", "raw"):
        row = "  ".join(f"{found[f'{kind}/object_noun/{level:g}']:.3f}" for level in LEVELS)
        print(f"  {kind:>10} nouns of objects at {' '.join(f'{level:g}' for level in LEVELS)}: {row}")


def main() -> None:
    """Print a block per model and report all numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL")
    parser.add_argument("--judge")
    parser.add_argument("--tower")
    parser.add_argument("--tested", type=int, default=400)
    parser.add_argument("--fitted", type=int, default=1500)
    options = parser.parse_args()
    if bad := [word for word in options.models if "=" not in word]:
        raise InputError(f"want NAME=MODEL, got {bad[0]}")
    judge = load_judge(options.judge) if options.judge else None
    tower = second_tower(options.tower)
    numbers: dict[str, float] = {}
    for name, model in (word.split("=", 1) for word in options.models):
        found = measure(model, judge=judge, fitted=options.fitted, tested=options.tested, tower=tower)
        show(name, found)
        numbers |= {f"{name}/{key}": value for key, value in found.items()}
    report(numbers)


if __name__ == "__main__":
    main()
