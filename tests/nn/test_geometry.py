"""Fourier features of boxes, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.nn.geometry import BoxEmbedding, fourier_box


def test_by_hand() -> None:
    """Box (0, .25, .5, .75): centre (.25, .5), size (.5, .5); on [-1, 1]: -.5, 0, 0, 0; octaves pi and 2 pi."""
    found = fourier_box(torch.tensor([0.0, 0.25, 0.5, 0.75]), 2).view(4, 5)
    assert found[0].tolist() == pytest.approx([-0.5, -1, 0, 0, -1], abs=1e-6)
    for row in found[1:]:
        assert row.tolist() == pytest.approx([0, 0, 0, 1, 1], abs=1e-6)
    whole = fourier_box(torch.tensor([0.0, 0.0, 1.0, 1.0]), 1).view(4, 3)
    for row, expected in zip(whole.tolist(), [[0, 0, 1]] * 2 + [[1, 0, -1]] * 2, strict=True):
        assert row == pytest.approx(expected, abs=1e-6)


@given(st.tuples(*[st.floats(0, 1)] * 4), st.integers(0, 6))
def test_formula(box: tuple[float, ...], octaves: int) -> None:
    x0, y0, x1, y1 = box
    expected = []
    for value in (x0 + x1 - 1, y0 + y1 - 1, 2 * (x1 - x0) - 1, 2 * (y1 - y0) - 1):
        angles = [math.pi * 2**k * value for k in range(octaves)]
        expected += [value, *map(math.sin, angles), *map(math.cos, angles)]
    found = fourier_box(torch.tensor(box, dtype=torch.float64), octaves)
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


def test_places_a_64th_apart_differ() -> None:
    """Grid cells of a 64 x 64 grid are told apart well above rounding; translations keep the size's features."""
    edge = torch.arange(63) / 64
    boxes = torch.stack((edge, edge, edge + 1 / 64, edge + 1 / 64), dim=-1)
    found = fourier_box(boxes, 6)
    assert float(torch.cdist(found, found).fill_diagonal_(9).min()) > 1
    assert torch.allclose(found[:, 26:], found[:1, 26:], atol=1e-4)


def test_embedding() -> None:
    torch.manual_seed(0)
    module = BoxEmbedding(8, octaves=3)
    boxes = torch.rand(2, 3, 4)
    assert torch.allclose(module(boxes), fourier_box(boxes, 3) @ module.project.weight.T)
    assert module(boxes[0, 0]).shape == (8,) and module.project.bias is None
