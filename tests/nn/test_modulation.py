"""Modulated blocks, places and axial rotary angles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.nn.attention import Attention, Segment
from lucida.nn.blocks import Block
from lucida.nn.modulation import SLOTS, LevelEmbedding, ModulatedBlock
from lucida.nn.places import grid_positions, patchify, unpatchify
from lucida.nn.rotary import axes_split, axial_rotations, rotate, rotations


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
def test_patches_round_trip(axes: list[tuple[int, int]]) -> None:
    patch, sizes = [p for p, _ in axes], [p * n for p, n in axes]
    x = torch.arange(2 * 5 * torch.tensor(sizes).prod()).view(2, 5, *sizes).float()
    patches = patchify(x, patch)
    assert torch.equal(unpatchify(patches, patch, sizes), x)
    assert patches.shape[1] == len(grid_positions([n for _, n in axes]))


def test_patch_order_by_hand() -> None:
    """Row-major patches; inside, channel by channel."""
    x = torch.arange(16).view(1, 1, 4, 4)
    assert patchify(x, (2, 2))[0, 1].tolist() == [2, 3, 6, 7]
    assert grid_positions((2, 2), offset=(-10, 0)).tolist() == [[-10, 0], [-10, 1], [-9, 0], [-9, 1]]
    with pytest.raises(ValueError, match="not multiples"):
        patchify(x, (3, 2))


def test_axial_angles() -> None:
    """One axis is the plain angle; scores depend on differences only, also across zero."""
    at = torch.tensor([[2], [5]])
    assert torch.equal(axial_rotations(at, (8,)), rotations(at[:, 0], 8))
    assert axes_split(32, 3) == (12, 10, 10) and axes_split(16, 2) == (8, 8)
    q, k = torch.randn(1, 1, 2, 16), torch.randn(1, 1, 2, 16)

    def scores(shift: tuple[int, int]) -> torch.Tensor:
        turn = axial_rotations(grid_positions((1, 2), offset=shift), (8, 8))
        return rotate(q, turn) @ rotate(k, turn).transpose(-1, -2)

    assert torch.allclose(scores((0, 0)), scores((-10, 7)), atol=1e-5)
    with pytest.raises(ValueError, match="2 axes, split"):
        axial_rotations(grid_positions((2, 2)), (8,))


def test_fused_attention_agrees() -> None:
    torch.manual_seed(0)
    plain, fused = Attention(16, 2), Attention(16, 2, fused=True)
    fused.load_state_dict(plain.state_dict())
    x, turn = torch.randn(3, 5, 16), rotations(torch.arange(5), 8)
    q, k, v = plain.project(x, turn)
    for allow in (None, torch.ones(5, 5).tril().bool()):
        segment = Segment(k=k, v=v, allow=allow)
        assert torch.equal(plain(q, [segment]), fused(q, [segment]))  # training on a processor: plain products
        with torch.no_grad():
            still = Segment(k=k.detach(), v=v.detach(), allow=allow)
            assert torch.allclose(plain(q.detach(), [still]), fused(q.detach(), [still]), atol=1e-6)
    two = [Segment(k=k[..., :2, :], v=v[..., :2, :]), Segment(k=k[..., 2:, :], v=v[..., 2:, :])]
    assert torch.equal(plain(q, two), fused(q, two))


def test_an_unmodulated_block_is_a_plain_one() -> None:
    """With the starting table and no modulation it is ``nn.blocks.Block``, save the normalised queries and keys."""
    torch.manual_seed(0)
    block, plain = ModulatedBlock(16, 2, 24), Block(16, 2, 24)
    missing = plain.load_state_dict(block.state_dict(), strict=False).missing_keys
    assert missing == ["norm_attention.weight", "norm_mlp.weight"]
    block.norm_q = block.norm_k = torch.nn.Identity()  # type: ignore[assignment]
    x, turn = torch.randn(2, 5, 16), rotations(torch.arange(5), 8)
    out = block(x, torch.zeros(2, 1, SLOTS * 16), turn)
    assert torch.allclose(out, plain(x, turn, ())[0], atol=1e-5)


def test_zeroed_tokens_do_not_hear_the_level() -> None:
    """A token whose modulation is zero sees the table alone (its own update, before tokens mix)."""
    torch.manual_seed(0)
    block, x = ModulatedBlock(16, 2, 24), torch.randn(1, 4, 16)
    alone = torch.eye(4).bool()
    turn = rotations(torch.arange(4), 8)
    spoken = torch.randn(1, 4, SLOTS * 16)
    spoken[:, 2] = 0
    out, silent = block(x, spoken, turn, allow=alone), block(x, torch.zeros_like(spoken), turn, allow=alone)
    same = [torch.allclose(out[0, i], silent[0, i], atol=1e-6) for i in range(4)]
    assert same == [False, False, True, False]


def test_cross_attention_ignores_padding() -> None:
    torch.manual_seed(0)
    block, x = ModulatedBlock(16, 2, 24, context=12), torch.randn(2, 3, 16)
    assert block.cross is not None
    context = torch.randn(2, 6, 12)
    valid = torch.tensor([[True] * 4 + [False] * 2] * 2)
    turn, none = rotations(torch.arange(3), 8), torch.zeros(2, 1, SLOTS * 16)
    short = block(x, none, turn, block.cross.remember(context[:, :4]))
    padded = block(x, none, turn, block.cross.remember(context), valid)
    assert torch.allclose(short, padded, atol=1e-6)
    assert not torch.allclose(short, block(x, none, turn))


def test_levels_are_told_apart() -> None:
    torch.manual_seed(0)
    embed = LevelEmbedding(32)
    out = embed(torch.linspace(0, 1, 101))
    assert float(torch.pdist(out).min().detach()) > 1e-3
