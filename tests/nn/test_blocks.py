"""The transformer block: by its formula, and the same from kept keys and values."""

from __future__ import annotations

import torch
from torch.nn import functional

from lucida.nn.attention import Segment
from lucida.nn.blocks import Block, SwiGLU, init_weights
from lucida.nn.rotary import rotations


def block(seed: int = 0) -> Block:
    torch.manual_seed(seed)
    return Block(16, 2, 24)


def test_swiglu() -> None:
    torch.manual_seed(0)
    module, x = SwiGLU(4, 6), torch.randn(2, 3, 4)
    w = module.gate_in.weight
    expected = (functional.silu(x @ w[:6].T) * (x @ w[6:].T)) @ module.out.weight.T
    assert torch.allclose(module(x), expected, atol=1e-6)


def test_formula() -> None:
    """x + attention(norm(x)), then x + mlp(norm(x))."""
    module, x = block(), torch.randn(2, 5, 16)
    turn = rotations(torch.arange(5), 8)
    out, (k, v) = module(x, turn, ())
    q, own_k, own_v = module.attention.project(module.norm_attention(x), turn)
    mixed = functional.scaled_dot_product_attention(q, own_k, own_v).transpose(1, 2).flatten(2)
    y = x + module.attention.out(mixed)
    assert torch.allclose(out, y + module.mlp(module.norm_mlp(y)), atol=1e-5)
    assert torch.equal(k, own_k) and torch.equal(v, own_v)


def test_kept_keys_are_as_good_as_the_tokens() -> None:
    """Causal over ten tokens at once == the last six over the kept keys of the first four."""
    module, x = block(1), torch.randn(3, 10, 16)
    causal = torch.ones(10, 10).tril().bool()
    whole, _ = module(x, rotations(torch.arange(10), 8), (), causal)
    first, (k, v) = module(x[:, :4], rotations(torch.arange(4), 8), (), causal[:4, :4])
    rest, _ = module(x[:, 4:], rotations(torch.arange(4, 10), 8), [Segment(k=k, v=v)], causal[4:, 4:])
    assert torch.allclose(torch.cat((first, rest), dim=1), whole, atol=1e-5)


def test_own_bias() -> None:
    """A bias of minus infinity among the new tokens is a mask."""
    module, x = block(2), torch.randn(1, 4, 16)
    turn, causal = rotations(torch.arange(4), 8), torch.ones(4, 4).tril().bool()
    masked, _ = module(x, turn, (), causal)
    biased, _ = module(x, turn, (), None, torch.zeros(4, 4).masked_fill(~causal, -1e9))
    assert torch.allclose(masked, biased, atol=1e-6)


def test_init() -> None:
    """gain / sqrt(fan-in), whatever the matrix; norms stay at one, biases as they were."""
    torch.manual_seed(0)
    module = torch.nn.ModuleList([Block(64, 2, 128), torch.nn.Linear(32, 200)])
    bias = module[1].bias.clone()
    init_weights(module, gain=0.8)
    for name, parameter in module.named_parameters():
        if parameter.dim() == 2:
            assert abs(float(parameter.detach().std()) / (0.8 * parameter.shape[1] ** -0.5) - 1) < 0.05, name
        elif "norm" in name:
            assert bool((parameter == 1).all())
    assert torch.equal(module[1].bias, bias)
