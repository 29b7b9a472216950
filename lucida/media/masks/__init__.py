"""Mask formats of other tools, out and in. The format is named: nothing is guessed from content."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.media.masks.coco import from_coco, to_coco
from lucida.media.masks.common import Labelled
from lucida.media.masks.cvat import from_cvat, to_cvat
from lucida.media.masks.detections import to_supervision
from lucida.media.masks.fiftyone import from_fiftyone, to_fiftyone
from lucida.media.masks.labelstudio import from_labelstudio, to_labelstudio
from lucida.media.masks.palette import from_palette, to_palette
from lucida.media.masks.yolo import from_yolo, to_yolo
from lucida.media.region import Region, Size

FORMATS = {  # name: suffix of its files
    "coco": ".json",
    "cvat": ".xml",
    "fiftyone": ".json",
    "labelstudio": ".json",
    "palette": ".png",
    "yolo": ".txt",
}
CLASSES = "classes.txt"  # class names of the YOLO files in the same folder, one per line

__all__ = [
    "FORMATS", "Labelled", "from_coco", "from_cvat", "from_fiftyone", "from_labelstudio", "from_palette",
    "from_yolo", "read_masks", "to_coco", "to_cvat", "to_fiftyone", "to_labelstudio", "to_palette",
    "to_supervision", "to_yolo", "write_masks",
]  # fmt: skip


def write_masks(
    format: str,
    path: str | os.PathLike[str],
    regions: Sequence[Region],
    labels: Sequence[str],
    image_size: Size | None = None,
    *,
    image: str = "",
) -> Path:
    """Write one picture's regions to ``path``, whole or not at all; returns the path.

    Args:
        format: one of ``FORMATS``.
        image_size: (height, width); needed only if there are no regions.
        image: the picture's file name, for the formats that store it.

    YOLO files hold class numbers only: the names go to ``classes.txt`` beside, where known names keep their
    numbers.

    Raises:
        InputError: unknown format, numbers or sizes that differ, an unwritable path, what the format cannot
            hold.
    """
    _check_format(format)
    path = Path(path)
    if format == "yolo":
        names = path.with_name(CLASSES)
        text, every = to_yolo(regions, labels, image_size, names=_class_names(names))
        if any(name != name.strip() or not name or len(name.splitlines()) != 1 for name in every):
            raise InputError(f"a class name for {names} is empty or not one line")
        atomic_write(names, "".join(f"{name}\n" for name in every))
        atomic_write(path, text)
    elif format == "palette":
        atomic_write(path, to_palette(regions, labels, image_size))
    elif format == "cvat":
        atomic_write(path, to_cvat(regions, labels, image_size, image=image))
    else:
        write = {"coco": to_coco, "fiftyone": to_fiftyone, "labelstudio": to_labelstudio}[format]
        atomic_write(
            path, json.dumps(write(regions, labels, image_size, image=image), allow_nan=False) + "\n"
        )
    return path


def read_masks(format: str, path: str | os.PathLike[str], image_size: Size | None = None) -> Labelled:
    """Labels and regions of the one picture in ``path``, in the order of the file.

    Args:
        image_size: (height, width): needed for YOLO; for the others checked against every region.

    Raises:
        InputError: unknown format, an unreadable or damaged file, regions of another size.
    """
    _check_format(format)
    name = os.fspath(path)
    if format == "palette":
        pairs = from_palette(path)
    elif format == "yolo":
        if image_size is None:
            raise InputError(f"image_size is needed to read {name}: YOLO files do not store it")
        pairs = from_yolo(
            _text(path), image_size, names=_class_names(Path(path).with_name(CLASSES)), source=name
        )
    elif format == "cvat":
        pairs = from_cvat(_text(path), source=name)
    elif format == "fiftyone":
        pairs = from_fiftyone(_json(path), folder=Path(path).parent, source=name)
    else:
        pairs = {"coco": from_coco, "labelstudio": from_labelstudio}[format](_json(path), source=name)
    for _, region in pairs:
        if image_size is not None and region.size != tuple(image_size):
            raise InputError(
                f"{name} is for a picture of {region.size[1]} x {region.size[0]} pixels, "
                f"not {image_size[1]} x {image_size[0]}"
            )
    return pairs


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise InputError(f"unknown mask format {format!r}: use one of {', '.join(FORMATS)}")


def _class_names(path: Path) -> list[str]:
    return [line.strip() for line in _text(path).splitlines() if line.strip()] if path.exists() else []


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"no such file: {os.fspath(path)}") from None
    except UnicodeDecodeError:
        raise InputError(f"{os.fspath(path)} is not a text file") from None
    except OSError as error:
        raise InputError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error


def _json(path: str | os.PathLike[str]) -> Any:
    try:
        return json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{os.fspath(path)} is not JSON: {error}") from None
