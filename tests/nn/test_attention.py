"""Attention over segments is plain attention over all keys, written once per query."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lucida.nn.attention import Attention, Segment, attend, fold_shared, unfold_shared
from lucida.nn.rotary import rotations

SIZES = st.lists(st.integers(1, 3), min_size=0, max_size=3)


@given(SIZES, st.data())
@settings(max_examples=60)
def test_segments_are_plain_attention(batch: list[int], data: st.DataObject) -> None:
    """Segments with any leading part of the batch, masks and biases, against torch's own on concatenated keys."""
    g = torch.Generator().manual_seed(data.draw(st.integers(0, 999)))
    heads, queries, width = 2, data.draw(st.integers(1, 5)), 8
    q = torch.randn(*batch, heads, queries, width, generator=g)
    segments, keys, values, biases = [], [], [], []
    for n in range(data.draw(st.integers(1, 3))):
        shared = batch[: data.draw(st.integers(0, len(batch)))]
        length = data.draw(st.integers(0 if n else 1, 6))
        k, v = torch.randn(2, *shared, heads, length, width, generator=g)
        grown = (*shared, *[1] * (len(batch) - len(shared)))
        allow = torch.rand(*grown, 1, queries, length, generator=g) < 0.6 if data.draw(st.booleans()) else None
        if allow is not None and n == 0:
            allow[..., 0] = True  # every query sees something
        bias = torch.randn(*grown, heads, queries, length, generator=g) if data.draw(st.booleans()) else None
        segments.append(Segment(k=k, v=v, allow=allow, bias=bias))
        whole = (*batch, heads, length, width)
        keys.append(k.view(*grown, heads, length, width).expand(whole))
        values.append(v.view(*grown, heads, length, width).expand(whole))
        total = torch.zeros(*batch, heads, queries, length) + (0.0 if bias is None else bias)
        biases.append(total if allow is None else total.masked_fill(~allow, float("-inf")))
    expected = functional.scaled_dot_product_attention(
        q, torch.cat(keys, dim=-2), torch.cat(values, dim=-2), attn_mask=torch.cat(biases, dim=-1)
    )
    assert torch.allclose(attend(q, segments), expected, atol=1e-5)


@given(SIZES, st.integers(0, 3), st.integers(1, 3), st.integers(0, 4))
def test_fold_and_unfold_are_inverse(batch: list[int], shared: int, heads: int, queries: int) -> None:
    shared = min(shared, len(batch))
    x = torch.arange(torch.Size([*batch, heads, queries, 2]).numel()).view(*batch, heads, queries, 2)
    folded = fold_shared(x, shared)
    assert folded.dim() == shared + 3 and folded.shape[: shared + 1] == (*batch[:shared], heads)
    assert torch.equal(unfold_shared(folded, batch, shared, heads, queries), x)


def test_a_query_that_sees_nothing_is_finite() -> None:
    """Padding may have nothing to look at; it must not spoil gradients."""
    q = torch.randn(1, 2, 4, requires_grad=True)
    k = torch.randn(1, 3, 4, requires_grad=True)
    allow = torch.tensor([[True, False, True], [False, False, False]])
    attend(q, [Segment(k=k, v=k, allow=allow)])[0, 0].sum().backward()
    for x in (q, k):
        assert x.grad is not None and bool(x.grad.isfinite().all())
    assert k.grad is not None and not k.grad[0, 1].any()


def test_hidden_keys_weigh_exactly_nothing() -> None:
    g = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 5, 4, generator=g)
    allow = torch.tensor([True, True, False, True, False])
    hidden = [k.clone(), v.clone()]
    for x in hidden:
        x[:, ~allow] = 1e6
    a = attend(q, [Segment(k=k, v=v, allow=allow)])
    assert torch.equal(a, attend(q, [Segment(k=hidden[0], v=hidden[1], allow=allow)]))


def test_module() -> None:
    """Projection, heads and rotation in the layout that the docstring gives."""
    torch.manual_seed(0)
    module, x = Attention(8, 2), torch.randn(3, 5, 8)
    turn = rotations(torch.arange(5), 4)
    q, k, v = module.project(x, turn)
    assert q.shape == k.shape == v.shape == (3, 2, 5, 4)
    raw = module.qkv(x)
    assert torch.equal(v[:, 1], raw[..., 20:24])  # third part, second head
    assert torch.allclose(q[:, :, 0], raw[:, 0, :8].view(3, 2, 4))  # place 0 does not turn
    out = module(q, [Segment(k=k, v=v)])
    plain = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    assert torch.allclose(out, module.out(plain), atol=1e-5)
    with pytest.raises(ValueError, match="width 9 is not a multiple of heads 2"):
        Attention(9, 2)
