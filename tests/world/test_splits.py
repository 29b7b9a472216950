"""What is held out never shows in training, and always shows where it is tested."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.world.atlas import load_atlas
from lucida.world.cast import choose_cast
from lucida.world.config import SceneConfig
from lucida.world.records import COLOURS, SPLITS
from lucida.world.splits import generator, object_held_out, pair_held_out, stable_hash


def casts(split: str, count: int = 300) -> list[list[tuple[str, str | None]]]:
    """The (noun, colour) pairs of many scenes, without drawing them."""
    atlas, config = load_atlas(), SceneConfig()
    rows = []
    for seed in range(count):
        roles = choose_cast(generator(split, seed), atlas, split, 3 + seed % 6, config)
        rows.append([(role.sprite.noun, role.colour) for role in roles])
    return rows


def test_hash_is_stable() -> None:
    assert stable_hash("fox", "red") == 0xD0F4A3C2CCEBB235  # the same on every machine, for ever
    assert stable_hash("a", "bc") != stable_hash("ab", "c")


def test_about_eight_per_cent_are_held_out() -> None:
    atlas = load_atlas()
    objects = [object_held_out(noun) for noun in atlas.nouns]
    pairs = [pair_held_out(noun, colour) for noun in atlas.colourable for colour in COLOURS]
    assert 0.04 < np.mean(objects) < 0.13
    assert 0.06 < np.mean(pairs) < 0.10
    assert not pair_held_out("fox", None)


def test_seeds_of_different_splits_have_nothing_in_common() -> None:
    draws = {split: generator(split, 3).integers(0, 2**62, 4).tolist() for split in SPLITS}
    assert len({tuple(row) for row in draws.values()}) == len(SPLITS)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_ordinary_splits_show_nothing_that_is_held_out(split: str) -> None:
    for row in casts(split):
        assert not any(object_held_out(noun) or pair_held_out(noun, colour) for noun, colour in row)


def test_test_pairs_always_shows_exactly_one_held_out_pair() -> None:
    for row in casts("test-pairs"):
        assert sum(pair_held_out(noun, colour) for noun, colour in row) == 1
        assert not any(object_held_out(noun) for noun, _ in row)


def test_test_objects_always_shows_a_held_out_object() -> None:
    seen = set()
    for row in casts("test-objects"):
        held = {noun for noun, _ in row if object_held_out(noun)}
        assert len(held) == 1
        assert not any(pair_held_out(noun, colour) for noun, colour in row)
        seen |= held
    assert seen == {noun for noun in load_atlas().nouns if object_held_out(noun)}


def test_drawn_scenes_keep_the_promise_even_when_crowded() -> None:
    from lucida.world.scene import draw_scene

    config = SceneConfig(objects=(1, 8), size_weights=(0.0, 0.0, 1.0))
    for seed in range(25):
        pairs = draw_scene(seed, split="test-pairs", config=config).objects
        assert any(pair_held_out(thing.noun, thing.colour) for thing in pairs)
        objects = draw_scene(seed, split="test-objects", config=config).objects
        assert any(object_held_out(thing.noun) for thing in objects)


def test_every_pair_that_may_be_trained_on_can_occur() -> None:
    seen = {pair for row in casts("train", 3000) for pair in row}
    nouns = {noun for noun, _ in seen}
    atlas = load_atlas()
    assert nouns == {noun for noun in atlas.nouns if not object_held_out(noun)}


def test_bad_split() -> None:
    with pytest.raises(InputError, match="trian"):
        generator("trian", 0)
