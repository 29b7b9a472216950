"""CVAT: row-major run lengths of the tight crop, starting with background.

Two spellings of the same runs: the XML of "CVAT for images 1.1" (``left top width height`` beside the
runs), and the ``points`` list of its SDK and server (``x1 y1 x2 y2`` *inclusive* appended to the runs).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

import numpy as np

from lucida.media.errors import InputError
from lucida.media.mask_file import MAX_MASK_PIXELS
from lucida.media.masks.common import Labelled, matched
from lucida.media.region import Region, Size


def to_cvat(
    regions: Sequence[Region], labels: Sequence[str], image_size: Size | None = None, *, image: str = "image"
) -> str:
    """One picture's regions as XML of "CVAT for images 1.1"."""
    pairs, (height, width) = matched(regions, labels, image_size)
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    picture = {"id": "0", "name": image, "width": str(width), "height": str(height)}
    parent = ElementTree.SubElement(root, "image", picture)
    for order, (label, region) in enumerate(pairs):
        *runs, left, top, right, bottom = to_points(region)
        entry = {
            "label": _xml_text(label),
            "source": "auto",
            "occluded": "0",
            "rle": ", ".join(map(str, runs)),
            "left": str(left),
            "top": str(top),
            "width": str(right - left + 1),
            "height": str(bottom - top + 1),
            "z_order": str(order),
        }
        ElementTree.SubElement(parent, "mask", entry)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def from_cvat(text: str | bytes, *, image: str | None = None, source: str = "cvat") -> Labelled:
    """Labels and regions of one picture: its ``mask``, ``box`` and ``polygon`` elements, in file order.

    Args:
        image: the picture's name; needed if the document holds several.

    Raises:
        InputError: not XML, a missing or wrong attribute, the picture is not there.
    """
    picture = _picture(text, image, source)
    size = _whole(picture, "height", source), _whole(picture, "width", source)
    if min(size) < 1 or size[0] * size[1] > MAX_MASK_PIXELS:
        raise InputError(f"{source}: image is {size[1]} x {size[0]} pixels")
    readers = {"mask": _mask, "box": _box, "polygon": _polygon}
    result: Labelled = []
    for i, shape in enumerate(picture):
        if shape.tag in readers:
            where = f"{source}: {shape.tag} {i + 1} of image {picture.get('name')!r}"
            result.append((_text(shape, "label", where), readers[shape.tag](shape, size, where)))
    return result


def to_points(region: Region) -> list[int]:
    """The SDK's ``points`` of a mask shape: runs, then x1, y1, x2, y2 inclusive."""
    left, top, right, bottom = region.pixel_box
    flat = region.mask[top:bottom, left:right].ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return [*([0] if flat[0] else []), *map(int, runs), left, top, right - 1, bottom - 1]


def from_points(points: Sequence[float], size: Size, *, source: str = "points") -> Region:
    """A region from the SDK's ``points`` of a mask shape, on a picture of ``size`` (height, width).

    Raises:
        InputError: not whole numbers, a box outside the picture, or runs that do not fill it.
    """
    if len(points) < 5 or not all(float(value).is_integer() and value >= 0 for value in points):
        raise InputError(f"{source} must be run lengths followed by x1 y1 x2 y2, whole and at least 0")
    *runs, left, top, right, bottom = (int(value) for value in points)
    if not (left <= right < size[1] and top <= bottom < size[0]):
        raise InputError(
            f"{source}: box {(left, top, right, bottom)} is not inside {size[1]} x {size[0]} pixels"
        )
    width, height = right - left + 1, bottom - top + 1
    if sum(runs) != width * height:
        raise InputError(f"{source}: runs add up to {sum(runs)} pixels, the box holds {width * height}")
    values = np.arange(len(runs)) % 2 == 1
    mask = np.zeros(size, dtype=bool)
    mask[top : bottom + 1, left : right + 1] = np.repeat(values, runs).reshape(height, width)
    return Region.from_mask(mask, source=source)


def _picture(text: str | bytes, image: str | None, source: str) -> ElementTree.Element:
    if "<!DOCTYPE" in (text if isinstance(text, str) else text.decode("utf-8", "replace")):
        raise InputError(f"{source} declares a document type, which CVAT's files never do")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{source} is not XML: {error}") from None
    pictures = [each for each in root.iter("image") if image is None or each.get("name") == image]
    if len(pictures) != 1:
        problem = "no image" if not pictures else f"{len(pictures)} images"
        raise InputError(
            f"{source} holds {problem}{'' if image is None else f' {image!r}'}: name exactly one"
        )
    return pictures[0]


def _mask(shape: ElementTree.Element, size: Size, where: str) -> Region:
    text = _text(shape, "rle", where)
    try:
        runs = [int(run) for run in text.split(",")]
    except ValueError:
        raise InputError(f"{where}: rle must be whole numbers") from None
    left, top = _whole(shape, "left", where), _whole(shape, "top", where)
    width, height = _whole(shape, "width", where), _whole(shape, "height", where)
    return from_points([*runs, left, top, left + width - 1, top + height - 1], size, source=where)


def _box(shape: ElementTree.Element, size: Size, where: str) -> Region:
    corners = [_number(_text(shape, key, where), f"{where}: {key}") for key in ("xtl", "ytl", "xbr", "ybr")]
    return Region.from_pixel_box(corners, size, source=where)


def _polygon(shape: ElementTree.Element, size: Size, where: str) -> Region:
    points = [pair.split(",") for pair in _text(shape, "points", where).split(";")]
    if any(len(pair) != 2 for pair in points):
        raise InputError(f"{where}: points must be x,y;x,y;...")
    ring = [tuple(_number(each, f"{where}: points") for each in pair) for pair in points]
    return Region.from_polygon([(x / size[1], y / size[0]) for x, y in ring], size, source=where)


def _text(element: ElementTree.Element, key: str, where: str) -> str:
    value = element.get(key)
    if value is None:
        raise InputError(f"{where}: {key} is missing")
    return value


def _whole(element: ElementTree.Element, key: str, where: str) -> int:
    text = _text(element, key, where)
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{where}: {key} must be a whole number, got {text!r}") from None


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where} must be numbers, got {text!r}") from None


def _xml_text(label: str) -> str:
    """XML cannot carry control characters at all, not even escaped."""
    if any(
        ord(each) < 32 or 0xD800 <= ord(each) <= 0xDFFF or ord(each) in (0xFFFE, 0xFFFF) for each in label
    ):
        raise InputError(f"label {label!r} holds a character that XML cannot carry")
    return label
