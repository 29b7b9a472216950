"""Squares of a picture: they cover it, blend to what is the same everywhere, and enlarge without mixing."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.systems.segment.tiles import OVERLAP, Blend, enlarged, starts, window, working_size


def test_the_short_side_is_resized() -> None:
    assert working_size((480, 640), 192, 2) == (192, 256)
    assert working_size((1000, 500), 192, 2) == (384, 192)
    assert working_size((10, 10), 192, 2) == (192, 192)
    assert working_size((100, 101), 192, 4) == (192, 192)
    with pytest.raises(InputError, match="1700x100 is too long"):
        working_size((100, 1700), 192, 2)


@given(st.integers(192, 3072), st.sampled_from([1, 2, 4]))
def test_squares_cover_the_axis_with_overlap(length: int, stride: int) -> None:
    length = length // stride * stride
    found = starts(length, 192, stride)
    assert found[0] == 0 and found[-1] == length - 192 and all(s % stride == 0 for s in found)
    steps = [b - a for a, b in pairwise(found)]
    assert all(0 < step <= 192 * (1 - OVERLAP) + stride for step in steps)


def test_blending_equal_squares_gives_them_back() -> None:
    blend = Blend((8, 14), 3, 8)
    whole = torch.rand(8, 14, 3)
    for left in (0, 3, 6):
        blend.add(0, left, whole[:, left : left + 8])
    assert torch.allclose(blend.mean(), whole, atol=1e-6)
    assert window(8).min() > 0 and window(8).argmax() in (27, 28, 35, 36)


@pytest.mark.parametrize("budget", [1 << 25, 40])
def test_enlarging_agrees_with_the_library_row_by_row(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucida.systems.segment.tiles._BUDGET", budget)
    values = torch.rand(5, 7, 3)
    parts = list(enlarged(values, (13, 11)))
    found = torch.cat([part for _, part in parts])
    wanted = torch.nn.functional.interpolate(values.movedim(-1, 0)[None], (13, 11), mode="bilinear")[
        0
    ].movedim(0, -1)
    assert torch.allclose(found, wanted, atol=1e-6)
    assert [rows.start for rows, _ in parts] == sorted({rows.start for rows, _ in parts})
