"""Masks that break things, and hypothesis strategies over them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucida.media import Region


def donut(size: int = 9) -> np.ndarray:
    mask = np.zeros((size, size + 2), dtype=bool)
    mask[1:-1, 1:-1] = True
    mask[3:-3, 3:-3] = False
    return mask


def checkerboard(height: int = 6, width: int = 7) -> np.ndarray:
    return np.indices((height, width)).sum(axis=0) % 2 == 0


def nested() -> np.ndarray:
    """A ring in the hole of a ring, touching nothing, and a pixel in the middle."""
    mask = np.zeros((13, 13), dtype=bool)
    for inset, value in ((1, True), (2, False), (4, True), (5, False), (6, True)):
        mask[inset : 13 - inset, inset : 13 - inset] = value
    return mask


def one_pixel(height: int = 5, width: int = 8, at: tuple[int, int] = (4, 7)) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[at] = True
    return mask


def border() -> np.ndarray:
    mask = np.ones((6, 9), dtype=bool)
    mask[1:-1, 1:-1] = False
    return mask


def small() -> Region:
    """Rows 1 and 2, columns 1 to 3 of a 4 x 6 picture, without the corner (1, 1)."""
    mask = np.zeros((4, 6), bool)
    mask[1:3, 1:4] = True
    mask[1, 1] = False
    return Region.from_mask(mask)


AWKWARD = {
    "full": np.ones((4, 6), dtype=bool),
    "single": np.ones((1, 1), dtype=bool),
    "one pixel in the corner": one_pixel(),
    "one pixel inside": one_pixel(at=(2, 3)),
    "donut": donut(),
    "border": border(),
    "checkerboard": checkerboard(),
    "nested": nested(),
    "one row": np.array([[1, 0, 1, 1, 0, 0, 1]], dtype=bool),
    "one column": np.array([[0], [1], [1], [0], [1]], dtype=bool),
    "diagonal": np.eye(7, dtype=bool),
    "other diagonal": np.eye(7, dtype=bool)[::-1].copy(),
    "touching the right edge": np.tile(np.arange(8) > 4, (5, 1)),
}

sizes = st.tuples(st.integers(1, 14), st.integers(1, 14))


def masks(size: tuple[int, int] | None = None) -> st.SearchStrategy[np.ndarray]:
    """(H, W) bool with at least one pixel set."""
    shape = st.just(size) if size else sizes
    return shape.flatmap(lambda each: hnp.arrays(bool, each)).filter(lambda mask: bool(mask.any()))


@st.composite
def labelled(draw: st.DrawFn, disjoint: bool = False) -> tuple[list[Region], list[str], tuple[int, int]]:
    """Up to five regions of one picture, their labels, and its size."""
    size = draw(sizes)
    count = draw(st.integers(0, 5))
    if disjoint:
        numbers = draw(hnp.arrays(np.uint8, size, elements=st.integers(0, count)))
        parts = [numbers == i + 1 for i in range(count)]
    else:
        parts = [draw(hnp.arrays(bool, size)) for _ in range(count)]
    regions = [Region.from_mask(part) for part in parts if part.any()]
    names = st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FFF, categories=["L", "N", "P"]), min_size=1
    )
    return regions, [draw(names) for _ in regions], size
