"""The tokenizer: masks, statistics, noise, both quantisers; one batch learned by heart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.models.semantic_decoder import SemanticConfig, SemanticDecoder, alignment_loss
from lucida.models.vit_tokenizer import TokenizerConfig, VitTokenizer, kept_tokens
from lucida.nn.quantise import FiniteScalar

SMALL = TokenizerConfig(
    side=16, patch=4, channels=6, width=32, heads=2, hidden=48, encoder_layers=2, decoder_layers=2
)


def pictures(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def network(**changes) -> VitTokenizer:
    torch.manual_seed(0)
    return VitTokenizer(replace(SMALL, **changes)).eval()


@pytest.mark.parametrize("channels", [4, 16, 64])
def test_widths(channels: int) -> None:
    net = network(channels=channels)
    tokens = net.tokenize(pictures())
    assert tokens.shape == (2, channels, 4, 4) and net.encode(pictures()).mean.shape == (2, 16, channels)
    assert net.reconstruct(pictures()).shape == (2, 3, 16, 16)
    assert float(net.reconstruct(pictures()).abs().max()) <= 1
    wide = torch.zeros(1, 3, 8, 24)
    assert net.tokenize(wide).shape == (1, channels, 2, 6) and net.reconstruct(wide).shape == wide.shape


def test_keeping_all_tokens_is_keeping_none_back() -> None:
    """Masking with ratio 0 equals no masking, and the order of kept tokens comes back through the restore."""
    net, x = network(), pictures()
    every = torch.arange(16).expand(2, -1)
    assert torch.allclose(net.encode(x, every).mean, net.encode(x).mean, atol=1e-5)
    shuffled = torch.stack([torch.randperm(16) for _ in range(2)])
    posterior = net.encode(x, shuffled)
    whole = net.latents(net.encode(x))
    assert torch.allclose(net.decode(net.latents(posterior), shuffled), net.decode(whole), atol=1e-4)


@given(st.integers(1, 100), st.floats(-0.1, 0.95), st.integers(0, 99))
def test_kept_tokens(tokens: int, ratio: float, seed: int) -> None:
    keep = kept_tokens(3, tokens, ratio, torch.Generator().manual_seed(seed))
    if ratio <= 0:
        assert keep is None
        return
    assert keep is not None and keep.shape[1] == max(-int(-tokens * (1 - ratio) // 1), 1)
    assert bool((keep.diff(dim=1) > 0).all()) and int(keep.max()) < tokens


def test_masked_tokens_are_not_seen() -> None:
    net, x = network(), pictures(1)
    keep = torch.tensor([[0, 1, 2, 3]])  # the top row of patches
    other = x.clone()
    other[:, :, 4:] = 0
    assert torch.allclose(net.encode(x, keep).mean, net.encode(other, keep).mean, atol=1e-6)


def test_statistics_travel_with_the_weights() -> None:
    net, x = network(), pictures(8)
    raw = net.encode(x).mean
    net.set_statistics(raw.mean((0, 1)), raw.std((0, 1), correction=0))
    tokens = net.tokenize(x)
    flat = tokens.transpose(0, 1).flatten(1)
    assert torch.allclose(flat.mean(1), torch.zeros(6), atol=1e-5)
    assert torch.allclose(flat.std(1, correction=0), torch.ones(6), atol=1e-4)
    again = VitTokenizer(SMALL)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again.tokenize(x), tokens)
    with pytest.raises(ValueError, match="std > 0"):
        net.set_statistics(torch.zeros(6), torch.zeros(6))


def test_inflating_latents_does_not_help_against_noise() -> None:
    """Normalised: latents ten times larger reach the decoders as they were. Raw (published): they do not."""
    x = pictures(4)
    for noised, same in (("normalised", True), ("raw", False)):
        net = network(noised=noised)
        g = [torch.Generator().manual_seed(1) for _ in range(2)]
        before = net.latents(net.encode(x), learn=True, generator=g[0])
        with torch.no_grad():
            net.latent.weight[:6] *= 10
            net.latent.bias[:6] *= 10
            net.latent.bias[6:] += 2 * torch.log(torch.tensor(10.0))
        after = net.latents(net.encode(x), learn=True, generator=g[1])
        assert torch.allclose(before, after, atol=1e-3) == same


def test_learning_remembers_the_statistics() -> None:
    net, x = network(), pictures(8)
    for _ in range(300):
        net.latents(net.encode(x), learn=True)
    raw = net.encode(x).mean
    assert torch.allclose(net.get_buffer("latent_mean"), raw.mean((0, 1)), atol=0.05)
    assert torch.allclose(net.get_buffer("latent_std"), raw.std((0, 1)), atol=0.05)


def test_raw_and_normalised_modes_detokenize_alike() -> None:
    """The published mode decodes raw latents, but what leaves ``tokenize`` is normalised in both."""
    net = network(noised="raw")
    net.set_statistics(torch.full((6,), 0.3), torch.full((6,), 2.0))
    direct = net.decode(net.latents(net.encode(pictures()))).clamp(-1, 1)
    assert torch.allclose(net.reconstruct(pictures()), direct, atol=1e-5)


@pytest.mark.parametrize("levels", [(8, 5, 5, 5), (3,), (3, 4)])
def test_fsq_is_a_bijection(levels: tuple[int, ...]) -> None:
    fsq = FiniteScalar(levels)
    ids = torch.arange(fsq.codes)
    points = fsq.points(ids)
    assert torch.equal(fsq.ids(points), ids) and float(points.abs().max()) <= 1
    z = torch.rand(20_000, len(levels)) * 6 - 3
    used = fsq(z)
    assert torch.equal(fsq.points(fsq.ids(used)), used)
    assert len(fsq.ids(used).unique()) > 0.9 * min(fsq.codes, 1000)
    with pytest.raises(ValueError, match="ids must lie in"):
        fsq.points(torch.tensor([fsq.codes]))


def test_fsq_gradient_goes_straight_through() -> None:
    fsq, z = FiniteScalar((5, 8)), torch.randn(6, 2, requires_grad=True)
    (rounded,) = torch.autograd.grad(fsq(z).sum(), z)
    (smooth,) = torch.autograd.grad((fsq.bound(z) / torch.tensor([2.0, 4.0])).sum(), z)
    assert torch.allclose(rounded, smooth)


def test_the_discrete_tokenizer_is_the_same_class() -> None:
    net = network(quantiser="fsq", channels=4)
    ids = net.tokenize(pictures())
    assert ids.shape == (2, 4, 4) and ids.dtype == torch.int64 and int(ids.max()) < 1000
    assert torch.allclose(
        net.detokenize(ids), net.decode(net.latents(net.encode(pictures()))).clamp(-1, 1), atol=1e-5
    )
    with pytest.raises(InputError, match="fsq wants channels = 4"):
        TokenizerConfig(quantiser="fsq", channels=16)


def test_posterior() -> None:
    posterior = network().encode(pictures())
    assert posterior.logvar is not None
    g = torch.distributions
    exact = g.kl_divergence(g.Normal(posterior.mean, (posterior.logvar / 2).exp()), g.Normal(0.0, 1.0))
    assert torch.allclose(posterior.kl(), exact.flatten(1).sum(1), rtol=1e-4)
    draws = torch.stack([posterior.sample() for _ in range(200)])
    assert torch.allclose(draws.mean(0), posterior.mean, atol=0.05)


def test_alignment() -> None:
    teacher = torch.randn(2, 16, 5)
    keep = torch.arange(4).expand(2, -1)
    assert torch.allclose(alignment_loss(3 * teacher, teacher), torch.zeros(2), atol=1e-6)
    mixed = teacher.clone()
    mixed[:, 4:] *= -1
    assert torch.allclose(alignment_loss(mixed, teacher, keep), torch.full((2,), 2 * 12 / 16), atol=1e-5)
    assert torch.allclose(
        alignment_loss(mixed, teacher, keep, masked_only=True), torch.full((2,), 2.0), atol=1e-5
    )
    assert alignment_loss(mixed, teacher, None, masked_only=True).tolist() == [0, 0]
    aimed = teacher.clone().requires_grad_()
    alignment_loss(mixed.requires_grad_(), aimed).sum().backward()
    assert aimed.grad is None and mixed.grad is not None


def test_one_batch_is_learned_by_heart() -> None:
    """Pixels and teacher features from noisy, masked latents; then the decoder alone, with the encoder untouched."""
    torch.manual_seed(0)
    net, x = VitTokenizer(SMALL), pictures(4)
    semantic = SemanticDecoder(SemanticConfig(channels=6, teacher=5, grid=4, width=16, heads=2, hidden=32))
    teacher, g = torch.randn(4, 16, 5), torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW([*net.parameters(), *semantic.parameters()], 4e-3)
    first = last = 0.0
    for step in range(120):
        keep = kept_tokens(4, 16, float(torch.rand((), generator=g)) * 0.5 - 0.1, g)
        z = net.latents(net.encode(x, keep), learn=True, generator=g)
        noise, level = torch.randn(z.shape, generator=g), torch.rand(4, 1, 1, generator=g) * 0.3
        z = (1 - level) * z + level * noise
        pixel = (net.decode(z, keep) - x).square().mean()
        loss = pixel + 0.2 * alignment_loss(semantic(z, keep), teacher).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < 0.5 * first
    net.eval()
    tokens = net.tokenize(x)
    before = (net.reconstruct(x) - x).square().mean()
    decoder = [
        p
        for n, p in net.named_parameters()
        if n.startswith(("decoder", "from_latent", "to_pixels", "smooth"))
    ]
    optimiser = torch.optim.AdamW(decoder, 2e-3)
    for _ in range(20):
        (net.decode(net.latents(net.encode(x))) - x).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    assert torch.equal(net.tokenize(x), tokens)
    assert float((net.reconstruct(x) - x).square().mean()) < float(before)
