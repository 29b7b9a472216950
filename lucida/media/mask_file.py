"""Where a mask comes from: a picture, an array, or run lengths, each checked before it becomes a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL.Image

from lucida.media import picture_file
from lucida.media.errors import InputError
from lucida.media.picture_file import source_name as source_name
from lucida.media.rgb import turned

MAX_MASK_PIXELS = 1 << 29  # a document of a few bytes may claim any size


def read_mask(source: picture_file.Source) -> tuple[np.ndarray, str]:
    """(H, W) bool of a mask picture, and a hint for when it is empty. Rules: ``Region.from_mask``."""
    with picture_file.open_picture(source) as (picture, name):
        picture_file.decode(picture, name)
        mask, hint = _picture_mask(picture, name)
        return turned(mask, picture_file.orientation(picture)), hint


def mask_from_array(array: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """(H, W) bool of an array, and a hint for the message if it is empty. Rules: ``Region.from_mask``."""
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[:, :, 0]
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{name} must be a mask of shape (H, W), got {array.shape}")
    if array.dtype == np.bool_:
        return array, ""
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} must be bool, integers or floats, got {array.dtype}")
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{name} contains NaN or infinity")
    limit = 1 if array.dtype.kind == "f" else 255
    if low < 0 or high > limit:
        raise InputError(f"{name} must be in 0..{limit} for {array.dtype}, got {low:g}..{high:g}")
    if limit == 1:
        return array > 0.5, f": no value above 0.5 (the largest is {high:g})"
    return (array > 0, "") if high <= 1 else (array > 127, f": no value above 127 (the largest is {high})")


def checked_rle(rle: Mapping[str, Any], name: str) -> tuple[tuple[int, int], str]:
    """(height, width) and the canonical compressed counts of a COCO RLE of any of its three spellings.

    Raises:
        InputError: a field is missing or wrong, or the runs do not fill the size exactly.
    """
    if not isinstance(rle, Mapping) or "size" not in rle or "counts" not in rle:
        raise InputError(f"{name} must be an object with 'size' and 'counts'")
    size, counts = rle["size"], rle["counts"]
    if (
        not isinstance(size, (list, tuple))
        or len(size) != 2
        or not all(_is_count(side) and side > 0 for side in size)
    ):
        raise InputError(f"{name}: size must be [height, width], got {size!r}")
    height, width = int(size[0]), int(size[1])
    if height * width > MAX_MASK_PIXELS:
        raise InputError(f"{name}: size {height} x {width} is more than {MAX_MASK_PIXELS} pixels")
    if isinstance(counts, (str, bytes)):
        runs = _decompressed(counts.encode() if isinstance(counts, str) else counts, name)
    else:
        runs = list(counts) if isinstance(counts, (list, tuple, np.ndarray)) else []
    if not runs or not all(_is_count(run) for run in runs):
        raise InputError(f"{name}: counts must be run lengths of at least 0")
    if sum(runs) != height * width:
        raise InputError(
            f"{name}: runs add up to {sum(runs)} pixels, size {height} x {width} has {height * width}"
        )
    packed = codec().frPyObjects({"size": [height, width], "counts": _canonical(runs)}, height, width)
    return (height, width), packed["counts"].decode()


def codec() -> Any:
    """pycocotools' mask module, imported when first needed."""
    from pycocotools import mask

    return mask


def _picture_mask(picture: PIL.Image.Image, name: str) -> tuple[np.ndarray, str]:
    mode = picture.mode
    if mode == "1":
        return np.asarray(picture, dtype=bool), ""
    if mode.startswith(("I", "F")):
        return _wide_mask(np.asarray(picture), mode, name)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        alpha = np.asarray(layer.getchannel("A"))
        if alpha.min() != alpha.max() or alpha.max() == 0:
            return alpha > 127, ": no alpha above 127"
        picture = layer.convert("RGB")
    elif mode == "P" and not _palette_is_grey(picture):
        return np.asarray(picture) != 0, ": every palette index is 0"
    values = np.asarray(picture if mode == "L" else picture.convert("RGB"))
    values = values if values.ndim == 2 else values.max(axis=2)
    return values > 127, f": no value above 127 (the largest is {values.max()})"


def _wide_mask(values: np.ndarray, mode: str, name: str) -> tuple[np.ndarray, str]:
    if not np.isfinite(values).all():
        raise InputError(f"{name} contains NaN or infinity")
    half = (
        0.5
        if mode.startswith("F") and values.max() <= 1
        else 127.5
        if values.max() <= 255 and mode == "F"
        else 32767
    )
    return values > half, f": no value above {half:g} (the largest is {values.max():g})"


def _palette_is_grey(picture: PIL.Image.Image) -> bool:
    """Whether the palette only holds greys, as when a grey mask was stored with few colours."""
    used = np.unique(np.asarray(picture))
    colours = np.array(picture.convert("RGB").getpalette() or picture.getpalette("RGB"), dtype=int).reshape(
        -1, 3
    )
    return int(np.ptp(colours[used[used < len(colours)]], axis=1).max(initial=0)) == 0


def _decompressed(data: bytes, name: str) -> list[int]:
    """COCO's string of counts, read here because pycocotools trusts its input and crashes on a wrong string.

    A character less 48 holds five bits of a number, lowest first; bit 5 says that more follow, and bit 4
    of the last is the sign. From the fourth number on they are differences to the one two before.
    """
    runs: list[int] = []
    value = shift = 0
    for byte in data:
        digit = byte - 48
        if not 0 <= digit < 64 or shift > 60:
            raise InputError(f"{name}: counts is not a COCO RLE string")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise InputError(f"{name}: counts is cut short")
    return runs


def _canonical(runs: list[int]) -> list[int]:
    """Merge runs around zero-length ones, so that one mask has one spelling."""
    merged: list[int] = []
    value = last = 0  # the first run is background
    for run in runs:
        if run and merged and value == last:
            merged[-1] += run
        elif run:
            if not merged and value == 1:
                merged.append(0)
            merged.append(run)
            last = value
        value ^= 1
    return merged


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0
