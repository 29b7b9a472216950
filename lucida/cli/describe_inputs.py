"""What ``lucida describe`` is given: pictures by path, folder or pattern, and regions in four spellings."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.describe_annotations import as_coco
from lucida.media.errors import InputError
from lucida.media.geometry import Box, checked_box

if TYPE_CHECKING:
    from lucida.media.image import Image
    from lucida.media.region import Region

SUFFIXES = frozenset(
    ".avif .bmp .dib .gif .ico .jfif .jp2 .jpe .jpeg .jpg .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .sgi .tif .tiff .webp"
    .split()
)  # fmt: skip


def expand(items: Sequence[str]) -> list[str]:
    """Paths of pictures, each once, in the order given; folders (not their subfolders) and patterns sorted.

    In a folder only files with the suffix of a picture count; what is named or matched is taken as it is.

    Raises:
        InputError: nothing given, no such file, an empty folder, a pattern without a match.
    """
    if not items:
        raise InputError("want a picture, a folder or a pattern (see: lucida describe --help)")
    found: dict[str, str] = {}
    for item in items:
        for path in _paths(item):
            found.setdefault(os.path.normpath(path), path)
    return list(found.values())


def _paths(item: str) -> list[str]:
    path = Path(item)
    if path.is_dir():
        inside = sorted(
            p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
        )
        if not inside:
            raise InputError(f"folder {item}: no pictures in it")
        return [os.fspath(p) for p in inside if not p.is_dir()]
    if path.exists() or not glob.has_magic(item):
        if not path.exists():
            raise InputError(f"no such file: {item}")
        return [item]
    matches = sorted(p for p in glob.glob(item, recursive=True) if not Path(p).is_dir())
    if not matches:
        raise InputError(f"nothing matches {item}")
    return matches


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The regions asked for: masks, then boxes, then the annotations of a COCO file.

    Attributes:
        masks: files of mask pictures. boxes: as typed. pixels: the boxes are in pixels. coco: an annotation file.
    """

    masks: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()
    pixels: bool = False
    coco: str | None = None

    @property
    def given(self) -> bool:
        """Whether any regions are asked for; else they are found automatically."""
        return bool(self.masks or self.boxes or self.coco)

    def check(self, pictures: int) -> None:
        """Everything that can be checked without a picture.

        Raises:
            InputError: a box is no box, a file is missing, masks for several pictures, ``--pixels`` alone.
        """
        if self.pixels and not self.boxes:
            raise InputError("--pixels says what unit --boxes has, but there are no --boxes")
        if self.masks and pictures > 1:
            raise InputError(f"--masks belong to one picture, but there are {pictures}; use --coco for many")
        for mask in self.masks:
            if not Path(mask).exists():
                raise InputError(f"no such mask file: {mask}")
        for number, box in self._numbered_boxes():
            if not self.pixels:
                checked_box(box, name=f"--boxes {number}")
        if self.coco is not None:
            _ = self._annotations

    def regions(self, image: Image, path: str) -> tuple[list[Region], list[str]]:
        """The regions for one picture, of its original size, and a label for each ("" where it has none).

        Raises:
            InputError: an unreadable, empty or wrong-sized mask, a box outside, a picture without annotations.
        """
        from lucida.media.region import Region

        size = image.original_size
        regions = [Region.from_mask(mask, size=size) for mask in self.masks]
        make = Region.from_pixel_box if self.pixels else Region.from_box
        regions += [make(box, size, source=f"--boxes {number}") for number, box in self._numbered_boxes()]
        labels = [""] * len(regions)
        if self.coco is not None:
            for label, region in self._of_picture(path, size):
                regions.append(region)
                labels.append(label)
        return regions, labels

    def stamp(self) -> list[object]:
        """What the regions depend on, for telling whether a picture was described with the same ones."""
        files = [*self.masks, *([self.coco] if self.coco else [])]
        return [*map(file_stamp, files), *self.boxes, self.pixels]

    def _numbered_boxes(self) -> Iterable[tuple[int, Box]]:
        for number, text in enumerate(self.boxes, start=1):
            parts = text.replace(",", " ").split()
            try:
                values = [float(part) for part in parts]
            except ValueError:
                values = []
            if len(values) != 4:
                raise InputError(f"--boxes {number}: want four numbers x0,y0,x1,y1, got {text!r}")
            yield number, (values[0], values[1], values[2], values[3])

    @cached_property
    def _annotations(self) -> dict[str, Any]:
        """The COCO document, its annotations by picture id under ``by_picture``."""
        from lucida.media.masks.common import field

        source = self.coco or ""
        data = as_coco(_read_json(source), source)
        entries = field(data, "images", list, source)
        for number, entry in enumerate(entries):
            field(entry, "id", (int, str), f"{source}: images[{number}]")
            field(entry, "file_name", str, f"{source}: images[{number}]")
        by_picture: dict[int | str, list[Any]] = {}
        for number, annotation in enumerate(field(data, "annotations", list, source)):
            owner = field(annotation, "image_id", (int, str), f"{source}: annotations[{number}]")
            by_picture.setdefault(owner, []).append(annotation)
        return {"images": entries, "categories": data.get("categories", []), "by_picture": by_picture}

    def _of_picture(self, path: str, size: tuple[int, int]) -> list[tuple[str, Region]]:
        from lucida.media.masks.coco import from_coco

        data = self._annotations
        entry = _entry_of(data["images"], path, str(self.coco))
        mine = data["by_picture"].get(entry["id"], [])
        if not mine:
            raise InputError(f"{self.coco} has no annotations for {path}")
        found = from_coco(
            {"images": [entry], "annotations": mine, "categories": data["categories"]},
            source=f"{self.coco}: picture {entry['file_name']}",
        )
        for _, region in found:
            if region.size != size:
                raise InputError(
                    f"{self.coco} is for a {path} of {region.size[1]} x {region.size[0]} pixels, "
                    f"but it has {size[1]} x {size[0]}"
                )
        return found


def file_stamp(path: str) -> list[object]:
    """Name, length and time of a file: another stamp means that it may have changed."""
    try:
        facts = os.stat(path)
    except OSError:
        return [path]
    return [path, facts.st_size, facts.st_mtime_ns]


def _entry_of(entries: Sequence[dict[str, Any]], path: str, source: str) -> dict[str, Any]:
    """The entry whose file name agrees with the end of ``path`` in the most parts, at least in the name itself."""
    parts = Path(path).absolute().parts
    named = [entry for entry in entries if Path(entry["file_name"]).name == parts[-1]]
    if not named:  # published pictures are often in another format than the annotations say
        parts = Path(path).absolute().with_suffix("").parts

    def agreement(entry: dict[str, Any]) -> int:
        name = Path(entry["file_name"])
        theirs = name.parts if named else name.with_suffix("").parts
        pairs = zip(reversed(parts), reversed(theirs), strict=False)
        count = 0
        for mine, other in pairs:
            if mine != other:
                break
            count += 1
        return count

    scores = [agreement(entry) for entry in entries]
    best = max(scores, default=0)
    if best == 0:
        raise InputError(f"{source} has no picture named {Path(path).name}")
    chosen = [entry for entry, score in zip(entries, scores, strict=True) if score == best]
    if len(chosen) > 1:
        raise InputError(f"{source} has {len(chosen)} pictures named {chosen[0]['file_name']}")
    return chosen[0]


def _read_json(path: str) -> Any:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    return data
