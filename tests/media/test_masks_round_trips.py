"""What goes out of each format comes back: labels, order, every pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media import InputError, Region, masks, read_masks, write_masks
from lucida.media.masks import FORMATS
from tests.media.shapes import AWKWARD, donut, labelled

Case = tuple[list[Region], list[str], tuple[int, int]]


def through_json(data: object) -> object:
    return json.loads(json.dumps(data, allow_nan=False))


def round_trip(
    format: str, regions: list[Region], labels: list[str], size: tuple[int, int]
) -> masks.Labelled:
    if format == "yolo":
        text, names = masks.to_yolo(regions, labels, size)
        return masks.from_yolo(text, size, names=names)
    if format == "palette":
        return masks.from_palette(masks.to_palette(regions, labels, size))
    if format == "cvat":
        return masks.from_cvat(masks.to_cvat(regions, labels, size))
    out = {"coco": masks.to_coco, "fiftyone": masks.to_fiftyone, "labelstudio": masks.to_labelstudio}[format]
    back = {"coco": masks.from_coco, "fiftyone": masks.from_fiftyone, "labelstudio": masks.from_labelstudio}[
        format
    ]
    return back(through_json(out(regions, labels, size)))  # type: ignore[operator, arg-type]


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"palette"}))
@given(labelled())
def test_overlapping_regions(format: str, case: Case) -> None:
    regions, labels, size = case
    assert round_trip(format, regions, labels, size) == list(zip(labels, regions, strict=True))


@given(labelled(disjoint=True))
def test_disjoint_regions_in_a_palette(case: Case) -> None:
    regions, labels, size = case
    assert round_trip("palette", regions, labels, size) == list(zip(labels, regions, strict=True))


@pytest.mark.parametrize("format", sorted(FORMATS))
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks(format: str, name: str) -> None:
    region = Region.from_mask(AWKWARD[name])
    assert round_trip(format, [region], ["the thing"], region.size) == [("the thing", region)]


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_an_empty_list(format: str) -> None:
    assert round_trip(format, [], [], (4, 5)) == []


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_many_components_of_a_large_picture(format: str) -> None:
    noise = np.random.default_rng(1).random((40, 60)) < 0.5
    mask = noise.repeat(13, axis=0).repeat(11, axis=1)
    region = Region.from_mask(mask)
    assert round_trip(format, [region], ["speckle"], region.size) == [("speckle", region)]


@pytest.mark.parametrize("format", sorted(FORMATS))
@given(case=labelled(disjoint=True))
def test_through_files(format: str, case: Case, tmp_path_factory: pytest.TempPathFactory) -> None:
    regions, labels, size = case
    path = tmp_path_factory.mktemp("masks") / f"a{FORMATS[format]}"
    assert write_masks(format, path, regions, labels, size, image="photo.jpg") == path
    assert read_masks(format, path, size) == list(zip(labels, regions, strict=True))
    assert sorted(each.name for each in path.parent.iterdir()) == sorted(
        [path.name, *(["classes.txt"] if format == "yolo" else [])]
    )


# the front door


def test_the_format_is_named_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown mask format 'auto': use one of coco, cvat"):
        write_masks("auto", tmp_path / "a.json", [], [], (1, 1))
    with pytest.raises(InputError, match="unknown mask format"):
        read_masks("", tmp_path / "a.json")


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_bad_arguments_write_nothing(format: str, tmp_path: Path) -> None:
    region, other = Region.from_mask(donut()), Region.from_mask(donut(11))
    path = tmp_path / "a.x"
    with pytest.raises(InputError, match="1 labels for 2 regions"):
        write_masks(format, path, [region, region], ["a"])
    with pytest.raises(InputError, match="image_size is needed"):
        write_masks(format, path, [], [])
    with pytest.raises(InputError, match="picture"):
        write_masks(format, path, [region, other], ["a", "b"])
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot write|cannot read"):
        write_masks(format, tmp_path / "file" / "a.x", [region], ["a"])


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_bad_files(format: str, tmp_path: Path) -> None:
    def refused(path: Path, size: tuple[int, int] | None = (3, 4)) -> None:
        with pytest.raises(InputError) as error:
            read_masks(format, path, size)
        assert path.name in str(error.value) and "\n" not in str(error.value)

    refused(tmp_path / "missing.file")
    refused(tmp_path)
    (tmp_path / "bytes.file").write_bytes(bytes(range(128, 256)))
    refused(tmp_path / "bytes.file")
    (tmp_path / "text.file").write_text("hello {")
    refused(tmp_path / "text.file")
    if format != "yolo":
        region = Region.from_mask(donut())
        refused(write_masks(format, tmp_path / "other.file", [region], ["a"]), (7, 7))


@pytest.mark.parametrize("format", ["coco", "fiftyone", "labelstudio"])
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "images",
                        "annotations",
                        "categories",
                        "id",
                        "result",
                        "value",
                        "type",
                        "ground_truth",
                        "detections",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_gives_another_error(format: str, data: object) -> None:
    read = {"coco": masks.from_coco, "fiftyone": masks.from_fiftyone, "labelstudio": masks.from_labelstudio}[
        format
    ]
    try:
        read(data)  # type: ignore[operator, arg-type]
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("format", ["coco", "fiftyone", "labelstudio"])
@given(seed=st.integers(0, 10_000))
def test_damaged_documents(format: str, seed: int) -> None:
    """A good document with one value replaced: read, or refused in one line."""
    rng = np.random.default_rng(seed)
    region = Region.from_mask(donut())
    out = {"coco": masks.to_coco, "fiftyone": masks.to_fiftyone, "labelstudio": masks.to_labelstudio}[format]
    read = {"coco": masks.from_coco, "fiftyone": masks.from_fiftyone, "labelstudio": masks.from_labelstudio}[
        format
    ]
    data: object = through_json(out([region], ["a"]))
    node = data
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
        key = keys[int(rng.integers(len(keys)))]  # type: ignore[index]
        if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.85:  # type: ignore[index]
            node = node[key]  # type: ignore[index]
            continue
        wrong = (None, -1, 0, 1e300, float("nan"), "x", [], {}, [1, 2], True, 10**20)
        node[key] = wrong[int(rng.integers(len(wrong)))]  # type: ignore[index]
        break
    try:
        read(data)  # type: ignore[operator, arg-type]
    except InputError as error:
        assert "\n" not in str(error)
