"""What the mask formats share: checking arguments going out, and fields coming in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lucida.media.errors import InputError
from lucida.media.mask_file import MAX_MASK_PIXELS
from lucida.media.region import Region, Size

Labelled = list[tuple[str, Region]]


def matched(
    regions: Sequence[Region], labels: Sequence[str], image_size: Size | None
) -> tuple[Labelled, Size]:
    """Pairs of label and region, and the picture size they share.

    Raises:
        InputError: numbers differ, sizes differ, or no regions and no size.
    """
    if len(regions) != len(labels):
        raise InputError(f"{len(labels)} labels for {len(regions)} regions")
    if image_size is None:
        if not regions:
            raise InputError("image_size is needed to write an empty list of regions")
        image_size = regions[0].size
    for region in regions:
        if region.size != tuple(image_size):
            raise InputError(
                f"a region of a {region.size[1]} x {region.size[0]} picture "
                f"among those of {image_size[1]} x {image_size[0]}"
            )
    return list(zip(map(str, labels), regions, strict=True)), (int(image_size[0]), int(image_size[1]))


def field(data: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """``data[key]``, if ``data`` is an object that has it and it is a ``kind``.

    Raises:
        InputError: naming ``where`` and ``key``.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where} must be an object, got {type(data).__name__}")
    if key not in data:
        raise InputError(f"{where}: {key} is missing")
    value = data[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{where}: {key} is {_short(value)}")
    return value


def numbers(values: Any, where: str, count: int | None = None) -> list[float]:
    """``values`` as finite floats, ``count`` of them if given."""
    if not isinstance(values, (list, tuple)) or not all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    ):
        raise InputError(f"{where} must be a list of finite numbers, got {_short(values)}")
    if count is not None and len(values) != count:
        raise InputError(f"{where} must be {count} numbers, got {len(values)}")
    return [float(value) for value in values]


def picture_size(data: Any, height: str, width: str, where: str) -> Size:
    """(height, width) from two fields of ``data``."""
    size = field(data, height, int, where), field(data, width, int, where)
    if min(size) < 1:
        raise InputError(f"{where}: {width} x {height} is {size[1]} x {size[0]}")
    if size[0] * size[1] > MAX_MASK_PIXELS:
        raise InputError(f"{where}: {width} x {height} is more than {MAX_MASK_PIXELS} pixels")
    return size


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
