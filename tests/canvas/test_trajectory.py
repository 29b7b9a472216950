"""A recorded decode and its log-probability: as recorded, as replayed, as added up by hand; and its gradient."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest
import torch
from hypothesis import given, settings

from lucida.canvas.compiling import dense, fold
from lucida.canvas.decoding import Decoded, decode
from lucida.canvas.plan import Plan, causal_plan
from lucida.canvas.sessions import DenseSession, FoldedSession, Session
from lucida.canvas.span import FOLDABLE, Canvas, Visibility
from lucida.canvas.trajectory import replay_logprob
from lucida.models.canvas_transformer import CanvasTransformer
from tests.canvas.tiny import (
    BUILDS_PLANS,
    CODES,
    MASK,
    SEEDS,
    VOCABULARY,
    WORDS,
    Shape,
    canvas,
    network,
    plans,
    shapes,
)

pytestmark = BUILDS_PLANS
SHAPE = Shape(3, 1, ((2, (5, 3)), (1, (6,)), (0, (4,))), True)


def session(one: Canvas, model: CanvasTransformer) -> Session:
    """A fresh session of whatever kind the canvas needs."""
    if one.visibility in FOLDABLE:
        return FoldedSession(model, fold([one], mask=MASK), VOCABULARY)
    return DenseSession(model, dense(one, mask=MASK), VOCABULARY)


def recorded(one: Canvas, model: CanvasTransformer, seed: int = 0) -> Decoded:
    return decode(session(one, model), VOCABULARY, seed=seed, record=True)


@pytest.mark.parametrize("visibility", get_args(Visibility))
@given(shapes(groups=3), SEEDS, plans(temperature=0.8))
@settings(max_examples=6)
def test_replay_is_the_record(visibility: Visibility, shape: Shape, seed: int, plan: Plan) -> None:
    """Whatever the order, law and window; tails and cuts included."""
    one = canvas(shape, seed, visibility, [plan], [WORDS, CODES], written=0.2)
    trajectory = recorded(one, network(), seed).trajectory
    assert trajectory is not None
    if not trajectory.moves:
        return
    found = replay_logprob(trajectory, session(one, network()))
    assert torch.allclose(found, trajectory.logprob, atol=1e-4, rtol=1e-4)
    assert bool((trajectory.logprob <= 1e-6).all())


@pytest.mark.parametrize("visibility", get_args(Visibility))
def test_gradient_flows(visibility: Visibility) -> None:
    """The gradient of a replay is the slope of the log-probability along it."""
    model = CanvasTransformer(network().config)
    model.load_state_dict(network().state_dict())
    plan = Plan(steps=3, temperature=1.0)
    one = canvas(SHAPE, 1, visibility, [plan], [WORDS, CODES])
    trajectory = recorded(one, model).trajectory
    assert trajectory is not None
    replay_logprob(trajectory, session(one, model)).sum().backward()
    weight = model.blocks[0].mlp.out.weight  # pyright: ignore[reportAttributeAccessIssue]
    assert weight.grad is not None and bool(weight.grad.isfinite().all())
    step = 1e-3 * weight.grad / weight.grad.norm()
    with torch.no_grad():
        weight += step
        up = replay_logprob(trajectory, session(one, model)).sum()
        weight -= 2 * step
        down = replay_logprob(trajectory, session(one, model)).sum()
    slope = float(up - down) / 2e-3
    assert slope == pytest.approx(float(weight.grad.norm()), rel=0.1)


def test_the_twin_has_the_probability_of_its_text() -> None:
    """Left to right the record is the exact log-probability: the chain rule, from one causal pass over the answer."""
    shape = replace(SHAPE, groups=((2, (5,)), (1, (6,)), (0, (4,))))
    one = canvas(shape, 2, "twin", [replace(causal_plan(6), temperature=1.0)])
    found = recorded(one, network(), 3)
    assert found.trajectory is not None
    final = found.trajectory.moves[-1]
    ids = torch.where(final.new, final.ids, final.before)
    whole = session(one, network())
    logits = whole.logits(ids, whole.slots.valid, torch.ones(3, dtype=torch.bool), 0, ids.shape[1])
    place = torch.searchsorted(whole.allowed, torch.where(ids == MASK, whole.allowed[0], ids))
    chosen = logits.log_softmax(dim=-1).gather(-1, place[..., None])[..., 0]
    written = torch.stack([m.new for m in found.trajectory.moves]).any(dim=0)
    assert torch.allclose(torch.where(written, chosen, 0.0).sum(dim=1), found.trajectory.logprob, atol=1e-4)


def test_greedy_commitments_are_certain() -> None:
    """Greedy tokens are not drawn: nothing to weigh."""
    trajectory = recorded(canvas(SHAPE, 2, "strict", [Plan(steps=3)]), network()).trajectory
    assert trajectory is not None and bool((trajectory.logprob == 0).all())


def test_moves_tell_the_decode() -> None:
    """Each move starts where the last one ended, and the last one ends with the answers."""
    one = canvas(SHAPE, 4, "strict", [Plan(steps=4, temperature=0.7)], [WORDS, CODES])
    found = recorded(one, network())
    assert found.trajectory is not None
    moves = found.trajectory.moves
    assert len(moves) == found.passes
    for a, b in pairwise(moves):
        after = torch.where(a.new, a.ids, a.before)
        assert torch.equal(after[b.alive], b.before[b.alive])
        assert not (b.alive & ~a.alive).any() and not (a.new & b.new).any()
    assert not (moves[0].before[moves[0].alive] != MASK).any()
