"""The arms of RecTok at one latent width, trained alike and measured alike: what does aligning noisy latents buy?

python -m benchmarks.rectok [--arms plain aligned-noisy fsd rad] [--seeds 3] [--steps 1200] [--channels 64]
    [--judge runs/train/judge/model] [--out runs/rectok] [--set bank.count=8000 ...]

Arms share data, order, steps and size (recipe `tokenize`, made smaller); a run that is there already is not trained
again, one that was stopped goes on. plain: V0, an autoencoder. aligned: V2, features read off clean latents.
aligned-noisy: V2b, the same with a pixel decoder that reads noise. fsd: V3. rad: V4. masked-only: V4m. -raw behind
a name: noise against raw latents, as published.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.latents import measure, show
from lucida.media import settings
from lucida.models.dense_judge import load_judge
from lucida.models.store import is_model
from lucida.train.claims import Number, measured, report
from lucida.train.loop import train
from lucida.train.recipe import load_recipe

ARMS: dict[str, dict[str, Any]] = {
    "plain": {"pixels": "clean", "semantics": "none", "mask": [0.0, 0.0]},
    "aligned": {"pixels": "clean", "semantics": "clean", "mask": [0.0, 0.0]},
    "aligned-noisy": {"pixels": "noisy", "semantics": "clean", "mask": [0.0, 0.0]},
    "fsd": {"pixels": "noisy", "semantics": "noisy", "mask": [0.0, 0.0]},
    "rad": {"pixels": "noisy", "semantics": "noisy", "mask": [-0.1, 0.4]},
    "masked-only": {"pixels": "noisy", "semantics": "noisy", "mask": [-0.1, 0.4], "masked_only": True},
}
SCREEN = {
    "width": 128,
    "heads": 4,
    "hidden": 352,
    "encoder_layers": 4,
    "decoder_layers": 4,
}  # under 3 M weights
SHOWN = ("psnr", "ssim", "rfd", "latent_std", "normalised/retention", "raw/retention")


def overrides(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Settings of one run, over the recipe."""
    name = arm.removesuffix("-raw")
    values = {
        **ARMS[name],
        "run.seed": seed,
        "run.steps": options.steps,
        "network.channels": options.channels,
    }
    values |= {"run.schedule.decay": options.steps // 3, "run.schedule.warmup": min(100, options.steps // 10)}
    values |= {f"network.{key}": value for key, value in SCREEN.items()}
    values |= {
        "network.noised": "raw" if arm.endswith("-raw") else "normalised",
        "run.probe_steps": 0,
        "probe": 0,
    }
    for word in options.set or []:
        key, _, value = word.partition("=")
        values[key] = yaml.safe_load(value)
    return values


def trained(arm: str, seed: int, options: argparse.Namespace) -> Path:
    """The model of one run, trained now unless it is there."""
    folder = options.out / f"{arm}-c{options.channels}-s{seed}"
    if is_model(folder / "model"):
        return folder / "model"
    outcome = train(load_recipe("tokenize", overrides(arm, seed, options)), folder, device=settings.device())
    if outcome.model is None:
        raise SystemExit(f"stopped after {outcome.steps} steps; run the same command to go on")
    return outcome.model


def main() -> None:
    """Train what is missing, measure, and report mean and spread per arm, and paired differences to the first arm."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", nargs="+", default=["plain", "aligned-noisy", "fsd", "rad"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--judge")
    parser.add_argument("--tested", type=int, default=400)
    parser.add_argument("--fitted", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("runs/rectok"))
    parser.add_argument("--set", nargs="*")
    options = parser.parse_args()
    judge = load_judge(options.judge) if options.judge else None
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in options.arms}
    for seed in range(options.seeds):
        for arm in options.arms:
            model = trained(arm, seed, options)
            numbers = measure(str(model), judge=judge, fitted=options.fitted, tested=options.tested)
            show(f"{arm}, seed {seed}", numbers)
            found[arm].append(numbers)
    reported: dict[str, Number] = {}
    for arm, runs in found.items():
        for key in runs[0]:
            values = np.array([run[key] for run in runs])
            base = np.array([run[key] for run in found[options.arms[0]]])
            reported[f"{arm}/{key}"] = measured(values.tolist())
            if arm != options.arms[0]:
                reported[f"{arm}-over-{options.arms[0]}/{key}"] = measured((values - base).tolist())
        shown = [f"{key} {reported[f'{arm}/{key}'].value:.3f}" for key in SHOWN if f"{arm}/{key}" in reported]
        print(f"{arm}, {options.seeds} seeds: {', '.join(shown)}")
    report(reported)


if __name__ == "__main__":
    main()
