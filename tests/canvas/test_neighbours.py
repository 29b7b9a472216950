"""What a slot is told of the slots beside it: by hand, and the same folded and dense."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lucida.canvas.compiling import dense, fold
from lucida.canvas.plan import Plan
from lucida.canvas.sessions import DenseSession, FoldedSession, answer_neighbours
from lucida.canvas.span import Canvas, Role, Span, Visibility
from lucida.canvas.tokens import NOTHING, neighbours
from lucida.models.canvas_transformer import CanvasTransformer
from tests.canvas.tiny import MASK, VOCABULARY, WORDS, network


def beside(offsets: tuple[int, ...]) -> CanvasTransformer:
    plain = network()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = CanvasTransformer(replace(plain.config, near=offsets))
        model.load_state_dict(plain.state_dict(), strict=False)
    return model.requires_grad_(False).eval()


def two_groups(visibility: Visibility) -> Canvas:
    spans = [Span(role=Role.CONTEXT, ids=torch.tensor([11, 12, 13]))]
    for g in range(2):
        spans.append(Span(role=Role.GIVEN, group=g, ids=torch.tensor([20 + g, 30])))
        spans.append(Span(role=Role.ANSWER, group=g, ids=torch.full((4,), MASK), allowed=WORDS, plan=Plan(steps=2)))
    return Canvas(spans=tuple(spans), visibility=visibility)


def test_by_hand() -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    valid = torch.tensor([[True, True, True, False]])
    found = neighbours(ids, valid, (-1, 2), None)
    assert found.tolist() == [[[NOTHING, 7], [5, NOTHING], [6, NOTHING], [7, NOTHING]]]
    parted = neighbours(ids, valid, (-1, 1), torch.tensor([0, 0, 1, 1]))
    assert parted.tolist() == [[[NOTHING, 6], [5, NOTHING], [NOTHING, NOTHING], [7, NOTHING]]]


def test_a_twin_is_not_told_what_comes() -> None:
    ids, valid = torch.tensor([[5, 6, 7]]), torch.ones(1, 3, dtype=torch.bool)
    assert answer_neighbours(ids, valid, (-1, 1), "twin").tolist() == [[[NOTHING] * 2, [5, NOTHING], [6, NOTHING]]]
    assert answer_neighbours(ids, valid, (-1, 1), "strict")[0, 0].tolist() == [NOTHING, 6]


@pytest.mark.parametrize("visibility", ["strict", "twin", "block"])
def test_folded_equals_dense(visibility: Visibility) -> None:
    model, canvas = beside((-2, -1, 1)), two_groups(visibility)
    folded = FoldedSession(model, fold([canvas], mask=MASK), VOCABULARY)
    whole = DenseSession(model, dense(canvas, mask=MASK), VOCABULARY)
    ids = torch.tensor([[41, MASK, 43, MASK], [MASK, 42, MASK, 44]])
    alive = torch.tensor([[True] * 4, [True, True, True, False]])
    rows = torch.ones(2, dtype=torch.bool)
    one = folded.logits(ids, alive, rows, 0, 4)
    other = whole.logits(ids.view(1, -1), alive.view(1, -1), rows[:1], 0, 8).view(2, 4, -1)
    assert torch.allclose(one[alive], other[alive], atol=1e-4)


def test_a_neighbour_is_heard() -> None:
    model, canvas = beside((-1,)), two_groups("strict")
    session = FoldedSession(model, fold([canvas], mask=MASK), VOCABULARY)
    alive, rows = torch.ones(2, 4, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    ids = torch.full((2, 4), MASK)
    before = session.logits(ids, alive, rows, 0, 4)
    ids[0, 1] = 41
    after = session.logits(ids, alive, rows, 0, 4)
    assert not torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
