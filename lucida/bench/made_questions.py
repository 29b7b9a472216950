"""Benchmark questions derived from a scene's truth, in the official shapes: for masks, and for GAR-Bench's parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lucida.world.language import caption, expected, partner, short_label
from lucida.world.questions_regions import only
from lucida.world.records import COLOURS, RELATIONS, Scene

QUESTION = "Which of these holds for the description?"
_ATTRIBUTES = ("colour", "size", "place")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_GAP = 0.04  # of the width: centres closer than this have no clear order
Item = tuple[
    dict[str, Any], list[int]
]  # (official record without picture and masks, objects in order of their marks)


def true_caption(scene: Scene, i: int) -> str:
    """The world's caption of object ``i``."""
    return caption(scene, i, 0)


def _question(
    rng: np.random.Generator, kind: str, subtype: str, choices: Sequence[tuple[str, str, float]],
    check: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """An official question with its choices (role, text, value) in random order, and the check with their roles."""
    order = [choices[int(k)] for k in rng.permutation(len(choices))]
    question: dict[str, Any] = {
        "question": QUESTION, "choices": [[text, value] for _, text, value in order], "type": kind,
        "check": {**check, "roles": [role for role, _, _ in order]},
    }  # fmt: skip
    return question | ({"subtype": subtype} if subtype else {})


def mask_questions(scene: Scene, i: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Questions about a description of object ``i``.

    Positive, one for each of colour, size, place, and the relation to the partner where a caption states one: 1 right,
    0.5 left unsaid, 0 thing not mentioned, -1 wrong. Negative: for every other object, that the region is not taken for
    it ("salient negative"), and that no colour or place of another object is said of this one ("negative part").
    """
    thing, noun = scene.objects[i], scene.objects[i].noun
    found = []
    for name in _ATTRIBUTES:
        value = getattr(thing, name)
        if value is None:
            continue
        choices = [
            ("right", f"The {name} of the {noun} is given, and it is {value}.", 1),
            ("wrong", f"The {name} of the {noun} is given, but it is not {value}.", -1),
            ("unsaid", f"The {noun} is mentioned, its {name} is not.", 0.5),
            ("absent", f"The {noun} is not mentioned.", 0),
        ]
        found.append(_question(rng, "positive", "", choices, {"ask": name, "noun": noun, "value": value}))
    if partner(scene, i) is not None:
        true = [list(relation) for relation in expected(scene, i).relations]
        words = "; ".join(
            f"{word} the {f'{colour} ' if colour else ''}{other}" for word, colour, other in true
        )
        choices = [
            ("right", f"It is said where the {noun} is from another thing, and it is true ({words}).", 1),
            (
                "wrong",
                f"It is said where the {noun} is from another thing, but it is none of these: {words}.",
                -1,
            ),
            ("unsaid", f"The {noun} is mentioned, but not where it is from another thing.", 0.5),
            ("absent", f"The {noun} is not mentioned.", 0),
        ]
        found.append(_question(rng, "positive", "", choices, {"ask": "relation", "noun": noun, "true": true}))
    for other in scene.objects:
        if other.index == i or (other.noun == noun and other.colour in (None, thing.colour)):
            continue  # its name fits both: no wording tells them apart
        choices = [
            ("yes", f"The region is taken for the {short_label(other)}.", -1),
            ("no", f"The region is not taken for the {short_label(other)}.", 1),
        ]
        check = {"ask": "thing", "noun": other.noun, "colour": other.colour}
        found.append(_question(rng, "negative", "salient negative", choices, check))
    for name in ("colour", "place"):
        own = getattr(thing, name)
        leaks = sorted({getattr(o, name) for o in scene.objects} - {own, None})
        if not leaks:
            continue
        leak = leaks[int(rng.integers(len(leaks)))]
        choices = [
            ("yes", f"The {name} of the {noun} is given as {leak}.", -1),
            ("no", f"The {noun} is mentioned, and its {name} is not given as {leak}.", 1),
            ("absent", f"The {noun} is not mentioned.", 0),
        ]
        found.append(
            _question(rng, "negative", "negative part", choices, {"ask": name, "noun": noun, "leak": leak})
        )
    return found


def _choice_item(
    rng: np.random.Generator, kind: str, question: str, right: str, wrong: Sequence[str], cites: list[int]
) -> Item:
    """A multiple-choice record with lettered choices; the place of the right one is random."""
    texts = list(wrong)
    at = int(rng.integers(len(texts) + 1))
    texts.insert(at, right)
    lettered = [f"{letter}. {text}" for letter, text in zip("ABCD", texts, strict=False)]
    return {"question": question, "choices": lettered, "answer": "ABCD"[at], "type": kind}, cites


def colour_item(scene: Scene, rng: np.random.Generator) -> Item | None:
    """ "What is the color of <Prompt0>?"; the wrong colours are those of other objects first."""
    coloured = [o for o in scene.objects if o.colour]
    if not coloured:
        return None
    thing = coloured[int(rng.integers(len(coloured)))]
    near = list(dict.fromkeys(o.colour for o in coloured if o.colour != thing.colour))
    rest = [c for c in COLOURS if c != thing.colour and c not in near]
    far = [rest[int(k)] for k in rng.permutation(len(rest))]
    wrong = [str(c) for c in (near + far)[:3]]
    return _choice_item(
        rng, "color", "What is the color of <Prompt0>?", str(thing.colour), wrong, [thing.index]
    )


def ordering_item(scene: Scene, rng: np.random.Generator) -> Item | None:
    """ "Counting from the left, which of the marked things is <Prompt0>?", where all centres are clearly apart."""
    order = sorted(scene.objects, key=lambda o: o.centre[0])
    gaps = [b.centre[0] - a.centre[0] for a, b in pairwise(order)]
    if len(order) < 2 or len(order) > len(_ORDINALS) or min(gaps) < _GAP:
        return None
    at = int(rng.integers(len(order)))
    others = [o.index for k, o in enumerate(order) if k != at]
    cites = [order[at].index, *(others[int(k)] for k in rng.permutation(len(others)))]
    places = [word for k, word in enumerate(_ORDINALS[: len(order)]) if k != at]
    wrong = [places[int(k)] for k in rng.permutation(len(places))][:3]
    question = "Counting from the left, which of the marked things is <Prompt0>?"
    return _choice_item(rng, "ordering", question, _ORDINALS[at], wrong, cites)


def relation_item(scene: Scene, rng: np.random.Generator) -> Item | None:
    """ "Which one is left of <Prompt0>?" where it is clearly one; with two objects, a question of yes or no."""
    cases = [
        (word, i, j)
        for word in RELATIONS
        for i in range(len(scene.objects))
        if (j := only(scene, word, i)) is not None
    ]
    if not cases:
        return None
    word, i, j = cases[int(rng.integers(len(cases)))]
    others = [o.index for o in scene.objects if o.index not in (i, j)]
    others = [others[int(k)] for k in rng.permutation(len(others))]
    if not others:
        yes = rng.random() < 0.5
        cites = [j, i] if yes else [i, j]
        record = {
            "question": f"Is <Prompt0> {word} <Prompt1>?", "choices": ["A. Yes", "B. No"],
            "answer": "A" if yes else "B", "type": "relation",
        }  # fmt: skip
        return record, cites
    marked = [j, *others]
    marked = [marked[int(k)] for k in rng.permutation(len(marked))]
    names = {index: f"<Prompt{n}>" for n, index in enumerate(marked, start=1)}
    wrong = [names[index] for index in others][:3]
    return _choice_item(rng, "relation", f"Which one is {word} <Prompt0>?", names[j], wrong, [i, *marked])


def simple_item(scene: Scene, rng: np.random.Generator) -> Item | None:
    """A relation between two regions, asked for in a sentence."""
    if not scene.relations:
        return None
    one = scene.relations[int(rng.integers(len(scene.relations)))]
    record = {
        "question": "What is the spatial relationship between <Prompt0> and <Prompt1>?",
        "answer": f"<Prompt0> is {one.word} <Prompt1>.",
    }
    return record, [one.subject, one.other]


def detailed_item(scene: Scene, rng: np.random.Generator) -> Item | None:
    """A description that must state the relation to the partner which a caption names."""
    cases = [(i, *found) for i in range(len(scene.objects)) if (found := partner(scene, i)) is not None]
    if not cases:
        return None
    i, word, j = cases[int(rng.integers(len(cases)))]
    record = {
        "subject_name": scene.objects[i].noun, "object_name": scene.objects[j].noun, "predicate_name": word,
        "caption": true_caption(scene, i),
    }  # fmt: skip
    return record, [i, j]


GAR_PARTS: dict[str, tuple[Callable[[Scene, np.random.Generator], Item | None], ...]] = {
    "VQA": (colour_item, ordering_item, relation_item),
    "Caption-Simple": (simple_item,),
    "Caption-Detailed": (detailed_item,),
}
