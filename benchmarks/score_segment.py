"""The scorer of class maps against a slow one that counts pixel by pixel, for every data set's conventions.

    python -m benchmarks.score_segment [--pictures 4]

Random class maps are written as each data set stores them (panoptic colours, palette files, label ids, train ids) and
scored by the functions of `lucida bench score segment`; the slow scorer never sees files, only the maps behind them.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from lucida.bench.segment_layouts import CITYSCAPES_IDS, COCOSTUFF_UNUSED, layout_of
from lucida.bench.segment_score import score_folders
from lucida.train.claims import report

VOID = 255
KEPT = [i for i in range(182) if i not in COCOSTUFF_UNUSED]
LAYOUTS = {"ade20k": 150, "cityscapes": 19, "cocostuff": 171, "voc": 21, "coco": 4, "plain": 7}
CATEGORIES = (3, 17, 90, 200)  # ids of the made panoptic set


def slow_miou(pairs: list[tuple[np.ndarray, np.ndarray]], classes: int) -> float:
    """Mean IoU by going through every pixel, and every class, one by one."""
    hits, told, true = [0] * classes, [0] * classes, [0] * classes
    for prediction, truth in pairs:
        for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
            if t == VOID:
                continue
            true[t] += 1
            if p != VOID:
                told[p] += 1
                hits[t] += p == t
    ious = [h / (a + b - h) for h, a, b in zip(hits, told, true, strict=True) if a + b]
    return math.fsum(ious) / len(ious)


def stored(name: str, truth: np.ndarray) -> tuple[np.ndarray, str]:
    """A truth map as the data set's file, and the ending of its name."""
    table = np.full(256, VOID)
    if name == "ade20k":
        table = np.append(np.arange(1, 256), 0)  # void is 0
    elif name == "cityscapes":
        table[:19], table[VOID] = CITYSCAPES_IDS, 3
    elif name == "cocostuff":
        table[:171] = KEPT
    else:
        table = np.arange(256)
    return table[truth].astype(np.uint8), "_gtFine_labelIds" if name == "cityscapes" else ""


def write(
    name: str, folder: Path, stem: str, prediction: np.ndarray, truth: np.ndarray, document: dict
) -> None:
    """One pair of files."""
    PILImage.fromarray(prediction).save(folder / "p" / f"{stem}.png")
    if name == "coco":
        number = len(document["annotations"]) * 1000 + 70_000
        colours = np.where(truth == VOID, 0, truth.astype(np.int64) + number)
        rgb = np.stack([colours % 256, colours // 256 % 256, colours // 65536], -1).astype(np.uint8)
        PILImage.fromarray(rgb).save(folder / "gt" / f"{stem}.png")
        segments = [{"id": number + i, "category_id": c} for i, c in enumerate(CATEGORIES)]
        document["annotations"].append({"file_name": f"{stem}.png", "segments_info": segments})
        return
    values, ending = stored(name, truth)
    picture = PILImage.fromarray(values)
    if name == "voc":
        picture.putpalette([i for i in range(256) for _ in range(3)])
    picture.save(folder / "gt" / f"{stem}{ending}.png")


def main() -> None:
    """Compare and report the largest difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=4)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    numbers: dict[str, float] = {}
    for name, classes in LAYOUTS.items():
        with tempfile.TemporaryDirectory() as place:
            folder, pairs = Path(place), []
            (folder / "p").mkdir(), (folder / "gt").mkdir()
            document = {"categories": [{"id": c, "name": str(c)} for c in CATEGORIES], "annotations": []}
            for number in range(options.pictures):
                truth = rng.integers(0, classes, (60, 80)).astype(np.uint8)
                prediction = np.where(
                    rng.random(truth.shape) < 0.7, truth, rng.integers(0, classes, truth.shape)
                )
                truth[rng.random(truth.shape) < 0.1], prediction[rng.random(truth.shape) < 0.05] = VOID, VOID
                prediction = prediction.astype(np.uint8)
                pairs.append((prediction, truth))
                write(name, folder, f"ulm_000000_{number:06d}", prediction, truth, document)
            if name == "coco":
                (folder / "gt.json").write_text(json.dumps(document))
            layout = layout_of(name, folder / "gt", classes=classes if name == "plain" else None)
            score, _ = score_folders(layout, folder / "p", folder / "gt")
            numbers[f"{name}/miou"] = score.miou
            numbers[f"{name}/difference"] = abs(score.miou - slow_miou(pairs, classes))
            print(f"{name:<11} mIoU {100 * score.miou:.3f}, differs by {numbers[f'{name}/difference']:.1e}")
    largest = max(value for key, value in numbers.items() if key.endswith("difference"))
    report(numbers | {"largest_difference": largest, "layouts": len(LAYOUTS)})


if __name__ == "__main__":
    main()
