"""Who sees whom, against a loop over pairs of tokens written from the table."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings

from lucida.canvas.compiling import dense, fold
from lucida.canvas.plan import Plan
from lucida.canvas.span import FOLDABLE, Role, Visibility
from lucida.canvas.visibility import answer_rule, visible
from tests.canvas.slow import sees, tokens_of
from tests.canvas.tiny import MASK, SEEDS, canvas, shapes

ALL: tuple[Visibility, ...] = get_args(Visibility)


@pytest.mark.parametrize("visibility", ALL)
@given(shapes(), SEEDS)
@settings(max_examples=15)
def test_tables(visibility: Visibility, shape, seed: int) -> None:
    """Every role, group, column and block of random canvases."""
    one = canvas(shape, seed, visibility, plans=[Plan(block=1 + seed % 4)])
    tokens = tokens_of(one)
    expected = torch.tensor([[sees(visibility, q, k) for k in tokens] for q in tokens])
    assert torch.equal(dense(one, mask=MASK).allow, expected)


def test_tables_by_hand() -> None:
    """One context token, one given token and two answer slots in each of two groups, as DESIGN's table reads."""
    role = torch.tensor([Role.CONTEXT, *[Role.GIVEN, Role.ANSWER, Role.ANSWER] * 2])
    group = torch.tensor([-1, 0, 0, 0, 1, 1, 1])
    column = torch.tensor([0, 0, 0, 1, 0, 0, 1])
    own = {
        "strict": ["1000000", "1100000", "1111000", "1111000", "1000100", "1000111", "1000111"],
        "twin": ["1000000", "1100000", "1110000", "1111000", "1000100", "1000110", "1000111"],
        "block": ["1000000", "1100000", "1110000", "1111000", "1000100", "1000110", "1000111"],
        "released": ["1111111", "1111111", "1111000", "1111000", "1111111", "1000111", "1000111"],
        "full": ["1111111"] * 7,
    }
    for visibility in ALL:
        found = visible(visibility, role, group, column, column)
        assert ["".join(map(str, row)) for row in found.int().tolist()] == own[visibility], visibility


@given(shapes(), SEEDS)
@settings(max_examples=15)
def test_folded_rule_is_the_dense_one(shape, seed: int) -> None:
    """The rule among a folded group's slots is the block of the dense table that belongs to the group."""
    for visibility in FOLDABLE:
        one = canvas(shape, seed, visibility, plans=[Plan(block=3)])
        whole, folded = dense(one, mask=MASK), fold([one], mask=MASK)
        at = 0
        for g in range(one.groups):
            n = sum(len(s) for s in one.part(g, Role.ANSWER))
            mine = whole.where[at : at + n]
            expected = whole.allow[mine][:, mine]
            found = folded.allow_answers
            assert torch.equal(torch.ones_like(expected) if found is None else found[:n, :n], expected)
            at += n


def test_blocks() -> None:
    """Own and earlier blocks; the twin is a block per slot."""
    column = torch.arange(5)
    assert answer_rule("block", column, column // 2).int().sum(dim=1).tolist() == [2, 2, 4, 4, 5]
    assert torch.equal(answer_rule("block", column, column), answer_rule("twin", column, column))
    assert torch.equal(answer_rule("twin", column, column), torch.ones(5, 5).tril().bool())
