"""Class names and region hints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lucida.media import Region
from lucida.media.image import Image
from lucida.models.hints import SIDE, region_hints, square_crop
from lucida.models.imagenet_names import basic_index, basic_name, basic_names, names, plain_name
from lucida.models.tower import Tower, load_tower

EXAMPLES = Path(__file__).parents[2] / "examples"
COLOURS = {
    "red",
    "orange",
    "yellow",
    "green",
    "cyan",
    "blue",
    "purple",
    "pink",
    "brown",
    "grey",
    "gray",
    "black",
    "white",
}


@pytest.fixture(scope="module")
def tower() -> Tower:
    return load_tower()


def example(name: str) -> tuple[np.ndarray, dict[str, Region]]:
    document = json.loads((EXAMPLES / f"{name}.json").read_text())
    regions = {entry["label"]: Region.from_rle(entry["rle"]) for entry in document["regions"]}
    return Image.open(EXAMPLES / document["image"]).pixels, regions


def test_names_are_in_ilsvrc_order() -> None:
    assert names(0)[0] == "tench" and names(999)[0] == "toilet tissue"
    assert (
        names(281) == ("tabby", "tabby cat")
        and names(967) == ("espresso",)
        and names(812) == ("space shuttle",)
    )
    assert (plain_name(296), plain_name(151), plain_name(487)) == (
        "ice bear",
        "chihuahua",
        "cellular telephone",
    )
    assert plain_name(760) == "refrigerator" and plain_name(504) == "coffee mug"


def test_basic_names() -> None:
    assert {basic_name(i) for i in range(151, 269)} == {"dog"}
    assert {basic_name(i) for i in range(281, 286)} == {"cat"}
    assert {basic_name(i) for i in (504, 967, 968)} == {"cup"}
    assert basic_name(134) != basic_name(517)  # the bird and the machine are both "crane" in WordNet
    for name in basic_names():
        assert name == name.lower().strip() and not COLOURS & set(name.split())
    assert [basic_names()[place] for place in basic_index()] == [basic_name(i) for i in range(1000)]


def test_square_crop_centres_the_box_and_greys_the_outside() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[40:60, 90:110] = 255
    crop = square_crop(pixels, (0.45, 0.4, 0.55, 0.6))
    inner = round(SIDE * 0.15 / 1.3)
    assert crop.shape == (SIDE, SIDE, 3) and crop[inner + 4 : -inner - 4, inner + 4 : -inner - 4].min() > 240
    assert crop[: inner - 4].max() < 16
    corner = square_crop(pixels, (0.0, 0.0, 0.1, 0.2))
    assert (corner[:8, :8] == 127).all() and corner[-8:, -8:].max() == 0
    assert square_crop(pixels, (0.0, 0.0, 0.001, 0.001)).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("cat", "cat", "cat"),
        ("coffee", "cup", "cup"),
        ("astronaut", "helmet", "helmet"),
        ("astronaut", "space shuttle model", "space shuttle"),
        ("rocket", "rocket", "rocket"),
        ("pagoda", "pagoda", "bell tower"),
        ("dahlia", "dahlia", "daisy"),
    ],
)
def test_photographs(tower: Tower, name: str, label: str, expected: str) -> None:
    pixels, regions = example(name)
    (hints,) = region_hints(pixels, [regions[label]], tower)
    assert hints[0].name == expected


def test_hints_are_sorted_probabilities_in_the_order_of_regions(tower: Tower) -> None:
    pixels, regions = example("coffee")
    found = region_hints(pixels, list(regions.values()), tower, k=5)
    assert [len(hints) for hints in found] == [5] * 4
    for hints in found:
        values = [hint.probability for hint in hints]
        assert values == sorted(values, reverse=True) and values[-1] >= 0 and sum(values) <= 1
        assert len({hint.name for hint in hints}) == 5
    alone = region_hints(pixels, [regions["spoon"]], tower, k=5)[0]
    together = found[list(regions).index("spoon")]
    assert [hint.name for hint in alone[:2]] == [hint.name for hint in together[:2]]
    assert alone[0].probability == pytest.approx(together[0].probability, abs=1e-3)
    assert region_hints(pixels, [], tower) == []
