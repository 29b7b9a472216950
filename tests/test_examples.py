"""The shipped examples hold together: pictures, regions, masks and sources."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from lucida.media import Region
from lucida.media.image import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
DOCUMENTS = sorted(path for path in EXAMPLES.glob("*.json") if path.name != "outlines.json")


def test_there_are_photographs_and_scenes() -> None:
    pictures = [json.loads(path.read_text())["image"] for path in DOCUMENTS]
    assert sum(name.endswith(".jpg") for name in pictures) >= 4
    assert sum(name.startswith("scene-") for name in pictures) == 3
    sources = (EXAMPLES / "SOURCES.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in sources for name in pictures)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_regions_fit_their_picture(path: Path) -> None:
    document = json.loads(path.read_text())
    image = Image.open(EXAMPLES / document["image"])
    assert list(image.size) == document["size"] and max(image.size) <= 640
    assert 2 <= len(document["regions"]) <= 8
    for entry in document["regions"]:
        region = Region.from_rle(entry["rle"])
        assert region.size == image.size
        assert region.box == pytest.approx(entry["box"], abs=1e-5)
        assert Region.from_mask(EXAMPLES / entry["mask"], size=image.size) == region


def test_scenes_are_what_the_world_draws() -> None:
    """After a change of the world: ``python examples/make.py scenes``."""
    from lucida.world.scene import draw_scene

    make = runpy.run_path(str(EXAMPLES / "make.py"))
    for number, seed in enumerate(make["SCENES"], 1):
        scene = draw_scene(seed, split="test", size=make["SCENE_SIZE"])
        shipped = Image.open(EXAMPLES / f"scene-{number}.png").pixels
        assert np.abs(shipped.astype(int) - scene.pixels).mean() < 0.5
        document = json.loads((EXAMPLES / f"scene-{number}.json").read_text())
        labels = [f"{thing.colour or ''} {thing.noun}".strip() for thing in scene.objects]
        assert [entry["label"] for entry in document["regions"]] == labels
