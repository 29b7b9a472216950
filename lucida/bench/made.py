"""World-made benchmark data in the official formats, so that every protocol runs end to end offline; here the pictures.

Files and fields are the official ones; on top, annotations carry a true ``caption``, questions a ``check`` that the
typed matchers decide, items ``"world": true``, and ``world.json`` says how all of it was made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench import made_questions as ask
from lucida.bench.made_folder import new_folder, write_files
from lucida.bench.made_parabench import make_parabench
from lucida.bench.made_video import make_grounding, make_videozero, make_vstar
from lucida.bench.made_video_live import make_ovo, make_streaming
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.world.config import SceneConfig
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

REGIONS = range(2, 9)
_TRIES = 50  # seeds tried for one picture: eight large things do not always fit


def scene_with(count: int, first: int, *, split: str, size: tuple[int, int]) -> Scene:
    """The first scene from seed ``first`` on with exactly ``count`` objects.

    Raises:
        InputError: none of 50 seeds has room for so many.
    """
    config = SceneConfig(objects=(count, count))
    for seed in range(first, first + _TRIES):
        try:
            scene = draw_scene(seed, split=split, size=size, config=config)
        except InputError:
            continue
        if len(scene.objects) == count:
            return scene
    raise InputError(f"regions is {count}; so many do not fit a {size[0]}x{size[1]} picture")


def make_paradlc(
    target: Path, *, pictures: int = 14, regions: Sequence[int] = REGIONS, seed: int = 0, split: str = "test",
    size: tuple[int, int] = (192, 192),
) -> Path:  # fmt: skip
    """ParaDLC-Bench from the world: ``annotations.json``, ``qa.json``, ``class_names.json``, ``images/``.

    Args:
        pictures: how many; the k-th has ``regions[k % len(regions)]`` masks, all of its objects.
        seed: the k-th picture is searched for from scene ``seed + 50 k`` on.

    Raises:
        InputError: numbers out of range, ``target`` exists, or it cannot be written.
    """
    _check(pictures, regions)
    annotations, qa, names = [], {}, {}
    with new_folder(target) as folder:
        for k in range(pictures):
            scene = scene_with(regions[k % len(regions)], seed + _TRIES * k, split=split, size=size)
            image, rows = f"{scene.seed:08d}", []
            _save(scene, folder / "images" / f"{image}.png")
            for i, thing in enumerate(scene.objects):
                key = f"{image}_{i}"
                region = Region.from_mask(scene.masks[i])
                box = [round(v * s) for v, s in zip(region.box, (size[1], size[0]) * 2, strict=True)]
                rows.append({
                    "index": i, "category_name": thing.noun, "bbox": box, "mask_rle": _rle(region),
                    "caption": ask.true_caption(scene, i),
                })  # fmt: skip
                qa[key] = ask.mask_questions(scene, i, np.random.default_rng([seed, scene.seed, i]))
                names[key] = thing.noun
            annotations.append({
                "file_name": f"{image}.png", "height": size[0], "width": size[1], "image_id": image,
                "annotations": rows,
            })  # fmt: skip
        files = {"annotations.json": annotations, "qa.json": qa, "class_names.json": names}
        write_files(folder, files, "paradlc", seed=seed, split=split)
    return target


def make_dlc(
    target: Path, *, pictures: int = 8, regions: Sequence[int] = REGIONS, seed: int = 0, split: str = "test",
    size: tuple[int, int] = (192, 192),
) -> Path:  # fmt: skip
    """DLC-Bench from the world: COCO annotations with run lengths, one mask a picture.

    Raises:
        InputError: as :func:`make_paradlc`.
    """
    _check(pictures, regions)
    images, annotations, qa, names, categories = [], [], {}, {}, {}
    with new_folder(target) as folder:
        for k in range(pictures):
            scene = scene_with(regions[k % len(regions)], seed + _TRIES * k, split=split, size=size)
            i = k % len(scene.objects)
            thing, key, region = scene.objects[i], str(k + 1), Region.from_mask(scene.masks[i])
            name = f"{scene.seed:08d}.png"
            _save(scene, folder / "images" / name)
            images.append({"id": k + 1, "file_name": name, "height": size[0], "width": size[1]})
            x0, y0, x1, y1 = (v * s for v, s in zip(region.box, (size[1], size[0]) * 2, strict=True))
            annotations.append({
                "id": k + 1, "image_id": k + 1, "iscrowd": 0, "area": region.area, "segmentation": _rle(region),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "category_id": categories.setdefault(thing.noun, len(categories) + 1),
                "caption": ask.true_caption(scene, i),
            })  # fmt: skip
            qa[key] = ask.mask_questions(scene, i, np.random.default_rng([seed, scene.seed, i]))
            names[key] = thing.noun
        document = {
            "images": images, "annotations": annotations,
            "categories": [{"id": number, "name": noun} for noun, number in categories.items()],
        }  # fmt: skip
        files = {"annotations.json": document, "qa.json": qa, "class_names.json": names}
        write_files(folder, files, "dlc", seed=seed, split=split)
    return target


def make_gar(
    target: Path, *, pictures: int = 14, regions: Sequence[int] = REGIONS, seed: int = 0, split: str = "test",
    size: tuple[int, int] = (192, 192),
) -> Path:  # fmt: skip
    """GAR-Bench from the world: all three parts under ``annotations/``. A picture is searched for each question.

    Types of multiple choice: color, ordering, relation. What the world has not (texture, material, mirrors) is absent.

    Args:
        pictures: scenes; each gives up to three multiple-choice items and one item of each caption part.

    Raises:
        InputError: as :func:`make_paradlc`.
    """
    _check(pictures, regions)
    parts: dict[str, list[dict[str, Any]]] = {"VQA": [], "Caption-Simple": [], "Caption-Detailed": []}
    with new_folder(target) as root:
        folder = root / "annotations"
        for k in range(pictures):
            scene = scene_with(regions[k % len(regions)], seed + _TRIES * k, split=split, size=size)
            rng = np.random.default_rng([seed, scene.seed])
            for part, makers in ask.GAR_PARTS.items():
                for maker in makers:
                    item = maker(scene, rng)
                    if item is None:
                        continue
                    record, cites = item
                    name = f"images/{part.lower().replace('-', '_')}_{len(parts[part])}.png"
                    _save(scene, folder / name)
                    rles = [_rle(Region.from_mask(scene.masks[i])) for i in cites]
                    parts[part].append({"image": name, "mask_rles": rles, **record, "world": True})
        empty = [part for part, items in parts.items() if not items]
        if empty:
            raise InputError(
                f"pictures is {pictures}; none has a clear case for {', '.join(empty)}: ask for more"
            )
        files = {f"GAR-Bench-{part}.json": items for part, items in parts.items()}
        write_files(folder, files, "gar", seed=seed, split=split)
    return target


MAKERS: dict[str, Callable[..., Path]] = {
    "dlc": make_dlc,
    "paradlc": make_paradlc,
    "gar-vqa": make_gar,
    "gar-caption-simple": make_gar,
    "gar-caption-detailed": make_gar,
    "videozero": make_videozero,
    "videozero-joint": make_videozero,
    "vstar": make_vstar,
    "grounding": make_grounding,
    "ovo": make_ovo,
    "streaming": make_streaming,
    "parabench": make_parabench,
}
"""Protocol to what makes its data: (target, how many pictures or clips, seed, split). Some share a folder."""


def make(
    protocol: str, target: Path, *, count: int | None = None, seed: int = 0, split: str = "test"
) -> Path:
    """Data of ``protocol`` from the world in the new folder ``target``; ``count`` pictures or clips.

    Raises:
        InputError: no such protocol, or as the maker.
    """
    if protocol not in MAKERS:
        raise InputError(f"protocol {protocol!r}: the world makes {', '.join(MAKERS)}")
    maker = MAKERS[protocol]
    counted = list(inspect.signature(maker).parameters)[
        1
    ]  # "pictures" or "clips": the first after the target
    many = {} if count is None else {counted: count}
    return maker(target, seed=seed, split=split, **many)


def _check(pictures: int, regions: Sequence[int]) -> None:
    if pictures < 1:
        raise InputError(f"pictures is {pictures}; it must be at least 1")
    if not regions or min(regions) < 1 or max(regions) > 64:
        raise InputError(f"regions is {list(regions)}; want numbers from 1 to 64")


def _rle(region: Region) -> dict[str, Any]:
    return {"size": list(region.size), "counts": region.counts}


def _save(scene: Scene, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image(scene.pixels).save(path)
