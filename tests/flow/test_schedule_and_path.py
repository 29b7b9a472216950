"""Noise levels: laws, shifts, agreement of trainer and sampler; and the identities of the straight path."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.flow.path import data_of, mix, source_of, spread, velocity, velocity_of
from lucida.flow.schedule import NoiseSchedule, shift_of
from lucida.media.errors import InputError

shifts = st.floats(0.2, 8.0)


@given(shifts)
def test_shift_is_monotone_and_keeps_the_ends(shift: float) -> None:
    u = torch.linspace(0, 1, 101, dtype=torch.float64)
    schedule = NoiseSchedule(shift=shift)
    level = schedule.shifted(u)
    assert float(level[0]) == 0.0 and abs(float(level[-1]) - 1) < 1e-12
    assert bool((level.diff() > 0).all())
    assert torch.allclose(schedule.unshifted(level), u, atol=1e-12)


@given(shifts)
def test_sampler_visits_what_training_drew(shift: float) -> None:
    """For s below, at and above 1: the sampler's grid is the trainer's quantiles (facts 07, P3)."""
    schedule = NoiseSchedule(shift=shift)
    grid = schedule.grid(20)
    assert torch.allclose(grid.flip(0), schedule.level(torch.linspace(0, 1, 21)), atol=1e-6)
    assert float(grid[0]) == 1.0 and float(grid[-1]) == 0.0


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0, 8**0.5])
def test_mean_level(shift: float) -> None:
    schedule = NoiseSchedule(shift=shift)
    drawn = schedule.sample(20_000, torch.Generator().manual_seed(0), stratified=True)
    assert abs(float(drawn.mean()) - schedule.mean_level) < 1e-3
    if shift > 2:
        assert abs(schedule.mean_level - 0.667) < 1e-3  # facts 07, §1.3


def test_logit_normal() -> None:
    schedule = NoiseSchedule(base="logit_normal", mean=0.3, std=0.8)
    drawn = schedule.sample(20_000, torch.Generator().manual_seed(1))
    logit = torch.logit(drawn)
    assert abs(float(logit.mean()) - 0.3) < 0.02 and abs(float(logit.std()) - 0.8) < 0.02
    assert abs(schedule.mean_level - float(drawn.mean())) < 0.01
    edges = schedule.level(torch.tensor([0.0, 1.0]))
    assert bool(edges.isfinite().all()) and 0 < float(edges[0]) < 0.05 < 0.95 < float(edges[1]) < 1


def test_stratified_draws_fill_every_slice_and_repeat_by_seed() -> None:
    schedule = NoiseSchedule()
    drawn = schedule.sample(50, torch.Generator().manual_seed(3), stratified=True)
    assert sorted((drawn * 50).long().tolist()) == list(range(50))
    assert torch.equal(drawn, schedule.sample(50, torch.Generator().manual_seed(3), stratified=True))


def test_shift_rules_by_hand() -> None:
    """RecTok: 256 tokens of 16, 32, 64, 128 channels; LoomVideo's three published sizes."""
    assert [round(shift_of("root", tokens=256, channels=c), 2) for c in (16, 32, 64, 128)] == [
        1,
        1.41,
        2,
        2.83,
    ]
    loom = [(576, 0.65, 3.06), (400, 0.5, 2.32), (9750, 0.5, 4.63)]
    assert all(abs(shift_of("log", tokens=n, slope=a) - s) < 0.01 for n, a, s in loom)
    assert shift_of("log", tokens=16) == 1.0 and shift_of("log", tokens=2**40) == 8.0
    assert shift_of("none", tokens=9) == 1.0


def test_bad_schedules() -> None:
    with pytest.raises(InputError, match="shift must be above 0"):
        NoiseSchedule(shift=0.0)
    with pytest.raises(InputError, match="steps must be at least 1"):
        NoiseSchedule().grid(0)
    with pytest.raises(InputError, match="tokens 0"):
        shift_of("root", tokens=0)


@given(st.integers(0, 10_000), st.floats(0.01, 1.0))
def test_path_identities(seed: int, level: float) -> None:
    g = torch.Generator().manual_seed(seed)
    data, source = (
        torch.randn(2, 3, 5, generator=g, dtype=torch.float64),
        torch.randn(3, 5, generator=g).double(),
    )
    data = data[0]
    t = torch.full((3,), level, dtype=torch.float64)
    x, v = mix(data, source, t), velocity(data, source)
    assert torch.allclose(data_of(x, v, t), data, atol=1e-12)
    assert torch.allclose(source_of(x, v, t), source, atol=1e-12)
    assert torch.allclose(velocity_of(x, data, t, floor=0.0), v, atol=1e-9)
    later = mix(data, source, t / 2)
    assert torch.allclose(x - t[:, None] / 2 * v, later, atol=1e-12)  # Euler is exact on a straight path


def test_ends_are_exact_and_levels_may_be_per_token() -> None:
    data, source = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    assert torch.equal(mix(data, source, torch.zeros(2)), data)
    assert torch.equal(mix(data, source, torch.ones(2)), source)
    level = torch.rand(2, 4)
    assert torch.allclose(
        mix(data, source, level)[1, 2], mix(data[1, 2], source[1, 2], level[1, 2].expand(3))
    )
    with pytest.raises(ValueError, match="not a leading part"):
        spread(torch.rand(3), data)


def test_floor_bounds_the_velocity_of_a_data_prediction() -> None:
    x, data = torch.ones(1, 2), torch.zeros(1, 2)
    assert math.isclose(float(velocity_of(x, data, torch.tensor([0.001]))[0, 0]), 20.0, rel_tol=1e-6)
