"""Sampling: a known mixture comes out with its weights and moments; passes are counted; events tell the story."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lucida.flow.guidance import Guided, auto, cascaded, classifier_free, unguided
from lucida.flow.schedule import NoiseSchedule
from lucida.flow.solvers import StepEvent, solve
from lucida.media.errors import InputError
from tests.flow.mixture import four


@pytest.mark.parametrize(
    ("method", "steps", "shift"), [("euler", 80, 1.0), ("euler", 80, 2.0), ("heun", 30, 1.0)]
)
def test_known_mixture(method, steps: int, shift: float) -> None:
    """Weights within 4 standard errors, means and spread of each blob."""
    mixture, g = four(), torch.Generator().manual_seed(0)
    count = 4000
    noise = torch.randn(count, 2, generator=g, dtype=torch.float64)
    out = solve(mixture.field, noise, NoiseSchedule(shift=shift).grid(steps), method=method).x
    blob = torch.cdist(out, mixture.means).argmin(1)
    share = torch.bincount(blob, minlength=4) / count
    error = (mixture.weights * (1 - mixture.weights) / count).sqrt()
    assert bool(((share - mixture.weights).abs() < 4 * error).all()), share
    for k in range(4):
        own = out[blob == k]
        assert torch.allclose(own.mean(0), mixture.means[k], atol=0.04)
        assert float(own.std(0).mean()) == pytest.approx(mixture.std, rel=0.12)


def test_closed_form_field_is_the_conditional_mean() -> None:
    """v(x, τ) = E[source − data | x_τ = x], against a weighted average over drawn pairs."""
    mixture, g = four(), torch.Generator().manual_seed(1)
    data = mixture.draw(400_000, g)
    source = torch.randn(400_000, 2, generator=g, dtype=torch.float64)
    at, level = torch.tensor([[0.3, 0.4]], dtype=torch.float64), 0.6
    x = 0.4 * data + 0.6 * source
    near = (x - at).square().sum(1) < 0.05**2
    exact = mixture.field(at, torch.tensor([level], dtype=torch.float64))
    assert torch.allclose((source - data)[near].mean(0), exact[0], atol=0.15)


def test_heun_is_of_second_order() -> None:
    mixture, g = four(), torch.Generator().manual_seed(2)
    noise = torch.randn(200, 2, generator=g, dtype=torch.float64)
    grid = torch.linspace(1.0, 0.3, 801)
    truth = solve(mixture.field, noise, grid, method="heun").x

    def error(method, steps: int) -> float:
        return float(
            (solve(mixture.field, noise, torch.linspace(1.0, 0.3, steps + 1), method=method).x - truth)
            .abs()
            .mean()
        )

    assert 1.6 < error("euler", 50) / error("euler", 100) < 2.6
    assert 3.0 < error("heun", 50) / error("heun", 100) < 5.5


def test_a_straight_path_needs_one_step() -> None:
    data, source = torch.randn(3, 5), torch.randn(3, 5)
    solved = solve(lambda x, level: source - data, source, NoiseSchedule().grid(1))
    assert torch.allclose(solved.x, data, atol=1e-6) and solved.passes == 1


def test_events_and_passes() -> None:
    calls: list[float] = []
    data = torch.zeros(2, 3)

    def field(x: Tensor, level: Tensor) -> Tensor:
        calls.append(float(level[0]))
        return (x - data) / level[:, None]

    events: list[StepEvent] = []
    grid = NoiseSchedule(shift=3.0).grid(4)
    solved = solve(field, torch.ones(2, 3), grid, on_event=events.append)
    assert calls == [float(t) for t in grid[:-1]] and solved.passes == len(calls) == 4
    assert [(e.step, e.steps, e.passes) for e in events] == [(n, 4, n) for n in (1, 2, 3, 4)]
    assert all(torch.allclose(e.data, data, atol=1e-6) for e in events)
    assert torch.equal(events[-1].x, solved.x) and events[-1].next_level == 0
    calls.clear()
    assert solve(field, torch.ones(2, 3), grid, method="heun").passes == len(calls) == 7
    assert min(calls) > 0  # no call at a state without noise


def test_guidance_by_hand() -> None:
    def constant(value: float):
        return lambda x, level: torch.full_like(x, value)

    x, level = torch.zeros(2, 3), torch.full((2,), 0.5)
    assert float(classifier_free(constant(3), constant(1), 2.0)(x, level)[0, 0]) == 5
    assert float(auto(constant(3), constant(1), 1.5)(x, level)[0, 0]) == 4
    loom = cascaded(constant(4), constant(2), constant(1), visual_scale=1.5, text_scale=2.5)
    assert loom.weights(0.5) == (-0.5, -1.0, 2.5)
    assert float(loom(x, level)[0, 0]) == 1 + 1.5 * (2 - 1) + 2.5 * (4 - 2)
    assert float(unguided(constant(3))(x, level)[0, 0]) == 3


def test_needless_passes_are_not_made() -> None:
    def never(x: Tensor, level: Tensor) -> Tensor:
        raise AssertionError("evaluated in vain")

    def one(x: Tensor, level: Tensor) -> Tensor:
        return torch.ones_like(x)

    plain = classifier_free(one, never, 1.0)
    window = classifier_free(one, never, 3.0, interval=(0.2, 0.4))
    x, level = torch.zeros(1, 2), torch.tensor([0.5])
    assert plain.passes(0.5) == window.passes(0.5) == 1 and window.passes(0.3) == 2
    assert torch.equal(plain(x, level), window(x, level))
    assert solve(classifier_free(one, one, 3.0), x, NoiseSchedule().grid(5)).passes == 10


def test_bad_input() -> None:
    with pytest.raises(InputError, match="one scale fewer"):
        Guided((lambda x, t: x,), (1.0,))
    with pytest.raises(InputError, match="falling levels"):
        solve(lambda x, t: x, torch.zeros(1, 1), torch.tensor([0.0, 1.0]))
