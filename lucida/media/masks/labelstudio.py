"""Label Studio: brushes as bit-packed runs of the flattened RGBA canvas, rectangles in per cent.

A prediction that is "there" but invisible has ``from_name`` or ``to_name`` that differ from the labelling
configuration's: both are arguments here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from lucida.media.errors import InputError
from lucida.media.masks import rlepack
from lucida.media.masks.common import Labelled, field, matched, numbers, picture_size
from lucida.media.region import Region, Size


def to_labelstudio(
    regions: Sequence[Region],
    labels: Sequence[str],
    image_size: Size | None = None,
    *,
    image: str = "",
    kind: Literal["brush", "rectangle"] = "brush",
    as_predictions: bool = False,
    from_name: str = "label",
    to_name: str = "image",
) -> dict[str, Any]:
    """One picture's regions as a task for import.

    Args:
        kind: ``brush`` keeps masks exactly; ``rectangle`` keeps their boxes only.
        as_predictions: store them as a model's predictions instead of annotations.
        from_name, to_name: names of the labels tag and of the image tag in the labelling configuration.
    """
    pairs, (height, width) = matched(regions, labels, image_size)
    result = []
    for i, (label, region) in enumerate(pairs):
        value: dict[str, Any]
        if kind == "brush":
            packed = rlepack.encode(region.mask.ravel().astype(np.uint8) * 255, repeat=4)  # all of R, G, B, A
            value = {"format": "rle", "rle": list(packed)}
        else:
            x0, y0, x1, y1 = (100 * edge for edge in region.box)
            value = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
        result.append(
            {
                "id": f"{region.key}-{i + 1}",
                "type": f"{kind}labels",
                "from_name": from_name,
                "to_name": to_name,
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": value | {f"{kind}labels": [label]},
            }
        )
    return {
        "data": {"image": image},
        "predictions" if as_predictions else "annotations": [{"result": result}],
    }


def from_labelstudio(data: Any, *, source: str = "labelstudio") -> Labelled:
    """Labels and regions of a task: brushes, rectangles (turned ones too) and polygons, in order.

    Args:
        data: a task, a list with one task, or a bare ``result`` list. Annotations are taken before
            predictions, and of several the first.

    Raises:
        InputError: a field is missing or wrong.
    """
    pairs: Labelled = []
    for i, entry in enumerate(_result(data, source)):
        where = f"{source}: result[{i}]"
        kind = field(entry, "type", str, where)
        reader = {"brushlabels": _brush, "rectanglelabels": _rectangle, "polygonlabels": _polygon}.get(kind)
        if reader is None:  # choices and texts about the picture are no regions
            continue
        size = picture_size(entry, "original_height", "original_width", where)
        if entry.get("image_rotation"):
            raise InputError(f"{where}: image_rotation {entry['image_rotation']!r} is not supported")
        value = field(entry, "value", Mapping, where)
        names = field(value, kind, list, where)
        if not names:
            raise InputError(f"{where}: {kind} is empty")
        pairs.append((str(names[0]), reader(value, size, where)))
    return pairs


def _result(data: Any, source: str) -> list[Any]:
    if isinstance(data, list) and not all(isinstance(each, Mapping) and "type" in each for each in data):
        if len(data) != 1:
            raise InputError(f"{source} holds {len(data)} tasks: give exactly one")
        data = data[0]
    if isinstance(data, list):
        return data
    for key in ("annotations", "predictions"):
        if isinstance(data, Mapping) and data.get(key):
            return field(field(data, key, list, source)[0], "result", list, f"{source}: {key}[0]")
    raise InputError(f"{source} has neither annotations nor predictions")


def _brush(value: Mapping[str, Any], size: Size, where: str) -> Region:
    codes = field(value, "rle", list, where)
    if field(value, "format", str, where) != "rle" or not all(
        type(code) is int and 0 <= code < 256 for code in codes
    ):
        raise InputError(f"{where}: rle must be bytes (0..255) in format 'rle'")
    canvas = rlepack.decode(bytes(codes), f"{where}: rle")
    if canvas.size != size[0] * size[1] * 4:
        raise InputError(
            f"{where}: rle holds {canvas.size} values, not those of {size[1]} x {size[0]} RGBA pixels"
        )
    return Region.from_mask(canvas.reshape(*size, 4)[:, :, 3] > 127, source=where)


def _rectangle(value: Mapping[str, Any], size: Size, where: str) -> Region:
    keys = ("x", "y", "width", "height")
    x, y, width, height = numbers([field(value, key, (int, float), where) for key in keys], where)
    turn = math.radians(numbers([value.get("rotation", 0)], f"{where}: rotation")[0])
    if turn == 0:
        return Region.from_box((x / 100, y / 100, (x + width) / 100, (y + height) / 100), size, source=where)
    # Turned clockwise about its own upper left corner, in pixels: per cents are not square.
    along = np.array([math.cos(turn), math.sin(turn)]) * width / 100 * size[1]
    down = np.array([-math.sin(turn), math.cos(turn)]) * height / 100 * size[0]
    corner = np.array([x / 100 * size[1], y / 100 * size[0]])
    ring = np.stack([corner, corner + along, corner + along + down, corner + down]) / (size[1], size[0])
    return Region.from_polygon(np.clip(ring, 0, 1), size, source=where)  # pyright: ignore[reportArgumentType]


def _polygon(value: Mapping[str, Any], size: Size, where: str) -> Region:
    points = [numbers(each, f"{where}: points", 2) for each in field(value, "points", list, where)]
    return Region.from_polygon([(x / 100, y / 100) for x, y in points], size, source=where)
