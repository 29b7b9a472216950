"""The diffusion transformer: positions, references, sources, contexts, the wide head; one batch learned by heart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lucida.flow.path import mix
from lucida.flow.schedule import NoiseSchedule
from lucida.flow.solvers import solve
from lucida.models.caption_encoder import CaptionEncoder, CaptionEncoderConfig
from lucida.models.dit import DiT, DiTConfig, Reference
from lucida.nn.places import grid_positions

SMALL = DiTConfig(channels=4, width=24, layers=2, heads=2, hidden=48, context=12, head_width=24, head_heads=2)


def network(**changes) -> DiT:
    torch.manual_seed(0)
    return DiT(replace(SMALL, **changes)).eval()


@pytest.mark.parametrize("head_layers", [0, 1])
def test_clips_and_pictures(head_layers: int) -> None:
    net = network(patch=(1, 2, 2), head_layers=head_layers)
    x, t = torch.randn(2, 4, 3, 4, 6), torch.tensor([0.2, 0.9])
    assert net(x, t).shape == x.shape
    still = x[:, :, 0]
    assert torch.allclose(net(still, t), net(x[:, :, :1], t)[:, :, 0])
    with pytest.raises(ValueError, match="not multiples"):
        net(torch.randn(1, 4, 1, 3, 4), t[:1])


def test_only_differences_of_positions_count() -> None:
    """The same clip anywhere in time and space, also before zero; but not at other distances."""
    net, x, t = network(head_layers=1), torch.randn(1, 4, 2, 2, 2), torch.tensor([0.5])
    grid = grid_positions((2, 2, 2))
    out = net(x, t, positions=grid)
    assert torch.allclose(out, net(x, t), atol=1e-6)
    assert torch.allclose(out, net(x, t, positions=grid + torch.tensor([-30, 5, 2])), atol=1e-4)
    assert not torch.allclose(out, net(x, t, positions=grid * 5), atol=1e-4)


def test_references_are_seen_clean_and_not_generated() -> None:
    net, x, t = network(head_layers=1), torch.randn(1, 4, 1, 2, 2), torch.tensor([0.7])
    latent = torch.randn(1, 4, 1, 3, 2)
    seen = net(x, t, references=[Reference(latent)])
    assert seen.shape == x.shape and not torch.allclose(seen, net(x, t), atol=1e-5)
    assert not torch.allclose(seen, net(x, t, references=[Reference(latent * 2)]), atol=1e-5)
    far = net(x, t, references=[Reference(latent, (-20, 0, 0))])
    assert not torch.allclose(seen, far, atol=1e-6)
    both = net(x, t, references=[Reference(latent), Reference(latent, (-20, 0, 0))])
    swapped = net(x, t, references=[Reference(latent, (-20, 0, 0)), Reference(latent)])
    assert torch.allclose(both, swapped, atol=1e-5)  # the place says which is which, not the order


def test_zeroed_modulation_silences_the_level() -> None:
    net, x = network(), torch.randn(1, 4, 2, 2)
    levels = torch.tensor([0.1]), torch.tensor([0.9])
    none = torch.zeros(1, 4, dtype=torch.bool)
    assert torch.equal(net(x, levels[0], modulated=none), net(x, levels[1], modulated=none))
    assert not torch.allclose(net(x, levels[0]), net(x, levels[1]), atol=1e-5)
    assert torch.allclose(net(x, levels[0], modulated=~none), net(x, levels[0]))


def test_source_starts_silent_and_is_scaled_by_the_level() -> None:
    net = network(source=True)
    assert net.embed_source is not None
    x, source, t = torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2), torch.tensor([0.5, 1.0])
    assert torch.equal(net(x, t, source=source), net(x, t))
    torch.nn.init.normal_(net.embed_source.weight)
    assert torch.allclose(net(x, t, source=source), net(x, t, source=source, source_scale=t))
    assert torch.allclose(net(x, t, source=source, source_scale=torch.zeros(2)), net(x, t))
    doubled = net(x, t, source=2 * source, source_scale=t / 2)
    assert torch.allclose(net(x, t, source=source), doubled, atol=1e-5)
    with pytest.raises(ValueError, match="no source embedding"):
        network()(x, t, source=source)


def test_context_is_remembered_once_and_per_block() -> None:
    net, x, t = network(), torch.randn(2, 4, 2, 2), torch.rand(2)
    states, valid = [torch.randn(2, 5, 12) for _ in range(3)], torch.ones(2, 5, dtype=torch.bool)
    valid[0, 3:] = False
    context = net.remember(states, valid)
    assert len(context.layers) == 2
    out = net(x, t, context)
    assert torch.allclose(out, net(x, t, net.remember(states[1:], valid)))  # early layers are dropped
    assert not torch.allclose(out, net(x, t, net.remember(states[-1], valid)), atol=1e-5)
    changed = states[2].clone()
    changed[0, 4] = 9.0  # padding
    assert torch.allclose(out, net(x, t, net.remember([*states[:2], changed], valid)), atol=1e-6)
    twice = net(x.repeat_interleave(2, 0), t.repeat_interleave(2), context.repeat(2))
    assert torch.allclose(twice[::2], out, atol=1e-5)
    with pytest.raises(ValueError, match="1 context states for 2 blocks"):
        net.remember(states[:1], valid)


def test_captions_ignore_padding() -> None:
    torch.manual_seed(0)
    encoder = CaptionEncoder(CaptionEncoderConfig(vocabulary=20, width=12, layers=2, heads=2, hidden=24))
    ids, valid = torch.randint(0, 20, (2, 6)), torch.ones(2, 6, dtype=torch.bool)
    valid[0, 4:] = False
    states = encoder(ids, valid).layers
    alone = encoder(ids[:1, :4], valid[:1, :4]).layers
    assert len(states) == 2 and torch.allclose(states[-1][0, :4], alone[-1][0], atol=1e-5)


@pytest.mark.parametrize("head_layers", [0, 1])
def test_one_batch_is_learned_by_heart(head_layers: int) -> None:
    """Two captions, two latents: after a minute part of a second of training, each caption draws its own."""
    torch.manual_seed(0)
    net = DiT(replace(SMALL, head_layers=head_layers))
    encoder = CaptionEncoder(CaptionEncoderConfig(vocabulary=8, width=12, layers=1, heads=2, hidden=24))
    g = torch.Generator().manual_seed(0)
    data = torch.randn(2, 4, 3, 3, generator=g)
    ids, valid = torch.tensor([[1, 2], [3, 2]]), torch.ones(2, 2, dtype=torch.bool)
    optimiser = torch.optim.AdamW([*net.parameters(), *encoder.parameters()], 1e-2)
    rows = torch.arange(2).repeat(8)
    for _ in range(150):
        source, level = torch.randn(16, 4, 3, 3, generator=g), torch.rand(16, generator=g)
        states = encoder(ids, valid).layers[-1][rows]
        v = net(mix(data[rows], source, level), level, net.remember(states, valid[rows]))
        (v - (source - data[rows])).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    with torch.no_grad():
        context = net.remember(encoder(ids, valid).layers[-1], valid)
    start = torch.randn(2, 4, 3, 3, generator=g)
    out = solve(lambda x, t: net(x, t, context), start, NoiseSchedule().grid(10)).x
    error = [[float((out[i] - data[j]).square().mean()) for j in range(2)] for i in range(2)]
    assert error[0][0] < 0.3 * error[0][1] and error[1][1] < 0.3 * error[1][0], error
