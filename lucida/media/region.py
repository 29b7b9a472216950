"""A region of a picture: which pixels, of how large a picture."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lucida.media import mask_file
from lucida.media.errors import InputError
from lucida.media.geometry import Box, box_from_pixels, checked_box
from lucida.media.outline import rasterise

Size = tuple[int, int]  # (height, width) in pixels, always in this order


@dataclass(frozen=True)
class Region:
    """A non-empty set of pixels, kept as a compressed COCO RLE. Equal and hashed by content.

    Make one with ``from_mask``, ``from_box``, ``from_pixel_box``, ``from_points``, ``from_polygon`` or
    ``from_rle``.

    Attributes:
        size: (height, width) of the picture it belongs to.
        counts: COCO's compressed run lengths (column-major, starting with background).
        source: file or description for messages; not part of equality.
    """

    size: Size
    counts: str
    source: str = field(default="", compare=False)

    @classmethod
    def from_mask(
        cls, mask: np.ndarray | str | os.PathLike[str] | bytes, *, size: Size | None = None, source: str = ""
    ) -> Region:
        """From an (H, W) array or a mask picture (path or bytes).

        Arrays: bool; floats in [0, 1], set above 0.5; integers in 0..255, set above 127, or all 0 and 1.
        Pictures: grey is set above 127 (above half the range when 16-bit); a coloured palette where the
            index is not 0; RGB where any channel is above 127; with transparency that is not the same
            everywhere, alpha above 127.

        Args:
            size: the (height, width) the mask must have: that of the picture it belongs to.
            source: a name for messages; a path is its own name.

        Raises:
            InputError: unreadable file, wrong size, empty mask, NaN, values out of range.
        """
        if isinstance(mask, (str, os.PathLike, bytes)):
            source = source or mask_file.source_name(mask)
            array, hint = mask_file.read_mask(mask)
        else:
            array, hint = mask_file.mask_from_array(np.asarray(mask), source or "mask")
        name = source or "mask"
        height, width = array.shape
        if size is not None and (height, width) != tuple(size):
            raise InputError(f"{name} is {width} x {height} pixels but its picture is {size[1]} x {size[0]}")
        if not array.any():
            raise InputError(f"{name} is an empty mask{hint}")
        return cls(*_encode(array), source)

    @classmethod
    def from_box(cls, box: Sequence[float], size: Size, *, source: str = "") -> Region:
        """The pixels whose centres lie in ``box`` (normalised xyxy); at least the one under its middle.

        Raises:
            InputError: a value over 1 (pixels?), outside, inverted, NaN or without area.
        """
        height, width = _checked_size(size)
        x0, y0, x1, y1 = checked_box(box, name=source or "box")
        left, right = _covered(x0 * width, x1 * width, width)
        top, bottom = _covered(y0 * height, y1 * height, height)
        return cls._from_window(left, top, right, bottom, (height, width), source)

    @classmethod
    def from_pixel_box(cls, box: Sequence[float], size: Size, *, source: str = "") -> Region:
        """Like ``from_box`` in pixels: xyxy, x1 and y1 exclusive, so the whole picture is (0, 0, W, H)."""
        return cls.from_box(
            box_from_pixels(box, _checked_size(size), name=source or "box"), size, source=source
        )

    @classmethod
    def from_points(
        cls, points: Sequence[Sequence[float]], size: Size, *, radius: float = 0.02, source: str = ""
    ) -> Region:
        """A disc around each point (normalised x, y), the union of them.

        A disc says no more than what was pointed at; a hull would claim the space between the points.

        Args:
            radius: of each disc, as a fraction of the shorter side; at least the pixel under the point is
                set.
        """
        height, width = _checked_size(size)
        array = _coordinates(points, source or "points", minimum=1)
        if not 0 <= radius <= 1:
            raise InputError(f"radius must be in 0..1 of the shorter side, got {radius:g}")
        reach = radius * min(height, width)
        mask = np.zeros((height, width), dtype=bool)
        for x, y in array * (width, height):
            top, bottom = _covered(max(y - reach, 0), min(y + reach, height), height)
            left, right = _covered(max(x - reach, 0), min(x + reach, width), width)
            rows, columns = np.ogrid[top:bottom, left:right]
            mask[top:bottom, left:right] |= (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 <= reach**2
            mask[min(int(y), height - 1), min(int(x), width - 1)] = True
        return cls(*_encode(mask), source)

    @classmethod
    def from_polygon(cls, polygon: Sequence[Any], size: Size, *, source: str = "") -> Region:
        """The pixels whose centres lie inside a ring of normalised (x, y), or several, by the even-odd rule.

        A ring inside another is a hole. Rings close themselves.

        Raises:
            InputError: fewer than three points, outside the picture, NaN, or no pixel centre inside.
        """
        size = _checked_size(size)
        name = source or "polygon"
        nested = len(polygon) > 0 and np.ndim(polygon[0]) == 2
        rings = [_coordinates(ring, name, minimum=3) for ring in (polygon if nested else [polygon])]
        mask = rasterise([ring * (size[1], size[0]) for ring in rings], size)
        if not mask.any():
            raise InputError(f"{name} holds no pixel centre of a picture of {size[1]} x {size[0]} pixels")
        return cls(*_encode(mask), source)

    @classmethod
    def from_rle(cls, rle: Mapping[str, Any], *, source: str = "") -> Region:
        """From a COCO RLE ``{"size": [h, w], "counts": str | bytes | list of run lengths}``.

        Raises:
            InputError: a field is missing or wrong, the runs do not fill the size exactly, or the mask is
                empty.
        """
        size, counts = mask_file.checked_rle(rle, source or "rle")
        if not mask_file.codec().area({"size": list(size), "counts": counts.encode()}):
            raise InputError(f"{source or 'rle'} is an empty mask")
        return cls(size, counts, source)

    @property
    def rle(self) -> dict[str, Any]:
        """``{"size": [h, w], "counts": str}``: fresh, ready for JSON and for pycocotools."""
        return {"size": list(self.size), "counts": self.counts}

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, decoded anew at each call."""
        return np.array(mask_file.codec().decode(self._coco), dtype=bool, order="C")

    @cached_property
    def box(self) -> Box:
        """Tight normalised xyxy box; x1 and y1 are exclusive edges, so a full mask gives (0, 0, 1, 1)."""
        height, width = self.size
        left, top, right, bottom = self.pixel_box
        return left / width, top / height, right / width, bottom / height

    @cached_property
    def pixel_box(self) -> tuple[int, int, int, int]:
        """Tight xyxy box in pixels; x1 and y1 exclusive."""
        left, top, width, height = (int(value) for value in mask_file.codec().toBbox(self._coco))
        return left, top, left + width, top + height

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(mask_file.codec().area(self._coco))

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Normalised (x, y) of the mean of its pixel centres; it may lie in a hole."""
        left, top, right, bottom = self.pixel_box
        part = self.mask[top:bottom, left:right]
        x = (part.sum(0) * (np.arange(left, right) + 0.5)).sum() / self.area
        y = (part.sum(1) * (np.arange(top, bottom) + 0.5)).sum() / self.area
        return float(x / self.size[1]), float(y / self.size[0])

    @cached_property
    def key(self) -> str:
        """Short stable hash of the content (16 hex digits)."""
        text = f"{self.size[0]}x{self.size[1]}:{self.counts}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def cover(self, grid_h: int, grid_w: int) -> np.ndarray:
        """(grid_h, grid_w) float32: the exact fraction of each cell's area that the region covers.

        Cells are equal parts of the picture, so a pixel on a cell border counts for both in proportion. The
        cumulative sum of a mask is linear inside a pixel: interpolating it at the cell borders is exact.
        """
        if grid_h < 1 or grid_w < 1:
            raise InputError(f"grid must be at least 1 x 1, got {grid_h} x {grid_w}")
        left, top, right, bottom = self.pixel_box
        part = self.mask[top:bottom, left:right]
        rows = _between_edges(part, np.arange(grid_h + 1) * self.size[0] / grid_h - top)  # (gh, w)
        cells = _between_edges(rows.T, np.arange(grid_w + 1) * self.size[1] / grid_w - left).T  # (gh, gw)
        cell_area = self.size[0] / grid_h * self.size[1] / grid_w
        return np.ascontiguousarray(np.clip(cells / cell_area, 0, 1), dtype=np.float32)

    def iou(self, other: Region) -> float:
        """Intersection over union with a region of the same picture size."""
        if self.size != other.size:
            raise InputError(f"regions of different picture sizes: {_by(self.size)} and {_by(other.size)}")
        return float(mask_file.codec().iou([self._coco], [other._coco], [0])[0, 0])

    def resized(self, size: Size) -> Region:
        """The region on the same picture at another (height, width).

        Enlarging repeats pixels; reducing sets the pixels that are at least half covered, and where none is,
        the best covered one, so that a region never vanishes.
        """
        height, width = _checked_size(size)
        if (height, width) == self.size:
            return self
        if height >= self.size[0] and width >= self.size[1]:
            rows = ((np.arange(height) + 0.5) * self.size[0] / height).astype(int)
            columns = ((np.arange(width) + 0.5) * self.size[1] / width).astype(int)
            return Region(*_encode(self.mask[rows][:, columns]), self.source)
        cover = self.cover(height, width)
        return Region(*_encode(cover >= min(0.5 - 1e-6, float(cover.max()))), self.source)

    def __repr__(self) -> str:
        x0, y0, x1, y1 = self.box
        return f"Region({self.area} px of {_by(self.size)}, box ({x0:.3f}, {y0:.3f}, {x1:.3f}, {y1:.3f}))"

    @property
    def _coco(self) -> dict[str, Any]:
        return {"size": list(self.size), "counts": self.counts.encode()}

    @classmethod
    def _from_window(cls, left: int, top: int, right: int, bottom: int, size: Size, source: str) -> Region:
        """A rectangle straight as run lengths: no picture-sized array."""
        height, width = size
        column, gap = bottom - top, height - (bottom - top)
        runs = [left * height + top, column]
        if gap:
            runs += [gap, column] * (right - left - 1)
        else:
            runs[1] = column * (right - left)
        rest = height * width - sum(runs)
        return cls.from_rle(
            {"size": [height, width], "counts": [*runs, rest] if rest else runs}, source=source
        )


def _encode(mask: np.ndarray) -> tuple[Size, str]:
    rle = mask_file.codec().encode(np.asfortranarray(mask, dtype=np.uint8))
    return (int(rle["size"][0]), int(rle["size"][1])), rle["counts"].decode()


def _between_edges(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(len(edges) - 1, W) float64: integral over the rows of ``values`` (H, W) between ``edges``."""
    height = values.shape[0]
    edges = np.clip(edges, 0, height)
    whole = np.minimum(edges.astype(int), height - 1)
    sums = np.cumsum(values, axis=0, dtype=np.int32 if values.dtype == bool else np.float64)
    below = np.where(whole[:, None] > 0, sums[whole - 1], 0)
    return np.diff(below + (edges - whole)[:, None] * values[whole], axis=0)


def _covered(start: float, end: float, length: int) -> tuple[int, int]:
    """Half-open range of the pixels whose centres lie in [start, end); at least the one under the middle."""
    first, last = int(np.ceil(start - 0.5)), int(np.ceil(end - 0.5))
    if first >= last:
        first = min(int((start + end) / 2), length - 1)
        last = first + 1
    return first, last


def _coordinates(points: Sequence[Sequence[float]], name: str, minimum: int) -> np.ndarray:
    """(N, 2) float64 of normalised points, checked."""
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a list of (x, y) points") from None
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < minimum:
        raise InputError(f"{name} must be at least {minimum} (x, y) points, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} contains NaN or infinity")
    if array.max() > 1 + 1e-6:
        raise InputError(
            f"{name} has a value over 1 ({array.max():g}): points are normalised, give --pixels if in pixels"
        )
    if array.min() < -1e-6:
        raise InputError(f"{name} has a value below 0 ({array.min():g}): it lies outside the picture")
    return np.clip(array, 0, 1)


def _checked_size(size: Size) -> Size:
    if len(size) != 2 or not all(isinstance(side, (int, np.integer)) and side >= 1 for side in size):
        raise InputError(f"size must be (height, width) with whole numbers of at least 1, got {size!r}")
    if size[0] * size[1] > mask_file.MAX_MASK_PIXELS:
        raise InputError(f"size {_by(size)} is more than {mask_file.MAX_MASK_PIXELS} pixels")
    return int(size[0]), int(size[1])


def _by(size: Size) -> str:
    return f"{size[1]} x {size[0]}"
