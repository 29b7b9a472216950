"""How fast the flow's networks are: tokenizer, generator and segmenter against picture size and number of steps.

    python -m benchmarks.flow [--quick] [--rounds 7] [--threads N] [--tokenize tokenize] [--generate generate]
        [--segment segment] [--twin segment-twin]

A model that is not there is made with fresh weights in its recipe's sizes, and the output says so: speed does not
depend on training. All arms are timed in turn, round after round; a number is the median over rounds, its spread the
standard deviation. FLOP are counted by PyTorch's counter (matrix products, convolutions, attention; two per
multiply-add), per cent are of the matmul rate measured in the same rounds in the same number type.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

import lucida
from lucida.flow.guidance import classifier_free, unguided
from lucida.flow.solvers import solve
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.models.store import resolve_weights
from lucida.train.claims import Value, report
from lucida.train.dtype import matmul_rate
from lucida.train.ledger import Number
from lucida.train.recipe import load_recipe, task_class

PROMPT = "a small red fox left of a blue umbrella, on a striped background"
DRAWN = (2, 5, 10, 20, 50)
SEGMENTED = (1, 2, 4, 10)
LEAST = 0.05  # seconds that one timing lasts: quick calls are repeated
FACTS = {"steps": 0, "seconds": 0, "dtype": "float32", "probe": {}}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Something to time: ``call`` treats ``pictures`` pictures."""

    name: str
    pictures: int
    call: Callable[[], Any]


def fresh(recipe: str, folder: Path, overrides: dict[str, Any]) -> Path:
    """A model folder with untrained weights in a recipe's sizes."""
    loaded = load_recipe(recipe, {"probe": 0, "bank.count": 1} | overrides)
    torch.manual_seed(0)
    task = task_class(loaded.task)(loaded.settings, seed=0)
    return task.export(task.module, folder / recipe, FACTS)


def found(wish: str, recipe: str, folder: Path, overrides: dict[str, Any]) -> Path:
    """The model wished for where it is there, else a fresh one; says which."""
    try:
        place, how = resolve_weights(wish), "its weights"
    except InputError:
        place, how = fresh(recipe, folder, overrides), f"no {wish} here: fresh weights in the recipe's sizes"
    print(f"{recipe}: {how}")
    return place


def picture(height: int, width: int) -> Image:
    """A picture with something in it, the same every time."""
    coarse = np.random.default_rng(height + width).integers(
        0, 255, (height // 16, width // 16, 3), dtype=np.uint8
    )
    return Image(np.kron(coarse, np.ones((16, 16, 1), np.uint8)))


def tokenizer_arms(tokenizer: Any, sides: Sequence[int], batches: Sequence[int]) -> list[Arm]:
    """Encode and decode; larger batches at the first side only."""
    network, arms = tokenizer.network, []
    for side in sides:
        for batch in batches if side == sides[0] else batches[:1]:
            pixels = torch.rand(batch, 3, side, side, device=tokenizer.device) * 2 - 1
            with torch.inference_mode():
                tokens = network.tokenize(pixels)
            name = f"{side}px" + (f"-batch{batch}" if batch > 1 else "")
            arms.append(Arm(name=f"tokenizer/encode/{name}", pictures=batch,
                            call=lambda pixels=pixels: network.tokenize(pixels)))  # fmt: skip
            arms.append(Arm(name=f"tokenizer/decode/{name}", pictures=batch,
                            call=lambda tokens=tokens: network.detokenize(tokens)))  # fmt: skip
    return arms


def generator_arms(
    generator: Any, sides: Sequence[int], batches: Sequence[int], steps: Sequence[int]
) -> list[Arm]:
    """From a sentence to pixels. All numbers of steps at the first side, the middle one at the others."""
    patch, channels = generator.tokenizer.network.config.patch, generator.network.config.channels

    def arm(side: int, batch: int, count: int, guided: bool) -> Arm:
        noise = torch.randn(batch, channels, side // patch, side // patch, device=generator.device)

        def call() -> Any:
            full = generator.velocity_of([PROMPT] * batch)
            empty = generator.velocity_of([""] * batch) if guided else None
            field = unguided(full) if empty is None else classifier_free(full, empty, 2.0, (0.0, 1.0))
            solved = solve(field, noise, generator.schedule.grid(count))
            return generator.tokenizer.network.detokenize(solved.x)

        kind = f"{count}-steps" + ("-guided" if guided else "")
        name = f"generator/{kind}/{side}px" + (f"-batch{batch}" if batch > 1 else "")
        return Arm(name=name, pictures=batch, call=call)

    middle = steps[len(steps) // 2]
    arms = [arm(sides[0], 1, count, guided) for count in steps for guided in (False, True)]
    arms += [arm(side, 1, middle, guided) for side in sides[1:] for guided in (False, True)]
    return arms + [arm(sides[0], batch, middle, False) for batch in batches[1:]]


def segmenter_arms(
    models: dict[str, Any], sizes: Sequence[tuple[int, int]], steps: Sequence[int]
) -> list[Arm]:
    """From pixels to a class map, resizing, squares and blending included; the looks are not shared between calls."""
    arms = []
    for height, width in sizes:
        image = picture(height, width)
        for kind, model in models.items():
            for count in steps if model.flow else (1,):
                name = f"{kind}/{count}-steps/{width}x{height}" if model.flow else f"{kind}/{width}x{height}"
                arms.append(
                    Arm(name=name, pictures=1, call=lambda m=model, i=image, k=count: m.segment(i, steps=k))
                )
    return arms


def flops(call: Callable[[], Any]) -> int:
    """Operations of a call. The processor's attention kernel is not in PyTorch's own table."""
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu

    def attention(q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(q, k, v)

    with FlopCounterMode(display=False, custom_mapping={kernel: attention}) as counter:
        call()
    return int(counter.get_total_flops())


@torch.inference_mode()
def measure(arms: Sequence[Arm], rounds: int, device: torch.device) -> dict[str, Value]:
    """Time all arms in turn; prints a row per arm."""

    def done() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    counts = {arm.name: flops(arm.call) for arm in arms}  # the first call, which warms up too
    repeats: dict[str, int] = {}
    for arm in arms:
        begin = time.perf_counter()
        arm.call()
        done()
        repeats[arm.name] = max(1, round(LEAST / max(time.perf_counter() - begin, 1e-6)))
    times: dict[str, list[float]] = {arm.name: [] for arm in arms}
    peaks: list[float] = []
    for _ in range(rounds):
        peaks.append(matmul_rate(torch.float32, device, seconds=0.3))
        for arm in arms:
            begin = time.perf_counter()
            for _ in range(repeats[arm.name]):
                arm.call()
            done()
            times[arm.name].append((time.perf_counter() - begin) / repeats[arm.name])
    peak = statistics.median(peaks)
    print(f"\nmatmul, fp32, {torch.get_num_threads()} thread(s): {peak:.0f} GFLOP/s; {rounds} rounds\n"
          f"{'arm':>42} {'s/call':>9} {'spread':>8} {'pictures/s':>10} {'GFLOP':>8} {'% of peak':>9}")  # fmt: skip
    numbers: dict[str, Value] = {"matmul_gflops": spread_of(peaks)}
    for arm in arms:
        time_, gflop = spread_of(times[arm.name]), counts[arm.name] / 1e9
        rate, share = arm.pictures / time_.value, 100 * gflop / time_.value / peak
        numbers |= {f"{arm.name}/seconds": time_, f"{arm.name}/pictures_per_second": rate,
                    f"{arm.name}/gflop": gflop, f"{arm.name}/per_cent_of_peak": share}  # fmt: skip
        print(
            f"{arm.name:>42} {time_.value:9.4f} {time_.spread or 0:8.4f} {rate:10.2f} {gflop:8.3f} {share:9.1f}"
        )
    return numbers


def spread_of(values: Sequence[float]) -> Number:
    """Median, with the standard deviation beside."""
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Number(value=statistics.median(values), spread=spread, n=len(values))


def ratios(numbers: dict[str, Value]) -> dict[str, float]:
    """What steps cost: over one step, over the twin, and drawing per step."""

    def seconds(name: str) -> float | None:
        value = numbers.get(f"{name}/seconds")
        return value.value if isinstance(value, Number) else None

    told: dict[str, float] = {}
    sizes = {name.split("/")[2] for name in numbers if name.startswith("segmenter/")}
    for size in sorted(sizes):
        one, twin = seconds(f"segmenter/1-steps/{size}"), seconds(f"twin/{size}")
        for count in SEGMENTED[1:]:
            many = seconds(f"segmenter/{count}-steps/{size}")
            if one and many:
                told[f"segmenter/{count}-steps/{size}/times_one_step"] = many / one
            if twin and many:
                told[f"segmenter/{count}-steps/{size}/times_the_twin"] = many / twin
    return told


def main() -> None:
    """Make or load the models, time everything, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for system in ("tokenize", "generate", "segment"):
        parser.add_argument(f"--{system}", default=system, metavar="MODEL")
    parser.add_argument("--twin", default="segment-twin", metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true", help="few arms, two rounds")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    quick = options.quick
    sides, batches = ((64,), (1,)) if quick else ((64, 128, 256), (1, 8))
    sizes = [(192, 192)] if quick else [(192, 192), (192, 384), (512, 512), (1080, 1920)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tokenizer = found(options.tokenize, "tokenize", folder, {})
        generator = found(options.generate, "generate", folder, {"tokenizer": str(tokenizer)})
        plain = {"bank.cutouts": ""}
        models = {"segmenter": lucida.load(found(options.segment, "segment", folder, plain)),
                  "twin": lucida.load(found(options.twin, "segment-twin", folder, plain))}  # fmt: skip
        arms = tokenizer_arms(lucida.load(tokenizer), sides, batches)
        arms += generator_arms(lucida.load(generator), sides, batches, (2, 20) if quick else DRAWN)
        arms += segmenter_arms(models, sizes, (1, 4) if quick else SEGMENTED)
        numbers = measure(arms, 2 if quick else options.rounds, torch.device(settings.device()))
    told = ratios(numbers)
    for name, value in told.items():
        print(f"{name:>58} {value:6.2f}")
    report(numbers | told)


if __name__ == "__main__":
    main()
