"""World-made data for ParaBench: edits whose result is known pixel for pixel, and scenes to draw.

Of the five kinds of edit the world has two: ``general`` (one thing turns grey) and ``spatial`` (the picture is
mirrored, so that left and right change places). Temporal, causal and knowledge edits are absent.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.made_folder import new_folder, write_files
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.world.language_scenes import listing, scene_caption
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def make_parabench(
    target: Path, *, pictures: int = 6, seed: int = 0, split: str = "test", size: tuple[int, int] = (192, 192)
) -> Path:
    """``ParaBench.jsonl`` with ``images/``, ``results/`` and ``masks/``: up to three tasks for each picture.

    Args:
        pictures: scenes; each is drawn, mirrored, and, where one thing alone has its colour and noun, partly greyed.

    Raises:
        InputError: numbers out of range, ``target`` exists, or it cannot be written.
    """
    if pictures < 1:
        raise InputError(f"pictures is {pictures}; it must be at least 1")
    rows: list[dict[str, Any]] = []
    with new_folder(target) as folder:
        for k in range(pictures):
            scene = draw_scene(seed + k, split=split, size=size)
            name = f"{scene.seed:08d}"
            _save(folder / f"images/{name}.png", scene.pixels)
            style = k % 2
            drawn = {**_truth(scene, style), "result": f"images/{name}.png"}
            draw = {"instruction": f"Draw this: {scene_caption(scene, style)}.", "category": "generation"}
            rows.append({"id": f"{name}-draw", **draw, "world": drawn})
            whole = np.full(scene.pixels.shape[:2], True)
            mirrored = scene.pixels[:, ::-1]
            instruction = "Mirror the picture, so that left and right change places."
            edits = [("mirror", "spatial", instruction, scene, mirrored, whole)]
            if (index := _alone(scene)) is not None:
                thing = scene.objects[index]
                grey = dataclasses.replace(thing, colour="grey")
                objects = tuple(grey if o.index == index else o for o in scene.objects)
                after, mask = dataclasses.replace(scene, objects=objects), scene.masks[index]
                words = f"Make the {thing.colour} {thing.noun} grey."
                edits.append(("grey", "general", words, after, _greyed(scene.pixels, mask), mask))
            for kind, category, words, after, pixels, mask in edits:
                _save(folder / f"results/{name}-{kind}.png", pixels)
                _save(folder / f"masks/{name}-{kind}.png", np.repeat(mask[..., None], 3, 2).astype(np.uint8) * 255)
                world = {**_truth(after, style), "result": f"results/{name}-{kind}.png",
                         "mask": f"masks/{name}-{kind}.png"}  # fmt: skip
                rows.append({"id": f"{name}-{kind}", "category": category, "instruction": words,
                             "image": f"images/{name}.png", "world": world})  # fmt: skip
        lines = "\n".join(json.dumps(row) for row in rows) + "\n"
        write_files(folder, {"ParaBench.jsonl": lines}, "parabench", seed=seed, split=split)
    return target


def _truth(scene: Scene, style: int) -> dict[str, Any]:
    return {"truth": scene_caption(scene, style), "things": [list(thing) for thing in listing(scene)]}


def _alone(scene: Scene) -> int | None:
    """The nearest thing that has a colour, is not grey, and is the only one of its noun."""
    nouns = [thing.noun for thing in scene.objects]
    found = [o for o in scene.objects if o.colour not in (None, "grey") and nouns.count(o.noun) == 1]
    return found[-1].index if found else None


def _greyed(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``pixels`` with the colour taken out inside ``mask``."""
    grey = np.rint(pixels @ LUMA).astype(np.uint8)
    return np.where(mask[..., None], grey[..., None], pixels)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.from_array(np.ascontiguousarray(pixels)).save(path)
