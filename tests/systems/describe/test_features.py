"""What the describer is given in training (from a bank) and in use (from a picture) is the same.

The bank stores features as half floats and covers as bytes, and runs the tower on 25 pictures at once; nothing else
may differ.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lucida.canvas.compiling import fold
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.tower import Tower, TowerFeatures, load_tower
from lucida.systems.describe.bank import FeatureBank, coarse_cover
from lucida.systems.describe.features import fine_cover, name_hints, picture_features, region_features
from lucida.systems.describe.layout import REQUEST_REGION, Layout, RegionFeatures, Request
from lucida.world.atlas import load_atlas
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

CPU = torch.device("cpu")
BYTE = 0.51 / 255  # half a step of a stored cover
HALF = 2e-2  # of features of about unit variance, stored as half floats


@pytest.fixture(scope="module")
def tower() -> Tower:
    return load_tower()


def drawn(bank: FeatureBank, number: int) -> Scene:
    """A scene of the bank as anybody can draw it."""
    photo = number % bank.config.photo_every == 0
    atlas = load_atlas(bank.config.cutouts) if photo else load_atlas()
    return draw_scene(bank.config.first + number, split=bank.config.split, atlas=atlas)


def in_use(scene: Scene, tower: Tower, layout: Layout) -> tuple[TowerFeatures, tuple[RegionFeatures, ...]]:
    """What a picture and its masks become when somebody asks, without hints."""
    image = Image.from_array(scene.pixels)
    features = picture_features(image, tower, layout.config, CPU)
    regions = [Region.from_mask(mask, size=image.size) for mask in scene.masks]
    return features, region_features(features, regions, layout.config)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    assert a.shape == b.shape and a.dtype == b.dtype == torch.float32
    return float((a - b).abs().max()) <= tolerance


def test_training_and_use_see_the_same(bank: FeatureBank, tower: Tower, layout: Layout) -> None:
    for number in range(len(bank)):
        seen, scene = bank[number], drawn(bank, number)
        assert seen.scene.objects == scene.objects and seen.scene.size == scene.size
        features, regions = in_use(scene, tower, layout)
        assert close(seen.cells, features.cells[0].flatten(1).T, HALF)
        assert len(regions) == len(seen.regions) == len(scene.objects)
        for ours, theirs in zip(seen.regions, regions, strict=True):
            assert close(ours.box, theirs.box, 1e-6)
            assert close(ours.replay, theirs.replay, HALF)
            assert close(ours.cover, theirs.cover, BYTE)
            assert close(ours.cells, theirs.cells, BYTE)


def test_their_canvases_are_the_same(bank: FeatureBank, tower: Tower, layout: Layout) -> None:
    """Down to the tokens the network reads: ids, positions, boxes, features, covers."""
    for number in range(0, len(bank), 4):
        seen, (features, regions) = bank[number], in_use(drawn(bank, number), tower, layout)
        compiled = []
        for cells, given in ((seen.cells, seen.regions), (features.cells[0].flatten(1).T, regions)):
            requests = [
                Request(text=REQUEST_REGION, regions=(RegionFeatures(**{**vars(r), "hints": ()}),), slots=8)
                for r in given
            ]
            compiled.append(fold([layout.canvas(cells, requests)], mask=layout.vocabulary.mask))
        training, use = compiled
        for part in ("context", "given", "answers"):
            a, b = getattr(training, part), getattr(use, part)
            for name in ("ids", "positions", "valid"):
                assert torch.equal(getattr(a, name), getattr(b, name)), (part, name)
            for name, tolerance in (("boxes", 1e-6), ("cover", BYTE)):
                x, y = getattr(a, name), getattr(b, name)
                assert (x is None) == (y is None) and (x is None or close(x, y, tolerance)), (part, name)
            assert a.features.keys() == b.features.keys()
            for modality, (index, values) in a.features.items():
                assert torch.equal(index, b.features[modality][0])
                assert close(values, b.features[modality][1], BYTE if modality == "cover" else HALF), modality
        assert {*training.given.features, *training.context.features} == set(layout.config.modalities)


def test_a_picture_of_another_size_is_stretched(tower: Tower, layout: Layout) -> None:
    """Twice as large in every direction is the same request: covers and boxes exactly, features nearly."""
    scene = draw_scene(5)
    _, regions = in_use(scene, tower, layout)
    double = np.kron(scene.masks, np.ones((1, 2, 2), bool))
    image = Image.from_array(scene.pixels).resized((384, 384))
    features = picture_features(image, tower, layout.config, CPU)
    larger = region_features(features, [Region.from_mask(mask) for mask in double], layout.config)
    for ours, theirs in zip(regions, larger, strict=True):
        assert close(ours.box, theirs.box, 1e-6) and close(ours.cover, theirs.cover, 1e-6)
        assert close(ours.cells, theirs.cells, 1e-6)
        both = torch.stack((ours.replay.flatten(), theirs.replay.flatten()))
        assert float(torch.corrcoef(both)[0, 1]) > 0.9  # twice resampled, so a little smoother


def test_covers_by_hand() -> None:
    mask = np.zeros((4, 8), bool)
    mask[0, :3] = True  # one and a half cells of the 2 x 4 grid's first row, half their height
    assert fine_cover(mask, 2).tolist() == [3 / 8, 0, 0, 0]
    assert np.allclose(fine_cover(mask, 4), Region.from_mask(mask).cover(4, 4).ravel())
    uneven = np.zeros((5, 7), bool)
    uneven[1:4, 2:6] = True
    assert np.allclose(fine_cover(uneven, 3), Region.from_mask(uneven).cover(3, 3).ravel())


def test_coarse_cover_is_the_region_s_own(layout: Layout) -> None:
    for mask in draw_scene(3).masks:
        fine = torch.from_numpy(fine_cover(mask, layout.config.cover))
        coarse = coarse_cover(fine[None], layout.config)[0]
        region = Region.from_mask(mask)
        assert np.allclose(coarse, region.cover(layout.config.cells, layout.config.cells).ravel(), atol=1e-6)


def test_no_regions_and_wrong_regions(tower: Tower, layout: Layout) -> None:
    image = Image.from_array(draw_scene(1).pixels)
    features = picture_features(image, tower, layout.config, CPU)
    assert region_features(features, [], layout.config) == ()
    with pytest.raises(InputError):
        name_hints(image, [Region.from_box((0, 0, 1, 1), (10, 10))], tower, 2)


def test_hints_reach_the_region(tower: Tower, layout: Layout) -> None:
    image = Image.from_array(draw_scene(1).pixels)
    regions = [Region.from_box((0.1, 0.1, 0.6, 0.6), image.size), Region.from_box((0.5, 0.5, 1, 1), image.size)]
    names = name_hints(image, regions, tower, 2)
    given = region_features(picture_features(image, tower, layout.config, CPU), regions, layout.config, names)
    assert [len(region.hints) for region in given] == [2, 2]
    assert given[1].hints[0] == (names[1][0].name, names[1][0].probability)
    assert [region.key for region in given] == [region.key for region in regions]
