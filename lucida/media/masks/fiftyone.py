"""FiftyOne detections: a relative xywh box, and a mask of the box only.

The mask is what FiftyOne itself writes to JSON (an ``.npy`` file, zlib, base64), nested lists, or the path
of a picture (``mask_path``), which is what large collections need.
"""

from __future__ import annotations

import base64
import io
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image

from lucida.media import mask_file
from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.media.geometry import checked_box
from lucida.media.masks.common import Labelled, field, matched, numbers, picture_size
from lucida.media.region import Region, Size

_MOST_BYTES = 1 << 30  # a mask inside a document may not unpack to more


def to_fiftyone(
    regions: Sequence[Region],
    labels: Sequence[str],
    image_size: Size | None = None,
    *,
    image: str = "",
    masks: Literal["base64", "array"] | os.PathLike[str] = "base64",
    label_field: str = "ground_truth",
) -> dict[str, Any]:
    """One picture's regions as a sample with ``Detections``.

    Args:
        masks: ``base64`` as FiftyOne's own JSON, ``array`` as nested lists of 0 and 1, or a folder (a
            ``Path``) into which one PNG per region is written, named by its content.
        label_field: the field of the sample that holds the detections.
    """
    pairs, (height, width) = matched(regions, labels, image_size)
    detections = []
    for label, region in pairs:
        x0, y0, x1, y1 = region.box
        left, top, right, bottom = region.pixel_box
        part = region.mask[top:bottom, left:right]
        box = [x0, y0, x1 - x0, y1 - y0]
        detections.append(
            {"_cls": "Detection", "label": label, "bounding_box": box} | _stored(part, masks, region.key)
        )
    return {
        "filepath": image,
        "metadata": {"_cls": "ImageMetadata", "width": width, "height": height},
        label_field: {"_cls": "Detections", "detections": detections},
    }


def from_fiftyone(
    data: Mapping[str, Any],
    image_size: Size | None = None,
    *,
    label_field: str = "ground_truth",
    folder: str | os.PathLike[str] = ".",
    source: str = "fiftyone",
) -> Labelled:
    """Labels and regions of a sample, in order. A detection without a mask is its box.

    Args:
        image_size: (height, width); default: the sample's metadata.
        folder: where relative mask paths start.

    Raises:
        InputError: a field is missing or wrong, no size, an unreadable or empty mask.
    """
    if image_size is None:
        image_size = picture_size(
            field(data, "metadata", Mapping, source), "height", "width", f"{source}: metadata"
        )
    detections = field(
        field(data, label_field, Mapping, source), "detections", list, f"{source}: {label_field}"
    )
    result: Labelled = []
    for i, entry in enumerate(detections):
        where = f"{source}: {label_field}.detections[{i}]"
        x, y, width, height = numbers(field(entry, "bounding_box", list, where), f"{where}: bounding_box", 4)
        box = checked_box((x, y, x + width, y + height), name=f"{where}: bounding_box")
        mask = _loaded(entry, Path(folder), where)
        label = field(entry, "label", str, where)
        if mask is None:
            result.append((label, Region.from_box(box, image_size, source=where)))
        else:
            result.append((label, _pasted(mask, box, image_size, where)))
    return result


def _stored(part: np.ndarray, masks: str | os.PathLike[str], key: str) -> dict[str, Any]:
    if masks == "array":
        return {"mask": part.astype(int).tolist()}
    if masks == "base64":
        buffer = io.BytesIO()
        np.save(buffer, part, allow_pickle=False)
        return {
            "mask": {
                "$binary": {
                    "base64": base64.b64encode(zlib.compress(buffer.getvalue())).decode(),
                    "subType": "00",
                }
            }
        }
    if isinstance(masks, str):
        raise InputError(f"masks must be 'base64', 'array' or a Path of a folder, got {masks!r}")
    buffer = io.BytesIO()
    PIL.Image.fromarray(part.astype(np.uint8) * 255).save(buffer, "PNG")
    path = Path(masks) / f"{key}.png"
    atomic_write(path, buffer.getvalue())
    return {"mask_path": os.fspath(path)}


def _loaded(entry: Mapping[str, Any], folder: Path, where: str) -> np.ndarray | None:
    """(h, w) bool mask of the box, or None if the detection has none."""
    if entry.get("mask_path") is not None:
        mask, _ = mask_file.read_mask(folder / field(entry, "mask_path", str, where))
        return mask
    stored = entry.get("mask")
    if stored is None:
        return None
    if isinstance(stored, Mapping):
        binary = field(stored, "$binary", (Mapping, str), f"{where}: mask")
        stored = field(binary, "base64", str, f"{where}: mask") if isinstance(binary, Mapping) else binary
    try:
        array = _unpacked(stored) if isinstance(stored, str) else np.asarray(stored)
    except (ValueError, zlib.error, EOFError, OSError) as error:
        raise InputError(f"{where}: mask is damaged: {error}") from None
    return mask_file.mask_from_array(array, f"{where}: mask")[0]


def _unpacked(text: str) -> np.ndarray:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("too large, or cut short")
    return np.load(io.BytesIO(data), allow_pickle=False)


def _pasted(mask: np.ndarray, box: tuple[float, float, float, float], size: Size, where: str) -> Region:
    """``mask`` in ``box`` rounded to pixels, resampled there if it has another size (as FiftyOne does)."""
    x0, y0, x1, y1 = box
    left, top = min(round(x0 * size[1]), size[1] - 1), min(round(y0 * size[0]), size[0] - 1)
    right, bottom = max(left + 1, round(x1 * size[1])), max(top + 1, round(y1 * size[0]))
    if not mask.any():
        raise InputError(f"{where}: mask is empty")
    part = Region.from_mask(mask).resized((bottom - top, right - left)).mask
    whole = np.zeros(size, dtype=bool)
    whole[top:bottom, left:right] = part
    return Region.from_mask(whole, source=where)
