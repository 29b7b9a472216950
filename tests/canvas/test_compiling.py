"""Folded == dense == written out slowly; padding, pictures, draws and embeddings change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lucida.canvas.compiling import Folded, dense, fold, twin_inputs
from lucida.canvas.plan import Plan
from lucida.canvas.sessions import DenseSession, read_context
from lucida.canvas.span import FOLDABLE, Canvas, Role, Span, Visibility
from lucida.canvas.tokens import Tokens
from tests.canvas.slow import hidden_of, tokens_of
from tests.canvas.tiny import (
    MASK,
    SEEDS,
    VOCABULARY,
    Shape,
    canvas,
    close,
    dense_session,
    draw,
    folded_session,
    network,
    shapes,
)  # fmt: skip


def drawn(answers: Tokens, ids: Tensor) -> Tokens:
    """Answer tokens (P, G, A) with one more batch axis for noise draws: ids (P, G, W, A), as in training."""
    return replace(
        answers,
        ids=ids,
        positions=answers.positions.unsqueeze(2).expand_as(ids),
        valid=answers.valid.unsqueeze(2).expand_as(ids),
        cover=None if answers.cover is None else answers.cover.unsqueeze(2),
    )


def folded_hidden(folded: Folded, ids: Tensor) -> Tensor:
    """(P, G, W, A, D) hidden states of the answers for contents (P, G, W, A)."""
    context = read_context(network(), folded.context)
    _, given = network().read(folded.given, (context,))
    source = twin_inputs(ids, VOCABULARY.start) if folded.visibility == "twin" else ids
    return network().read(drawn(folded.answers, source), (context, given), folded.allow_answers)[0]


def dense_hidden(one: Canvas) -> Tensor:
    """(A, D) hidden states of a canvas' answers, group after group."""
    session = dense_session(one)
    return session.hidden(session.slots.ids, session.slots.valid)[0]


def filled(one: Canvas, seed: int) -> Canvas:
    """Random answers, about half of them masks."""
    g = torch.Generator().manual_seed(seed)
    spans = [s for s in one.spans if s.role is Role.ANSWER]
    return one.with_answers(
        [torch.where(torch.rand(len(s), generator=g) < 0.5, MASK, draw(len(s), g)) for s in spans]
    )


@pytest.mark.parametrize("visibility", get_args(Visibility))
@given(shapes(groups=3), SEEDS)
@settings(max_examples=8)
def test_dense_is_the_slow_network(visibility: Visibility, shape: Shape, seed: int) -> None:
    one = filled(canvas(shape, seed, visibility, plans=[Plan(block=3)]), seed)
    tokens = tokens_of(one)
    expected = hidden_of(network(), tokens, visibility)
    answers = [i for i, t in enumerate(tokens) if t.role is Role.ANSWER]
    assert close(dense_hidden(one).double(), expected[answers])
    if visibility != "twin":  # there the inputs are shifted by the session
        whole = dense(one, mask=MASK)
        found, _ = network().read(whole.tokens, (), whole.allow)
        assert close(found[0].double(), expected)


@pytest.mark.parametrize("visibility", FOLDABLE)
@given(st.lists(shapes(groups=3), min_size=1, max_size=3), SEEDS, st.integers(1, 3))
@settings(max_examples=8)
def test_folded_is_dense(visibility: Visibility, many: Sequence[Shape], seed: int, draws: int) -> None:
    """Several pictures with groups of different lengths, several noise draws, against one dense pass for each."""
    ones = [canvas(s, seed + n, visibility, plans=[Plan(block=3)]) for n, s in enumerate(many)]
    rounds = [[filled(c, seed + 10 * n) for c in ones] for n in range(draws)]
    folded = fold(ones, mask=MASK)
    ids = torch.stack([fold(row, mask=MASK).answers.ids for row in rounds], dim=2)
    found = folded_hidden(folded, ids)
    for w, row in enumerate(rounds):
        for p, one in enumerate(row):
            mine = found[p, :, w][folded.answers.valid[p]]
            assert close(mine, dense_hidden(one))


@given(shapes(), SEEDS)
@settings(max_examples=12)
def test_folded_packs_what_the_spans_hold(shape: Shape, seed: int) -> None:
    """Every token's id, place, box, cover and validity, read back from the padded tensors."""
    one = canvas(shape, seed, written=0.3)
    folded = fold([one, canvas(Shape(8, 1, ((5, (9,)), (1, (2,))), True), seed)], mask=MASK)
    slow = tokens_of(one)
    for g in range(one.groups):
        for role, tokens in ((Role.GIVEN, folded.given), (Role.ANSWER, folded.answers)):
            mine = [t for t in slow if t.role is role and t.group == g]
            n = len(mine)
            assert tokens.ids[0, g, :n].tolist() == [t.id for t in mine]
            assert tokens.positions[0, g, :n].tolist() == [t.position for t in mine]
            assert tokens.valid[0, g].tolist() == [i < n for i in range(tokens.valid.shape[-1])]
            for i, t in enumerate(mine):
                if t.span.boxes is not None:
                    assert tokens.boxes is not None and torch.equal(tokens.boxes[0, g, i], t.span.boxes[t.at])
                if t.span.cover is not None:
                    assert tokens.cover is not None
                    assert torch.equal(tokens.cover[0, g, i, : shape.picture], t.span.cover)
                    assert not tokens.cover[0, g, i, shape.picture :].any()
    assert folded.slots.keys[: one.groups] == one.keys
    pieces = [(p.key, p.number, p.length) for p in folded.slots.pieces if p.row < one.groups]
    answers = [(g, k, n) for g, (_, lengths) in enumerate(shape.groups) for k, n in enumerate(lengths)]
    assert pieces == [(one.key(g), k, n) for g, k, n in answers]


@given(shapes(groups=3), SEEDS, st.sampled_from(FOLDABLE))
@settings(max_examples=10)
def test_padding_changes_nothing(shape: Shape, seed: int, visibility: Visibility) -> None:
    """Alone, and beside a picture with a longer context, more groups, longer given parts and longer answers."""
    one = filled(canvas(shape, seed, visibility, plans=[Plan(block=3)]), seed)
    large = Shape(9, 3, ((6, (12,)), (2, (3,)), (7, (5,)), (0, (1,)), (3, (4,))), True)
    other = canvas(large, seed + 1, visibility, plans=[Plan(block=3)])
    alone, both = fold([one], mask=MASK), fold([one, other], mask=MASK)
    a = folded_hidden(alone, alone.answers.ids.unsqueeze(2))[0, :, 0][alone.answers.valid[0]]
    b = folded_hidden(both, both.answers.ids.unsqueeze(2))[0, :, 0][both.answers.valid[0]]
    assert close(a, b)


@given(shapes(groups=2), SEEDS, st.sampled_from(get_args(Visibility)))
@settings(max_examples=10)
def test_embeddings_given_are_the_rows_of_the_table(shape: Shape, seed: int, visibility: Visibility) -> None:
    whole = dense(filled(canvas(shape, seed, visibility), seed), mask=MASK)
    rows = network().embed.weight[whole.tokens.ids]
    by_ids, _ = network().read(whole.tokens, (), whole.allow)
    ids = torch.full_like(whole.tokens.ids, MASK)
    by_rows, _ = network().read(replace(whole.tokens, ids=ids, embeddings=rows), (), whole.allow)
    assert torch.equal(by_ids, by_rows)


def test_a_gradient_flows_into_given_embeddings() -> None:
    """Straight-through paths: a mixture of rows stands where an id would."""
    whole = dense(canvas(Shape(2, 1, ((1, (3,)),), False), 0), mask=MASK)
    rows = network().embed.weight[whole.tokens.ids].clone().requires_grad_()
    hidden, _ = network().read(replace(whole.tokens, embeddings=rows), (), whole.allow)
    hidden[0, whole.where].sum().backward()
    assert rows.grad is not None and (rows.grad[0].abs().sum(dim=1) > 0).all()


def test_context_read_before_is_the_same() -> None:
    ones = [canvas(Shape(3, 2, ((2, (4,)), (0, (3,))), True), seed) for seed in range(2)]
    folded = fold(ones, mask=MASK)
    context = read_context(network(), folded.context)
    ready, fresh = folded_session(*ones), folded_session(*ones)
    ready = type(ready)(network(), folded, VOCABULARY, context)
    everyone = torch.ones(4, dtype=torch.bool)
    args = folded.slots.ids, folded.slots.valid, everyone, 0, 4
    assert torch.equal(ready.logits(*args), fresh.logits(*args))
    assert fresh.token_forwards - ready.token_forwards == int(folded.context.valid.sum())
    with pytest.raises(ValueError, match="another context"):
        type(ready)(network(), fold(ones[:1], mask=MASK), VOCABULARY, context)


def test_a_canvas_without_context_given_part_or_groups() -> None:
    """The corners: nothing but answers, and nothing but context (a picture that is only looked at)."""
    bare = Canvas(spans=(Span(role=Role.ANSWER, ids=torch.tensor([MASK] * 3)),))
    expected = hidden_of(network(), tokens_of(bare), "strict")
    folded = fold([bare], mask=MASK)
    assert close(folded_hidden(folded, folded.answers.ids.unsqueeze(2))[0, 0, 0].double(), expected)
    assert close(dense_hidden(bare).double(), expected)
    looked = canvas(Shape(3, 0, ((1, (2,)),), False), 0)
    memory = read_context(network(), fold([Canvas(spans=looked.context)], mask=MASK).context)
    assert memory.context and memory.valid.shape == (1, 3)


def test_padding_without_anything_to_see_gives_no_nan() -> None:
    """A padded group of a canvas without context has no visible key at all; its gradients must stay finite."""
    answer = Span(role=Role.ANSWER, ids=torch.tensor([MASK] * 2))
    one, two = Canvas(spans=(answer,)), Canvas(spans=(answer, replace(answer, group=1)))
    folded = fold([one, two], mask=MASK)
    model = network(7).requires_grad_()
    hidden, _ = model.read(folded.answers, (), None)
    hidden[folded.answers.valid].sum().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())


def test_what_does_not_fold() -> None:
    shape = Shape(2, 0, ((1, (2,)),), False)
    with pytest.raises(ValueError, match="only canvases of one visibility"):
        fold([canvas(shape, 0, "full")], mask=MASK)
    with pytest.raises(ValueError, match="only canvases of one visibility"):
        fold([canvas(shape, 0), canvas(shape, 0, "twin")], mask=MASK)
    with pytest.raises(ValueError, match="no canvases"):
        fold([], mask=MASK)
    two = Shape(2, 0, ((1, (2, 2)),), False)
    sizes = [Plan(block=2), Plan(block=3)]
    with pytest.raises(ValueError, match="one block size"):
        fold([canvas(two, 0, "block", plans=sizes)], mask=MASK)
    with pytest.raises(ValueError, match="one block size"):
        dense(canvas(two, 0, "block", plans=sizes), mask=MASK)


def test_twin_inputs() -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    assert twin_inputs(ids, 1).tolist() == [[1, 5, 6, 7]]
    assert twin_inputs(ids, 1, torch.tensor([0, 1, 0, 1])).tolist() == [[1, 5, 1, 7]]


def test_dense_session_counts_what_it_reads() -> None:
    one = canvas(Shape(3, 2, ((2, (4,)), (1, (3,))), False), 0, "released")
    session = DenseSession(network(), dense(one, mask=MASK), VOCABULARY)
    alive = session.slots.valid.clone()
    alive[0, -2:] = False
    session.logits(session.slots.ids, alive, torch.tensor([True]), 0, 7)
    assert session.token_forwards == 3 + 2 + 3 + 7 - 2
