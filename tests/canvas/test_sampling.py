"""Sampling noise belongs to (seed, key of the group): rows, neighbours and padding have no say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.canvas.compiling import Piece
from lucida.canvas.plan import Plan
from lucida.canvas.sampling import gumbel
from lucida.canvas.span import Canvas
from tests.canvas.test_exactness import logits
from tests.canvas.tiny import (
    BUILDS_PLANS,
    CODES,
    ENDLESS,
    SEEDS,
    VOCABULARY,
    WORDS,
    Shape,
    canvas,
    flat,
    plans,
    regrouped,
    run_dense,
    run_folded,
    shapes,
)  # fmt: skip

pytestmark = BUILDS_PLANS
HOT = Plan(steps=3, temperature=1.0)
SHAPE = Shape(3, 1, ((2, (6, 3)), (1, (8,)), (3, (5, 2)), (0, (7,))), True)


def warm(seed: int) -> Canvas:
    return canvas(SHAPE, seed, "strict", [HOT], [ENDLESS, CODES])


@given(SEEDS, st.permutations(range(4)), st.integers(0, 5))
@settings(max_examples=5)
def test_permuting_groups_permutes_the_answers(seed: int, order: list[int], noise: int) -> None:
    """Also dropping groups: nothing here has fewer rows, another width or another vocabulary in common."""
    one = warm(seed)
    whole = run_folded(one, seed=noise)
    assert run_folded(regrouped(one, order), seed=noise).ids == [whole.ids[g] for g in order]
    for kept in ([1], [0, 2], [3, 1, 0]):
        assert run_folded(regrouped(one, kept), seed=noise).ids == [whole.ids[g] for g in kept]


def test_seeds_and_keys() -> None:
    one = warm(3)
    first = run_folded(one, seed=1)
    assert run_folded(one, seed=1).ids == first.ids
    assert run_folded(one, seed=2).ids != first.ids
    renamed = run_folded(replace(one, keys=("x", *one.keys[1:])), seed=1)
    assert renamed.ids[0] != first.ids[0] and renamed.ids[1:] == first.ids[1:]


def test_two_groups_of_one_key_write_the_same() -> None:
    """The same region twice is described the same way twice."""
    twice = regrouped(warm(0), [1, 1])
    found = run_folded(twice, seed=4)
    assert found.ids[0] == found.ids[1]


def test_beside_another_picture() -> None:
    """A longer picture in the batch pads rows and brings other vocabularies; the noise stays what it was."""
    one, other = warm(1), canvas(Shape(5, 2, ((4, (11, 9)),) * 5, False), 9, "strict", [HOT], [WORDS, "region+end"])
    assert run_folded(one, other, seed=7).ids[:4] == run_folded(one, seed=7).ids


@given(shapes(groups=3), SEEDS, plans(temperature=1.0))
@settings(max_examples=8)
def test_folded_noise_is_dense_noise(shape: Shape, seed: int, plan: Plan) -> None:
    for visibility in ("strict", "twin"):
        one = canvas(shape, seed, visibility, [plan], [WORDS, CODES])
        folded, dense = run_folded(one, seed=seed), run_dense(one, seed=seed)
        assert flat(folded.ids) == dense.ids[0]


def test_noise_is_gumbel() -> None:
    """argmax of log p + noise is distributed as p: 20,000 draws, five standard errors."""
    p = torch.tensor([0.5, 0.3, 0.15, 0.05])
    piece = Piece(row=0, start=0, length=20_000, kind=0, key="k", number=0)
    noise = gumbel(piece, 4, seed=0, step=0)
    share = (p.log() + noise).argmax(dim=1).bincount(minlength=4) / 20_000
    assert bool(((share - p).abs() < 5 * (p * (1 - p) / 20_000).sqrt()).all())
    assert torch.equal(noise, gumbel(replace(piece, row=5, start=9, kind=2), 4, seed=0, step=0))
    for other in (gumbel(piece, 4, seed=1, step=0), gumbel(piece, 4, seed=0, step=1),
                  gumbel(replace(piece, key="l"), 4, seed=0, step=0),
                  gumbel(replace(piece, number=1), 4, seed=0, step=0)):  # fmt: skip
        assert not torch.equal(noise, other)


def test_temperature_is_the_sampling_law() -> None:
    """One slot, one pass, five hundred keys: frequencies follow softmax(logits / temperature)."""
    n, heat = 500, 1.7
    one = canvas(Shape(2, 0, ((1, (1,)),), False), 4, "strict", [Plan(steps=1, temperature=heat)], [ENDLESS])
    many = replace(regrouped(one, [0] * n), keys=tuple(f"key {i}" for i in range(n)))
    found = run_folded(many)
    ids = VOCABULARY.allowed(ENDLESS)
    expected = torch.softmax(logits(one)[0, 0] / heat, dim=0)
    written = torch.tensor([i[0] for i in found.ids])
    share = torch.stack([(written == i).float().mean() for i in ids])
    assert bool(((share - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt() + 1e-3).all())
    plain = torch.softmax(logits(one)[0, 0], dim=0)  # confidence is the network's own probability
    assert found.confidence[0][0] == pytest.approx(float(plain[ids.tolist().index(found.ids[0][0])]), abs=1e-4)
