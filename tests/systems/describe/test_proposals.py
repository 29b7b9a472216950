"""Automatic regions: graph pieces against slow twins, exact masks on plain ground, whole things on photographs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucida.media.components import label_mask
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.tower import Tower, load_tower
from lucida.systems.describe.proposals import ProposalConfig, propose_regions
from lucida.systems.describe.proposals_flat import noise_level, things_on_plain_ground
from lucida.systems.describe.proposals_graph import grid_edges, means_by, region_edges
from lucida.systems.describe.proposals_refine import box_mean, enlarged, refine, tidy
from lucida.systems.describe.proposals_score import measure, select
from lucida.systems.describe.proposals_sight import principal, raster_size, see
from lucida.systems.describe.proposals_split import split
from lucida.systems.describe.proposals_tree import grow, superpixels
from lucida.world.scene import draw_scene

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def tower() -> Tower:
    return load_tower()


def thing(name: str, label: str) -> Region:
    entries = json.loads((EXAMPLES / f"{name}.json").read_text())["regions"]
    return Region.from_rle(next(entry["rle"] for entry in entries if entry["label"] == label))


def best(regions: list[Region], truth: Region) -> float:
    return max((region.iou(truth) for region in regions), default=0.0)


def test_edges_of_regions_by_hand() -> None:
    labels = np.array([[0, 0, 1], [2, 2, 1]]).ravel()
    a, b = grid_edges(2, 3)
    low, high, count, total = region_edges(labels[a], labels[b], 3, np.ones(len(a)) * 2)
    assert list(zip(low, high, count, total, strict=True)) == [(0, 1, 1, 2.0), (0, 2, 2, 4.0), (1, 2, 1, 2.0)]
    np.testing.assert_allclose(means_by(labels, 4, np.arange(6.0)[:, None])[:, 0], [0.5, 3.5, 3.5, 0])


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(2)),
        elements=st.floats(0, 1, width=32),
    ),
    st.integers(1, 20),
)
def test_superpixels_are_connected_and_as_many_as_wanted(values: np.ndarray, wanted: int) -> None:
    labels = superpixels(values, np.zeros(values.shape[:2], np.float32), wanted)
    assert len(np.unique(labels)) == labels.max() + 1 == min(wanted, labels.size)
    assert all(label_mask(labels == name, diagonal=False)[1] == 1 for name in range(labels.max() + 1))


def test_superpixels_follow_colours() -> None:
    values = np.zeros((12, 12, 1), np.float32)
    values[3:8, 4:9] = 1
    labels = superpixels(values, np.zeros((12, 12), np.float32), 2)
    assert (labels == labels[4, 5]).sum() == 25


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, (2, 5, 7), elements=st.floats(-1, 1, width=32)), st.integers(0, 9))
def test_box_mean_is_the_mean_of_the_window(values: np.ndarray, radius: int) -> None:
    y, x = 1, 6
    window = values[:, max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
    np.testing.assert_allclose(box_mean(values, radius)[:, y, x], window.mean((1, 2)), atol=1e-6)


def test_refining_finds_the_outline() -> None:
    y, x = np.mgrid[:80, :100]
    disc = (y - 40) ** 2 + (x - 50) ** 2 < 25**2
    lab = np.where(disc[..., None], (0.8, 0.1, 0.1), (0.5, 0.0, 0.1)).astype(np.float32)
    lab += np.random.default_rng(0).normal(0, 0.02, lab.shape).astype(np.float32)
    coarse = enlarged(enlarged(disc, (16, 20)), disc.shape)
    coarse = np.roll(coarse, 3, axis=1)
    fine = refine(coarse, lab, 6)
    assert (coarse & disc).sum() / (coarse | disc).sum() < 0.87
    assert (fine & disc).sum() / (fine | disc).sum() > 0.97


def test_refining_leaves_what_it_cannot_improve() -> None:
    mask = np.zeros((20, 20), bool)
    assert not refine(mask, np.zeros((20, 20, 3), np.float32), 3).any()
    mask[5:12, 5:12] = True
    np.testing.assert_array_equal(refine(mask, np.zeros((20, 20, 3), np.float32), 3), mask)


def test_tidying_by_hand() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:22, 2:22] = True
    whole = mask.copy()
    mask[10, 10] = False  # a small hole
    mask[28, 28] = True  # a small island
    np.testing.assert_array_equal(tidy(mask), whole)
    whole[5:15, 5:15] = False  # a hole that belongs
    np.testing.assert_array_equal(tidy(whole), whole)


def test_noise_is_measured_and_outlines_are_not_noise() -> None:
    rng = np.random.default_rng(0)
    noisy = (128 + rng.normal(0, 6, (90, 90, 1))).astype(np.uint8).repeat(3, 2)
    assert noise_level(noisy) == pytest.approx(6, rel=0.15)
    noisy[:] = 10
    noisy[20:50, 20:50] = 200
    assert noise_level(noisy) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_shape_on_any_plain_ground_is_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160] / 160
    weight = (np.zeros_like(x), x, np.floor(9 * (x + y)) % 2, (np.floor(6 * x) + np.floor(6 * y)) % 2, x * y)[
        seed
    ]
    ground = weight[..., None] * (200, 190, 180) + (1 - weight[..., None]) * (170, 175, 190)
    disc = (y - 0.4) ** 2 + (x - 0.5) ** 2 < 0.04
    square = (abs(y - 0.12) < 0.08) & (abs(x - 0.85) < 0.1)
    pixels = np.where(disc[..., None], (200, 40, 40), np.where(square[..., None], (20, 30, 120), ground))
    pixels = (pixels + rng.integers(-1, 2, pixels.shape)).astype(np.uint8)
    parts = things_on_plain_ground(pixels)
    assert parts is not None and len(parts) == 2
    np.testing.assert_array_equal(parts[0], disc)
    np.testing.assert_array_equal(parts[1], square)


def test_photographs_have_no_plain_ground() -> None:
    for name in ("cat", "coffee", "astronaut", "dahlia", "pagoda", "rocket"):
        assert things_on_plain_ground(Image.open(EXAMPLES / f"{name}.jpg").pixels) is None


def test_the_hierarchy_is_a_hierarchy(tower: Tower) -> None:
    sight = see(Image.open(EXAMPLES / "coffee.jpg").fitted(96), tower)
    tree = grow(sight)
    assert tree.leaves == 500 and len(tree.members) == 999
    assert tree.members[-1].all() and (tree.members.sum(1)[: tree.leaves] == 1).all()
    assert (tree.leaves_at >= tree.height).all()
    for node in range(tree.leaves, len(tree.members), 40):
        assert label_mask(tree.members[node][tree.labels], diagonal=False)[1] == 1
    nodes = measure(sight, tree)
    assert np.isfinite(nodes.score).all()
    assert nodes.share[-1] == pytest.approx(1) and nodes.border[-1] == pytest.approx(1)
    chosen = select(tree, np.argsort(-nodes.score, kind="stable"), 12, 0.5)
    masks = [Region.from_mask(tree.members[node][tree.labels]) for node in chosen]
    assert all(a.iou(b) <= 0.5 for i, a in enumerate(masks) for b in masks[:i])


def test_principal_components_keep_distances() -> None:
    f = np.random.default_rng(0).normal(size=(3, 4, 5))
    kept = principal(np.concatenate([f, np.zeros((4, 4, 5))]), 3).reshape(3, -1)
    flat = f.reshape(3, -1)
    ratio = np.linalg.norm(kept[:, 1:] - kept[:, :1], axis=0) / np.linalg.norm(
        flat[:, 1:] - flat[:, :1], axis=0
    )
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 50), (100, 50)), ((640, 320), (256, 128)), ((20_000, 8), (12800, 5)), ((400, 10), (400, 10))],
)
def test_raster_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert raster_size(size) == expected


@pytest.mark.parametrize(
    ("name", "label", "least"),
    [
        ("cat", "cat", 0.6),
        ("coffee", "cup", 0.65),
        ("dahlia", "dahlia", 0.95),
        ("pagoda", "pagoda", 0.9),
        ("astronaut", "helmet", 0.6),
        ("rocket", "rocket", 0.55),
    ],
)
def test_whole_things_of_photographs(tower: Tower, name: str, label: str, least: float) -> None:
    image = Image.open(EXAMPLES / f"{name}.jpg")
    regions = propose_regions(image, tower)
    assert 1 <= len(regions) <= 8
    assert best(regions, thing(name, label)) >= least


def test_things_of_scenes(tower: Tower) -> None:
    found = []
    for seed in range(900, 905):
        scene = draw_scene(seed, split="val", size=(192, 192))
        regions = propose_regions(Image.from_array(scene.pixels), tower)
        found += [best(regions, Region.from_mask(mask)) for mask in scene.masks]
    assert np.mean(found) > 0.7
    assert np.mean(np.array(found) >= 0.5) > 0.75


def test_touching_things_are_cut(tower: Tower) -> None:
    """Two discs that touch, far apart in colour, are two; one disc stays one."""
    y, x = np.mgrid[:192, :192]
    left, right = (y - 96) ** 2 + (x - 66) ** 2 < 31**2, (y - 96) ** 2 + (x - 126) ** 2 < 31**2
    pixels = np.where(
        left[..., None], (214, 32, 36), np.where(right[..., None], (24, 96, 216), (235, 230, 225))
    )
    regions = propose_regions(Image.from_array(pixels.astype(np.uint8)), tower)
    assert len(regions) == 2
    assert (
        best(regions, Region.from_mask(left)) > 0.9 and best(regions, Region.from_mask(right & ~left)) > 0.9
    )
    pixels[right & ~left] = (235, 230, 225)
    assert len(propose_regions(Image.from_array(pixels.astype(np.uint8)), tower)) == 1


def test_cutting_nothing(tower: Tower) -> None:
    sight = see(Image.open(EXAMPLES / "cat.jpg").fitted(64), tower)
    assert not split(np.zeros(sight.size, bool), sight, grow(sight)).any()


def test_pictures_with_nothing_in_them(tower: Tower) -> None:
    for pixels in (
        np.zeros((1, 1, 3), np.uint8),
        np.full((300, 200, 3), 77, np.uint8),
        np.zeros((5000, 1, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (1, 40, 3), dtype=np.uint8),
        np.linspace(100, 140, 200).astype(np.uint8)[None, :, None].repeat(150, 0).repeat(3, 2),
    ):
        assert propose_regions(Image.from_array(pixels), tower) == []


def test_odd_pictures_give_regions_of_their_size(tower: Tower) -> None:
    cat = Image.open(EXAMPLES / "cat.jpg").pixels
    for pixels in (
        cat[:, :, 0],
        cat[100:112, 200:210],
        np.tile(cat[:12], (1, 12, 1)),
        np.tile(cat[:, :9], (8, 1, 1)),
    ):
        image = Image.from_array(np.ascontiguousarray(pixels))
        regions = propose_regions(image, tower)
        assert all(region.size == image.size for region in regions)
        assert [region.key for region in regions] == [region.key for region in propose_regions(image, tower)]


def test_config_is_checked_and_obeyed(tower: Tower) -> None:
    image = Image.open(EXAMPLES / "pagoda.jpg").fitted(256)
    assert len(propose_regions(image, tower, ProposalConfig(regions=2))) == 2
    few = propose_regions(image, tower, ProposalConfig(score=2.0))
    assert len(few) < len(propose_regions(image, tower, ProposalConfig(score=0.0)))
    with pytest.raises(InputError, match="regions and side"):
        ProposalConfig(regions=0)
    with pytest.raises(InputError, match="least <= most"):
        ProposalConfig(least=0.7, most=0.6)
