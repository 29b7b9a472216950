"""Scenes as a COCO data set: PNG pictures and one ``annotations.json`` with run-length masks, attributes,
captions.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from lucida.media.errors import InputError
from lucida.media.region import Region
from lucida.world.atlas import Atlas, load_atlas
from lucida.world.config import SceneConfig
from lucida.world.fingerprint import world_fingerprint
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

ATTRIBUTION = "Artwork: OpenMoji (https://openmoji.org), CC BY-SA 4.0"


def coco_annotations(
    scene: Scene, image_id: int, first_id: int, categories: dict[str, int]
) -> list[dict[str, Any]]:
    """One COCO annotation per object of ``scene``; a noun not yet in ``categories`` is added to it.

    ``bbox`` is x, y, width, height in pixels of the visible mask and ``segmentation`` its run-length code, as
    in COCO; ``attributes`` and ``caption`` come on top.
    """
    from lucida.world.language import STYLES_TRAIN, caption

    height, width = scene.size
    rows = []
    for thing, mask in zip(scene.objects, scene.masks, strict=True):
        x0, y0, x1, y1 = thing.box
        rows.append(
            {
                "id": first_id + thing.index,
                "image_id": image_id,
                "category_id": categories.setdefault(thing.noun, len(categories) + 1),
                "bbox": [round(v) for v in (x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height)],
                "area": thing.area,
                "iscrowd": 0,
                "segmentation": Region.from_mask(mask).rle,
                "attributes": {
                    "colour": thing.colour,
                    "size": thing.size,
                    "place": thing.place,
                    "medium": thing.medium,
                    "source": thing.source,
                },
                "caption": caption(scene, thing.index, min(STYLES_TRAIN)),
            }
        )
    return rows


def export_coco(
    target: Path,
    count: int,
    *,
    split: str = "train",
    first: int = 0,
    size: tuple[int, int] = (192, 192),
    atlas: Atlas | None = None,
    config: SceneConfig | None = None,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Draw scenes ``first`` to ``first + count - 1`` of ``split`` into a new folder.

    The folder appears only when it is complete: ``images/00000000.png`` and so on, and ``annotations.json``.

    Args:
        progress: called with the number of finished scenes after each.

    Raises:
        InputError: ``count`` is not positive, ``target`` exists, or the folder cannot be written.
    """
    from lucida.world.language import scene_caption

    if count < 1:
        raise InputError(f"count is {count}; it must be at least 1")
    if target.exists():
        raise InputError(f"{target} exists already; name a new folder")
    atlas = atlas or load_atlas()
    categories: dict[str, int] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        (staging / "images").mkdir(parents=True)
        for index in range(count):
            scene = draw_scene(first + index, split=split, size=size, atlas=atlas, config=config)
            name = f"images/{scene.seed:08d}.png"
            PILImage.fromarray(np.ascontiguousarray(scene.pixels)).save(staging / name)
            images.append(
                {"id": index + 1, "file_name": name, "height": size[0], "width": size[1], "seed": scene.seed}
                | {"split": split, "background": scene.background, "caption": scene_caption(scene, 0)}
            )
            annotations += coco_annotations(scene, index + 1, len(annotations) + 1, categories)
            if progress:
                progress(index + 1)
        document = {
            "info": {
                "description": "Lucida world",
                "fingerprint": world_fingerprint(),
                "attribution": ATTRIBUTION,
            },
            "licenses": [
                {"id": 1, "name": "CC BY-SA 4.0", "url": "https://creativecommons.org/licenses/by-sa/4.0/"}
            ],
            "images": images,
            "annotations": annotations,
            "categories": [{"id": number, "name": noun} for noun, number in categories.items()],
        }
        (staging / "annotations.json").write_text(json.dumps(document))
        staging.rename(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target
