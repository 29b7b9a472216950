"""YOLO: one line of text per region, ``class x1 y1 x2 y2 ...``, relative, one polygon and no holes.

A region with holes or several parts becomes one polygon whose rings are joined by bridges of no width, walked
there and back. Filled by the even-odd rule at pixel centres (as here) it is exact; programs that also paint
the polygon's outline close each bridge by a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lucida.media.errors import InputError
from lucida.media.masks.common import Labelled, matched
from lucida.media.outline import trace
from lucida.media.region import Region, Size

_MOST_CORNERS = 20_000  # up to which bridges are made short, at a price that is quadratic


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
    """(N, 2): rings as one closed polygon with the same even-odd inside, by bridges walked there and back."""
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    corners = np.concatenate(rings)
    bridges = _short_bridges(corners, owner) if len(corners) <= _MOST_CORNERS else _star(owner)
    first = np.searchsorted(owner, np.arange(len(rings)))  # each ring's first corner
    last = np.append(first[1:], len(corners))
    path: list[int] = []
    # Walk the rings as a tree: at a corner with a bridge, walk the other ring around, come back, go on.
    stack = [(iter(range(first[0], last[0])), -1)]
    while stack:
        walk, back = stack[-1]
        here = next(walk, None)
        if here is None:
            stack.pop()
            path += [back] if back >= 0 else []
            continue
        path.append(here)
        for there in bridges.pop(here, ()):
            start, end = first[owner[there]], last[owner[there]]
            stack.append((iter([*range(there, end), *range(start, there + 1)]), here))
    return corners[path]


def _short_bridges(corners: np.ndarray, owner: np.ndarray) -> dict[int, list[int]]:
    """Corner -> corners of rings to reach from it: a tree of the rings with shortest bridges (Prim)."""
    distance = np.full(len(corners), np.inf)
    nearest = np.zeros(len(corners), dtype=int)
    bridges: dict[int, list[int]] = {}
    waiting = np.ones(len(corners), dtype=bool)
    ring = 0
    for _ in range(owner[-1]):
        mine = np.flatnonzero(owner == ring)
        waiting[mine] = False
        rest = np.flatnonzero(waiting)
        between = np.abs(corners[rest, None] - corners[None, mine]).sum(axis=-1)  # (rest, mine)
        closer = between.min(axis=1) < distance[rest]
        nearest[rest[closer]] = mine[between.argmin(axis=1)[closer]]
        distance[rest[closer]] = between.min(axis=1)[closer]
        there = int(rest[distance[rest].argmin()])
        bridges.setdefault(int(nearest[there]), []).append(there)
        ring = owner[there]
    return bridges


def _star(owner: np.ndarray) -> dict[int, list[int]]:
    """All rings reached from the very first corner."""
    return {0: np.searchsorted(owner, np.arange(1, owner[-1] + 1)).tolist()}
