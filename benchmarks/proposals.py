"""Automatic regions against two rivals: how many things are found, and how well their masks fit.

    python benchmarks/proposals.py [--scenes 100] [--photos examples] [--segment MODEL] [--fit]

Each thing counts with the best IoU among the first eight regions; it is found at 0.5. Scenes are the world's, of seeds
that nothing was tuned on. The photographs are the six in ``examples`` with their whole things (no eyes, no patches);
the score's few weights were chosen looking at them, so they flatter it. Rivals: a 3 x 3 grid of boxes, and
Ward clusters of tower cells that do not cover much of the border (what the describer began with).
``--segment`` adds the things of a segmenter's class map; whether they win decides its recipe's ``proposes``.
``--fit`` prints the model that cuts touching things, fitted again on the training split.
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.tower import load_tower, to_pixels
from lucida.systems.describe.proposals import propose_regions
from lucida.systems.describe.proposals_flat import things_on_plain_ground
from lucida.systems.describe.proposals_refine import enlarged
from lucida.systems.describe.proposals_sight import see
from lucida.systems.describe.proposals_split import CUES, cuts_of
from lucida.systems.describe.proposals_tree import grow
from lucida.systems.registry import load
from lucida.systems.segment.proposals import SegmentProposer
from lucida.train.claims import Value, measured, report
from lucida.world.scene import draw_scene

MOST, FOUND = 8, 0.5
FIRST_SEED = 50_000
WHOLE = {
    "astronaut": ("astronaut", "helmet", "space shuttle model", "flag"),
    "cat": ("cat",),
    "coffee": ("cup", "saucer", "spoon"),
    "dahlia": ("dahlia", "second dahlia", "leaf"),
    "pagoda": ("pagoda", "lake", "tall tree", "round tree", "bushes"),
    "rocket": ("rocket", "left tower", "right tower", "left mast", "right mast"),
}
Arm = Callable[[Image], list[Region]]
Case = tuple[Image, list[Region]]


def scenes(count: int, side: int) -> Iterator[Case]:
    """Composed scenes with the visible mask of every object."""
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        scene = draw_scene(seed, split="val", size=(side, side))
        yield Image.from_array(scene.pixels), [Region.from_mask(mask) for mask in scene.masks]


def photographs(folder: Path) -> Iterator[Case]:
    """The example photographs with the outlines of their whole things."""
    for name, labels in WHOLE.items():
        entries = json.loads((folder / f"{name}.json").read_text())["regions"]
        things = [Region.from_rle(entry["rle"]) for entry in entries if entry["label"] in labels]
        yield Image.open(folder / f"{name}.jpg"), things


def grid_boxes(image: Image) -> list[Region]:
    """A 3 x 3 grid of boxes; all nine are let count."""
    return [
        Region.from_box((x / 3, y / 3, (x + 1) / 3, (y + 1) / 3), image.size)
        for y in range(3)
        for x in range(3)
    ]


class WardClusters:
    """Twelve Ward clusters of 20 x 20 tower cells; those off the border that differ most from it, enlarged."""

    def __init__(self, side: int = 320, clusters: int = 12, place: float = 0.6, border: float = 0.25) -> None:
        self.tower, self.side, self.clusters, self.place, self.border = (
            load_tower(),
            side,
            clusters,
            place,
            border,
        )

    @torch.inference_mode()
    def __call__(self, image: Image) -> list[Region]:
        cells = self.tower.grid(to_pixels(image.resized((self.side, self.side)).pixels))[0].numpy()
        grid = cells.shape[1]
        features = cells.reshape(len(cells), -1).T
        features = features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-6)
        edge = np.ones((grid, grid), bool)
        edge[1:-1, 1:-1] = False
        ground = features[edge.ravel()].mean(0)
        ranked = []
        labels = self._labels(features, grid)
        for label in np.unique(labels):
            mask = labels == label
            if mask.mean() <= 0.6 and (mask & edge).sum() <= self.border * edge.sum():
                apart = np.linalg.norm(features[mask.ravel()].mean(0) - ground)
                ranked.append((-float(apart * mask.mean() ** 0.25), int(label)))
        masks = [enlarged(labels == label, image.size) for _, label in sorted(ranked)[:MOST]]
        return [Region.from_mask(mask) for mask in masks if mask.any()]

    def _labels(self, features: np.ndarray, grid: int) -> np.ndarray:
        y, x = np.divmod(np.arange(grid * grid), grid)
        vectors = np.concatenate([features, np.stack([x, y], 1) / grid * self.place], 1)
        mean, size = dict(enumerate(vectors)), dict.fromkeys(range(grid * grid), 1)
        members = {i: [i] for i in mean}
        near: dict[int, set[int]] = {
            i: {j for j, fits in ((i - 1, x[i] > 0), (i + 1, x[i] < grid - 1), (i - grid, True), (i + grid, True))
                if fits and j in mean}
            for i in mean
        }  # fmt: skip

        def cost(a: int, b: int) -> float:
            return size[a] * size[b] / (size[a] + size[b]) * float(((mean[a] - mean[b]) ** 2).sum())

        queue = [(cost(a, b), a, b) for a in near for b in near[a] if a < b]
        heapq.heapify(queue)
        for fresh in range(grid * grid, 2 * grid * grid - self.clusters):
            _, a, b = heapq.heappop(queue)
            while a not in members or b not in members:
                _, a, b = heapq.heappop(queue)
            size[fresh] = size[a] + size[b]
            mean[fresh] = (mean[a] * size[a] + mean[b] * size[b]) / size[fresh]
            members[fresh] = members.pop(a) + members.pop(b)
            near[fresh] = (near.pop(a) | near.pop(b)) - {a, b}
            for other in near[fresh]:
                near[other] = near[other] - {a, b} | {fresh}
                heapq.heappush(queue, (cost(other, fresh), other, fresh))
        labels = np.empty(grid * grid, int)
        for label, cells in enumerate(members.values()):
            labels[cells] = label
        return labels.reshape(grid, grid)


def evaluate(name: str, arm: Arm, cases: list[Case], most: int) -> dict[str, Value]:
    """Recall, best IoU, regions and processor seconds of one arm on one set, by name."""
    best, number, spent = [], [], []
    for image, things in cases:
        start = time.process_time()  # of this process alone: other work on the machine does not count
        regions = arm(image)[:most]
        spent.append(time.process_time() - start)
        number.append(len(regions))
        best += [max((region.iou(thing) for region in regions), default=0.0) for thing in things]
    return {
        f"{name}_recall": float(np.mean(np.array(best) >= FOUND)),
        f"{name}_best_iou": measured(best),
        f"{name}_regions": measured(number),
        f"{name}_cpu_seconds": measured(spent),
    }


def fit(count: int) -> dict[str, float]:
    """The weights of ``proposals_split``, by Newton's method on every way to cut the parts of training scenes.

    A cut is right when less than 6 % of the part's objects is on the wrong side and both sides hold one.
    """
    tower = load_tower()
    cues, right = [], []
    for seed in range(count):
        scene = draw_scene(seed, split="train", size=(192, 192) if seed % 8 else (384, 384))
        sight = see(Image.from_array(scene.pixels), tower)
        tree = grow(sight)
        masks = np.array([enlarged(mask, sight.size) for mask in scene.masks])
        for part in things_on_plain_ground(scene.pixels) or []:
            part = enlarged(part, sight.size)
            cuts = cuts_of(part, sight, tree)
            held = (masks & part).sum((1, 2))
            mainly = held >= 0.3 * masks.sum((1, 2))
            for node, row in zip(cuts.nodes, cuts.cues, strict=True):
                one = (masks & part & tree.members[node][tree.labels]).sum((1, 2))
                wrong = np.minimum(one, held - one).sum() / max(held.sum(), 1)
                right.append(wrong < 0.06 and len(set((one > held - one)[mainly])) == 2)
                cues.append([*row, 1.0])
    x, y, weights = np.array(cues), np.array(right, float), np.zeros(len(CUES) + 1)
    penalty = np.diag([*(1e-4 * x[:, :-1].var(0)), 1e-9])
    for _ in range(60):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x / len(x) + penalty
        weights -= np.linalg.solve(hessian, x.T @ (p - y) / len(x) + penalty @ weights)
    return {
        **dict(zip([*CUES, "constant"], weights.round(1).tolist(), strict=True)),
        "cuts": len(y),
        "right": sum(y),
    }


def main() -> None:
    """Measure and report; prints the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=100, help="scenes of either size")
    parser.add_argument("--photos", type=Path, default=Path(__file__).parents[1] / "examples")
    parser.add_argument("--segment", metavar="MODEL", help="a segmenter as one more rival")
    parser.add_argument(
        "--fit", action="store_true", help="fit the model that cuts touching things, and stop"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.fit:
        print(json.dumps(fit(340), indent=2))
        return
    tower = load_tower()
    arms: dict[str, tuple[Arm, int]] = {
        "ours": (lambda image: propose_regions(image, tower), MOST),
        "ward": (WardClusters(), MOST),
        "grid": (grid_boxes, 9),
    }
    if options.segment:
        arms["segment"] = (SegmentProposer(load(options.segment)).propose, MOST)
    numbers: dict[str, Value] = {}
    sets = {f"scenes{side}": list(scenes(options.scenes, side)) for side in (192, 384)}
    for cases_name, cases in {**sets, "photos": list(photographs(options.photos))}.items():
        for arm_name, (arm, most) in arms.items():
            numbers |= evaluate(f"{arm_name}_{cases_name}", arm, cases, most)
    passed = {
        f"beats_{rival}_on_{name}": _mean(numbers[f"ours_{name}_best_iou"])
        > _mean(numbers[f"{rival}_{name}_best_iou"])
        for name in (*sets, "photos")
        for rival in arms
        if rival != "ours"
    }
    notes = "photos: 21 whole things on six photographs, also used to choose the score's weights"
    print(json.dumps(report(numbers, passed, notes), indent=2))


def _mean(value: Value) -> float:
    return float(getattr(value, "value", 0.0))


if __name__ == "__main__":
    main()
