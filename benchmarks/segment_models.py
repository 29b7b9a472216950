"""Two trained segmenters side by side: quality against Euler steps on held-out scenes, and time in turn.

    python -m benchmarks.segment_models [--flow segment] [--twin segment-twin] [--scenes 100] [--size 256]

Scenes of the test split, drawn with the flow's own label set at --size pixels, go the whole way of the command (resize,
overlapping squares, blending) and are scored at their own size. Times are medians over pictures of both models in turn,
the look (tower and trunk) included. "called unknown": pixels of known classes; of the few things that training scenes
show unlabelled ("void"); and of things from the whole world, most never seen at all ("strange").
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np

import lucida
from lucida.flow.codes import VOID
from lucida.metrics.segmentation import SegmentationMeter
from lucida.systems.segment.labels import LabelConfig, class_map, restricted
from lucida.train.claims import Value, report
from lucida.world.atlas import load_atlas
from lucida.world.scene import draw_scene

STEPS = (1, 2, 4, 10)
CLOSE, SLOW = 0.02, 1.5  # mIoU that the flow may be behind, and how many times the twin's time it may take


def label_set(model: Any) -> LabelConfig:
    """The label set a model was trained on, by its class names."""
    grounds = tuple(name.removesuffix(" ground") for name in model.names[: model.config["grounds"]])
    labels = LabelConfig(grounds=grounds, nouns=tuple(model.names[model.config["grounds"] :]))
    if labels.names != model.names:
        raise SystemExit(f"{model.name}: its classes are not nouns; this benchmark wants a noun label set")
    return labels


def count(tally: list[int], told: np.ndarray, asked: np.ndarray) -> None:
    """Add to (pixels asked for that were told, pixels asked for)."""
    tally[0] += int((told & asked).sum())
    tally[1] += int(asked.sum())


def main() -> None:
    """Print a row per model and number of steps, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flow", default="segment")
    parser.add_argument("--twin", default="segment-twin")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    models = {"flow": lucida.load(options.flow), "twin": lucida.load(options.twin)}
    labels = label_set(models["flow"])
    if models["twin"].names != labels.names:
        raise SystemExit("the two models do not have the same classes")
    atlas = restricted(load_atlas(), labels)
    arms = [
        ("twin", 1, False),
        *(("flow", k, a) for k in STEPS for a in ((False, True) if k > 1 else (False,))),
    ]
    meters = {arm: SegmentationMeter(len(labels.names)) for arm in arms}
    seconds: dict[tuple[str, int, bool], list[float]] = {arm: [] for arm in arms}
    odd: dict[str, list[int]] = {f"{n}/{kind}": [0, 0] for n in models for kind in ("known", "void", "strange")}
    for seed in range(options.scenes):
        scene = draw_scene(seed, split="test", size=(options.size, options.size), atlas=atlas)
        truth = class_map(scene, labels)
        for arm in arms:
            name, steps, accumulate = arm
            found = models[name].segment(scene.pixels, steps=steps, accumulate=accumulate, unknown=False)
            meters[arm].add(found.labels, truth, f"scene {seed}")
            seconds[arm].append(found.seconds)
        for name, model in models.items():
            told = model.segment(scene.pixels, steps=4).labels == VOID
            count(odd[f"{name}/known"], told, truth != VOID)
            count(odd[f"{name}/void"], told, truth == VOID)
        if seed < options.scenes // 2:
            other = draw_scene(seed, split="test", size=(options.size, options.size))
            for name, model in models.items():
                told = model.segment(other.pixels, steps=4).labels == VOID
                count(odd[f"{name}/strange"], told, class_map(other, labels) == VOID)
    numbers: dict[str, Value] = {}
    print(f"{options.scenes} scenes of {options.size} px\n{'arm':>18}   mIoU  boundary  third     s/picture")
    for arm in arms:
        name, steps, accumulate = arm
        label = name if name == "twin" else f"flow-{steps}{'-averaged' if accumulate else ''}"
        score, time = meters[arm].score(), statistics.median(seconds[arm])
        numbers |= {f"{label}/miou": score.miou, f"{label}/boundary": score.boundary_miou,
                    f"{label}/third": score.third_class, f"{label}/seconds": time}  # fmt: skip
        row = f"{100 * score.miou:6.2f}  {100 * score.boundary_miou:8.2f}  {100 * score.third_class:5.2f}"
        print(f"{label:>18} {row}  {time:12.4f}")
    for kind, (right, every) in odd.items():
        if every:
            numbers[f"{kind}_called_unknown"] = right / every
            print(f"{kind:>18}: {100 * right / every:.1f} % of pixels called unknown")
    twin, slow = meters["twin", 1, False].score().miou, statistics.median(seconds["twin", 1, False])
    few = [arm for arm in arms if arm[0] == "flow" and arm[1] <= 4]
    # The best of those that keep to the time; the best of all if none does.
    quick = [arm for arm in few if statistics.median(seconds[arm]) <= SLOW * slow] or few
    best = max(quick, key=lambda arm: meters[arm].score().miou)
    print(f"best of at most 4 steps and {SLOW} times the twin's time: {best[1]} step(s){', averaged' * best[2]}")
    numbers["flow_behind_twin_at_4_steps_or_fewer"] = twin - meters[best].score().miou
    numbers["times_the_twins_seconds"] = statistics.median(seconds[best]) / slow
    report(numbers, {
        "within_2_miou_of_the_twin": twin - meters[best].score().miou <= CLOSE,
        "at_most_1.5_times_its_time": statistics.median(seconds[best]) / slow <= SLOW,
        "some_pictures_scored": bool(np.isfinite(twin)),
    })  # fmt: skip


if __name__ == "__main__":
    main()
