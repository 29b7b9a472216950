"""The arms of RecTok at one latent width, trained alike and measured alike: what does aligning noisy latents buy?

    python -m benchmarks.rectok [--arms plain aligned-noisy fsd rad] [--seeds 3] [--channels 64] [--minutes 60]
        [--judge runs/train/judge/model] [--tower tower-lite2] [--runs runs/rectok] [--report-only]

Per arm and seed a tokenizer is trained (recipe `tokenize`, made smaller) and measured, then a generator on its latents
(recipe `generate`, made smaller, the same steps for every arm), whose pictures are judged by networks that taught
nobody. Arms of a seed share data, order, steps and sizes. plain: V0, an autoencoder. aligned: V2, features read off
clean latents. aligned-noisy: V2b, the same with a pixel decoder that reads noise. fsd: V3. rad: V4. masked-only: V4m.
-raw behind a name: noise against raw latents, as published. -tuned: the decoder trained further on clean latents.

Each part of a run leaves a file: a study carries on where it stopped and says what is not yet run. No part is begun
that might not end within --minutes (or the claim's budget). First seeds come first.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import lucida
from benchmarks import drawing, latents
from lucida.media import settings
from lucida.media.files import atomic_write
from lucida.models.dense_judge import DenseJudge, load_judge
from lucida.models.store import is_model
from lucida.models.tower import Tower
from lucida.train.claims import BUDGET, Value, measured, report
from lucida.train.ledger import Number
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
# Under 3 M weights each.
TOKENIZER = {"width": 128, "heads": 4, "hidden": 352, "encoder_layers": 4, "decoder_layers": 4}
GENERATOR = {
    "dit": {"width": 192, "layers": 3, "heads": 4, "hidden": 448, "head_width": 192, "head_layers": 1, "head_heads": 4,
            "theta": 100.0},
    "captions": {"width": 64, "layers": 2, "heads": 2, "hidden": 128},
}  # fmt: skip
PARTS = ("latents", "drawing")
SECONDS = {"latents": 400.0, "drawing": 400.0}  # that must be left to begin a part
SHOWN = ("psnr", "ssim", "rfd", "rfd_tower", "latent_std", "normalised/retention", "raw/retention", "drawn/frechet",
         "drawn/frechet_tower", "drawn/object")  # fmt: skip
Found = dict[str, dict[int, dict[str, float]]]  # arm -> seed -> numbers


@dataclass(frozen=True, kw_only=True)
class Judges:
    """Networks that taught nobody: one trained on the world, and perhaps a second tower."""

    world: DenseJudge
    tower: Tower | None


class Study:
    """Runs by arm and seed, and the folder of their results."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, Path(options.runs)
        self.seeds, self.arms = range(options.seeds), list(options.arms)

    def place(self, arm: str, seed: int) -> Path:
        """The folder of a run's tokenizer; its generator's has "-drawing" behind."""
        return self.folder / f"{arm}-c{self.options.channels}-s{seed}"

    def file(self, arm: str, seed: int, part: str) -> Path:
        """The result file of a part."""
        return self.folder / f"{self.place(arm, seed).name}-{part}.json"

    def missing(self) -> list[tuple[str, int, str]]:
        """Parts without a result, first seeds first."""
        parts = PARTS if self.options.draw_steps else PARTS[:1]
        return [
            (a, s, p)
            for s in self.seeds
            for a in self.arms
            for p in parts
            if not self.file(a, s, p).is_file()
        ]

    def run(self, until: float, judges: Judges) -> None:
        """Do what is missing; nothing is begun that might not end before ``until`` (monotonic seconds)."""
        do: dict[str, Callable[[str, int, Judges], dict[str, float]]] = {
            "latents": self._latents,
            "drawing": self._drawing,
        }
        for arm, seed, part in self.missing():
            if time.monotonic() + SECONDS[part] > until:
                return
            print(f"{arm}, seed {seed}: {part}", flush=True)
            begin = time.monotonic()
            numbers = do[part](arm, seed, judges)
            result = {"arm": arm, "seed": seed, "seconds": time.monotonic() - begin, "numbers": numbers}
            atomic_write(self.file(arm, seed, part), json.dumps(result, indent=1) + "\n")

    def found(self) -> Found:
        """The numbers of finished parts."""
        every: Found = {}
        for arm in self.arms:
            for seed in self.seeds:
                for part in PARTS:
                    if self.file(arm, seed, part).is_file():
                        numbers = json.loads(self.file(arm, seed, part).read_text())["numbers"]
                        every.setdefault(arm, {}).setdefault(seed, {}).update(numbers)
        return every

    def _latents(self, arm: str, seed: int, judges: Judges) -> dict[str, float]:
        model = self._tokenizer(arm, seed)
        o = self.options
        numbers = latents.measure(
            str(model), judge=judges.world, tower=judges.tower, fitted=o.fitted, tested=o.tested
        )
        latents.show(f"{arm}, seed {seed}", numbers)
        return numbers

    def _tokenizer(self, arm: str, seed: int) -> Path:
        """The model of one run, trained now unless it is there."""
        values = tokenizer_settings(arm, seed, self.options)
        if arm.endswith("-tuned"):
            values |= {"stage": "decoder", "start": str(self._tokenizer(arm.removesuffix("-tuned"), seed))}
        return trained("tokenize", values, self.place(arm, seed))

    def _drawing(self, arm: str, seed: int, judges: Judges) -> dict[str, float]:
        o, place = self.options, self.place(arm, seed)
        values = {
            "run.seed": seed, "run.steps": o.draw_steps, "run.schedule.decay": o.draw_steps // 3,
            "run.schedule.warmup": min(100, o.draw_steps // 10), "run.probe_steps": 0, "probe": 0, "rows": 48,
            "run.optimiser": "muon", "loss": {}, "bank.count": 12_000,
            "network.channels": o.channels, "tokenizer": str(self._tokenizer(arm, seed).absolute()),
        } | {f"network.{key}": value for key, value in GENERATOR.items()}  # fmt: skip
        model = trained("generate", values | given(o.set_draw), place.with_name(f"{place.name}-drawing"))
        numbers = drawing.measure(
            lucida.load(str(model)),
            judges.world,
            tower=judges.tower,
            count=o.drawn,
            steps=[o.sampled],
            guidance=1.0,
        )
        plain = {k: v.value if isinstance(v, Number) else float(v) for k, v in numbers.items()
                 if isinstance(v, Number | float | int)}  # fmt: skip
        own = f"{o.sampled}-steps/"
        return {
            f"drawn/{k.removeprefix(own)}": v
            for k, v in plain.items()
            if k.startswith((own, "ceiling/")) or "floor" in k
        }


def tokenizer_settings(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Settings of one tokenizer, over the recipe."""
    name = arm.removesuffix("-tuned").removesuffix("-raw")
    values = {
        **ARMS[name], "run.seed": seed, "run.steps": options.steps, "run.schedule.decay": options.steps // 3,
        "run.schedule.warmup": min(100, options.steps // 10), "run.probe_steps": 0, "probe": 0,
        "run.optimiser": "muon", "pixel_noise": 1.0, "network.channels": options.channels,
        "network.noised": "raw" if "-raw" in arm else "normalised",
    }  # fmt: skip
    values |= {f"network.{key}": value for key, value in TOKENIZER.items()}
    return values | given(options.set)


def given(words: list[str] | None) -> dict[str, Any]:
    """``key=value`` words as settings."""
    return {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in words or [])}


def trained(recipe: str, values: dict[str, Any], folder: Path) -> Path:
    """A model, trained now unless it is there; a run that was stopped goes on."""
    if not is_model(folder / "model"):
        if train(load_recipe(recipe, values), folder, device=settings.device()).model is None:
            raise SystemExit(130)  # stopped by a signal; the checkpoint stays
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    return folder / "model"


def numbers_of(found: Found, first: str) -> dict[str, Value]:
    """Mean and spread per arm, and of paired differences to the first arm."""
    numbers: dict[str, Value] = {}
    for arm, seeds in found.items():
        for key in sorted({key for run in seeds.values() for key in run}):
            numbers[f"{arm}/{key}"] = measured([run[key] for run in seeds.values() if key in run])
            both = [s for s in seeds if key in seeds[s] and key in found.get(first, {}).get(s, {})]
            if arm != first and both:
                differences = [seeds[s][key] - found[first][s][key] for s in both]
                numbers[f"{arm}-over-{first}/{key}"] = measured(differences)
    return numbers


def verdicts(found: Found) -> dict[str, bool]:
    """The paper's claims as far as there are runs: facts on RecTok, section 6.4."""

    def paired(a: str, b: str, key: str) -> list[float]:
        one, two = found.get(a, {}), found.get(b, {})
        return [
            one[s][key] - two[s][key] for s in sorted(set(one) & set(two)) if key in one[s] and key in two[s]
        ]

    def beyond_noise(values: list[float]) -> bool:
        """Whether the mean lies above 0 by two standard errors."""
        error = float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("inf")
        return float(np.mean(values)) > 2 * error

    passed: dict[str, bool] = {}
    for clean in ("aligned-noisy", "aligned"):
        for kind in ("normalised", "raw"):
            if values := paired("fsd", clean, f"{kind}/retention"):
                passed[f"fsd_retains_more_than_{clean}_{kind}"] = beyond_noise(values)
        for key, word in (("drawn/frechet", "draws"), ("drawn/frechet_tower", "draws_by_second_tower")):
            if values := paired(clean, "fsd", key):
                passed[f"fsd_{word}_better_than_{clean}"] = beyond_noise(values)
    for worse, better in (("plain", "fsd"), ("plain", "rad"), ("fsd", "rad"), ("masked-only", "rad")):
        for key, word in (("drawn/frechet", "draws"), ("drawn/frechet_tower", "draws_by_second_tower")):
            if values := paired(worse, better, key):
                passed[f"{better}_{word}_better_than_{worse}"] = beyond_noise(values)
        if values := paired(better, worse, "drawn/object"):
            passed[f"{better}_draws_more_asked_objects_than_{worse}"] = beyond_noise(values)
        if values := paired(worse, better, "psnr"):
            passed[f"{better}_costs_pixels_against_{worse}"] = beyond_noise(values)
        if values := paired(better, worse, "normalised/object_noun/mean"):
            passed[f"{better}_reads_better_than_{worse}"] = beyond_noise(values)
    for arm in ("rad", "fsd"):
        if values := paired(f"{arm}-tuned", arm, "psnr"):
            passed[f"tuning_gives_{arm}_pixels_back"] = beyond_noise(values)
        if values := paired(f"{arm}-tuned", arm, "normalised/object_noun/0"):
            passed[f"tuning_leaves_{arm}_latents_alone"] = max(map(abs, values)) < 1e-6
    return passed


def parser_of(words: str | None, arms: list[str]) -> argparse.ArgumentParser:
    """The options of a study; ``arms``: by default."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=arms)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--draw-steps", type=int, default=450, help="of the generators; 0: none are trained")
    parser.add_argument("--sampled", type=int, default=20, help="steps at which they draw")
    parser.add_argument("--drawn", type=int, default=300, help="pictures per generator")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--judge", default="runs/train/judge/model")
    parser.add_argument("--tower")
    parser.add_argument("--tested", type=int, default=300)
    parser.add_argument("--fitted", type=int, default=1500)
    parser.add_argument("--runs", type=Path, default=Path("runs/rectok"))
    parser.add_argument("--minutes", type=float, default=float(os.environ.get(BUDGET, "3600")) / 60)
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--set", nargs="*", metavar="KEY=VALUE", help="of the tokenizers, for trials")
    parser.add_argument("--set-draw", nargs="*", metavar="KEY=VALUE", help="of the generators, for trials")
    return parser


def main() -> None:
    """Run what is missing as far as the time goes, then print and report everything there is."""
    options = parser_of(__doc__, ["plain", "aligned-noisy", "fsd", "rad"]).parse_args()
    begin = time.monotonic()
    study = Study(options)
    if not options.report_only:
        judges = Judges(world=load_judge(options.judge), tower=drawing.second_tower(options.tower))
        study.run(begin + 60 * options.minutes, judges)
    found = study.found()
    numbers, passed = numbers_of(found, options.arms[0]), verdicts(found)
    for arm, seeds in found.items():
        shown = []
        for key in SHOWN:
            value = numbers.get(f"{arm}/{key}")
            if isinstance(value, Number):
                shown.append(f"{key} {value.value:.3f} ± {value.spread or 0:.3f}")
        print(f"\n{arm}, {len(seeds)} seed(s): {', '.join(shown)}")
        for kind in ("normalised", "raw"):
            curve = {level: numbers.get(f"{arm}/{kind}/object_noun/{level:g}") for level in latents.LEVELS}
            cells = [f"{level:g}: {v.value:.3f}" for level, v in curve.items() if isinstance(v, Number)]
            print(f"  {kind:>10} nouns along the path: {'  '.join(cells)}")
    for name, held in passed.items():
        print(f"{name:<58} {'yes' if held else 'no'}")
    missing = ", ".join(f"{arm} seed {seed} {part}" for arm, seed, part in study.missing())
    print(f"\nnot yet run: {missing or 'nothing'}")
    report(numbers, passed, f"not yet run: {missing}" if missing else "")


if __name__ == "__main__":
    main()
