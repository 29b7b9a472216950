from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.metrics.matchers import match_answer
from lucida.world.grammar import is_unarticled, plural
from lucida.world.language import lexicon, refer, short_label
from lucida.world.language_corpus import sketch
from lucida.world.questions import KINDS, questions, replay
from lucida.world.questions_regions import COMPARISONS, only
from lucida.world.questions_trace import Trace, winner
from lucida.world.questions_wording import wordings
from lucida.world.records import COLOURS, SIZES, Question, Scene, SceneObject

SEEDS = st.integers(0, 2**32)
LEX = lexicon()
WORD = "(left of|right of|above|below)"


def plain_questions(scene: Scene, seed: int) -> list[Question]:
    """Two of each kind in plain wording, straight from the makers."""
    rng = np.random.default_rng(seed)
    made = [maker(scene, rng) for maker in KINDS.values() for _ in range(2)]
    return [question for question in made if question is not None]


def answer_of(scene: Scene, question: Question) -> str:
    """The answer worked out from the question's words and the scene alone, in the most naive way."""
    things, text = scene.objects, question.text
    cited = [things[i] for i in question.cites]
    holds = {(r.subject, r.word, r.other) for r in scene.relations}

    def beside(word: str) -> SceneObject:
        (found,) = [o for o in things if (o.index, word, cited[0].index) in holds]
        return found

    def meant(phrase: str) -> SceneObject:
        if phrase == "<1>":
            return cited[0]
        if match := re.fullmatch(f"the thing {WORD} <1>", phrase):
            return beside(match[1])
        (found,) = [o for o in things if refer(scene, o.index) == phrase]
        return found

    if match := re.fullmatch(f"what is {WORD} <1>\\?", text):
        return short_label(beside(match[1]))
    if match := re.fullmatch(f"is <1> {WORD} <2>\\?", text):
        return "yes" if (cited[0].index, match[1], cited[1].index) in holds else "no"
    if match := re.fullmatch(r"which of [<> \d]+ is (.+)\?", text):
        key = {"largest": lambda o: o.area, "smallest": lambda o: -o.area, "furthest left": lambda o: -o.centre[0],
               "furthest right": lambda o: o.centre[0], "highest up": lambda o: -o.centre[1],
               "lowest down": lambda o: o.centre[1]}[match[1]]  # fmt: skip
        return f"<{cited.index(max(cited, key=key)) + 1}>"
    for asked, name in (
        ("what colour is", "colour"),
        ("how big is", "size"),
        ("where is", "place"),
        ("what is", "noun"),
    ):
        if match := re.fullmatch(f"{asked} (.+)\\?", text):
            return getattr(meant(match[1]), name)
    if match := re.fullmatch(r"how many (.+) are there\?", text):
        *words, kind = match[1].split(" ") if match[1].endswith("things") else [match[1]]
        wanted = list(things)
        if kind != "things":
            words, nouns = [], {o.noun for o in things if match[1].endswith(plural(o.noun))}
            noun = max(nouns, key=len)
            words = match[1].removesuffix(plural(noun)).split()
            wanted = [o for o in wanted if o.noun == noun]
        return str(sum(all(word in (o.colour, o.size) for word in words) for o in wanted))
    if match := re.fullmatch(r"is there (?:a|an|some) (.+)\?", text):
        return "yes" if any(match[1] in (o.noun, f"{o.colour} {o.noun}") for o in things) else "no"
    if match := re.fullmatch(r"are <1> and <2> the same (.+)\?", text):
        name = {"colour": "colour", "size": "size", "kind of thing": "noun"}[match[1]]
        return "yes" if getattr(cited[0], name) == getattr(cited[1], name) else "no"
    match = re.fullmatch(r"is <1> (.+)\?", text)
    assert match, text
    return "yes" if match[1] in (cited[0].colour, cited[0].size) else "no"


@given(SEEDS)
@settings(max_examples=120, deadline=None)
def test_answers_by_brute_force_and_by_replay(seed: int) -> None:
    scene = sketch(seed)
    for question in plain_questions(scene, seed):
        assert question.answer == answer_of(scene, question), question
        assert replay(scene, question.derivation) == question.answer
        assert all(0 <= i < len(scene.objects) for i in (*question.cites, *question.evidence))
        marks = set(re.findall(r"<(\d+)>", question.text))
        assert marks == {str(n + 1) for n in range(len(question.cites))}
        assert len(set(question.cites)) == len(question.cites)
        assert match_answer(question.answer_type, question.answer, question.answer, lexicon=LEX).ok, question
        assert question.derivation[-1].op == "answer" and question.derivation[-1].text == question.answer


@given(SEEDS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_wording_keeps_the_answer_and_families_are_apart(seed: int, held: bool) -> None:
    scene = sketch(seed)
    asked = questions(scene, seed, held_out=held)
    assert asked == questions(scene, seed, held_out=held)
    other = {
        form
        for question in plain_questions(scene, seed)
        for form in wordings(question.text, held_out=not held)
    }
    for question in asked:
        assert replay(scene, question.derivation) == question.answer
        assert question.text not in other
        assert not held or not question.text.startswith(("what ", "which ", "how "))


def test_kinds_are_all_there_and_can_be_chosen() -> None:
    found = Counter(q.kind for seed in range(60) for q in questions(sketch(seed), seed))
    assert set(found) == set(KINDS)
    assert min(found.values()) > 40
    only_counts = questions(sketch(3), 0, kinds=["count"], per_kind=5)
    assert {q.kind for q in only_counts} == {"count"}
    assert len({q.text for q in only_counts}) == len(only_counts)
    with pytest.raises(InputError, match="smell"):
        questions(sketch(3), 0, kinds=["smell"])


def test_yes_and_no_are_balanced_and_so_are_numbers_and_marks() -> None:
    answers: dict[str, Counter[str]] = {}
    for seed in range(500):
        for q in questions(sketch(seed), seed):
            answers.setdefault(q.kind, Counter())[q.answer] += 1
    for kind in ("relation yes/no", "attribute yes/no", "existence", "same"):
        yes, no = answers[kind]["yes"], answers[kind]["no"]
        assert set(answers[kind]) == {"yes", "no"}
        assert abs(yes - no) < 4 * (yes + no) ** 0.5, (kind, yes, no)  # four standard deviations
    numbers = answers["count"]
    assert max(numbers.values()) < 0.5 * numbers.total() and {"0", "1", "2", "3"} <= set(numbers)
    marks = answers["compare"]
    assert abs(marks["<1>"] - marks["<2>"]) < 0.15 * marks.total()


def test_no_word_gives_a_yes_or_no_away() -> None:
    """A guesser that knows only the asked attribute should not do much better than chance."""
    answers: dict[str, Counter[str]] = {}
    for seed in range(1500):
        for q in plain_questions(sketch(seed), seed):
            if q.kind == "attribute yes/no":
                answers.setdefault(q.text, Counter())[q.answer] += 1
    for word in (*COLOURS, *SIZES):
        counts = answers[f"is <1> {word}?"]
        assert 0.3 < counts["yes"] / counts.total() < 0.7, (word, counts)


def test_only_wants_a_clear_case() -> None:
    base = sketch(0, count=2)
    a, b = base.objects
    from lucida.world.config import SceneConfig
    from lucida.world.scene import relations_of

    def at(*centres: tuple[float, float]) -> Scene:
        objects = tuple(replace(a, index=k, centre=centre) for k, centre in enumerate(centres))
        return replace(base, objects=objects, relations=relations_of(objects, (1, 1), SceneConfig()))

    assert only(at((0.5, 0.5), (0.2, 0.5)), "left of", 0) == 1
    assert only(at((0.5, 0.5), (0.2, 0.5)), "right of", 0) is None
    assert only(at((0.5, 0.5), (0.2, 0.5), (0.1, 0.5)), "left of", 0) is None  # two right answers
    assert only(at((0.5, 0.5), (0.2, 0.5), (0.4, 0.5)), "left of", 0) is None  # the second is nearly one
    assert only(at((0.5, 0.5), (0.2, 0.5), (0.3, 0.2)), "left of", 0) == 1  # that one is above, not left
    assert only(at((0.5, 0.5), (0.2, 0.5), (0.9, 0.5)), "left of", 0) == 1
    assert b is not a


def test_winner_needs_a_margin_and_no_contradiction() -> None:
    base = sketch(0, count=3)

    def with_areas(*areas_sizes: tuple[int, str]) -> Scene:
        objects = tuple(
            replace(o, area=area, size=size)
            for o, (area, size) in zip(base.objects, areas_sizes, strict=True)
        )
        return replace(base, objects=objects)

    clear = with_areas((100, "small"), (300, "large"), (200, "medium"))
    assert winner(clear, "largest", (0, 1, 2)) == 1
    assert winner(clear, "largest", (2, 0)) == 0
    assert winner(clear, "smallest", (2, 1, 0)) == 2
    assert winner(with_areas((250, "large"), (300, "large"), (100, "small")), "largest", (0, 1)) is None
    hidden = with_areas((100, "large"), (300, "medium"), (50, "small"))  # the large one is mostly covered
    assert winner(hidden, "largest", (0, 1)) is None
    left = replace(
        base,
        objects=tuple(
            replace(o, centre=(x, 0.5)) for o, x in zip(base.objects, (0.4, 0.3, 0.9), strict=True)
        ),
    )
    assert winner(left, "leftmost", (0, 1, 2)) == 1 and winner(left, "rightmost", (0, 1, 2)) == 2
    assert winner(left, "highest", (0, 1, 2)) is None
    assert set(COMPARISONS) == {"largest", "smallest", "leftmost", "rightmost", "highest", "lowest"}


def test_replay_rejects_a_false_step() -> None:
    scene = sketch(5)
    question = next(q for q in plain_questions(scene, 1) if q.kind == "count")
    steps = question.derivation
    for broken in (
        (*steps[:-2], replace(steps[-2], text="99"), steps[-1]),
        (*steps[:-1], replace(steps[-1], text="99")),
        (replace(steps[0], objects=(0,)), *steps[1:]),
        steps[:-1],
        (),
        (replace(steps[0], op="guess"), *steps[1:]),
    ):
        with pytest.raises(ValueError, match="derivation"):
            replay(scene, broken)
    other = sketch(6)
    found = next(q for q in plain_questions(scene, 1) if q.kind == "attribute")
    with pytest.raises(ValueError):
        replay(other, found.derivation)


def test_a_trace_by_hand() -> None:
    scene = sketch(11)
    a, b = scene.objects[:2]
    trace = Trace.citing(scene, (0, 1)).do("same", "size")
    answer, steps = trace.answer()
    assert answer == ("yes" if a.size == b.size else "no")
    assert [step.op for step in steps] == ["find", "find", "same", "answer"]
    assert steps[0].text == f"<1>: {short_label(a)}, {a.place}"
    assert steps[2].objects == (0, 1)


def test_mass_nouns_are_not_counted() -> None:
    for seed in range(100):
        scene = sketch(seed, nouns=("cheese", "fox"))
        for question in questions(scene, seed, kinds=["count"]):
            assert "cheese" not in question.text
    assert is_unarticled("cheese")


def test_a_lone_object_still_gets_questions() -> None:
    kinds = {q.kind for seed in range(30) for q in questions(sketch(seed, count=1), seed)}
    assert kinds >= {"attribute", "count", "existence"} and "relation" not in kinds
