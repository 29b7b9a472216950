"""Spans and canvases: what they refuse, and that a guidance branch differs exactly where intended."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from lucida.canvas.compiling import dense, fold
from lucida.canvas.span import Canvas, Role, Span
from tests.canvas.tiny import CHANNELS, MASK, SEEDS, VOCABULARY, Shape, canvas, shapes

IDS = torch.tensor([1, 2, 3])
CONTEXT = Span(role=Role.CONTEXT, ids=IDS, name="picture")
GIVEN = Span(role=Role.GIVEN, ids=IDS, name="region")
ANSWER = Span(role=Role.ANSWER, ids=IDS, name="answer")


@pytest.mark.parametrize(
    ("settings_", "named"),
    [
        ({"ids": torch.zeros(3)}, "int64"),
        ({"ids": torch.zeros(1, 3, dtype=torch.long)}, "int64"),
        ({"features": torch.zeros(2, CHANNELS), "modality": "cell"}, "features has 2 rows for 3 ids"),
        ({"boxes": torch.zeros(4, 4)}, "boxes has 4 rows for 3 ids"),
        ({"features": torch.zeros(3, CHANNELS)}, "features and modality go together"),
        ({"modality": "cell"}, "features and modality go together"),
        ({"cover": torch.zeros(1, 3)}, "cover"),
        ({"role": Role.CONTEXT, "cover": torch.zeros(3)}, "cover"),
    ],
)
def test_spans_that_cannot_be(settings_, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(GIVEN, **settings_)


@pytest.mark.parametrize(
    ("spans", "settings_", "named"),
    [
        ((GIVEN, CONTEXT), {}, "ordered"),
        ((CONTEXT, ANSWER, GIVEN), {}, "ordered"),
        ((replace(GIVEN, group=1), ANSWER), {}, "ordered"),
        ((GIVEN, replace(ANSWER, group=1), replace(ANSWER, group=0)), {}, "ordered"),
        ((CONTEXT, replace(GIVEN, group=1)), {}, "numbered"),
        ((GIVEN, replace(GIVEN, group=2)), {}, "numbered"),
        ((CONTEXT, GIVEN), {"keys": ("a", "b")}, "2 keys for 1 groups"),
        ((CONTEXT, replace(GIVEN, cover=torch.zeros(4))), {}, "cover of 4 cells, the context has 3"),
    ],
)
def test_canvases_that_cannot_be(spans, settings_, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Canvas(spans=spans, **settings_)


def test_parts() -> None:
    one = Canvas(spans=(CONTEXT, GIVEN, ANSWER, replace(GIVEN, group=1)), keys=("a", "b"))
    assert (one.groups, one.context, one.part(0, Role.ANSWER)) == (2, (CONTEXT,), (ANSWER,))
    assert one.part(1, Role.ANSWER) == () and one.key(1) == "b"
    assert Canvas(spans=(CONTEXT,)).groups == 0 and replace(one, keys=()).key(1) == "1"


def test_with_answers() -> None:
    one = Canvas(spans=(CONTEXT, GIVEN, ANSWER, replace(ANSWER, group=1)))
    new = one.with_answers([torch.tensor([7, 8, 9]), torch.tensor([4, 5, 6])])
    assert [s.ids.tolist() for s in new.spans[2:]] == [[7, 8, 9], [4, 5, 6]]
    assert new.spans[:2] == one.spans[:2]
    for wrong in (1, 3):
        with pytest.raises(ValueError, match=f"{wrong} answers for 2 answer spans"):
            one.with_answers([IDS] * wrong)


def test_what_a_branch_cannot_drop() -> None:
    one = Canvas(spans=(CONTEXT, GIVEN, ANSWER))
    with pytest.raises(ValueError, match="cannot be dropped"):
        one.without(["answer"], 0)
    with pytest.raises(ValueError, match="no span named pictures"):
        one.without(["pictures"], 0)


@given(shapes(groups=3), SEEDS)
@settings(max_examples=15)
def test_a_branch_differs_exactly_where_intended(shape: Shape, seed: int) -> None:
    """The picture's ids, features and boxes go; every other token, place, slot and rule stays."""
    null = VOCABULARY.special("null")
    shape = replace(shape, instruction=1)
    one = canvas(shape, seed, "full", written=0.3)
    branch = one.without(["picture"], null)
    a, b = dense(one, mask=MASK), dense(branch, mask=MASK)
    gone = torch.zeros(a.tokens.ids.shape[1], dtype=torch.bool)
    gone[: shape.picture] = True
    assert bool((b.tokens.ids[0, gone] == null).all())
    assert torch.equal(a.tokens.ids[0, ~gone], b.tokens.ids[0, ~gone])
    for name in ("positions", "valid", "cover"):
        x, y = getattr(a.tokens, name), getattr(b.tokens, name)
        assert (x is None and y is None) or torch.equal(x, y)
    assert torch.equal(a.allow, b.allow) and torch.equal(a.where, b.where)
    assert torch.equal(a.slots.ids, b.slots.ids) and a.slots.pieces == b.slots.pieces
    where, values = features(a.tokens.features, len(gone))
    other_where, other_values = features(b.tokens.features, len(gone))
    assert torch.equal(other_where, where & ~gone) and torch.equal(values[other_where], other_values[other_where])
    assert a.tokens.boxed is not None and bool(a.tokens.boxed[0, gone].all())
    assert b.tokens.boxed is None or torch.equal(b.tokens.boxed[0], a.tokens.boxed[0] & ~gone)


def features(found, length: int) -> tuple[Tensor, Tensor]:
    """Which tokens have features, and what they are."""
    where, values = torch.zeros(length, dtype=torch.bool), torch.zeros(length, CHANNELS)
    for index, x in found.values():
        where[index], values[index] = True, x
    return where, values


def test_a_branch_drops_what_a_group_is_given() -> None:
    """Folded: the group's rows change, the context does not."""
    one = canvas(Shape(3, 1, ((2, (4,)), (1, (2,))), True), 0)
    a, b = fold([one], mask=MASK), fold([one.without(["region"], 5)], mask=MASK)
    assert torch.equal(a.context.ids, b.context.ids) and torch.equal(a.answers.ids, b.answers.ids)
    assert bool((b.given.ids[b.given.valid] == 5).all()) and not b.given.features and b.given.boxes is None
    assert torch.equal(a.given.positions, b.given.positions)
    assert b.given.cover is None and a.answers.cover is not None and b.answers.cover is not None
