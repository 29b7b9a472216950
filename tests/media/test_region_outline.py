"""Tracing and filling are inverses, and the rings are what they claim to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from lucida.media.outline import rasterise, trace
from tests.media.shapes import AWKWARD, donut, masks, nested


def area(ring: np.ndarray) -> float:
    """Signed; positive where y grows downward and the ring runs clockwise on the screen."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


@given(masks())
def test_filling_undoes_tracing(mask: np.ndarray) -> None:
    assert (rasterise(trace(mask), mask.shape) == mask).all()


@given(masks())
def test_rings_are_closed_rectilinear_and_enclose_the_area(mask: np.ndarray) -> None:
    rings = trace(mask)
    assert sum(map(area, rings)) == mask.sum()  # clockwise outside, the other way round for holes
    for ring in rings:
        steps = np.roll(ring, -1, axis=0) - ring
        assert ((steps != 0).sum(axis=1) == 1).all(), "each edge runs along one axis"
        assert ((steps[:, 0] != 0) != (np.roll(steps[:, 0], -1) != 0)).all(), "every point is a corner"
        assert ring.min() >= 0 and (ring <= (mask.shape[1], mask.shape[0])).all()


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks(name: str) -> None:
    mask = AWKWARD[name]
    assert (rasterise(trace(mask), mask.shape) == mask).all()


def test_number_of_rings() -> None:
    assert len(trace(np.zeros((3, 3), bool))) == 0
    assert len(trace(np.ones((3, 3), bool))) == 1
    assert [area(ring) > 0 for ring in trace(donut())] == [True, False]
    assert len(trace(nested())) == 5
    assert len(trace(np.eye(4, dtype=bool))) == 4  # pixels that touch at a corner are four rings
    assert trace(np.ones((2, 3), bool))[0].tolist() == [[0, 0], [3, 0], [3, 2], [0, 2]]


def test_filling_clips_what_lies_outside() -> None:
    ring = np.array([[-5.0, -5.0], [2.0, -5.0], [2.0, 50.0], [-5.0, 50.0]])
    assert rasterise([ring], (3, 4)).tolist() == [[True, True, False, False]] * 3
    assert not rasterise([], (3, 4)).any()
    assert not rasterise([ring + 100], (3, 4)).any()


def test_an_edge_walked_both_ways_cancels() -> None:
    bridge = np.array([[0.3, 0.2], [9.7, 6.1]])
    there_and_back = np.concatenate([bridge, bridge[::-1]])
    assert not rasterise([there_and_back], (7, 10)).any()
