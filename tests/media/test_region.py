"""Regions: constructors, exact geometry, and every way to get one wrong."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from lucida.media import InputError, Region
from tests.media.shapes import AWKWARD, donut, masks, sizes


@given(masks())
def test_a_mask_survives_its_run_lengths(mask: np.ndarray) -> None:
    region = Region.from_mask(mask)
    assert (region.mask == mask).all() and region.mask.flags.c_contiguous
    assert region.size == mask.shape and region.area == mask.sum()
    assert Region.from_rle(region.rle) == region


@given(masks())
def test_all_three_spellings_of_run_lengths_are_one_region(mask: np.ndarray) -> None:
    region = Region.from_mask(mask)
    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    flat = mask.ravel(order="F").astype(int)
    runs, value = [0], 0
    for pixel in flat.tolist():  # with a zero-length run wherever it may stand
        if pixel == value:
            runs[-1] += 1
        else:
            runs += [1] if runs[-1] else [0, 0, 1]
            value = pixel
    assert Region.from_rle(encoded) == region
    assert Region.from_rle({"size": list(mask.shape), "counts": encoded["counts"].decode()}) == region
    again = Region.from_rle({"size": list(mask.shape), "counts": [*runs, 0, 0]})
    assert again == region and hash(again) == hash(region) and again.key == region.key


@pytest.mark.parametrize("name", AWKWARD)
def test_box_and_centre_by_hand(name: str) -> None:
    mask = AWKWARD[name]
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    region = Region.from_mask(mask)
    assert region.pixel_box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    x0, y0, x1, y1 = region.box
    assert (x0 * width, y0 * height, x1 * width, y1 * height) == pytest.approx(region.pixel_box)
    assert region.centre == pytest.approx(((columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height))


def test_a_region_is_frozen_equal_and_hashed_by_content() -> None:
    first, second = Region.from_mask(donut(), source="a.png"), Region.from_mask(donut(), source="b.png")
    assert first == second and len({first, second}) == 1 and first.key == second.key
    assert first != Region.from_mask(~donut())
    assert Region.from_mask(np.ones((2, 3), bool)).key != Region.from_mask(np.ones((3, 2), bool)).key
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.counts = ""  # type: ignore[misc]
    first.rle["counts"] = "changed"
    assert first == second


# cover


def brute_cover(mask: np.ndarray, grid_h: int, grid_w: int) -> np.ndarray:
    """Every pixel cut into grid_h x grid_w parts, each of which lies in exactly one cell."""
    height, width = mask.shape
    fine = mask.repeat(grid_h, axis=0).repeat(grid_w, axis=1)
    return fine.reshape(grid_h, height, grid_w, width).mean(axis=(1, 3))


@given(masks(), st.integers(1, 9), st.integers(1, 9))
def test_cover_is_the_exact_area_fraction(mask: np.ndarray, grid_h: int, grid_w: int) -> None:
    cover = Region.from_mask(mask).cover(grid_h, grid_w)
    assert cover.shape == (grid_h, grid_w) and cover.dtype == np.float32
    np.testing.assert_allclose(cover, brute_cover(mask, grid_h, grid_w), atol=1e-6)


def test_cover_by_hand() -> None:
    mask = np.zeros((3, 3), bool)
    mask[0, 0] = mask[1, 1] = True
    # Cells of 1.5 x 1.5 pixels: the corner pixel lies in the first, the middle one is cut in four.
    expected = np.array([[1.25, 0.25], [0.25, 0.25]]) / 2.25
    np.testing.assert_allclose(Region.from_mask(mask).cover(2, 2), expected, atol=1e-7)


def test_cover_of_a_large_mask_is_exact() -> None:
    mask = np.zeros((1000, 1500), bool)
    mask[100:900, 333:1234] = True
    cover = Region.from_mask(mask).cover(7, 13)
    assert cover.sum(dtype=np.float64) * 1000 * 1500 / (7 * 13) == pytest.approx(mask.sum(), rel=1e-6)
    assert cover.max() == 1 and cover.min() == 0


# iou, resizing


@given(sizes.flatmap(lambda size: st.tuples(masks(size), masks(size))))
def test_iou_by_counting(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = pair
    expected = (first & second).sum() / (first | second).sum()
    assert Region.from_mask(first).iou(Region.from_mask(second)) == pytest.approx(expected)


def test_iou_needs_one_picture() -> None:
    with pytest.raises(InputError, match="3 x 2 and 2 x 3"):
        Region.from_mask(np.ones((2, 3), bool)).iou(Region.from_mask(np.ones((3, 2), bool)))


@given(masks(), st.integers(1, 4))
def test_enlarging_repeats_pixels_and_reducing_undoes_it(mask: np.ndarray, factor: int) -> None:
    region = Region.from_mask(mask)
    large = region.resized((mask.shape[0] * factor, mask.shape[1] * factor))
    assert (large.mask == mask.repeat(factor, axis=0).repeat(factor, axis=1)).all()
    assert large.resized(mask.shape) == region


@given(masks(), sizes)
def test_a_region_never_vanishes(mask: np.ndarray, size: tuple[int, int]) -> None:
    assert Region.from_mask(mask).resized(size).area >= 1


# boxes


@given(sizes, st.data())
def test_a_box_on_pixel_edges_is_itself(size: tuple[int, int], data: st.DataObject) -> None:
    height, width = size
    x0, x1 = sorted(data.draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(data.draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    region = Region.from_pixel_box((x0, y0, x1, y1), size)
    expected = np.zeros(size, bool)
    expected[y0:y1, x0:x1] = True
    assert (region.mask == expected).all()
    assert Region.from_box(region.box, size) == region


def test_a_box_holds_the_pixels_whose_centres_it_holds() -> None:
    assert Region.from_box((0.1, 0, 0.69, 1), (1, 5)).mask.tolist() == [[True, True, True, False, False]]
    assert Region.from_box((0.11, 0, 0.71, 1), (1, 5)).mask.tolist() == [[False, True, True, True, False]]
    assert Region.from_box((0.61, 0.2, 0.62, 0.3), (1, 5)).area == 1  # no centre inside: the pixel below it


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((10, 20, 110, 220), "--pixels"),
        ((0.1, 0.1, 1.2, 0.9), "--pixels"),
        ((-0.2, 0.1, 0.5, 0.5), "outside"),
        ((0.6, 0.1, 0.4, 0.5), "inverted"),
        ((0.1, 0.5, 0.4, 0.4), "inverted"),
        ((0.1, 0.1, 0.1, 0.5), "no area"),
        ((0.1, float("nan"), 0.4, 0.5), "NaN"),
        ((0.1, 0.1, float("inf"), 0.5), "infinity"),
        ((0.1, 0.1, 0.5), "four numbers"),
        (("a", 0, 1, 1), "four numbers"),
    ],
)
def test_bad_boxes_say_what_is_wrong(box: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        Region.from_box(box, (40, 30), source="box 2")
    assert "box 2" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 31, 5), (0, 0, 5, 41), (5, 5, 4, 8), (5, 5, 5, 8)])
def test_bad_pixel_boxes(box: tuple) -> None:
    with pytest.raises(InputError, match=r"outside the picture of 30 x 40 pixels|inverted|no area"):
        Region.from_pixel_box(box, (40, 30))


# points and polygons


def test_points_are_discs() -> None:
    region = Region.from_points([(0.5, 0.5)], (41, 41), radius=0.25)
    rows, columns = np.nonzero(region.mask)
    assert np.hypot(rows - 20, columns - 20).max() <= 10.25
    assert region.area == pytest.approx(np.pi * 10.25**2, rel=0.05)
    assert Region.from_points([(0, 0), (1, 1)], (5, 7), radius=0).area == 2  # the corners' own pixels
    assert Region.from_points([(0.1, 0.1), (0.9, 0.9)], (50, 50)).mask[25, 25] == False  # noqa: E712


@pytest.mark.parametrize(
    "points", [[], [(0.5, 0.5, 0.5)], [(2, 3)], [(-1, 0.5)], [(float("nan"), 0.5)], ["ab"]]
)
def test_bad_points(points: list) -> None:
    with pytest.raises(InputError):
        Region.from_points(points, (10, 10))


def test_polygons_fill_by_pixel_centres_and_the_even_odd_rule() -> None:
    square = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
    hole = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]
    mask = Region.from_polygon([square, hole], (10, 10)).mask
    expected = np.zeros((10, 10), bool)
    expected[2:8, 2:8] = True
    expected[4:6, 4:6] = False
    assert (mask == expected).all()
    assert Region.from_polygon(square[::-1], (10, 10)) == Region.from_polygon(square, (10, 10))
    triangle = Region.from_polygon([(0, 0), (1, 0), (0, 1)], (100, 100))
    assert triangle.area == 4950  # centres strictly above the diagonal


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([(0, 0), (1, 1)], "at least 3"),
        ([], "at least 3"),
        ([(0, 0), (20, 0), (0, 20)], "--pixels"),
        ([(0, 0), (-0.5, 0), (0, 1)], "outside"),
        ([(0, 0), (float("nan"), 0), (0, 1)], "NaN"),
        ([(0.01, 0.01), (0.02, 0.01), (0.01, 0.02)], "no pixel centre"),
    ],
)
def test_bad_polygons(polygon: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Region.from_polygon(polygon, (10, 10))


@pytest.mark.parametrize("size", [(0, 5), (5,), (5.5, 3), (-1, 2)])
def test_bad_sizes(size: tuple) -> None:
    with pytest.raises(InputError, match="size"):
        Region.from_box((0, 0, 1, 1), size)


# run lengths


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ({}, "'size' and 'counts'"),
        ([1, 2], "'size' and 'counts'"),
        ({"size": [2], "counts": [4]}, "size"),
        ({"size": [2, 0], "counts": [0]}, "size"),
        ({"size": [2, 2], "counts": [1, 2]}, "add up to 3"),
        ({"size": [2, 2], "counts": [5]}, "add up to 5"),
        ({"size": [2, 2], "counts": [2, -1, 3]}, "at least 0"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "at least 0"),
        ({"size": [2, 2], "counts": None}, "at least 0"),
        ({"size": [2, 2], "counts": [4]}, "empty mask"),
        ({"size": [2, 2], "counts": "hello world"}, "not a COCO RLE|add up"),
        ({"size": [2, 2], "counts": "o"}, "cut short"),
        ({"size": [2, 2], "counts": "ooooooooooooooooooooo0"}, "not a COCO RLE"),
        ({"size": [1 << 20, 1 << 20], "counts": [1 << 40]}, "more than"),
    ],
)
def test_bad_run_lengths(rle: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Region.from_rle(rle, source="results[0].rle")  # type: ignore[arg-type]


@given(st.binary(max_size=12), sizes)
def test_no_string_of_counts_does_harm(counts: bytes, size: tuple[int, int]) -> None:
    try:
        region = Region.from_rle({"size": list(size), "counts": counts})
    except InputError:
        return
    assert region.mask.shape == size and region.mask.sum() == region.area


# mask pictures


def saved(path: Path, picture: PIL.Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def grey(values: list[list[int]]) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.array(values, np.uint8))


def test_grey_masks_threshold_above_127(tmp_path: Path) -> None:
    region = Region.from_mask(saved(tmp_path / "m.png", grey([[0, 127, 128, 255]])))
    assert region.mask.tolist() == [[False, False, True, True]] and region.source.endswith("m.png")


def test_every_kind_of_mask_picture(tmp_path: Path) -> None:
    expected = donut()
    plain = PIL.Image.fromarray(expected.astype(np.uint8) * 255)
    palette = PIL.Image.fromarray(expected.astype(np.uint8))
    palette.putpalette([0, 0, 0, 128, 0, 0])  # the dark red of VOC: any index but 0 counts
    white_first = PIL.Image.fromarray((~expected).astype(np.uint8))
    white_first.putpalette([255, 255, 255, 0, 0, 0])  # greys in a palette are greys
    cutout = PIL.Image.new("RGBA", plain.size, (10, 20, 30, 255))
    cutout.putalpha(plain)
    opaque = plain.convert("RGBA")
    red = PIL.Image.merge("RGB", (plain, PIL.Image.new("L", plain.size), PIL.Image.new("L", plain.size)))
    deep = PIL.Image.fromarray(expected.astype(np.uint16) * 40000)
    real = PIL.Image.fromarray(expected.astype(np.float32))
    for name, picture in {
        "grey.png": plain,
        "bits.png": plain.convert("1"),
        "palette.png": palette,
        "white_first.png": white_first,
        "cutout.png": cutout,
        "opaque.png": opaque,
        "la.png": cutout.convert("LA"),
        "red.png": red,
        "deep.png": deep,
        "real.tif": real,
    }.items():
        assert (Region.from_mask(saved(tmp_path / name, picture)).mask == expected).all(), name


def test_a_mask_picture_is_turned_like_its_photograph(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "m.png", grey([[255, 0, 0]]), exif=exif)
    assert Region.from_mask(path).mask.tolist() == [[True], [False], [False]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 0]], "empty mask.*largest is 0"),
        ([[0, 1]], "empty mask.*largest is 1"),
        ([[127, 0]], "largest is 127"),
    ],
)
def test_an_empty_mask_file_is_named(tmp_path: Path, values: list, message: str) -> None:
    path = saved(tmp_path / "empty.png", grey(values))
    with pytest.raises(InputError, match=message) as error:
        Region.from_mask(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_mask_of_another_size_names_file_and_sizes(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.png", grey([[255, 0]]))
    with pytest.raises(InputError, match=r"m\.png is 2 x 1 pixels but its picture is 4 x 3"):
        Region.from_mask(path, size=(3, 4))
    assert Region.from_mask(path, size=(1, 2)).area == 1


def test_unreadable_mask_files(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "zero.png").write_bytes(b"")
    for path in (tmp_path / "text.png", tmp_path / "zero.png", tmp_path, tmp_path / "missing.png"):
        with pytest.raises(InputError) as error:
            Region.from_mask(path)
        assert str(path) in str(error.value)
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.array([[np.nan, 1]], np.float32)).save(buffer, "TIFF")
    with pytest.raises(InputError, match="NaN"):
        Region.from_mask(buffer.getvalue())


# mask arrays


def test_mask_arrays() -> None:
    assert Region.from_mask(np.array([[0, 1, 1]])).area == 2  # zeros and ones
    assert Region.from_mask(np.array([[0, 1, 200]])).area == 1  # grey
    assert Region.from_mask(np.array([[0.2, 0.5, 0.6]])).area == 1
    assert Region.from_mask(np.ones((1, 3, 4), bool)).size == (3, 4)
    assert Region.from_mask(np.ones((3, 4, 1), bool)).size == (3, 4)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((2, 2), bool), "empty mask"),
        (np.zeros((0, 2), bool), "shape"),
        (np.ones((2, 2, 3)), "shape"),
        (np.ones(4), "shape"),
        (np.array([[np.nan, 1.0]]), "NaN"),
        (np.array([[0.0, 255.0]]), r"0\.\.1"),
        (np.array([[-1, 1]]), r"0\.\.255"),
        (np.array([[0, 300]]), r"0\.\.255"),
        (np.array([["a"]]), "bool, integers or floats"),
        (np.full((2, 2), 0.4), "largest is 0.4"),
    ],
)
def test_bad_mask_arrays(mask: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Region.from_mask(mask, source="mask 3")
