"""Connected components: against flood filling, of one mask and of the frames of a film at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucida.media.components import components, label_mask

SIDES = [(0, 1), (1, 0), (0, -1), (-1, 0)]
CORNERS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


def flooded(mask: np.ndarray, diagonal: bool) -> tuple[np.ndarray, int]:
    """Parts of a mask by flood filling, pixel by pixel."""
    labels, parts = np.full(mask.shape, -1), 0
    for seed in zip(*np.nonzero(mask), strict=True):
        if labels[seed] >= 0:
            continue
        stack, labels[seed] = [seed], parts
        while stack:
            y, x = stack.pop()
            for dy, dx in SIDES + CORNERS * diagonal:
                at = (y + dy, x + dx)
                if 0 <= at[0] < mask.shape[0] and 0 <= at[1] < mask.shape[1] and mask[at] and labels[at] < 0:
                    labels[at] = parts
                    stack.append(at)
        parts += 1
    return labels, parts


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), st.booleans())
def test_parts_are_those_of_flood_filling(mask: np.ndarray, diagonal: bool) -> None:
    labels, parts = label_mask(mask, diagonal=diagonal)
    expected, number = flooded(mask, diagonal)
    assert parts == number
    np.testing.assert_array_equal(labels, expected)


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)), st.booleans())
def test_frames_are_labelled_as_if_each_came_alone(masks: np.ndarray, diagonal: bool) -> None:
    labels, parts = label_mask(masks, diagonal=diagonal)
    before = 0
    for mask, names in zip(masks, labels, strict=True):
        alone, number = label_mask(mask, diagonal=diagonal)
        np.testing.assert_array_equal(names, np.where(mask, alone + before, -1))
        before += number
    assert parts == before


def test_components_of_a_long_path() -> None:
    shuffled = np.random.default_rng(0).permutation(1000)
    names = components(1001, shuffled[:-1], shuffled[1:])
    assert names.tolist() == [0] * 1000 + [1]
