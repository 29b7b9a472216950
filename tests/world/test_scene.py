"""Scenes: determinism, exact masks and boxes, and words that can be checked against what is drawn."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.world import background, fingerprint
from lucida.world.config import SceneConfig
from lucida.world.palette import to_lab
from lucida.world.records import PLACES, Scene
from lucida.world.scene import SIZE_EDGES, draw_scene, place_word
from lucida.world.splits import stable_hash

SIZES = {"wide": (128, 320), "tall": (300, 140), "plain": (192, 192), "least": (32, 32), "big": (512, 512)}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(seed) for seed in range(60)]


def same(a: Scene, b: Scene) -> bool:
    return (
        np.array_equal(a.pixels, b.pixels)
        and np.array_equal(a.masks, b.masks)
        and (a.objects, a.relations, a.background) == (b.objects, b.relations, b.background)
    )


def test_the_same_seed_gives_the_same_scene(scenes: list[Scene]) -> None:
    assert all(same(draw_scene(seed), scenes[seed]) for seed in (0, 7, 31))
    assert not same(scenes[0], scenes[1])


def test_another_process_draws_the_same_scene(scenes: list[Scene]) -> None:
    code = (
        "import hashlib; from lucida.world.scene import draw_scene; s = draw_scene(5);"
        "print(hashlib.sha256(s.pixels.tobytes() + s.masks.tobytes() + repr(s.objects).encode()).hexdigest())"
    )
    import hashlib

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    s = scenes[5]
    wanted = hashlib.sha256(s.pixels.tobytes() + s.masks.tobytes() + repr(s.objects).encode()).hexdigest()
    assert done.stdout.strip() == wanted


@pytest.mark.parametrize("name", SIZES)
def test_masks_are_disjoint_and_match_boxes_and_areas(name: str) -> None:
    for seed in range(8):
        scene = draw_scene(seed, size=SIZES[name])
        height, width = SIZES[name]
        assert scene.pixels.shape == (height, width, 3) and scene.pixels.dtype == np.uint8
        assert scene.pixels.flags["C_CONTIGUOUS"] and scene.pixels.flags["WRITEABLE"]
        assert scene.masks.shape == (len(scene.objects), height, width) and scene.masks.dtype == bool
        assert scene.masks.sum(0).max() <= 1
        for index, (thing, mask) in enumerate(zip(scene.objects, scene.masks, strict=True)):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = (
                columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
            )  # fmt: skip
            assert thing.index == index
            assert thing.box == pytest.approx(box, abs=1e-12)
            assert thing.area == mask.sum() > 0


def test_size_word_follows_from_the_drawn_box() -> None:
    """With no overlap allowed the visible box is the drawn box, so the rule can be checked from outside."""
    config = SceneConfig(objects=(1, 4), visible=1.0, overlap=0.0)
    seen = Counter[str]()
    for seed in range(60):
        scene = draw_scene(seed, config=config)
        for thing in scene.objects:
            x0, y0, x1, y1 = thing.box
            extent = max(x1 - x0, y1 - y0)
            word = ("small", "medium", "large")[int(np.searchsorted(SIZE_EDGES, extent, side="right"))]
            assert thing.size == word, (seed, thing)
            gap = min(abs(extent - edge) for edge in SIZE_EDGES)
            assert gap > 0.005, (seed, thing)
            assert thing.centre == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2))
            seen[word] += 1
    assert min(seen.values()) > 20


def test_places_follow_from_centres_and_keep_the_margin(scenes: list[Scene]) -> None:
    margin = SceneConfig().place_margin
    assert place_word((0.1, 0.1)) == "top left" and place_word((0.5, 0.9)) == "bottom"
    assert place_word((1.0, 0.5)) == "right"
    for scene in scenes:
        for thing in scene.objects:
            assert thing.place == place_word(thing.centre)
            assert (
                min(abs(value - line) for value in thing.centre for line in (1 / 3, 2 / 3)) >= margin - 0.003
            )
    assert set(PLACES) == {thing.place for scene in scenes for thing in scene.objects}


def test_relations_are_exactly_those_that_hold() -> None:
    config = SceneConfig()
    for seed, size in enumerate(SIZES.values()):
        scene = draw_scene(seed, size=size)
        short = min(size)
        found = {(r.subject, r.word, r.other) for r in scene.relations}
        assert len(found) == len(scene.relations)
        for a in scene.objects:
            for b in scene.objects:
                dx = (b.centre[0] - a.centre[0]) * size[1] / short
                dy = (b.centre[1] - a.centre[1]) * size[0] / short
                for word, along, across in (
                    ("left of", dx, dy), ("right of", -dx, dy), ("above", dy, dx), ("below", -dy, dx),
                ):  # fmt: skip
                    holds = along > config.relation_margin and along > config.relation_dominance * abs(across)
                    assert ((a.index, word, b.index) in found) == holds


def test_relations_come_in_both_directions(scenes: list[Scene]) -> None:
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    for scene in scenes:
        found = {(r.subject, r.word, r.other) for r in scene.relations}
        assert {(other, opposite[word], subject) for subject, word, other in found} == found


def test_objects_of_a_scene_differ_and_look_alikes_occur(scenes: list[Scene]) -> None:
    same_noun = same_colour = 0
    for scene in scenes:
        assert 3 <= len(scene.objects) <= 8
        pairs = [(thing.noun, thing.colour) for thing in scene.objects]
        assert len(set(pairs)) == len(pairs)
        same_noun += len({noun for noun, _ in pairs}) < len(pairs)
        colours = [colour for _, colour in pairs if colour]
        same_colour += len(set(colours)) < len(colours)
    assert same_noun > 10 and same_colour > 10


def test_enough_stays_visible() -> None:
    """Drawn alone, in the same place, an object covers at most 1 / visible times what is seen of it."""
    free = SceneConfig(visible=0.9, overlap=0.0)
    crowded = SceneConfig(objects=(8, 8))
    assert all(len(draw_scene(seed, config=crowded).objects) == 8 for seed in range(5))
    for seed in range(5):
        scene = draw_scene(seed, config=free)
        for thing, mask in zip(scene.objects, scene.masks, strict=True):
            assert mask.sum() == thing.area


def test_backgrounds_vary_and_are_unlike_the_objects(scenes: list[Scene]) -> None:
    assert {scene.background for scene in scenes} == set(background.KINDS)
    rng = np.random.default_rng(0)
    objects = to_lab(np.array([[214, 32, 36], [150, 152, 156]]))
    for _ in range(20):
        pair = to_lab(background.choose_colours(rng, objects, 26.0))
        assert np.linalg.norm(pair[:, None] - objects[None], axis=-1).min() > 24


def test_pixels_inside_a_mask_are_the_object_not_the_background(scenes: list[Scene]) -> None:
    """A red object's mask is mostly red, whatever else is true."""
    checked = 0
    for scene in scenes:
        for thing, mask in zip(scene.objects, scene.masks, strict=True):
            if thing.colour == "red" and thing.size == "large":
                inside = scene.pixels[mask].astype(int)
                red = (inside[:, 0] > inside[:, 1] + 60) & (inside[:, 0] > inside[:, 2] + 60)
                assert red.mean() > 0.25, thing
                checked += 1
    assert checked > 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (31, 200)}, "31x200"),
        ({"split": "training"}, "training"),
        ({"config": SceneConfig(objects=(64, 64))}, "do not fit"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_scene(0, **arguments)


def test_bad_seed_and_config() -> None:
    with pytest.raises(InputError, match="-1"):
        draw_scene(-1)
    with pytest.raises(InputError, match="objects"):
        SceneConfig(objects=(4, 2))
    with pytest.raises(InputError, match="visible"):
        SceneConfig(visible=1.5)


def test_drawn_world_changes_only_with_its_version() -> None:
    """When this fails on purpose: raise ``fingerprint.WORLD_VERSION`` (stored models were made with another
    world).
    """
    facts = []
    for seed in range(5):
        scene = draw_scene(seed, split="val")
        facts.append(scene.background)
        facts += [f"{t.colour} {t.noun} {t.size} {t.place} {t.box[0] * 192:.0f}" for t in scene.objects]
    assert (fingerprint.WORLD_VERSION, stable_hash(*facts)) == (1, 0xA1B92812CB4D9D65)
