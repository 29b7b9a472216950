"""FiftyOne, YOLO, palette and supervision: their own conventions, against values worked out by hand."""

from __future__ import annotations

import base64
import io
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from lucida.media import InputError, Region, masks, write_masks
from lucida.media.masks.yolo import joined
from lucida.media.outline import rasterise, trace
from tests.media.shapes import AWKWARD, donut, nested, small

# FiftyOne


def test_fiftyone_fields() -> None:
    sample = masks.to_fiftyone([small()], ["cat"], image="a.jpg", label_field="predictions")
    detection = sample["predictions"]["detections"][0]
    assert detection["bounding_box"] == pytest.approx([1 / 6, 1 / 4, 1 / 2, 1 / 2])
    packed = base64.b64decode(detection["mask"]["$binary"]["base64"])
    mask = np.load(io.BytesIO(zlib.decompress(packed)), allow_pickle=False)
    assert mask.tolist() == [[False, True, True], [True, True, True]], "inside the box only"
    assert masks.from_fiftyone(sample, label_field="predictions") == [("cat", small())]


def test_fiftyone_masks_as_lists_and_as_files(tmp_path: Path) -> None:
    lists = masks.to_fiftyone([small()], ["cat"], masks="array")
    assert lists["ground_truth"]["detections"][0]["mask"] == [[0, 1, 1], [1, 1, 1]]
    assert masks.from_fiftyone(lists) == [("cat", small())]
    files = masks.to_fiftyone([small()], ["cat"], masks=tmp_path / "masks")
    path = Path(files["ground_truth"]["detections"][0]["mask_path"])
    assert np.asarray(PIL.Image.open(path)).tolist() == [[0, 255, 255], [255, 255, 255]]
    assert masks.from_fiftyone(files) == [("cat", small())]
    files["ground_truth"]["detections"][0]["mask_path"] = f"masks/{path.name}"
    assert masks.from_fiftyone(files, folder=tmp_path) == [("cat", small())]


def detection(**fields: object) -> dict:
    entry = {"label": "cat", "bounding_box": [0.25, 0.25, 0.5, 0.5]} | fields
    return {"metadata": {"width": 8, "height": 4}, "ground_truth": {"detections": [entry]}}


def test_fiftyone_boxes_and_masks_of_another_size() -> None:
    box = Region.from_pixel_box((2, 1, 6, 3), (4, 8))
    assert masks.from_fiftyone(detection()) == [("cat", box)]
    assert masks.from_fiftyone(detection(mask=[[1]])) == [("cat", box)]
    assert masks.from_fiftyone(detection(mask=[[1, 0]]))[0][1] == Region.from_pixel_box((2, 1, 4, 3), (4, 8))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bounding_box": [0.25, 0.25, 0.9, 0.5]}, "over 1"),
        ({"bounding_box": [0.25, 0.25, -0.1, 0.5]}, "inverted"),
        ({"mask": {"$binary": {"base64": "not base64!"}}}, "damaged"),
        ({"mask": {"$binary": {"base64": base64.b64encode(zlib.compress(b"no array")).decode()}}}, "damaged"),
        ({"mask": {"$binary": 5}}, "binary"),
        ({"mask": [[0, 0]]}, "empty"),
        ({"mask": [[1, 0], [1]]}, "damaged"),
        ({"mask_path": "/no/such/file.png"}, "no such file"),
        ({"label": None}, "label is None"),
    ],
)
def test_bad_fiftyone(fields: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        masks.from_fiftyone(detection(**fields))
    with pytest.raises(InputError, match="metadata is missing"):
        masks.from_fiftyone({})
    with pytest.raises(InputError, match="masks must be"):
        masks.to_fiftyone([small()], ["cat"], masks="png")  # type: ignore[arg-type]


# YOLO


def test_yolo_text() -> None:
    box = Region.from_pixel_box((1, 1, 4, 3), (4, 8))
    text, names = masks.to_yolo([box], ["cat"], names=["dog"])
    assert text == "1 0.125 0.25 0.5 0.25 0.5 0.75 0.125 0.75\n" and names == ["dog", "cat"]
    assert masks.from_yolo("\n1 0.3125 0.5 0.375 0.5\n\n", (4, 8), names=names) == [("cat", box)]
    assert masks.from_yolo("3 0.3125 0.5 0.375 0.5", (4, 8)) == [("3", box)]


@pytest.mark.parametrize("name", AWKWARD)
def test_yolo_makes_one_polygon_of_holes_and_parts(name: str) -> None:
    mask = AWKWARD[name]
    rings = trace(mask)
    polygon = joined(rings)
    assert (rasterise([polygon], mask.shape) == mask).all()
    assert len(polygon) == sum(map(len, rings)) + 2 * (len(rings) - 1), "a bridge adds two points"


def test_yolo_bridges_are_short() -> None:
    polygon = joined(trace(nested()))
    steps = np.abs(np.diff(np.concatenate([polygon, polygon[:1]]), axis=0)).sum(axis=1)
    diagonal = (np.diff(np.concatenate([polygon, polygon[:1]]), axis=0) != 0).all(axis=1)
    assert steps[diagonal].max() <= 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat 0.1 0.1 0.2 0.2", "class number"),
        ("0 0.1 0.1 0.2", "neither a box nor a polygon"),
        ("0 0.1 0.1 0.2 0.2 0.9", "neither a box nor a polygon"),
        ("0", "neither a box nor a polygon"),
        ("5 0.5 0.5 0.2 0.2", "class 5 is not among the 2 names"),
        ("-1 0.5 0.5 0.2 0.2", "class -1"),
        ("0 0.5 0.5 nan 0.2", "NaN"),
        ("0 20 20 60 20 60 60", "over 1"),
        ("0 0.5 0.5 1.2 0.2", "over 1|outside"),
    ],
)
def test_bad_yolo(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        masks.from_yolo(f"0 0.5 0.5 0.2 0.2\n{line}\n", (40, 60), names=["cat", "dog"], source="a.txt")
    assert "a.txt: line 2" in str(error.value)


def test_yolo_class_names_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    write_masks("yolo", tmp_path / "a.txt", [small()], ["cow"])
    write_masks("yolo", tmp_path / "b.txt", [small(), small()], ["cat", "cow"])
    assert (tmp_path / "classes.txt").read_text() == "dog\ncat\ncow\n"
    assert [label for label, _ in masks.read_masks("yolo", tmp_path / "b.txt", (4, 6))] == ["cat", "cow"]
    assert [line[0] for line in (tmp_path / "b.txt").read_text().splitlines()] == ["1", "2"]
    with pytest.raises(InputError, match="image_size is needed"):
        masks.read_masks("yolo", tmp_path / "b.txt")
    with pytest.raises(InputError, match="not one line"):
        write_masks("yolo", tmp_path / "c.txt", [small()], ["two\nlines"])
    assert not (tmp_path / "c.txt").exists()


# palette


def test_palette_numbers_from_one_and_keeps_the_later_region() -> None:
    whole = Region.from_box((0, 0, 1, 1), (4, 6))
    with pytest.warns(UserWarning, match=r"region 1 \(all\) loses 5 of 24 pixels"):
        data = masks.to_palette([whole, small()], ["all", "part"])
    picture = PIL.Image.open(io.BytesIO(data))
    assert picture.mode == "P" and (np.asarray(picture) == 1 + small().mask).all()
    assert (
        picture.getpalette()[:3] == [0, 0, 0]
        and len(set(map(tuple, np.reshape(picture.getpalette(), (-1, 3))[:20]))) == 20
    )
    kept = masks.from_palette(data)
    assert [label for label, _ in kept] == ["all", "part"] and (kept[0][1].mask == ~small().mask).all()


def test_palette_refuses_what_it_cannot_hold() -> None:
    whole = Region.from_box((0, 0, 1, 1), (4, 6))
    with pytest.raises(InputError, match=r"region 1 \(part\) is hidden"):
        masks.to_palette([small(), whole], ["part", "all"])
    with pytest.raises(InputError, match="at most 255"):
        masks.to_palette([whole] * 256, ["x"] * 256)


def test_palette_from_elsewhere(tmp_path: Path) -> None:
    numbers = np.array([[0, 3, 3], [255, 0, 0]], np.uint8)
    PIL.Image.fromarray(numbers).save(tmp_path / "grey.png")
    assert [(label, region.area) for label, region in masks.from_palette(tmp_path / "grey.png")] == [
        ("3", 2),
        ("255", 1),
    ]
    PIL.Image.new("RGB", (2, 2)).save(tmp_path / "rgb.png")
    with pytest.raises(InputError, match=r"rgb\.png must hold one number per pixel"):
        masks.from_palette(tmp_path / "rgb.png")


# supervision


def test_to_supervision_needs_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(InputError, match="vis"):
        masks.to_supervision([small()], ["cat"])


def test_to_supervision_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    class Detections(types.SimpleNamespace):
        @classmethod
        def empty(cls) -> Detections:
            return cls(xyxy=np.zeros((0, 4)))

    monkeypatch.setitem(sys.modules, "supervision", types.SimpleNamespace(Detections=Detections))
    found = masks.to_supervision([small(), small()], ["cat", "dog"], confidence=[0.5, 1])
    assert (
        found.xyxy.tolist() == [[1, 1, 4, 3]] * 2
        and found.mask.shape == (2, 4, 6)
        and found.mask.dtype == bool
    )
    assert found.class_id.tolist() == [0, 1] and found.data["class_name"].tolist() == ["cat", "dog"]
    assert masks.to_supervision([], [], (4, 6)).xyxy.shape == (0, 4)
    with pytest.raises(InputError, match="confidences"):
        masks.to_supervision([small()], ["cat"], confidence=[])


def test_yolo_without_short_bridges_is_as_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucida.media.masks.yolo._MOST_CORNERS", 0)
    for mask in AWKWARD.values():
        assert (rasterise([joined(trace(mask))], mask.shape) == mask).all()


def test_a_mask_with_a_hole_keeps_it_everywhere() -> None:
    region = Region.from_mask(donut())
    text, names = masks.to_yolo([region], ["o"])
    assert masks.from_yolo(text, region.size, names=names)[0][1] == region
