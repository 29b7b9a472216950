"""COCO, CVAT and Label Studio: their own conventions, by hand or by another implementation."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as codec
from pycocotools.coco import COCO

from lucida.media import InputError, Region, masks
from lucida.media.masks import rlepack
from lucida.media.masks.cvat import from_points, to_points
from tests.media.shapes import AWKWARD, border, one_pixel, small

# COCO


def test_coco_fields() -> None:
    data = masks.to_coco([small(), small()], ["cat", "dog"], image="a.jpg")
    first = data["annotations"][0]
    assert data["images"] == [{"id": 1, "file_name": "a.jpg", "height": 4, "width": 6}]
    assert data["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert first["bbox"] == [1, 1, 3, 2] and first["area"] == 5 and first["iscrowd"] == 0
    assert (codec.decode(first["segmentation"]) == small().mask).all()


def test_coco_own_tools_read_it() -> None:
    dataset = COCO()
    dataset.dataset = masks.to_coco([small(), Region.from_box((0, 0, 1, 1), (4, 6))], ["cat", "dog"])
    with contextlib.redirect_stdout(io.StringIO()):
        dataset.createIndex()
    (found,) = dataset.loadAnns(dataset.getAnnIds(catIds=dataset.getCatIds(catNms=["cat"])))
    assert (dataset.annToMask(found) == small().mask).all()


def coco_with(**annotation: object) -> dict:
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "height": 4, "width": 6},
            {"id": 8, "height": 9, "width": 9},
        ],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [{"image_id": 7, "category_id": 3} | annotation, {"image_id": 8}],
    }


def test_coco_reads_what_others_write() -> None:
    runs = {"size": [4, 6], "counts": [6, 1, 2, 2, 2, 2, 9]}
    box = Region.from_pixel_box((1, 1, 4, 3), (4, 6))
    assert masks.from_coco(coco_with(segmentation=runs), image="a.jpg") == [("cat", small())]
    assert masks.from_coco(coco_with(segmentation=[[1, 1, 4, 1, 4, 3, 1, 3]]), image=7) == [("cat", box)]
    assert masks.from_coco(coco_with(bbox=[1, 1, 3, 2]), image=7) == [("cat", box)]
    two = masks.from_coco(
        coco_with(segmentation=[[0, 0, 1, 0, 1, 1, 0, 1], [4, 2, 6, 2, 6, 4, 4, 4]]), image=7
    )
    assert two[0][1].area == 5


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({}, "bbox is missing"),
        ({"bbox": [1, 1, 9, 2]}, "outside"),
        ({"bbox": [1, 1, float("nan"), 2]}, "finite"),
        ({"bbox": [1, 1]}, "4 numbers"),
        ({"segmentation": [[1, 1, 2, 2]]}, "three pairs"),
        ({"segmentation": [[1, 1, 2, 2, 3]]}, "three pairs"),
        ({"segmentation": [[1, 1, 2, 2, 1e12, 4]]}, "far outside"),
        ({"segmentation": "abc"}, "list of polygons"),
        ({"segmentation": {"size": [6, 4], "counts": [0, 24]}}, r"\[6, 4\]"),
        ({"category_id": 9, "bbox": [1, 1, 3, 2]}, "category_id 9"),
    ],
)
def test_bad_coco(annotation: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        masks.from_coco(coco_with(**annotation), image=7, source="a.json")
    assert "a.json: annotations[0]" in str(error.value)


def test_coco_with_several_pictures_needs_a_choice() -> None:
    with pytest.raises(InputError, match="2 pictures: name exactly one"):
        masks.from_coco(coco_with(bbox=[1, 1, 3, 2]))
    with pytest.raises(InputError, match=r"no picture 'b\.jpg'"):
        masks.from_coco(coco_with(bbox=[1, 1, 3, 2]), image="b.jpg")


# CVAT


def test_cvat_points_by_hand() -> None:
    # Crop rows .XX / XXX: one off, five on; then x1 y1 x2 y2 with the last pixel included.
    assert to_points(small()) == [1, 5, 1, 1, 3, 2]
    assert to_points(Region.from_mask(one_pixel())) == [0, 1, 7, 4, 7, 4]
    assert to_points(Region.from_mask(border()))[:3] == [0, 10, 7]
    assert from_points([1.0, 5.0, 1.0, 1.0, 3.0, 2.0], (4, 6)) == small()


@pytest.mark.parametrize("name", AWKWARD)
def test_cvat_points_round_trip(name: str) -> None:
    region = Region.from_mask(AWKWARD[name])
    points = to_points(region)
    assert from_points(points, region.size) == region
    assert all(run > 0 for run in points[1:-4])


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([1, 5, 1, 1, 6, 2], "not inside"),
        ([1, 5, 3, 1, 1, 2], "not inside"),
        ([1, 4, 1, 1, 3, 2], "add up to 5"),
        ([1, 1, 1], "runs|run lengths"),
        ([1.5, 4.5, 1, 1, 3, 2], "whole"),
        ([-1, 7, 1, 1, 3, 2], "whole"),
        ([6, 1, 1, 3, 2], "empty mask"),
        ([float("nan"), 5, 1, 1, 3, 2], "whole"),
    ],
)
def test_bad_cvat_points(points: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_points(points, (4, 6))


XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels/></task></meta>
<image id="0" name="a.jpg" width="6" height="4">
  <mask label="cat" source="manual" occluded="0" rle="1, 5" left="1" top="1" width="3" height="2" z_order="0"></mask>
  <box label="dog" xtl="1.00" ytl="1.00" xbr="4.00" ybr="3.00"><attribute name="x">1</attribute></box>
  <polygon label="cow" points="1.00,1.00;4.00,1.00;4.00,3.00;1.00,3.00"/>
  <tag label="outdoors"/>
</image><image id="1" name="b.jpg" width="2" height="2"/></annotations>"""


def test_cvat_reads_what_cvat_writes() -> None:
    box = Region.from_pixel_box((1, 1, 4, 3), (4, 6))
    assert masks.from_cvat(XML, image="a.jpg") == [("cat", small()), ("dog", box), ("cow", box)]
    assert masks.from_cvat(XML.encode(), image="b.jpg") == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rle="1, 5"', 'rle="1, x"', "rle must be whole"),
        ('rle="1, 5"', "", "rle is missing"),
        ('top="1"', 'top="one"', "top must be a whole number"),
        ('xtl="1.00"', 'xtl="left"', "xtl must be numbers"),
        ('xbr="4.00"', 'xbr="40"', "outside"),
        ('points="1.00,1.00;', 'points="1.00;', "x,y;x,y"),
        ('width="6"', 'width="0"', "0 x 4"),
        ('label="cat" ', "", "label is missing"),
        ("</annotations>", "", "not XML"),
        ("<annotations>", "<!DOCTYPE x><annotations>", "document type"),
        ('name="a.jpg"', 'name="c.jpg"', "no image 'a.jpg'"),
    ],
)
def test_bad_cvat(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        masks.from_cvat(XML.replace(old, new, 1), image="a.jpg", source="a.xml")
    assert "a.xml" in str(error.value)


def test_a_label_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(InputError, match="XML"):
        masks.to_cvat([small()], ["bell \x07"])
    assert masks.from_cvat(masks.to_cvat([small()], ['<&"ä🦊 '])) == [('<&"ä🦊 ', small())]


# Label Studio


def test_rle_pack_by_hand() -> None:
    # Eight values 255: header 8, 8 bits per value, sizes 3 4 8 16; one run: flag 1, size 0, length 8, value 255.
    bits = f"{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "1" + "00" + "111" + "11111111"
    bits += "0" * (-len(bits) % 8)
    expected = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert rlepack.encode(np.array([255, 255], np.uint8), repeat=4) == expected
    # Three different values as the format's own encoder writes them: flag 0, size 0, length 1, value, each.
    bits = f"{3:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "".join(f"000000{v:08b}" for v in (1, 200, 7))
    bits += "0" * (-len(bits) % 8)
    assert rlepack.decode(int(bits, 2).to_bytes(len(bits) // 8, "big")).tolist() == [1, 200, 7]
    # One block of three different values, four bits each.
    bits = f"{3:032b}{3:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "000010" + "000111110000"
    bits += "0" * (-len(bits) % 8)
    assert rlepack.decode(int(bits, 2).to_bytes(len(bits) // 8, "big")).tolist() == [1, 15, 0]


@given(hnp.arrays(np.uint8, st.integers(0, 60), elements=st.sampled_from([0, 1, 255])), st.integers(1, 5))
def test_rle_pack_round_trip(values: np.ndarray, repeat: int) -> None:
    assert (rlepack.decode(rlepack.encode(values, repeat)) == values.repeat(repeat)).all()


@pytest.mark.parametrize("length", [1, 8, 9, 16, 17, 256, 257, 65_536, 65_537, 200_000])
def test_rle_pack_runs_at_the_size_limits(length: int) -> None:
    values = np.r_[np.zeros(length, np.uint8), np.full(length, 255, np.uint8)]
    packed = rlepack.encode(values)
    assert (rlepack.decode(packed) == values).all() and len(packed) < 60


@given(st.binary(max_size=40))
def test_no_rle_pack_does_harm(data: bytes) -> None:
    try:
        rlepack.decode(bytes([0, 0]) + data)
    except InputError as error:
        assert "\n" not in str(error)


def test_labelstudio_fields() -> None:
    task = masks.to_labelstudio([small()], ["cat"], image="/data/a.jpg", from_name="tag", to_name="img")
    entry = task["annotations"][0]["result"][0]
    assert task["data"] == {"image": "/data/a.jpg"}
    assert (entry["original_width"], entry["original_height"], entry["type"]) == (6, 4, "brushlabels")
    assert (entry["from_name"], entry["to_name"], entry["value"]["brushlabels"]) == ("tag", "img", ["cat"])
    canvas = rlepack.decode(bytes(entry["value"]["rle"])).reshape(4, 6, 4)
    assert (canvas == small().mask[:, :, None] * 255).all()
    assert "predictions" in masks.to_labelstudio([small()], ["cat"], as_predictions=True)


def test_labelstudio_rectangles_are_in_per_cent() -> None:
    task = masks.to_labelstudio([small()], ["cat"], kind="rectangle")
    value = task["annotations"][0]["result"][0]["value"]
    assert [value[key] for key in ("x", "y", "width", "height")] == pytest.approx([100 / 6, 25, 50, 50])
    assert masks.from_labelstudio(task) == [("cat", Region.from_pixel_box((1, 1, 4, 3), (4, 6)))]


def studio(kind: str, size: tuple[int, int] = (10, 20), **value: object) -> list:
    sides = {"original_width": size[1], "original_height": size[0]}
    return [{"type": f"{kind}labels", **sides, "value": {f"{kind}labels": ["cat"], **value}}]


def test_labelstudio_reads_turned_rectangles_and_polygons() -> None:
    turned = studio("rectangle", x=50, y=0, width=50, height=50, rotation=90)
    # 10 x 5 pixels, turned clockwise about (10, 0): x from 5 to 10, y from 0 to 10.
    assert masks.from_labelstudio(turned) == [("cat", Region.from_pixel_box((5, 0, 10, 10), (10, 20)))]
    polygon = studio("polygon", points=[[0, 0], [50, 0], [50, 50], [0, 50]])
    assert masks.from_labelstudio(polygon) == [("cat", Region.from_pixel_box((0, 0, 10, 5), (10, 20)))]
    assert masks.from_labelstudio([{"type": "choices", "value": {}}]) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "neither"),
        ([{}, {}], "2 tasks"),
        (studio("brush", format="rle", rle=[1, 2, 3]), "cut short"),
        (studio("brush", format="rle", rle=[1, 2, 300]), "bytes"),
        (studio("brush", format="png", rle=[1]), "bytes"),
        (studio("brush", format="rle", rle=list(rlepack.encode(np.zeros(8, np.uint8)))), "holds 8 values"),
        (studio("brush", format="rle", rle=list(rlepack.encode(np.zeros(200, np.uint8), 4))), "empty mask"),
        (studio("brush", format="rle", rle=[255] * 40), "claims|cut short"),
        (studio("rectangle", x=50, y=0, width=80, height=50), "over 1"),
        (studio("rectangle", x=50, y=0, width=50), "height is missing"),
        (studio("polygon", points=[[0, 0], [1]]), "2 numbers"),
        (studio("rectangle", (0, 20), x=0, y=0, width=5), "20 x 0"),
    ],
)
def test_bad_labelstudio(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        masks.from_labelstudio(data)
