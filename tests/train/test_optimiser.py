"""The optimiser: which weights Muon takes, and that a run goes on from its state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lucida.train.optimiser import Optimiser, inner_matrices
from lucida.train.recipe import RunConfig


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(100, 64), nn.Linear(64, 96), nn.RMSNorm(96), nn.Linear(96, 8))


def loss_of(module: nn.Module) -> torch.Tensor:
    return module(torch.arange(32)).square().mean()


def run(kind: str, **values: float) -> RunConfig:
    return RunConfig(steps=10, optimiser=kind, **values)


def test_muon_takes_the_wide_inner_maps_only() -> None:
    module = network()
    assert [tuple(p.shape) for p in inner_matrices(module)] == [(96, 64)]
    module[1].weight.requires_grad_(False)
    assert inner_matrices(module) == []
    assert len(Optimiser(module, run("muon")).parts) == 1


def test_every_weight_is_in_one_part() -> None:
    for kind in ("adamw", "muon"):
        module = network()
        held = [p for part in Optimiser(module, run(kind)).parts for g in part.param_groups for p in g["params"]]
        assert sorted(map(id, held)) == sorted(map(id, module.parameters()))


def test_a_muon_step_is_as_large_as_one_of_adamw() -> None:
    module = network()
    before = module[1].weight.detach().clone()
    optimiser = Optimiser(module, run("muon", weight_decay=0.0))
    optimiser.set_rate(1e-2)
    loss_of(module).backward()
    optimiser.step()
    assert module[1].weight.grad is None
    moved = (module[1].weight.detach() - before).square().mean().sqrt()
    assert 0.1e-2 < float(moved) < 0.4e-2  # 0.2 x rate, the usual size of AdamW's


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_going_on_from_a_state_is_bit_equal(kind: str) -> None:
    ends = []
    for cut in (None, 3):
        module = network()
        optimiser = Optimiser(module, run(kind))
        for step in range(6):
            if step == cut:
                state = optimiser.state_dict()
                optimiser = Optimiser(module, run(kind))
                optimiser.load_state_dict(state)
            loss_of(module).backward()
            optimiser.step()
        ends.append(module[1].weight.detach().clone())
    assert torch.equal(*ends)


def test_a_state_of_another_kind_is_refused() -> None:
    one, other = Optimiser(network(), run("adamw")), Optimiser(network(), run("muon"))
    for a, b in ((one, other), (other, one)):
        with pytest.raises(ValueError, match=r"another run\.optimiser"):
            a.load_state_dict(b.state_dict())
