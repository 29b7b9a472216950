"""Plans: how many slots a pass reveals, which ones, and what a decode never does."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.canvas.decoding import Decoded, DecodeEvent, decode
from lucida.canvas.plan import Law, Plan, causal_plan
from lucida.canvas.sessions import Session
from lucida.canvas.span import Canvas, Role, Visibility
from tests.canvas.tiny import (
    BUILDS_PLANS,
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
    folded_session,
    plans,
    run_dense,
    run_folded,
    shapes,
)  # fmt: skip

pytestmark = BUILDS_PLANS
ONE = Shape(3, 1, ((2, (12,)),), True)


def watched(one: Canvas, visibility: Visibility, **settings_) -> tuple[Decoded, list[DecodeEvent]]:
    events: list[DecodeEvent] = []
    foldable = visibility in ("strict", "twin", "block")
    session = folded_session(one) if foldable else dense_session(one)
    return decode(session, VOCABULARY, on_event=events.append, **settings_), events


# -- laws ----------------------------------------------------------------------------------------------------


def test_laws_by_hand() -> None:
    def law(**settings_) -> list[int | None]:
        plan = Plan(steps=4, **settings_)
        return [plan.revealed_after(s, 10) for s in range(5)]

    assert law(law="linear") == [3, 5, 8, 10, 10]  # ceil of 2.5, 5, 7.5
    assert law(law="cosine") == [1, 3, 7, 10, 10]  # ceil of .76, 2.93, 6.17
    assert law(law="counts", counts=(1, 0, 4, 9)) == [1, 1, 5, 10, 10]
    assert law(law="counts", counts=(7, 7)) == [7, 10, 10, 10, 10]
    assert law(law="threshold") == [None, None, None, 10, 10]
    assert law(law="linear", window=(0.5, 1.0)) == [0, 0, 5, 10, 10]
    assert causal_plan(3).counts == (1, 1, 1)


@given(st.integers(1, 40), st.floats(0.05, 0.95))
def test_windows_tile_the_clock(steps: int, cut: float) -> None:
    """Adjoining windows share no pass and leave none out, as long as the first one has a pass at all."""
    before, after = Plan(steps=steps, window=(0, cut)), Plan(steps=steps, window=(cut, 1))
    assert before.first == 0 and after.last == max(steps - 1, after.first)
    assert before.last + 1 == after.first or (before.last == after.first == 0)
    assert before.first <= before.last and after.first <= after.last


@given(plans(), st.integers(0, 50))
def test_laws_grow_and_end_with_everything(plan: Plan, slots: int) -> None:
    wanted = [plan.revealed_after(s, slots) for s in range(plan.last + 1)]
    counted = [n for n in wanted if n is not None]
    assert counted == sorted(counted) and wanted[-1] == slots and min(counted) >= 0


@pytest.mark.parametrize(
    ("settings_", "named"),
    [
        ({"window": (0.5, 0.5)}, "window"),
        ({"window": (-0.1, 1.0)}, "window"),
        ({"window": (0.0, math.nan)}, "window"),
        ({"order": "random"}, "order"),
        ({"law": "quadratic"}, "law"),
        ({"steps": 0}, "steps"),
        ({"law": "counts"}, "counts"),
        ({"law": "counts", "counts": (2, -1)}, "counts"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": math.nan}, "threshold"),
        ({"factor": 0.0}, "factor"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"tail": 0.0}, "tail"),
        ({"block": 0}, "block"),
        ({"revisable": True, "law": "threshold"}, "revisable"),
        ({"revisable": True, "order": "block"}, "revisable"),
    ],
)
def test_plans_that_cannot_be(settings_, named: str) -> None:
    with pytest.raises(Exception, match=named):  # the type checker of the tests may speak first
        Plan(**settings_)


# -- what holds for every plan -------------------------------------------------------------------------------


ANY = st.one_of(plans(), plans(temperature=0.7), plans(revisable=True), plans(temperature=1.5, revisable=True))


@given(
    shapes(groups=3), SEEDS, st.lists(ANY, min_size=1, max_size=2),
    st.sampled_from(["strict", "twin", "block", "released", "full"]),
)  # fmt: skip
@settings(max_examples=40)
def test_every_decode(shape: Shape, seed: int, kinds: list[Plan], visibility: Visibility) -> None:
    """No mask is left, given tokens are untouched, every slot is inside its vocabulary, events tell the story."""
    kinds = [replace(p, block=kinds[0].block) for p in kinds] if visibility == "block" else kinds
    one = canvas(shape, seed, visibility, kinds, [WORDS, CODES], written=0.3)
    found, events = watched(one, visibility, seed=seed)
    spans = [s for s in one.spans if s.role is Role.ANSWER]
    answers = [a for row in range(len(found.ids)) for a in found.answers(row)]
    assert len(answers) == len(spans)
    for span, answer in zip(spans, answers, strict=True):
        allowed = set(VOCABULARY.allowed(span.allowed).tolist()) - {END}
        assert set(answer) <= allowed and MASK not in answer
        assert len(answer) == len(span) or span.allowed == WORDS  # only an end token makes an answer shorter
        if not span.plan.revisable:
            given_ = [(i, int(span.ids[i])) for i in range(len(answer)) if span.ids[i] != MASK]
            assert all(answer[i] == token for i, token in given_)
    assert found.passes == len(events)
    assert [e.passes for e in events] == list(range(1, len(events) + 1))
    assert [e.step for e in events] == sorted({e.step for e in events})
    frozen = not any(p.revisable for p in kinds)
    before = None
    for event in events:
        assert not (event.new & ~event.committed).any() and not (event.committed & ~event.alive).any()
        assert not ((event.ids == MASK) & event.committed).any()
        assert bool(((event.ids == MASK) | event.committed)[event.alive].all())
        assert bool((event.confidence >= 0).all()) and bool((event.confidence <= 1 + 1e-5).all())
        if before is not None:
            assert not (event.alive & ~before.alive).any()
            if frozen:
                lost = before.committed & ~event.committed & event.alive
                assert not lost.any()
                assert torch.equal(event.ids[before.committed], before.ids[before.committed])
                assert torch.equal(event.new, event.committed & ~before.committed)
        before = event
    if before is not None:
        kept = before.alive & (before.ids != END)
        assert [before.ids[r][kept[r]].tolist() for r in range(len(kept))] == found.ids
        assert [before.confidence[r][kept[r]].tolist() for r in range(len(kept))] == found.confidence
        assert bool(before.committed[before.alive].all())


@given(st.integers(1, 12), st.integers(1, 12), SEEDS, plans(), st.sampled_from(["strict", "twin", "block", "full"]))
@settings(max_examples=25)
def test_reveals_follow_the_law(a: int, b: int, seed: int, plan: Plan, visibility: Visibility) -> None:
    """Where nothing is cut off, every group reveals per pass exactly what its law says, whatever the order."""
    one = canvas(Shape(2, 1, ((1, (a,)), (2, (b,))), False), seed, visibility, [plan], [ENDLESS])
    found, _ = watched(one, visibility)
    steps = [found.steps[0][:a], found.steps[0][a:]] if visibility == "full" else found.steps
    for n, mine in zip((a, b), steps, strict=True):
        per_pass = Counter(mine)
        total = 0
        for step in range(plan.last + 1):
            wanted = plan.revealed_after(step, n)
            if wanted is None:  # confidence decides, but at least one slot is revealed
                wanted = max(total + per_pass[step], min(total + 1, n) if step >= plan.first else 0)
            total += per_pass[step]
            assert total == wanted
        if plan.order == "left-to-right":
            assert mine == sorted(mine)
        if plan.order == "block":
            blocks = [mine[i : i + plan.block] for i in range(0, n, plan.block)]
            assert all(max(x) <= min(y) for x, y in pairwise(blocks))


@pytest.mark.parametrize("law", ["threshold", "factor"])
@pytest.mark.parametrize("seed", range(6))
def test_confidence_laws(law: Law, seed: int) -> None:
    """What the formulas say, from the confidences that the events show."""
    plan = Plan(steps=12, law=law, threshold=0.7, factor=1.3, tail=2.0)
    _, events = watched(canvas(ONE, seed, "strict", [plan], [ENDLESS]), "strict")
    for event in events:
        was_open = event.new | ~event.committed
        sure = sorted(event.confidence[was_open].tolist(), reverse=True)
        if event.step == plan.last:
            expected = len(sure)
        elif law == "threshold":
            expected = max(1, sum(c >= 0.7 for c in sure))
        else:
            expected = max(1, *(k for k, c in enumerate(sure, start=1) if (k + 1) * (1 - c) < 1.3), 0)
        revealed = sorted(event.confidence[event.new].tolist(), reverse=True)
        assert revealed == sure[:expected]


# -- end tokens ----------------------------------------------------------------------------------------------


class Scripted:
    """A session that says what it is told: probabilities (A, V') that do not depend on the canvas."""

    cost, caches, token_forwards = 1, False, 0

    def __init__(self, real: Session, probabilities: torch.Tensor) -> None:
        self.slots, self.allowed, self.permitted = real.slots, real.allowed, real.permitted
        self.said = probabilities.log()[None]

    def logits(self, ids, alive, active, first: int, stop: int, wanted=None):
        """The script."""
        said = self.said[:, first:stop].expand(int(active.sum()), -1, -1)
        return said if wanted is None else said[wanted[active, first:stop]]


def scripted(words: list[tuple[int, float]], plan: Plan) -> list[DecodeEvent]:
    """Events of one group; slot i says word ``words[i][0]`` (of six, the end is 5) with probability words[i][1]."""
    ids = VOCABULARY.allowed(WORDS).tolist()
    order = sorted(range(6), key=lambda i: (ids[i] == END, ids[i]))  # the end last
    table = torch.zeros(len(words), 6)
    for slot, (word, p) in enumerate(words):
        table[slot] = (1 - p) / 5
        table[slot, order[word]] = p
    events: list[DecodeEvent] = []
    one = canvas(Shape(1, 0, ((1, (len(words),)),), False), 0, "strict", [plan])
    decode(Scripted(folded_session(one), table), VOCABULARY, on_event=events.append)
    return events


def test_a_run_reveals_the_longest_sure_beginning() -> None:
    """Slots behind an unsure one wait, however sure they are; at least one slot a pass; a sure end cuts at once."""
    plan = Plan(steps=9, law="threshold", order="left-to-right", threshold=0.7)
    events = scripted([(1, 0.9), (2, 0.8), (3, 0.6), (4, 0.95), (5, 0.9), (5, 0.9)], plan)
    assert [event.new[0].nonzero().flatten().tolist() for event in events] == [[0, 1, 4], [2], [3]]


def test_an_end_cuts_at_once() -> None:
    """Slot 2 is surest, and it is an end: slots behind it are gone after the first pass, whatever they would say."""
    events = scripted([(0, 0.5), (1, 0.6), (5, 0.9), (2, 0.8), (3, 0.7)], Plan(steps=5, tail=2.0))
    assert events[0].new[0].tolist() == [False, False, True, False, False]
    assert events[0].alive[0].tolist() == [True, True, True, False, False]
    assert len(events) == 5 - 2 and events[-1].committed[0].tolist() == [True] * 3 + [False] * 2


def test_a_tail_of_ends_does_not_eat_the_quota() -> None:
    """Six words and a tail of six ends under a linear law of three passes: two words a pass beside the tail."""
    words = [(i % 5, 0.6 + 0.01 * i) for i in range(6)] + [(5, 0.8)] * 6
    events = scripted(words, Plan(steps=3))
    assert events[0].alive[0].tolist() == [True] * 7 + [False] * 5
    assert events[0].new[0].tolist() == [False] * 4 + [True] * 3 + [False] * 5
    assert [int(e.new.sum()) for e in events] == [3, 2, 2]


def test_a_tail_that_is_not_sure_is_left() -> None:
    """One slot behind says something else: no tail; and a plan may switch the rule off."""
    words = [(0, 0.5), (1, 0.6), (5, 0.8), (5, 0.8), (2, 0.7)]
    assert scripted(words, Plan(steps=5))[0].new[0].tolist() == [False, False, True, False, False]
    assert scripted(words[:-1], Plan(steps=4))[0].alive[0].tolist() == [True, True, True, False]
    assert int(scripted(words[:-1], Plan(steps=4, tail=2.0))[0].new.sum()) == 1


def test_a_given_end_ends_the_answer_before_the_first_pass() -> None:
    one = canvas(ONE, 0, "strict", [Plan(steps=3)])
    ids = torch.full((12,), MASK)
    ids[5] = END
    session = folded_session(one.with_answers([ids]))
    before = session.token_forwards
    found = decode(session, VOCABULARY)
    assert len(found.ids[0]) <= 5 and session.token_forwards - before <= 6 * found.passes


def test_an_end_cuts_only_where_an_end_may_be() -> None:
    """Given inside an answer that has no end token in its vocabulary, it is a token like any other."""
    ids = torch.full((12,), MASK)
    ids[5] = END
    found = run_folded(canvas(ONE, 0, "strict", [Plan(steps=3)], [ENDLESS]).with_answers([ids]))
    assert found.lengths == [[11]]


def test_an_end_in_the_text_leaves_the_picture_alone() -> None:
    """In one dense row an end token ends its own span, not the spans and groups behind it."""
    shape = Shape(2, 1, ((1, (4, 3)), (1, (5, 2))), False)
    session = dense_session(canvas(shape, 0, "full", [Plan(steps=3)], [WORDS, CODES]))
    table = torch.full((14, len(session.allowed)), 0.05)
    table[:, session.allowed == VOCABULARY.special("null")] = 0.4
    table[:, session.allowed == VOCABULARY.image_code(3)] = 0.4
    table[torch.tensor([1, 9]), session.allowed == END] = 0.9  # slot 1 of the first text, slot 2 of the second
    found = decode(Scripted(session, table / table.sum(dim=1, keepdim=True)), VOCABULARY)
    null, code = VOCABULARY.special("null"), VOCABULARY.image_code(3)
    assert found.answers(0) == [[null], [code] * 3, [null] * 2, [code] * 2]


# -- PerceptionDLM's released rule ---------------------------------------------------------------------------


def test_released_budget() -> None:
    """floor(M (S - 1 - s) / S) slots of all regions together are masked after pass s."""
    plan = Plan(steps=5, revisable=True, pooled=True)
    one = canvas(Shape(3, 1, ((2, (5,)), (1, (6,)), (0, (4,))), False), 2, "released", [plan], [ENDLESS])
    one = replace(one, spans=tuple(replace(s, name="answer") for s in one.spans))
    found, events = watched(one, "released")
    assert [int((e.ids == MASK).sum()) for e in events] == [15 * (4 - s) // 5 for s in range(5)]
    assert found.lengths == [[5, 6, 4]]
    per_group = run_dense(replace(one, spans=tuple(replace(s, plan=Plan(steps=5, revisable=True)) for s in one.spans)))
    assert per_group.lengths == [[5, 6, 4]]
    with pytest.raises(ValueError, match="pooled"):
        run_dense(canvas(ONE, 0, "released", [Plan(pooled=True)], [WORDS]))


def test_a_revisable_plan_revises() -> None:
    """Committed slots are masked again in some pass; a frozen plan never does that."""
    again = 0
    for seed in range(6):
        one = canvas(ONE, seed, "strict", [Plan(steps=6, revisable=True)], [ENDLESS])
        _, events = watched(one, "strict")
        again += sum(
            int((a.committed & ~b.committed).sum()) for a, b in pairwise(events)
        )
        assert [int(e.committed.sum()) for e in events] == [2, 4, 6, 8, 10, 12]
    assert again > 0


def test_a_draft_is_refined() -> None:
    """Under a revisable plan what stands there at the start is a draft; under a frozen one it is given."""
    drafts = [draft for seed in range(4) for draft in refined(seed, revisable=True)]
    assert any(drafts) and not any(draft for seed in range(4) for draft in refined(seed, revisable=False))


def refined(seed: int, revisable: bool) -> list[bool]:
    """Per slot of a draft without masks, whether the decode changed it."""
    plan = Plan(steps=3, revisable=revisable)
    one = canvas(ONE, seed, "strict", [plan], [ENDLESS], written=1.0)
    found = run_folded(one)
    return [a != b for a, b in zip(found.ids[0], one.spans[-1].ids.tolist(), strict=True)]
