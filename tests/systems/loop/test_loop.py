"""Prompts read into facts, facts into questions, and checks that a true picture passes."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.media.region import Region
from lucida.systems.generate.prompts import Asked, draw_prompt
from lucida.systems.loop.checks import added, by_answer, by_caption, by_captions, by_things, found_in, tally
from lucida.systems.loop.facts import questions_of, read_prompt
from lucida.world.config import SceneConfig
from lucida.world.language_captions import caption
from lucida.world.language_lexicon import lexicon
from lucida.world.language_scenes import scene_caption
from lucida.world.scene import draw_scene

FOX, UMBRELLA = Asked(noun="fox", colour="red"), Asked(noun="umbrella", colour="blue")


def test_prompts_are_read() -> None:
    read = read_prompt("a small red fox left of a blue umbrella, at night")
    assert read.things == (FOX, UMBRELLA) and read.relations == ((0, "left of", 1),)
    assert read_prompt("two yellow cats").things == (Asked(noun="cat", colour="yellow"),) * 2
    other_side = read_prompt("a red fox with a blue umbrella on its right")
    assert (other_side.things, other_side.relations) == ((FOX, UMBRELLA), ((0, "left of", 1),))
    assert read_prompt("a cat above a cat").relations == (), "alike things cannot be told apart"
    with pytest.raises(InputError, match="names no thing of the world"):
        read_prompt("a quiet evening")


def test_the_worlds_own_prompts_are_read_as_they_were_meant() -> None:
    """Reading a prompt gives the things and relations that the prompt maker put into it."""
    right = total = 0
    for seed in range(40):
        scene = draw_scene(seed, size=(64, 64), config=SceneConfig(objects=(1, 3)))
        meant = draw_prompt(scene, np.random.default_rng(seed))
        read = read_prompt(meant.text)
        key = sorted((t.noun, t.colour or "") for t in meant.things)
        right += sorted((t.noun, t.colour or "") for t in read.things) == key
        total += 1
        for a, word, b in meant.relations:
            ends = meant.things[a].noun, word, meant.things[b].noun
            assert meant.things[a].noun == meant.things[b].noun or ends in {
                (read.things[i].noun, w, read.things[j].noun) for i, w, j in read.relations
            }
    assert right / total > 0.9


def test_questions_have_both_answers() -> None:
    asked = {q.text: q.answer for q in questions_of(read_prompt("a red fox left of a blue umbrella"))}
    assert asked["is there a fox?"] == "yes" and asked["what colour is the umbrella?"] == "blue"
    assert asked["is <1> left of <2>?"] == "yes" and asked["is <1> right of <2>?"] == "no"
    assert list(asked.values()).count("no") == 2
    cats = {q.text: q.answer for q in questions_of(read_prompt("two yellow cats"))}
    assert cats["how many yellow cats are there?"] == "two"


def box(x0: float, y0: float, x1: float, y1: float) -> Region:
    return Region.from_box((x0, y0, x1, y1), (40, 40))


def test_a_true_description_passes_every_check_and_a_false_one_fails() -> None:
    prompt, words = read_prompt("a red fox left of a blue umbrella"), lexicon()
    regions = [box(0, 0.3, 0.4, 0.7), box(0.6, 0.3, 1, 0.7)]
    good = by_captions(prompt, ["a large red fox at the left", "a blue umbrella"], regions, words)
    assert [c.kind for c in good] == ["noun", "colour", "noun", "colour", "relation"] and all(
        c.right for c in good
    )
    turned = by_captions(prompt, ["a blue umbrella", "a green fox"], regions, words)
    assert [c.right for c in turned] == [True, False, True, True, False]
    assert turned[-1].got == "right of" and turned[1].got == "green"
    assert not any(c.right for c in by_captions(prompt, ["", "mumble"], regions, words))
    told, f1 = by_caption(prompt, "a red fox and a blue umbrella", words)
    assert all(c.right for c in told) and f1 == 1
    told, f1 = by_caption(prompt, "a red dog", words)
    assert not any(c.right for c in told) and f1 == 0


def test_a_witness_is_scored_by_what_it_can_name() -> None:
    prompt = read_prompt("a red fox left of a blue umbrella")
    seen = found_in([("fox", None)], [box(0, 0, 0.5, 0.5)])
    checks = by_things(prompt, seen, "map", known=("fox", "dog"), colours=False)
    assert [(c.kind, c.right) for c in checks] == [("noun", True)]
    every = by_things(prompt, seen, "map", colours=False)
    assert [(c.kind, c.right) for c in every] == [("noun", True), ("noun", False), ("relation", False)]


def test_answers_and_tallies() -> None:
    question = questions_of(read_prompt("a red fox"))[1]
    assert by_answer(question, "it is red", lexicon()).right
    assert not by_answer(question, "blue", lexicon()).right and not by_answer(question, None, lexicon()).right
    checks = [by_answer(question, text, lexicon()) for text in ("red", "blue")]
    once = tally(checks)
    assert once["all"] == once["answers"] == once["answers/colour"] == {"right": 1, "of": 2}
    assert added([once, once])["colour"] == {"right": 2, "of": 4}


def test_true_captions_of_a_scene_pass() -> None:
    """The world's own captions of its own picture satisfy its own prompt."""
    scene = draw_scene(7, size=(64, 64), config=SceneConfig(objects=(2, 3)))
    prompt = read_prompt(draw_prompt(scene, np.random.default_rng(1)).text)
    texts = [caption(scene, i, 0) for i in range(len(scene.objects))]
    regions = [Region.from_mask(mask) for mask in scene.masks]
    checks = by_captions(prompt, texts, regions, lexicon())
    assert checks and all(check.right for check in checks)
    told, f1 = by_caption(prompt, scene_caption(scene, 0), lexicon())
    assert all(check.right for check in told if check.kind != "colour") and f1 > 0.3
