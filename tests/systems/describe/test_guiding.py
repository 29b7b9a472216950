"""Guided attention: the slots that name another thing, the side token they should look at, and the loss by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lucida.canvas.span import Role
from lucida.nn.attention import Segment, attend, attention_weights
from lucida.systems.describe.grounding import Truth
from lucida.systems.describe.guiding import UNGUIDED, asked_side, copied_hint, guide_loss, watched
from lucida.systems.describe.samples import renamed
from lucida.world.language import facts
from tests.systems.describe.test_task import task

WORD_OF = {"left of": "right", "right of": "left", "above": "below", "below": "above"}


def test_slots_and_side_tokens(small: Path) -> None:
    """Guided slots state the relation and the other thing, and their token looks to where it is."""
    made = task(small, layout={"sides": True}, samples={"related": True})
    truth, checked = Truth(0.35, made.vocabulary), 0
    for n in range(20):
        seen = made.bank[n]
        for i, region in enumerate(seen.regions):
            canvas = made.layout.canvas(seen.cells, [made.sampler.caption_request(seen.scene, i, region, 0)])
            guide = truth.of([(seen, canvas, (i,))]).guide
            slots = guide[0, 0] != UNGUIDED
            if not slots.any():
                continue
            stated = facts(seen.scene, i, related=True)
            words = made.vocabulary.decode(canvas.part(0, Role.ANSWER)[0].ids[slots].tolist())
            other = " ".join(filter(None, (stated.other_colour, stated.other_noun)))
            assert words in {f"{stated.relation} {article}{other}" for article in ("a ", "an ", "")}
            given = torch.cat([span.ids for span in canvas.part(0, Role.GIVEN)])
            assert stated.relation is not None
            assert made.vocabulary.decode([int(given[guide[0, 0, slots].unique().item()])]) == WORD_OF[stated.relation]
            checked += 1
    assert checked > 20


def test_questions_about_a_side() -> None:
    assert asked_side("what is left of <1>?", 2) == (0, range(2))
    assert asked_side("which thing is below <1>?", 3) == (3, range(3))
    assert asked_side("how big is the thing right of <1>?", 1) == (1, range(1))
    for other in ("is <1> left of <2>?", "where is <1>?", "describe <1>", "is <1> at the left?"):
        assert asked_side(other, 1) is None


def test_the_loss_by_hand() -> None:
    """One slot with equal scores over 2 + 3 + 1 keys gives its token a sixth; the other slots do not count."""
    queries = torch.zeros(1, 1, 1, 2, 4, 8)
    batches = [((1,), 2), ((1, 1), 3), ((1, 1, 1), 1)]  # context, given part, own slots: shape and keys
    segments = [Segment(k=torch.zeros(*n, 2, m, 8), v=torch.ones(*n, 2, m, 8)) for n, m in batches]
    guide = torch.full((1, 1, 4), UNGUIDED)
    assert float(guide_loss([(queries, segments)], guide)) == 0.0
    guide[0, 0, 1] = 1
    assert float(guide_loss([(queries, segments)], guide)) == pytest.approx(math.log(6))


def test_copied_names_look_at_their_hint(small: Path) -> None:
    """Word by word, at the first hint; a caption that calls the thing otherwise is left alone."""
    made = task(small)
    v, seen = made.vocabulary, made.bank[1]
    hinted = replace(seen.regions[0], hints=(("bell tower", 0.9), ("palace", 0.1)))
    for noun, expected in (("bell tower", v.encode("bell tower")), ("castle", [])):
        scene = renamed(seen.scene, 0, noun)
        canvas = made.layout.canvas(seen.cells, [made.sampler.caption_request(scene, 0, hinted, 0)])
        given, answer = canvas.part(0, Role.GIVEN), canvas.part(0, Role.ANSWER)[0].ids
        found = copied_hint(given, answer.tolist(), v)
        ids = torch.cat([span.ids for span in given])
        assert answer[list(found)].tolist() == ids[list(found.values())].tolist() == expected


def test_weights_are_those_of_attention() -> None:
    q = torch.randn(2, 3, 5, 8)
    segment = Segment(k=torch.randn(2, 3, 7, 8), v=torch.randn(2, 3, 7, 8))
    weights = attention_weights(q, [segment])
    assert torch.allclose(weights.sum(-1), torch.ones(2, 3, 5), atol=1e-6)
    assert torch.allclose(weights @ segment.v, attend(q, [segment]), atol=1e-5)


def test_it_teaches_where_to_look_and_leaves_nothing_behind(small: Path) -> None:
    """Its gradient reaches the watched block's queries; outside of training no hook is left."""
    wishes = {"guide": 1.0, "layers": [0], "side_layers": [1], "guide_layers": [1]}
    made = task(small, layout={"sides": True}, samples={"related": True}, grounding=wishes)
    batch = made.batch(0, 0, 1)
    _, logged = made.module(batch)
    assert float(logged["guide"]) > 0.5
    attention = made.module.network.blocks[1].attention
    assert not attention._forward_pre_hooks
    with watched(made.module.network, (1,)) as looks:
        assert len(attention._forward_pre_hooks) == 1 and not looks
    assert not attention._forward_pre_hooks
