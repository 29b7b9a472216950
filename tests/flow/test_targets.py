"""Reshaped targets: the closed form, its equivalence to a cross-entropy, slopes, bounds, fixed points."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lucida.flow import targets
from lucida.flow.codes import CodeConfig, make_codes, separation
from lucida.flow.path import data_of, mix
from lucida.flow.targets import TargetConfig, correction, flow_target, potential, velocity_loss

temperatures = st.sampled_from([0.5, 1.0, 2.0])


def made(seed: int, n: int = 16, d: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    codes = make_codes(CodeConfig(classes=n, width=d)).double()
    x = torch.randn(7, d, generator=g, dtype=torch.float64)
    return x, codes, torch.randint(0, n, (7,), generator=g)


@given(st.integers(0, 10_000), temperatures, st.sampled_from([1e-4, 1e-2]))
def test_closed_form_is_the_gradient(seed: int, temperature: float, eps: float) -> None:
    x, codes, labels = made(seed)
    x.requires_grad_()
    phi = potential(x, codes, labels, temperature=temperature, eps=eps)
    (exact,) = torch.autograd.grad(phi.sum(), x)
    found = correction(x, codes, labels, temperature=temperature, eps=eps)
    assert torch.allclose(found, exact, rtol=1e-9, atol=1e-9)
    assert not found.requires_grad and bool((phi >= 0).all())


@given(st.integers(0, 10_000), st.floats(0.05, 1.0), st.sampled_from(["static", "annealed"]))
def test_gradient_equals_flow_matching_plus_cross_entropy(seed: int, level: float, kind: str) -> None:
    """‖v − ṽ‖² has the parameter gradient of FM + (2/τ)Φ (static) and of FM + 2Φ (annealed)."""
    _, codes, labels = made(seed, d=4)
    g = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    data, source = codes[labels], torch.randn(7, 4, generator=g, dtype=torch.float64)
    t = torch.full((7,), level, dtype=torch.float64)
    x = mix(data, source, t)
    config = TargetConfig(kind=kind, temperature=1.3, eps=1e-3, clip=0.0)
    v = net(x)
    target = flow_target(v, x, t, data, source, codes=codes, labels=labels, config=config)
    # float32 inside flow_target; the same in double, to compare to rounding
    push = correction(data_of(x, v.detach(), t), codes, labels, temperature=1.3, eps=1e-3)
    exact = source - data + push * (t[:, None] if kind == "annealed" else 1.0)
    assert torch.allclose(target.double(), exact, rtol=2e-3, atol=2e-3)
    edited = torch.autograd.grad((v - exact).square().sum(), list(net.parameters()), retain_graph=True)
    phi = potential(data_of(x, v, t), codes, labels, temperature=1.3, eps=1e-3).sum()
    whole = (v - (source - data)).square().sum() + (2 / level if kind == "static" else 2.0) * phi
    extra = torch.autograd.grad(whole, list(net.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-8, atol=1e-9) for a, b in zip(edited, extra, strict=True))


@pytest.mark.parametrize(("temperature", "slope"), [(0.5, 3.0), (1.0, 1.0), (2.0, 0.0)])
def test_slope_near_the_own_code(temperature: float, slope: float) -> None:
    """‖∇Φ‖ ~ r^(2/T − 1) for √eps ≪ r ≪ code distance (facts 06, 1.4b)."""
    codes = make_codes(CodeConfig(classes=16, width=3)).double()
    labels = torch.zeros(2, dtype=torch.long)
    toward = torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64)
    r = torch.tensor([0.005, 0.01], dtype=torch.float64)
    size = correction(codes[0] + r[:, None] * toward, codes, labels, temperature=temperature, eps=1e-12).norm(
        dim=1
    )
    assert math.log(float(size[1] / size[0])) / math.log(2) == pytest.approx(slope, abs=0.1)


@given(st.integers(0, 10_000), temperatures, st.sampled_from([1e-4, 1e-2]))
def test_bound_beside_a_wrong_code(seed: int, temperature: float, eps: float) -> None:
    """The push away from one wrong code is at most 1/(T·√eps); it is reached at r = √eps."""
    codes = torch.tensor([[-50.0, 0.0], [50.0, 0.0]], dtype=torch.float64)
    angle = torch.Generator().manual_seed(seed)
    toward = torch.nn.functional.normalize(torch.randn(2, generator=angle, dtype=torch.float64), dim=0)
    r = torch.logspace(-4, 0, 60, dtype=torch.float64)[:, None]
    labels = torch.zeros(60, dtype=torch.long)
    push = correction(codes[1] + r * toward, codes, labels, temperature=temperature, eps=eps).norm(dim=1)
    bound = 1 / (temperature * eps**0.5)
    assert float(push.max()) <= bound * 1.05
    at = correction((codes[1] + eps**0.5 * toward)[None], codes, labels[:1], temperature=temperature, eps=eps)
    assert float(at.norm()) == pytest.approx(bound, rel=0.05)


def test_fixed_point_is_the_own_code() -> None:
    """x̂ = μ − τ∇Φ(x̂) settles at μ_y up to O(eps), from a start inside the cell (T = 1)."""
    codes = make_codes(CodeConfig(classes=16, width=3)).double()
    labels = torch.arange(16)
    reach = 0.3 * separation(codes)[0]
    x = codes + reach / 3**0.5
    for _ in range(600):
        x = x - 1e-2 * ((x - codes) + 0.5 * correction(x, codes, labels, eps=1e-3))
    assert float((x - codes).norm(dim=1).max()) < 0.02
    assert torch.cdist(x, codes).argmin(1).equal(labels)


def test_the_push_points_from_the_wrong_code_to_the_right_one() -> None:
    codes = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    push = correction(torch.zeros(1, 2), codes, torch.tensor([1]))
    assert float(push[0, 0]) < 0 and float(push[0, 1]) == 0  # descending Φ moves right


def test_clip_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, codes, labels = made(5)
    free = correction(x, codes, labels)
    clipped = correction(x, codes, labels, clip=1.0)
    assert torch.allclose(clipped.norm(dim=1), free.norm(dim=1).clamp(max=1.0))
    assert torch.allclose(nn.functional.normalize(clipped), nn.functional.normalize(free))
    monkeypatch.setattr(targets, "CHUNK", 32)  # two rows at a time
    assert torch.allclose(correction(x, codes, labels), free, atol=1e-12)


def test_nothing_flows_through_the_target() -> None:
    v = torch.zeros(2, 3, requires_grad=True)
    codes, labels = make_codes(CodeConfig(classes=4, width=3)), torch.tensor([1, 2])
    data, source, level = codes[labels], torch.randn(2, 3), torch.rand(2)
    for kind in ("vanilla", "static", "annealed"):
        target = flow_target(v, mix(data, source, level), level, data, source, codes=codes, labels=labels,
                             config=TargetConfig(kind=kind))  # fmt: skip
        assert not target.requires_grad
    with pytest.raises(ValueError, match="needs codes and labels"):
        flow_target(v, data, level, data, source, config=TargetConfig())


def test_void_pixels_do_not_count() -> None:
    predicted, target = torch.zeros(2, 2, 2, 3), torch.ones(2, 2, 2, 3)
    valid = torch.tensor([[[True, False], [False, False]], [[False, False], [False, False]]])
    target[0, 0, 1] = 100.0
    assert velocity_loss(predicted, target, valid).tolist() == [3.0, 0.0]
    assert velocity_loss(predicted, torch.ones(2, 2, 2, 3)).tolist() == [3.0, 3.0]
