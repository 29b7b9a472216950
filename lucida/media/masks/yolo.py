"""YOLO: one line of text per region, ``class x1 y1 x2 y2 ...``, relative, one polygon and no holes.

A region with holes or several parts becomes one polygon whose rings are joined by bridges of no width, walked
there and back. Filled by the even-odd rule at pixel centres (as here) it is exact; programs that also paint
the polygon's outline close each bridge by a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lucida.media.errors import InputError
from lucida.media.masks.common import Labelled, matched
from lucida.media.outline import trace
from lucida.media.region import Region, Size

_NEAREST = 256  # rings up to which bridges are made short; more are joined in the order found


def to_yolo(
    regions: Sequence[Region],
    labels: Sequence[str],
    image_size: Size | None = None,
    *,
    names: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """The text of a label file, and the class names whose positions it uses.

    Args:
        names: known names, kept in place; labels that are not among them are appended.
    """
    pairs, (height, width) = matched(regions, labels, image_size)
    every = list(dict.fromkeys([*names, *(label for label, _ in pairs)]))
    number = {name: i for i, name in enumerate(every)}
    lines = []
    for label, region in pairs:
        polygon = joined(trace(region.mask)) / (width, height)
        lines.append(f"{number[label]} " + " ".join(f"{value:.7g}" for value in polygon.ravel()))
    return "".join(line + "\n" for line in lines), every


def from_yolo(text: str, image_size: Size, *, names: Sequence[str] = (), source: str = "yolo") -> Labelled:
    """Labels and regions of a label file: polygons, or boxes (``class cx cy w h``); blank lines are skipped.

    Args:
        names: class names by number; without any, the label is the number itself.

    Raises:
        InputError: naming the line: not numbers, a wrong number of them, outside the picture, an unknown
            class.
    """
    result: Labelled = []
    for i, line in enumerate(text.splitlines()):
        words, where = line.split(), f"{source}: line {i + 1}"
        if not words:
            continue
        try:
            number, values = int(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            raise InputError(f"{where} must be a class number and coordinates, got {line[:40]!r}") from None
        if number < 0 or (names and number >= len(names)):
            raise InputError(f"{where}: class {number} is not among the {len(names)} names")
        if len(values) == 4:
            x, y, width, height = values
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            region = Region.from_box(box, image_size, source=where)
        elif len(values) >= 6 and len(values) % 2 == 0:
            region = Region.from_polygon(
                list(zip(values[::2], values[1::2], strict=True)), image_size, source=where
            )
        else:
            raise InputError(f"{where}: {len(values)} coordinates are neither a box nor a polygon")
        result.append((names[number] if names else str(number), region))
    return result


def joined(rings: Sequence[np.ndarray]) -> np.ndarray:
    """(N, 2): rings as one closed polygon with the same even-odd inside, by bridges walked there and back.

    Each next ring is joined where its nearest corner is near a corner of those already joined.
    """
    path = np.asarray(rings[0])
    waiting = [np.asarray(ring) for ring in rings[1:]]
    while waiting:
        which, here, there = _nearest(path, waiting) if len(rings) <= _NEAREST else (0, len(path) - 1, 0)
        ring = waiting.pop(which)
        detour = np.concatenate([ring[there:], ring[: there + 1], path[here : here + 1]])
        path = np.concatenate([path[: here + 1], detour, path[here + 1 :]])
    return path


def _nearest(path: np.ndarray, rings: Sequence[np.ndarray]) -> tuple[int, int, int]:
    """The ring with the corner nearest to ``path``, the corner of the path, the corner of the ring."""
    best = (math.inf, 0, 0, 0)
    for i, ring in enumerate(rings):
        distance = np.abs(path[:, None] - ring[None]).sum(axis=-1)  # (len(path), len(ring))
        here, there = np.unravel_index(int(distance.argmin()), distance.shape)
        best = min(best, (float(distance[here, there]), i, int(here), int(there)))
    return best[1:]
