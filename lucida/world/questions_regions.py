"""Questions that cite regions: relations, comparisons, attributes, composition, sameness.

Every maker takes (scene, rng) and returns one question in plain wording, or ``None`` where the scene has no case
with a margin. What is *almost* true is never asked: "what is left of <1>?" needs one object clearly on the left
and every other not on that side at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import TypeVar

import numpy as np

from lucida.world.language_captions import nearly
from lucida.world.questions_trace import Trace, holders, winner
from lucida.world.records import RELATIONS, SIZES, Question, Scene
from lucida.world.splits import pair_held_out

T = TypeVar("T")
REVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
COMPARISONS = {
    "largest": "largest", "smallest": "smallest", "leftmost": "furthest left", "rightmost": "furthest right",
    "highest": "highest up", "lowest": "lowest down",
}  # fmt: skip
ASK = {
    "colour": "what colour is {}?",
    "noun": "what is {}?",
    "place": "where is {}?",
    "size": "how big is {}?",
}
ANSWER_TYPES = {"colour": "colour", "noun": "noun", "place": "phrase", "size": "phrase", "name": "phrase"}


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of ``items`` at random."""
    return items[int(rng.integers(len(items)))]


def only(scene: Scene, word: str, i: int) -> int | None:
    """The one object that is ``word`` object ``i``, if it is one with margin and no other comes near to being so."""
    certain = holders(scene, word, i)
    near = [k for k in range(len(scene.objects)) if k != i and nearly(scene, k, word, i)]
    return certain[0] if len(certain) == 1 and near == list(certain) else None


def _certain(scene: Scene) -> list[tuple[str, int, int]]:
    """Every (word, i, j) where ``j`` is the only thing that is ``word`` ``i``."""
    found = ((word, i, only(scene, word, i)) for word in RELATIONS for i in range(len(scene.objects)))
    return [(word, i, j) for word, i, j in found if j is not None]


def build(
    kind: str, text: str, cites: Sequence[int], trace: Trace, answer_type: str, evidence: Sequence[int]
) -> Question:
    """The question whose answer is what ``trace`` leads to."""
    answer, steps = trace.answer()
    return Question(
        kind=kind, text=text, cites=tuple(cites), answer=answer, answer_type=answer_type, evidence=tuple(evidence),
        derivation=steps,
    )  # fmt: skip


def relation(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "what is left of <1>?" """
    cases = _certain(scene)
    if not cases:
        return None
    word, i, j = pick(rng, cases)
    trace = Trace.citing(scene, (i,)).do("relate", f"{word} <1>").do("read", "name")
    return build("relation", f"what is {word} <1>?", (i,), trace, "phrase", (j, i))


def relation_yesno(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "is <1> left of <2>?"; the answer is no where the opposite holds with margin."""
    if not scene.relations:
        return None
    true = pick(rng, scene.relations)
    word = true.word if rng.random() < 0.5 else REVERSE[true.word]
    trace = Trace.citing(scene, (true.subject, true.other)).do("holds", f"<1> {word} <2>")
    cites = (true.subject, true.other)
    return build("relation yes/no", f"is <1> {word} <2>?", cites, trace, "yesno", cites)


def compare(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "which of <1> <2> <3> is largest?", over two to four regions in random order."""
    if len(scene.objects) < 2:
        return None
    for _ in range(8):  # most draws have a clear winner; a scene without any gives up soon
        number = int(rng.integers(2, min(4, len(scene.objects)) + 1))
        cites = [int(i) for i in rng.permutation(len(scene.objects))[:number]]
        word = pick(rng, tuple(COMPARISONS))
        at = winner(scene, word, cites)
        if at is None:
            continue
        marks = " ".join(f"<{n}>" for n in range(1, number + 1))
        trace = Trace.citing(scene, cites).do("compare", word)
        return build(
            "compare", f"which of {marks} is {COMPARISONS[word]}?", cites, trace, "region", (cites[at],)
        )
    return None


def attribute(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "what colour is <1>?", "what is <1>?", "where is <1>?", "how big is <1>?" """
    i = int(rng.integers(len(scene.objects)))
    name = pick(rng, [name for name in ASK if getattr(scene.objects[i], name) is not None])
    trace = Trace.citing(scene, (i,)).do("read", name)
    return build("attribute", ASK[name].format("<1>"), (i,), trace, ANSWER_TYPES[name], (i,))


def attribute_yesno(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "is <1> red?", "is <1> large?"; the wrong colour is one that something else in the scene has."""
    things = scene.objects
    colours = sorted({thing.colour for thing in things if thing.colour})
    cases = [(i, "size") for i in range(len(things))]
    cases += [(i, "colour") for i, thing in enumerate(things) if thing.colour and len(colours) > 1]
    i, name = pick(rng, cases)
    true = getattr(things[i], name)
    wrong = [size for size in SIZES if size != true]
    if name == "colour":  # never a pair that training does not show: its answer would always be no
        wrong = [colour for colour in colours if colour != true and not pair_held_out(things[i].noun, colour)]
        if not wrong:
            return None
    value = true if rng.random() < 0.5 else pick(rng, wrong)
    trace = Trace.citing(scene, (i,)).do("is", f"{name} {value}")
    return build("attribute yes/no", f"is <1> {value}?", (i,), trace, "yesno", (i,))


def composition(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "what colour is the thing left of <1>?" """
    cases = [(word, i, j, name) for word, i, j in _certain(scene) for name in ("colour", "size", "place")
             if getattr(scene.objects[j], name) is not None]  # fmt: skip
    if not cases:
        return None
    word, i, j, name = pick(rng, cases)
    trace = Trace.citing(scene, (i,)).do("relate", f"{word} <1>").do("read", name)
    text = ASK[name].format(f"the thing {word} <1>")
    return build("composition", text, (i,), trace, ANSWER_TYPES[name], (j, i))


def same(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "are <1> and <2> the same colour?"; also size, and kind of thing."""
    questions = {"colour": "the same colour", "size": "the same size", "noun": "the same kind of thing"}
    cases: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    for name in questions:
        values = [getattr(thing, name) for thing in scene.objects]
        pairs = [(a, b) for a, b in permutations(range(len(values)), 2) if values[a] and values[b]]
        equal = [(a, b) for a, b in pairs if values[a] == values[b]]
        unequal = [(a, b) for a, b in pairs if values[a] != values[b]]
        if equal and unequal:
            cases[name] = (equal, unequal)
    if not cases:
        return None
    name = pick(rng, tuple(cases))
    cites = pick(rng, cases[name][int(rng.random() < 0.5)])
    trace = Trace.citing(scene, cites).do("same", name)
    return build("same", f"are <1> and <2> {questions[name]}?", cites, trace, "yesno", cites)
