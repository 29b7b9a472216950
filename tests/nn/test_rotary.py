"""Rotary positions: only differences count, nothing is stretched."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.nn.rotary import rotate, rotations

POSITIONS = st.integers(-2000, 2000)


def turned(x: torch.Tensor, position: float, theta: float = 10_000.0) -> torch.Tensor:
    """(K,) at one position, in float64."""
    where = torch.tensor([position], dtype=torch.float64)
    return rotate(x.double().view(1, 1, -1), rotations(where, x.shape[0], theta))[0, 0]


@given(POSITIONS, POSITIONS, st.integers(-500, 500), st.sampled_from([2, 4, 16, 64]), st.integers(0, 99))
def test_scores_depend_on_the_distance(m: int, n: int, shift: int, width: int, seed: int) -> None:
    """<R(m) q, R(n) k> = <R(m + s) q, R(n + s) k>, in float64."""
    g = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, width, generator=g, dtype=torch.float64)
    here = turned(q, m) @ turned(k, n)
    there = turned(q, m + shift) @ turned(k, n + shift)
    assert float(here - there) == pytest.approx(0, abs=1e-9 * width)
    assert float(turned(q, m).norm()) == pytest.approx(float(q.norm()), rel=1e-12)


def test_by_hand() -> None:
    """Width 4: pairs (0, 2) and (1, 3) turn by p and p / 100."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    found = turned(x, 3.0)
    for i, angle in enumerate((3.0, 0.03)):
        low, high = x[i].item(), x[i + 2].item()
        assert found[i].item() == pytest.approx(low * math.cos(angle) - high * math.sin(angle))
        assert found[i + 2].item() == pytest.approx(high * math.cos(angle) + low * math.sin(angle))
    assert torch.equal(turned(x, 0.0), x.double())


def test_shapes_and_types() -> None:
    rotation = rotations(torch.zeros(2, 3, 5, dtype=torch.long), 8)
    assert rotation.shape == (2, 2, 3, 1, 5, 4) and rotation.dtype == torch.float32
    assert rotations(torch.zeros(5, dtype=torch.float64), 8).dtype == torch.float64
    assert rotate(torch.ones(2, 3, 4, 5, 8, dtype=torch.bfloat16), rotation).dtype == torch.bfloat16
    with pytest.raises(ValueError, match="even head width, got 7"):
        rotations(torch.zeros(1), 7)
