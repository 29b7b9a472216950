"""The label set and class maps of scenes."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.flow.codes import VOID
from lucida.media.errors import InputError
from lucida.systems.segment.labels import LabelConfig, class_map, restricted
from lucida.systems.segment.sight import SightConfig, field_labels, field_picture
from lucida.world.atlas import load_atlas
from lucida.world.nouns import group_of
from lucida.world.scene import draw_scene


def test_the_default_set_has_64_classes_grounds_first() -> None:
    names = LabelConfig().names
    assert len(names) == len(set(names)) == 64
    assert names[:5] == ("plain ground", "gradient ground", "stripes ground", "checks ground", "noise ground")
    assert names[5] == "fox" and LabelConfig().thing_class("fox") == 5


@pytest.mark.parametrize("things", ["nouns", "groups"])
def test_every_pixel_has_the_class_of_what_is_seen_there(things: str) -> None:
    labels = LabelConfig(things=things)  # pyright: ignore[reportArgumentType]
    atlas = restricted(load_atlas(), labels)
    seen: set[int] = set()
    for seed in range(12):
        scene = draw_scene(seed, atlas=atlas, size=(96, 96))
        found = class_map(scene, labels)
        seen |= set(np.unique(found).tolist())
        ground = found[~scene.masks.any(0)]
        assert (ground == labels.grounds.index(scene.background)).all()
        for thing, mask in zip(scene.objects, scene.masks, strict=True):
            known = thing.noun in labels.nouns if things == "nouns" else thing.noun in group_of()
            wanted = labels.names[int(found[mask][0])] if known else VOID
            assert (found[mask] == found[mask][0]).all()
            if known:
                assert wanted == (thing.noun if things == "nouns" else group_of()[thing.noun])
            else:
                assert found[mask][0] == VOID
    assert (VOID in seen) == (things == "nouns"), "other nouns appear, and are void"


def test_other_nouns_are_as_many_as_asked_for() -> None:
    atlas = restricted(load_atlas(), LabelConfig(others=7))
    assert len(set(atlas.nouns) - set(LabelConfig().nouns)) == 7


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"grounds": ("lava",)}, "ground 'lava'"),
        ({"nouns": ("fox", "fox")}, "nouns names something twice"),
        ({"nouns": (), "grounds": ("plain",)}, "2 to 254 classes"),
    ],
)
def test_bad_label_sets_are_named(values: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        LabelConfig(**values)


def test_a_noun_the_world_lacks_is_named() -> None:
    with pytest.raises(InputError, match="no 'yeti'"):
        restricted(load_atlas(), LabelConfig(nouns=("fox", "yeti")))


def test_the_field_sees_means_of_pixels_and_one_of_their_labels() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    small = field_picture(pixels, 4)
    assert small.shape == (2, 2, 3) and small[1, 0].tolist() == np.rint(pixels[4:, :4].mean((0, 1))).tolist()
    labels = np.arange(64).reshape(8, 8)
    assert field_labels(labels, 4).tolist() == [[18, 22], [50, 54]]
    assert SightConfig(side=192, stride=2).patch == 8 and SightConfig(side=192, stride=2).field == 96
    with pytest.raises(InputError, match="side a multiple of 32"):
        SightConfig(side=100)
