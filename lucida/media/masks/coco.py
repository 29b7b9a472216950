"""COCO instances: column-major run lengths with the picture's size, boxes xywh in pixels.

Regions leave as compressed RLE with ``iscrowd`` 0: each is one thing. (Tools that take every RLE for a
crowd are the reason why exports with ``iscrowd`` 1 lose instances.) Polygons, compressed and uncompressed
RLE are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucida.media import mask_file
from lucida.media.errors import InputError
from lucida.media.masks.common import Labelled, field, matched, numbers, picture_size
from lucida.media.region import Region, Size


def to_coco(
    regions: Sequence[Region], labels: Sequence[str], image_size: Size | None = None, *, image: str = ""
) -> dict[str, Any]:
    """One picture's regions as a COCO instances document; categories are numbered from 1 as they appear."""
    pairs, (height, width) = matched(regions, labels, image_size)
    categories = {label: i + 1 for i, label in enumerate(dict.fromkeys(label for label, _ in pairs))}
    annotations = []
    for i, (label, region) in enumerate(pairs):
        left, top, right, bottom = region.pixel_box
        annotations.append(
            {
                "id": i + 1,
                "image_id": 1,
                "category_id": categories[label],
                "segmentation": region.rle,
                "area": region.area,
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
            }
        )
    return {
        "images": [{"id": 1, "file_name": image, "height": height, "width": width}],
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }


def from_coco(data: Mapping[str, Any], *, image: str | int | None = None, source: str = "coco") -> Labelled:
    """Labels and regions of one picture, in the order of the file.

    Args:
        image: file name or id; needed if the document holds several pictures.

    Raises:
        InputError: a field is missing or wrong; the picture is not there.
    """
    entry = _picture(data, image, source)
    size = picture_size(entry, "height", "width", f"{source}: images[{entry.get('id')!r}]")
    names: dict[int, str] = {}
    for i, category in enumerate(field(data, "categories", list, source)):
        where = f"{source}: categories[{i}]"
        names[field(category, "id", int, where)] = field(category, "name", str, where)
    result: Labelled = []
    for i, annotation in enumerate(field(data, "annotations", list, source)):
        where = f"{source}: annotations[{i}]"
        if field(annotation, "image_id", (int, str), where) != entry.get("id"):
            continue
        category = field(annotation, "category_id", int, where)
        if category not in names:
            raise InputError(f"{where}: category_id {category} is not among the categories")
        result.append((names[category], _region(annotation, size, where)))
    return result


def _picture(data: Mapping[str, Any], image: str | int | None, source: str) -> Mapping[str, Any]:
    pictures = field(data, "images", list, source)
    for i, each in enumerate(pictures):
        field(each, "id", (int, str), f"{source}: images[{i}]")
    if image is not None:
        pictures = [each for each in pictures if image in (each["id"], each.get("file_name"))]
    if len(pictures) != 1:
        problem = "no picture" if not pictures else f"{len(pictures)} pictures"
        raise InputError(
            f"{source} holds {problem}{'' if image is None else f' {image!r}'}: name exactly one"
        )
    return pictures[0]


def _region(annotation: Mapping[str, Any], size: Size, where: str) -> Region:
    shape = annotation.get("segmentation")
    if isinstance(shape, Mapping):
        region = Region.from_rle(shape, source=f"{where}: segmentation")
        if region.size != size:
            raise InputError(
                f"{where}: segmentation is for size {list(region.size)}, its picture has {list(size)}"
            )
        return region
    if shape:
        return _from_polygons(shape, size, f"{where}: segmentation")
    left, top, width, height = numbers(field(annotation, "bbox", list, where), f"{where}: bbox", 4)
    return Region.from_pixel_box((left, top, left + width, top + height), size, source=f"{where}: bbox")


def _from_polygons(polygons: Any, size: Size, where: str) -> Region:
    """The union of polygons in pixels, filled as COCO's own tools fill them."""
    if not isinstance(polygons, list):
        raise InputError(f"{where} must be run lengths or a list of polygons")
    checked = [numbers(polygon, f"{where}[{i}]") for i, polygon in enumerate(polygons)]
    for i, polygon in enumerate(checked):
        if len(polygon) < 6 or len(polygon) % 2:
            raise InputError(
                f"{where}[{i}] must be at least three pairs of x and y, got {len(polygon)} numbers"
            )
        if max(map(abs, polygon)) > 1e6:
            raise InputError(f"{where}[{i}] lies far outside the picture")
    codec = mask_file.codec()
    merged = codec.merge(codec.frPyObjects(checked, *size))
    return Region.from_rle(merged, source=where)
