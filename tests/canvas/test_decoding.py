"""The decode loop against one written plainly (``slow.py``): same tokens, same passes, whatever the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lucida.canvas.decoding import Decoded, decode
from lucida.canvas.plan import Plan, causal_plan
from lucida.canvas.sessions import GuidedSession
from lucida.canvas.span import FOLDABLE, Canvas, Role, Visibility
from tests.canvas.slow import SlowDecoded, hidden_of, logits_of, slow_decode, tokens_of
from tests.canvas.tiny import (
    BUILDS_PLANS,
    CHANNELS,
    CODES,
    END,
    ENDLESS,
    MASK,
    SEEDS,
    VOCABULARY,
    WORDS,
    Shape,
    canvas,
    dense_session,
    flat,
    folded_session,
    network,
    plans,
    regrouped,
    run_dense,
    run_folded,
    shapes,
)  # fmt: skip

pytestmark = BUILDS_PLANS
TWO = st.lists(plans(), min_size=1, max_size=2)
LONG = Shape(4, 1, ((2, (9,)), (1, (7,)), (3, (9,)), (2, (8,))), True)


def check(found: Decoded, expected: SlowDecoded) -> None:
    """Same answers, passes and confidence; ``expected`` may hold near-ties, which a test leaves out."""
    assume(not expected.close)
    assert [a for row in range(len(found.ids)) for a in found.answers(row)] == expected.answers
    assert flat(found.steps) == flat(expected.steps)
    assert found.passes == expected.passes
    assert flat(found.confidence) == pytest.approx(flat(expected.confidence), abs=1e-4)


@pytest.mark.parametrize("visibility", FOLDABLE)
@given(shapes(groups=3), SEEDS, TWO)
@settings(max_examples=20)
def test_folded_and_dense_decode_as_written_slowly(visibility: Visibility, shape, seed: int, kinds) -> None:
    """With a cache, without one, and in plain loops; some slots are given, two spans have two vocabularies."""
    kinds = [replace(p, block=kinds[0].block) for p in kinds] if visibility == "block" else kinds
    one = canvas(shape, seed, visibility, kinds, [WORDS, CODES], written=0.2)
    expected = slow_decode(network(), one)
    check(run_folded(one), expected)
    check(run_dense(one), expected)


@pytest.mark.parametrize("visibility", ["released", "full"])
@given(shapes(groups=3), SEEDS, TWO)
@settings(max_examples=10)
def test_dense_decodes_as_written_slowly(visibility: Visibility, shape, seed: int, kinds) -> None:
    one = canvas(shape, seed, visibility, kinds, [WORDS, CODES], written=0.2)
    check(run_dense(one), slow_decode(network(), one))


@pytest.mark.parametrize("visibility", FOLDABLE)
@given(st.lists(shapes(groups=3), min_size=2, max_size=3), SEEDS, TWO, TWO)
@settings(max_examples=10)
def test_pictures_decoded_together(visibility: Visibility, many, seed: int, kinds, others) -> None:
    """Every group writes what it writes when its picture is alone, though windows, lengths and ends differ."""
    if visibility == "block":
        kinds, others = ([replace(p, block=3) for p in ps] for ps in (kinds, others))
    ones = [
        canvas(s, seed + n, visibility, (kinds, others)[n % 2], [WORDS, CODES], written=0.2)
        for n, s in enumerate(many)
    ]
    together = run_folded(*ones)
    groups = max(c.groups for c in ones)
    for p, one in enumerate(ones):
        expected = slow_decode(network(), one)
        assume(not expected.close)
        rows = range(p * groups, p * groups + one.groups)
        assert [a for row in rows for a in together.answers(row)] == expected.answers
        assert [together.ids[r] for r in range(p * groups + one.groups, (p + 1) * groups)] == [[]] * (
            groups - one.groups
        )


@pytest.mark.parametrize("visibility", FOLDABLE)
@pytest.mark.parametrize("seed", range(3))
def test_a_group_that_pauses(visibility: Visibility, seed: int) -> None:
    """Its second answer's window opens long after the first one's has closed, while another group goes on writing."""
    early, late = Plan(steps=8, window=(0, 0.25), block=2), Plan(steps=8, window=(0.75, 1), block=2)
    pausing = canvas(Shape(2, 1, ((1, (4, 4)), (2, (3, 5))), True), seed, visibility, [early, late], [ENDLESS])
    steady = Plan(steps=8, order="block", block=2)
    other = canvas(Shape(3, 1, ((1, (8,)),), True), seed, visibility, [steady], [ENDLESS])
    together = run_folded(pausing, other)
    expected = slow_decode(network(), pausing), slow_decode(network(), other)
    assert expected[0].close or together.answers(0) + together.answers(1) == expected[0].answers
    assert expected[1].close or together.answers(2) == expected[1].answers


@given(st.lists(shapes(groups=3), min_size=2, max_size=3), SEEDS, TWO)
@settings(max_examples=8)
def test_tokens_read_do_not_depend_on_company(many: list[Shape], seed: int, kinds: list[Plan]) -> None:
    """Padding and groups that have left are not counted, and not read."""
    ones = [canvas(s, seed + n, "strict", kinds, [WORDS, CODES]) for n, s in enumerate(many)]
    assert run_folded(*ones).token_forwards == sum(run_folded(one).token_forwards for one in ones)


def greedy_autoregressive(one: Canvas) -> list[list[int]]:
    """Each group by itself: read everything, append the likeliest token, until the end token."""
    out = []
    for g in range(one.groups):
        span = one.part(g, Role.ANSWER)[0]
        allowed, written = VOCABULARY.allowed(span.allowed), []
        while len(written) < len(span) and END not in written:
            length = len(written) + 1
            prefix = replace(span, group=0, ids=torch.tensor([*written, MASK]))
            alone = replace(
                one,
                spans=(*one.context, *(replace(s, group=0) for s in one.part(g, Role.GIVEN)), prefix),
                keys=(),
            )
            tokens = tokens_of(alone)
            hidden = hidden_of(network(), tokens, "twin")[-1]
            assert len([t for t in tokens if t.role is Role.ANSWER]) == length
            written.append(int(allowed[logits_of(network(), hidden, allowed).argmax()]))
        out.append([i for i in written if i != END])
    return out


@pytest.mark.parametrize("seed", range(8))
def test_the_twin_is_greedy_autoregressive_decoding(seed: int) -> None:
    one = canvas(LONG, seed, "twin", [causal_plan(9)])
    found = run_folded(one)
    assert found.ids == greedy_autoregressive(one)
    longest = max(len(i) + (len(i) < n) for i, n in zip(found.ids, (9, 7, 9, 8), strict=True))
    assert found.passes == longest


@pytest.mark.parametrize("visibility", FOLDABLE)
def test_finished_groups_leave(visibility: Visibility) -> None:
    """A group that has met its end token is not read again: tokens read are the ones that are still open to change."""
    one = canvas(LONG, 3, visibility, [replace(causal_plan(9), block=1)])
    session = folded_session(one)
    read: list[int] = []

    def seen(event) -> None:
        read.append(session.token_forwards)

    before = session.token_forwards
    found = decode(session, VOCABULARY, on_event=seen)
    lengths = [len(i) + (len(i) < n) for i, n in zip(found.ids, (9, 7, 9, 8), strict=True)]
    assert len(set(lengths)) > 1, "the example should hold an early end"
    per_pass = [b - a for a, b in zip([before, *read], read, strict=False)]
    at = range(found.passes)
    if visibility == "strict":
        assert per_pass == [sum(n for n, m in zip((9, 7, 9, 8), lengths, strict=True) if m > t) for t in at]
    elif visibility == "twin":  # one column per pass: the last one is kept as soon as it is read
        assert per_pass == [sum(m > t for m in lengths) for t in at]
    else:  # blocks of one: the column just written is read again, to keep it
        assert per_pass == [sum(m > t for m in lengths) * (1 + (t > 0)) for t in at]


Law = Literal["linear", "cosine"]


@given(shapes(groups=2), SEEDS, plans(), plans())
@settings(max_examples=10)
def test_text_first_is_text_and_then_the_picture(shape: Shape, seed: int, words: Plan, codes: Plan) -> None:
    """Adjoining windows of one clock == two decodes, the first one's answer given to the second."""
    steps = max(words.steps, codes.steps, 2)
    words = replace(words, steps=steps, window=(0.0, 0.4 if steps > 2 else 0.5))
    codes = replace(codes, steps=steps, window=(words.window[1], 1.0))
    shape = replace(shape, groups=((2, (6, 5)),))
    together = canvas(shape, seed, "full", [words, codes], [WORDS, CODES])
    alone = replace(
        together,
        spans=tuple(
            replace(s, role=Role.GIVEN, group=1) if s.allowed == CODES and s.role is Role.ANSWER else s
            for s in together.spans
        ),
        keys=("a", "b"),
    )
    text = run_dense(alone).ids[0]
    page = torch.full((6,), END)
    page[: len(text)] = torch.tensor(text, dtype=torch.long)
    picture = run_dense(together.with_answers([page, torch.full((5,), MASK)]))
    assert run_dense(together).answers(0) == [text, picture.answers(0)[1]]


def test_a_finished_span_becomes_given() -> None:
    """What one decode wrote is untouched by the next, which fills the rest."""
    one = canvas(LONG, 1, "strict", [Plan(steps=3)], [ENDLESS])
    first = run_folded(one)
    half = [torch.tensor([*ids[:4], *[MASK] * (len(ids) - 4)]) for ids in first.ids]
    second = run_folded(one.with_answers(half))
    assert [ids[:4] for ids in second.ids] == [ids[:4] for ids in first.ids]
    assert all(s[:4] == [-1] * 4 and min(s[4:]) >= 0 for s in second.steps)
    assert all(c[:4] == [0.0] * 4 for c in second.confidence)


# -- guidance ------------------------------------------------------------------------------------------------


@given(shapes(groups=2), SEEDS, plans(), st.sampled_from(["strict", "twin", "full"]))
@settings(max_examples=10)
def test_guidance_as_written_slowly(shape: Shape, seed: int, plan: Plan, visibility: Visibility) -> None:
    one = canvas(replace(shape, instruction=1), seed, visibility, [plan])
    branch = one.without(["picture"], VOCABULARY.special("null"))
    make = dense_session if visibility == "full" else folded_session
    found = decode(GuidedSession(make(one), make(branch), 1.7), VOCABULARY)
    expected = slow_decode(network(), one, branch=branch, scale=1.7)
    expected.passes *= 2
    check(found, expected)


@given(shapes(groups=3), SEEDS, plans(temperature=0.8))
@settings(max_examples=10)
def test_scale_one_is_no_guidance(shape: Shape, seed: int, plan: Plan) -> None:
    one = canvas(shape, seed, "strict", [plan])
    branch = one.without(["picture"], VOCABULARY.special("null"))
    guided = decode(GuidedSession(folded_session(one), folded_session(branch), 1.0), VOCABULARY)
    plain = run_folded(one)
    assert (guided.ids, guided.steps, guided.confidence) == (plain.ids, plain.steps, plain.confidence)
    assert guided.passes == 2 * plain.passes


def test_guidance_needs_the_same_slots() -> None:
    one = canvas(LONG, 0)
    with pytest.raises(ValueError, match="keep the canvas' slots"):
        GuidedSession(folded_session(one), folded_session(regrouped(one, [1, 0, 2, 3])), 2.0)


def test_folded_answers_carry_no_features() -> None:
    one = canvas(Shape(2, 0, ((1, (3,)),), False), 0)
    answer = replace(one.spans[-1], modality="cell", features=torch.zeros(3, CHANNELS))
    with pytest.raises(ValueError, match="no features"):
        run_folded(replace(one, spans=(*one.spans[:-1], answer)))


def test_boxes_on_answers() -> None:
    """Image codes lie on a grid; the box of a slot goes with it through folding and caching."""
    for seed in range(3):
        one = canvas(Shape(3, 1, ((1, (4,)), (2, (6,))), True), seed, "strict", [Plan(steps=3)], [CODES])
        spans = [
            replace(s, boxes=torch.rand(len(s), 4).sort(dim=1).values) if s.role is Role.ANSWER else s
            for s in one.spans
        ]
        one = replace(one, spans=tuple(spans))
        expected = slow_decode(network(), one)
        assert expected.close or run_folded(one).ids == expected.answers
