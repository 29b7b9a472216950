"""Loosened questions keep every word that an answer hangs on."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.world.questions import questions
from lucida.world.questions_loosened import MOST_STRANGE, SMALL, loosened
from lucida.world.questions_wording import wordings
from lucida.world.scene import draw_scene


def asked() -> list[str]:
    """Questions of some training scenes."""
    return [q.text for seed in range(20) for q in questions(draw_scene(seed, split="train"), seed, per_kind=1)]


def test_what_matters_stays_in_its_order() -> None:
    rng = np.random.default_rng(0)
    for text in asked():
        before = text.removesuffix("?").split()
        after = loosened(text, rng).removesuffix("?").split()
        known = [word for word in after if word in before]
        rest = iter(known)
        assert all(word in rest for word in before if word not in SMALL)  # an ordered part of it
        assert len(after) - len(known) <= MOST_STRANGE


def test_small_words_go_and_strange_ones_come() -> None:
    rng = np.random.default_rng(0)
    lengths = [len(loosened("what is the colour of the thing", rng).split()) for _ in range(300)]
    assert min(lengths) < 7 < max(lengths)


@pytest.mark.parametrize("text", ["is it?", "the"])
def test_something_is_always_left(text: str) -> None:
    rng = np.random.default_rng(0)
    assert all(loosened(text, rng).strip("?") for _ in range(100))


def test_no_held_out_wording_is_practised() -> None:
    rng = np.random.default_rng(0)
    held = {"tell", "name", "true", "shows"}
    texts = ("what is left of <1>?", "is <1> left of <2>?", "what is <1>?")
    assert held <= {word for text in texts for wording in wordings(text, held_out=True) for word in wording.split()}
    assert not held & {word for text in asked() for word in loosened(text, rng).removesuffix("?").split()}
