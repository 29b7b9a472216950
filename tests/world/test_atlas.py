"""Noun table, ramps, legibility, recolouring, and the sprite cache."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.world import fingerprint, sprite_store
from lucida.world.atlas import Atlas, load_atlas
from lucida.world.legibility import Legibility, feature, measure, select
from lucida.world.nouns import NO_COLOUR, NO_FLIP, group_of, noun_table
from lucida.world.palette import RAMPS, nearest_colour, to_lab, to_rgb
from lucida.world.records import COLOURS
from lucida.world.sprites import LEVELS, SHADES, artwork_sprite, crop_to_alpha, flat_colours, main_ramp


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas()


def disc(colour: tuple[int, int, int], shade: tuple[int, int, int], side: int = 200) -> np.ndarray:
    """A disc with a shaded right half and a black outline on transparent ground."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    radius = np.hypot(x, y)
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[radius < 90] = (0, 0, 0, 255)
    rgba[radius < 80] = (*colour, 255)
    rgba[(radius < 80) & (x > 30)] = (*shade, 255)
    return rgba


def test_nouns_are_plain() -> None:
    nouns = list(noun_table().values())
    assert len(set(nouns)) == len(nouns)
    for noun in nouns:
        assert noun == noun.strip().lower() and 1 <= len(noun.split()) <= 2
        assert not set(noun.split()) & {*COLOURS, "gray", "small", "medium", "large"}
    assert set(group_of()) == set(nouns)
    assert set(nouns) >= NO_FLIP and set(nouns) >= NO_COLOUR


def test_lab_of_known_colours_and_round_trip() -> None:
    assert to_lab(np.array([255, 255, 255])) == pytest.approx([100, 0, 0], abs=0.05)
    assert to_lab(np.array([255, 0, 0])) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    colours = np.random.default_rng(0).integers(0, 256, (500, 3))
    assert np.array_equal(to_rgb(to_lab(colours)), colours)


def test_ramps_are_separable() -> None:
    """Middles are far apart, and the whole shaded ramp stays nearer to its own middle than to any other."""
    middles = {name: to_lab(np.array(ramp.rgb)) for name, ramp in RAMPS.items()}
    for a, b in itertools.combinations(middles, 2):
        assert np.linalg.norm(middles[a] - middles[b]) > 35, (a, b)
    for name, ramp in RAMPS.items():
        for rgb in ramp.shade(np.linspace(-100, 100, 21)):
            assert nearest_colour(rgb) == name


def test_shading_survives() -> None:
    for ramp in RAMPS.values():
        light = to_lab(ramp.shade(np.array([-15.0, 0.0, 5.0])))[:, 0]
        assert light[1] - light[0] > 5 and light[2] - light[1] > 1.5


def test_about_250_sprites_are_kept_and_most_take_colour(atlas: Atlas) -> None:
    assert 200 <= len(atlas.sprites) <= 285
    assert len(atlas.colourable) > 0.8 * len(atlas.sprites)
    assert {"fox", "dog", "cat", "umbrella", "car", "tree", "apple", "guitar"} <= set(atlas.nouns)
    assert not NO_COLOUR & atlas.colourable


def test_kept_sprites_pass_the_rule(atlas: Atlas) -> None:
    rule = Legibility()
    rows = np.stack([feature(sprite) for sprite in atlas.sprites])  # (N, 2, D)
    likeness = (rows[:, 0] @ rows.reshape(-1, rows.shape[-1]).T).reshape(len(rows), len(rows), 2).max(-1)
    assert likeness[~np.eye(len(rows), dtype=bool)].max() <= rule.alike + 1e-5
    for sprite in atlas.sprites[::10]:
        values = measure(sprite)
        assert values["covered"] >= rule.covered and values["edges"] >= rule.edges
        assert values["narrow"] >= rule.narrow and values["outline"] <= rule.outline


def test_of_two_alike_the_first_is_kept() -> None:
    stripes = disc((210, 47, 39), (234, 90, 71))
    stripes[::16] = np.where(stripes[::16, :, 3:] > 0, np.uint8([0, 0, 0, 255]), stripes[::16])
    first, second = (artwork_sprite(noun, "", stripes) for noun in ("first", "second"))
    kept, reasons = select([first, second])
    assert [sprite.noun for sprite in kept] == ["first"]
    assert "like first" in reasons["second"]


def test_a_line_is_not_legible() -> None:
    rgba = np.zeros((100, 100, 4), np.uint8)
    rgba[48:52] = (200, 30, 30, 255)
    kept, reasons = select([artwork_sprite("line", "", rgba)])
    assert not kept and "narrow" in reasons["line"] and "covered" in reasons["line"]


def test_main_ramp_takes_the_hue_with_its_shade() -> None:
    colours, labels = flat_colours(disc((92, 158, 49), (177, 204, 51)))
    area = np.bincount(labels.ravel()).astype(float)
    chosen = {tuple(c) for c in colours[main_ramp(colours, area)].tolist()}
    assert chosen == {(92, 158, 49), (177, 204, 51)}


def test_painting_changes_the_ramp_and_only_the_ramp() -> None:
    sprite = artwork_sprite("disc", "", disc((92, 158, 49), (177, 204, 51)))
    assert sprite.colourable
    for colour in COLOURS:
        for level, side in enumerate(LEVELS):
            painted = sprite.paint(level, colour)
            assert painted.shape == (side, side, 4)
            assert (painted[..., :3] <= painted[..., 3:]).all()
        top = sprite.paint(len(LEVELS) - 1, colour)
        assert nearest_colour(top[96, 70, :3]) == colour == nearest_colour(top[96, 150, :3])
        assert top[96, 70, :3].tolist() != top[96, 150, :3].tolist()  # the shade is still another shade
        assert top[96, 4, :3].max() < 20  # the outline is still black
    own = sprite.paint(len(LEVELS) - 1, None)
    assert np.abs(own[96, 70, :3].astype(int) - (92, 158, 49)).max() <= 2


def test_two_rival_hues_have_no_colour() -> None:
    half = disc((234, 90, 71), (234, 90, 71))
    blue = np.zeros_like(half[..., 3], dtype=bool)
    blue[:, 100:] = True
    half[blue & (half[..., 0] == 234)] = (97, 178, 228, 255)
    assert not artwork_sprite("ball", "", half).colourable


def test_every_colourable_sprite_looks_like_its_colour(atlas: Atlas) -> None:
    """The main ramp, painted, is the largest share of what is drawn and not black."""
    for sprite in atlas.sprites[::7]:
        if sprite.colourable:
            data = sprite.levels[2].astype(float)
            assert data[..., 4:].sum() >= 0.3 * data[..., 3].sum(), sprite.noun


def test_crop_of_nothing_is_empty() -> None:
    assert crop_to_alpha(np.zeros((5, 6, 4), np.uint8)).shape[:2] == (0, 0)


def test_cache_round_trip_second_writer_and_damage(tmp_path: Path) -> None:
    sprites = [artwork_sprite("disc", "X", disc((92, 158, 49), (177, 204, 51)))]
    folder = tmp_path / "atlas"
    sprite_store.save_sprites(sprites, folder)
    before = (folder / "pixels.u8").stat().st_ino
    sprite_store.save_sprites(sprites, folder)  # another process was first: its copy stays
    assert (folder / "pixels.u8").stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ["atlas"]
    (loaded,) = sprite_store.read_sprites(folder)
    assert (loaded.noun, loaded.source, loaded.colourable) == ("disc", "X", True)
    for level, shape in zip(loaded.levels, LEVELS, strict=True):
        assert level.shape == (shape, shape, 4 + SHADES)
    assert np.array_equal(loaded.paint(1, "red"), sprites[0].paint(1, "red"))
    (folder / "pixels.u8").write_bytes(b"short")
    with pytest.raises(InputError, match="damaged sprite cache"):
        sprite_store.read_sprites(folder)


def test_unwritable_cache_warns_and_works(home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="cannot write the sprite cache"):
        assert sprite_store.cached_sprites("x", lambda: []) == []


def test_fingerprint_is_stable_and_checked() -> None:
    stored = fingerprint.world_fingerprint()
    assert len(stored) == 16 and stored == fingerprint.world_fingerprint()
    fingerprint.check_fingerprint(stored)
    with pytest.raises(InputError, match=f"0123.*{stored}"):
        fingerprint.check_fingerprint("0123456789abcdef")


def test_fingerprint_sees_a_changed_ramp(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint.world_fingerprint()
    fingerprint.world_fingerprint.cache_clear()
    monkeypatch.setitem(RAMPS, "red", RAMPS["brown"])
    try:
        assert fingerprint.world_fingerprint() != before
    finally:
        fingerprint.world_fingerprint.cache_clear()
