"""A palette PNG: the index of a pixel is the number of its region, from 1; 0 is background.

One pixel holds one number, so where regions overlap the later one is kept, with a warning. Labels travel in a
text field of the file; pictures from elsewhere (VOC, DAVIS) get their numbers as labels.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Sequence

import numpy as np
import PIL.Image
from PIL.PngImagePlugin import PngInfo

from lucida.media import picture_file
from lucida.media.colours import palette
from lucida.media.errors import InputError
from lucida.media.masks.common import Labelled, matched
from lucida.media.region import Region, Size

_FIELD = "lucida-labels"


def to_palette(regions: Sequence[Region], labels: Sequence[str], image_size: Size | None = None) -> bytes:
    """The PNG. Warns where regions overlap.

    Raises:
        InputError: more than 255 regions, or one that later ones hide completely.
    """
    pairs, size = matched(regions, labels, image_size)
    if len(pairs) > 255:
        raise InputError(f"a palette picture holds at most 255 regions, got {len(pairs)}")
    indices = np.zeros(size, dtype=np.uint8)
    for i, (_, region) in enumerate(pairs):
        indices[region.mask] = i + 1
    kept = np.bincount(indices.ravel(), minlength=len(pairs) + 1)
    for i, (label, region) in enumerate(pairs):
        if kept[i + 1] == 0:
            raise InputError(
                f"region {i + 1} ({label}) is hidden by later ones and cannot be stored in a palette picture"
            )
        if kept[i + 1] < region.area:
            hidden = region.area - kept[i + 1]
            warnings.warn(
                f"region {i + 1} ({label}) loses {hidden} of {region.area} pixels to later ones", stacklevel=2
            )
    picture = PIL.Image.fromarray(indices)
    picture.putpalette([0, 0, 0, *(byte for colour in palette(255) for byte in colour)])
    notes = PngInfo()
    notes.add_itxt(_FIELD, json.dumps([label for label, _ in pairs]))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def from_palette(source: bytes | str | os.PathLike[str]) -> Labelled:
    """Labels and regions of a palette or grey PNG (path or bytes), by number; 255 is a number like any other.

    Raises:
        InputError: unreadable, or a picture whose pixels are no numbers.
    """
    with picture_file.open_picture(source) as (picture, name):
        picture_file.decode(picture, name)
        if picture.mode not in ("P", "L", "1"):
            raise InputError(
                f"{name} must hold one number per pixel (palette or grey), got mode {picture.mode}"
            )
        indices = np.asarray(picture).astype(np.uint8)
        labels = _labels(picture, name)
    numbers = [int(number) for number in np.unique(indices) if number]
    return [
        (
            labels[n - 1] if n <= len(labels) else str(n),
            Region.from_mask(indices == n, source=f"{name}: index {n}"),
        )
        for n in numbers
    ]


def _labels(picture: PIL.Image.Image, name: str) -> list[str]:
    text = getattr(picture, "text", {}).get(_FIELD)
    if text is None:
        return []
    try:
        labels = json.loads(text)
    except ValueError:
        labels = None
    if not isinstance(labels, list):
        raise InputError(f"{name}: text field {_FIELD} is not a list of labels")
    return [str(label) for label in labels]
