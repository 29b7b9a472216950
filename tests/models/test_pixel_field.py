"""The pixel neural field: one look for many steps, places that generalise, the twin, and one batch learned by heart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from lucida.flow.codes import CodeConfig, decode_codes, encode_labels, make_codes
from lucida.flow.path import mix
from lucida.flow.schedule import NoiseSchedule
from lucida.flow.solvers import solve
from lucida.flow.targets import TargetConfig, flow_target, velocity_loss
from lucida.models.pixel_field import PixelField, PixelFieldConfig, cosine_basis

SMALL = PixelFieldConfig(
    state=3, outputs=3, patch=4, width=32, layers=2, heads=2, hidden=64, pixel=8, waves=4, detail=4
)


def picture(count: int = 2, side: int = 16) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("head_layers", [0, 1])
def test_the_trunk_runs_once(head_layers: int) -> None:
    torch.manual_seed(0)
    net = PixelField(replace(SMALL, head_layers=head_layers))
    seen, image = net.look(picture()), picture()
    calls = []
    net.trunk[0].register_forward_hook(lambda *_: calls.append(1))
    for level in (1.0, 0.5):
        x, t = torch.randn(2, 16, 16, 3), torch.full((2,), level)
        assert torch.allclose(net.velocity(seen, x, t), net(image, x, t), atol=1e-5)
    assert len(calls) == 2  # only by the whole network
    x, t = torch.randn(4, 16, 16, 3), torch.rand(4)
    many = net.velocity(seen.repeat(2), x, t)
    assert torch.allclose(many[2:], net(image[1:].expand(2, -1, -1, -1), x[2:], t[2:]), atol=1e-5)


def test_state_and_level_are_heard_and_stay_where_they_belong() -> None:
    """Without head layers a pixel's state reaches its own velocity only; with them, other patches too."""
    torch.manual_seed(1)
    x, other = torch.randn(1, 16, 16, 3), torch.randn(1, 16, 16, 3)
    changed = x.clone()
    changed[0, 5, 6] = other[0, 5, 6]
    t = torch.tensor([0.5])
    for head_layers in (0, 1):
        net = PixelField(replace(SMALL, head_layers=head_layers))
        seen = net.look(picture(1))
        moved = (net.velocity(seen, x, t) - net.velocity(seen, changed, t)).abs().sum(-1)[0] > 1e-7
        assert bool(moved[5, 6])
        assert int(moved.sum()) == 1 if head_layers == 0 else int(moved.sum()) > 16
        assert not torch.allclose(net.velocity(seen, x, t), net.velocity(seen, x, t / 4))


def test_data_prediction_is_a_velocity_towards_the_output() -> None:
    """x̂ is the head's output whatever the state's scale, and the smallest levels do not blow up."""
    torch.manual_seed(2)
    plain, data = (PixelField(replace(SMALL, prediction=kind)) for kind in ("velocity", "data"))
    data.load_state_dict(plain.state_dict())
    x, t, seen = torch.randn(2, 16, 16, 3), torch.tensor([0.8, 0.1]), plain.look(picture())
    out, v = plain.velocity(seen, x, t), data.velocity(seen, x, t)
    assert torch.allclose(x - t[:, None, None, None] * v, out, atol=1e-5)
    least = data.velocity(seen, x, torch.zeros(2))
    assert torch.allclose(least, (x - plain.velocity(seen, x, torch.zeros(2))) / 0.05, atol=1e-4)


def test_pixels_come_out_where_they_went_in() -> None:
    """Any size that patches divide; a picture's top half alone depends on the other half only through the trunk."""
    torch.manual_seed(0)
    net = PixelField(SMALL)
    assert net(picture(1, 24)[:, :, :8], torch.zeros(1, 8, 24, 3), torch.zeros(1)).shape == (1, 8, 24, 3)
    with pytest.raises(ValueError, match="not multiples of the patch"):
        net.look(torch.zeros(1, 3, 18, 16))


def test_cosine_basis() -> None:
    basis = cosine_basis(8, 8)
    assert basis.shape == (64, 64) and torch.allclose(basis[:, 0], torch.ones(64))
    scale = 1 + torch.arange(8)[:, None] * torch.arange(8)[None]
    gram = (basis * scale.flatten()).T @ (basis * scale.flatten())
    assert torch.allclose(gram, gram.diag().diag(), atol=1e-4)  # a whole orthogonal basis of the patch


def test_features_must_be_as_configured() -> None:
    net = PixelField(replace(SMALL, features=5))
    assert net.look(picture(), torch.zeros(2, 5, 4, 4)).tokens.shape == (2, 16, 32)
    with pytest.raises(ValueError, match="features must be given"):
        net.look(picture())
    with pytest.raises(ValueError, match="state must be given"):
        PixelField(SMALL).twin(picture())


def quarters() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures of four flat quarters each, and their classes."""
    labels = torch.tensor([[0, 1], [2, 3]]).repeat_interleave(8, 0).repeat_interleave(8, 1)
    labels = torch.stack((labels, labels.flip(0)))
    colours = torch.tensor([[-1.0, 0, 1], [1, 1, -1], [0, -1, 0.5], [0.7, 0.2, 0.1]])
    return colours[labels].permute(0, 3, 1, 2), labels


@pytest.mark.parametrize("kind", ["vanilla", "static"])
def test_one_batch_is_learned_by_heart(kind: str) -> None:
    torch.manual_seed(0)
    image, labels = quarters()
    codes = make_codes(CodeConfig(classes=4, width=3))
    net, g = PixelField(SMALL), torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(net.parameters(), 5e-3)
    data, valid = encode_labels(labels, codes)
    for _ in range(80):
        source, level = torch.randn(2, 16, 16, 3, generator=g), torch.rand(2, generator=g)
        x = mix(data, source, level)
        v = net(image, x, level)
        target = flow_target(
            v, x, level, data, source, codes=codes, labels=labels, config=TargetConfig(kind=kind)
        )
        velocity_loss(v, target, valid).mean().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    seen = net.look(image)
    start = torch.randn(2, 16, 16, 3, generator=g)
    out = solve(lambda x, t: net.velocity(seen, x, t), start, NoiseSchedule().grid(4)).x
    assert float((decode_codes(out, codes)[0] == labels).float().mean()) > 0.97


def test_the_twin_learns_it_too() -> None:
    torch.manual_seed(0)
    image, labels = quarters()
    net = PixelField(replace(SMALL, state=0, outputs=4))
    optimiser = torch.optim.AdamW(net.parameters(), 5e-3)
    for _ in range(40):
        functional.cross_entropy(net.twin(image).movedim(-1, 1), labels).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert float((net.twin(image).argmax(-1) == labels).float().mean()) > 0.97
