"""The quick network and session say what the reference says: the same logits to 1e-4, the same answers."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.canvas.compiling import fold
from lucida.canvas.decoding import decode
from lucida.canvas.plan import Plan, causal_plan
from lucida.canvas.sessions import FoldedSession
from lucida.canvas.span import FOLDABLE, Canvas, Visibility
from lucida.models.canvas_transformer import CanvasTransformer
from lucida.models.quick_canvas import QuickCanvas
from lucida.models.quick_session import QuickSession, is_causal, write_causally
from tests.canvas.tiny import (
    BUILDS_PLANS,
    MASK,
    SEEDS,
    VOCABULARY,
    WORDS,
    Shape,
    canvas,
    close,
    network,
    plans,
    shapes,
)


@lru_cache
def other(kind: str) -> CanvasTransformer:
    """The tiny network; "plain", without covers, or with neighbours."""
    plain = network()
    if kind == "plain":
        return plain
    config = (
        replace(plain.config, cover_bias=False)
        if kind == "blind"
        else replace(plain.config, near=(-2, -1, 1))
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = CanvasTransformer(config)
        model.load_state_dict(plain.state_dict(), strict=False)
    return model.requires_grad_(False).eval()


@lru_cache
def exact(kind: str) -> CanvasTransformer:
    """In fp64, where the many slots that are all but certain do not change places with a rounding error."""
    return copy.deepcopy(other(kind)).double()


def pair(*canvases: Canvas, kind: str = "plain", fine: bool = False) -> tuple[FoldedSession, QuickSession]:
    folded, model = fold(canvases, mask=MASK), exact(kind) if fine else other(kind)
    quick = QuickCanvas(model, torch.float64 if fine else torch.float32)
    return FoldedSession(model, folded, VOCABULARY), QuickSession(quick, folded, VOCABULARY)


@pytest.mark.parametrize("kind", ["plain", "blind", "near"])
@pytest.mark.parametrize("visibility", FOLDABLE)
@given(shapes(), shapes(), SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=8)
def test_the_logits_of_the_reference(
    kind: str, visibility: Visibility, a: Shape, b: Shape, seed: int, random
) -> None:
    """One pass over two pictures, some slots cut off, some rows left out, all slots or only some wanted."""
    both = [canvas(s, seed + i, visibility, [Plan(block=2)], written=0.5) for i, s in enumerate((a, b))]
    old, new = pair(*both, kind=kind)
    slots = old.slots
    rows, columns = slots.ids.shape
    active = slots.valid.any(dim=1) & torch.tensor([random.random() < 0.7 for _ in range(rows)])
    if not bool(active.any()):
        active = slots.valid.any(dim=1)
    alive = slots.valid & (torch.arange(columns) < 1 + seed % columns)
    stop = int(alive[active].any(dim=0).nonzero().max()) + 1
    expected = old.logits(slots.ids, alive, active, 0, stop)
    found = new.logits(slots.ids, alive, active, 0, stop)
    seen = alive[active, :stop]
    assert close(found[seen], expected[seen])
    assert new.token_forwards == old.token_forwards
    wanted = alive & active.unsqueeze(1) & (torch.arange(columns) < stop)
    wanted &= torch.tensor([[random.random() < 0.6 for _ in range(columns)] for _ in range(rows)])
    if bool(wanted.any()):
        some = pair(*both, kind=kind)[1].logits(slots.ids, alive, active, 0, stop, wanted)
        assert close(some, expected[wanted[active, :stop]])


@BUILDS_PLANS
@pytest.mark.parametrize("kind", ["plain", "near"])
@pytest.mark.parametrize("visibility", FOLDABLE)
@given(shapes(), shapes(), SEEDS, plans(), st.booleans())
@settings(max_examples=12)
def test_the_answers_of_the_reference(
    kind: str, visibility: Visibility, a: Shape, b: Shape, seed: int, plan: Plan, written: bool
) -> None:
    both = [
        canvas(s, seed + i, visibility, [plan], [WORDS], written=0.3 * written) for i, s in enumerate((a, b))
    ]
    old, new = pair(*both, kind=kind, fine=True)
    expected, found = decode(old, VOCABULARY), decode(new, VOCABULARY)
    assert found.ids == expected.ids and found.steps == expected.steps
    assert (found.passes, found.token_forwards) == (expected.passes, expected.token_forwards)
    for x, y in zip(found.confidence, expected.confidence, strict=True):
        assert x == pytest.approx(y, abs=1e-4)


@pytest.mark.parametrize("kind", ["plain", "near"])
@given(shapes(answers=1), shapes(answers=1), SEEDS)
@settings(max_examples=15)
def test_a_twin_writes_the_same_in_its_own_loop(kind: str, a: Shape, b: Shape, seed: int) -> None:
    def both() -> list[Canvas]:
        width = max(n for s in (a, b) for _, answers in s.groups for n in answers)
        return [canvas(s, seed + i, "twin", [causal_plan(width)], [WORDS]) for i, s in enumerate((a, b))]

    old, new = pair(*both(), kind=kind, fine=True)
    assert is_causal(new.folded)
    expected, found = decode(old, VOCABULARY), write_causally(new, VOCABULARY)
    assert found.ids == expected.ids and found.steps == expected.steps and found.lengths == expected.lengths
    assert (found.passes, found.token_forwards) == (expected.passes, expected.token_forwards)
    for x, y in zip(found.confidence, expected.confidence, strict=True):
        assert x == pytest.approx(y, abs=1e-4)


def test_what_is_not_causal() -> None:
    shape = Shape(3, 0, ((2, (4,)), (1, (4,))), True)
    assert not is_causal(fold([canvas(shape, 0, "strict", [causal_plan(4)])], mask=MASK))
    assert not is_causal(fold([canvas(shape, 0, "twin", [Plan(steps=4)])], mask=MASK))
    twice = Shape(3, 0, ((2, (4, 4)),), True)
    assert not is_causal(fold([canvas(twice, 0, "twin", [causal_plan(4)])], mask=MASK))


def test_bf16_is_near() -> None:
    """The other number format says nearly the same: 5 % of the largest logit on average."""
    one = canvas(Shape(6, 1, ((3, (7,)), (2, (5,))), True), 4)
    folded = fold([one], mask=MASK)
    everyone = torch.ones(2, dtype=torch.bool)
    exact, rough = (
        QuickSession(QuickCanvas(network(), dtype), folded, VOCABULARY).logits(
            folded.slots.ids, folded.slots.valid, everyone, 0, 7
        )[folded.slots.valid]
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert float((exact - rough).abs().mean()) < 0.05 * float(exact.abs().max())


@pytest.mark.parametrize("visibility", FOLDABLE)
def test_permuted_groups_are_bit_equal(visibility: Visibility) -> None:
    from tests.canvas.tiny import regrouped

    one = canvas(
        Shape(6, 1, ((3, (6,)), (2, (5,)), (0, (6,))), True), 9, visibility, [Plan(block=2)], written=0.5
    )
    results = []
    for each in (one, regrouped(one, [2, 0, 1])):
        session = pair(each)[1]
        everyone = torch.ones(3, dtype=torch.bool)
        results.append(session.logits(session.slots.ids, session.slots.valid, everyone, 0, 6))
    valid = fold([one], mask=MASK).slots.valid
    for new, old in enumerate([2, 0, 1]):
        assert torch.equal(results[1][new][valid[old]], results[0][old][valid[old]])
