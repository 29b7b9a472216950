"""Language and questions on scenes that were really drawn, in every split."""

from __future__ import annotations

import pytest

from lucida.metrics.reader import read_caption, read_scene, score_caption
from lucida.world.language import STYLES, caption, expected, lexicon, listing, partner, scene_caption
from lucida.world.questions import KINDS, questions, replay
from lucida.world.records import SPLITS
from lucida.world.scene import draw_scene


@pytest.mark.parametrize("split", SPLITS)
def test_round_trip_and_replay(split: str) -> None:
    stated = regions = 0
    kinds: set[str] = set()
    for seed in range(8):
        scene = draw_scene(seed, split=split)
        for i in range(len(scene.objects)):
            regions += 1
            stated += partner(scene, i) is not None
            for style in STYLES:
                assert all(
                    score_caption(
                        read_caption(caption(scene, i, style), lexicon()), expected(scene, i)
                    ).values()
                )
        for style in STYLES:
            read = read_scene(scene_caption(scene, style), lexicon())
            assert read.grammar_ok and read.things == listing(scene) and read.background == scene.background
        for question in questions(scene, seed):
            kinds.add(question.kind)
            assert replay(scene, question.derivation) == question.answer
    assert kinds == set(KINDS)
    assert stated > 0.25 * regions  # a relation is worth learning only if it is often there
