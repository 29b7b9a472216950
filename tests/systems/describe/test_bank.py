"""The feature bank: built in shards that are whole or missing, and taken up again after any end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lucida.media.errors import InputError
from lucida.media.region import Region
from lucida.models.hints import region_hints
from lucida.models.tower import load_tower
from lucida.systems.describe import bank as module
from lucida.systems.describe.bank import BankConfig, FeatureBank
from lucida.systems.describe.layout import LayoutConfig
from lucida.world.atlas import load_atlas
from lucida.world.scene import draw_scene

CONFIG = BankConfig(count=10, first=100)


def contents(bank: FeatureBank) -> list[Any]:
    """Everything a bank gives, as plain comparable values."""
    rows = []
    for number in range(len(bank)):
        seen = bank[number]
        rows.append((seen.scene.objects, seen.scene.relations, seen.cells.tolist()))
        rows += [
            (r.key, r.box.tolist(), r.replay.tolist(), r.cover.tolist(), r.cells.tolist(), r.hints)
            for r in seen.regions
        ]
    return rows


@pytest.fixture
def shards_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD", 4)


def test_an_interrupted_build_goes_on(small: Path, tmp_path: Path, shards_of_four: None, monkeypatch: Any) -> None:
    whole = FeatureBank(tmp_path / "whole", CONFIG, LayoutConfig())
    said: list[str] = []
    whole.build(said.append)
    assert said == [f"feature bank train: shard {n} of 3" for n in (1, 2, 3)]

    calls, save = [], np.save

    def killed(path: Path, array: np.ndarray) -> None:
        calls.append(path)
        if len(calls) == 5:  # in the middle of the second shard
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        save(path, array)

    parts = FeatureBank(tmp_path / "parts", CONFIG, LayoutConfig())
    monkeypatch.setattr(np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        parts.build()
    monkeypatch.setattr(np, "save", save)
    there = {path.name: path.stat().st_mtime_ns for path in parts.folder.iterdir() if path.name[:5] == "00000"}
    assert len(there) == 4 and not list(parts.folder.glob(".*"))
    said.clear()
    parts.build(said.append)
    assert said == ["feature bank train: shard 1 of 2", "feature bank train: shard 2 of 2"]
    assert there == {name: (parts.folder / name).stat().st_mtime_ns for name in there}  # not made again
    assert contents(parts) == contents(whole)

    (parts.folder / "00001-replay.npy").unlink()
    again = FeatureBank(tmp_path / "parts", CONFIG, LayoutConfig())
    said.clear()
    again.build(said.append)
    assert said == ["feature bank train: shard 1 of 1"] and contents(again) == contents(whole)
    again.build(said.append)
    assert len(said) == 1  # nothing left to do


def test_leftovers_of_a_kill_are_swept(small: Path, tmp_path: Path) -> None:
    """But not what another process may be writing just now."""
    bank = FeatureBank(tmp_path, BankConfig(count=1), LayoutConfig())
    bank.folder.mkdir(parents=True)
    old, new = bank.folder / ".00000-cells.0a1b2c3d.npy", bank.folder / ".00000-cells.4e5f6a7b.npy"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    bank.build()
    assert not old.exists() and new.exists() and len(bank[0].regions) > 0


def test_contents_are_what_the_tower_sees(bank: FeatureBank) -> None:
    tower = load_tower()
    for number in (0, 1, 19):
        atlas = load_atlas(bank.config.cutouts) if number % 3 == 0 else load_atlas()
        scene, seen = draw_scene(number, atlas=atlas), bank[number]
        assert seen.scene.objects == scene.objects and seen.scene.relations == scene.relations
        assert [region.key for region in seen.regions] == [f"{number}/{i}" for i in range(len(scene.objects))]
        photos = [i for i, o in enumerate(scene.objects) if o.medium == "photo"]
        regions = [Region.from_mask(scene.masks[i]) for i in photos]
        hints = region_hints(scene.pixels, regions, tower, masked=False)
        wanted = dict(zip(photos, [tuple((h.name, h.probability) for h in row) for row in hints], strict=True))
        assert {i: region.hints for i, region in enumerate(seen.regions) if region.hints} == wanted
        for region, mask in zip(seen.regions, scene.masks, strict=True):
            assert float(region.cover.mean()) == pytest.approx(mask.mean(), abs=2e-3)


def test_photographs_come_every_third_scene(bank: FeatureBank) -> None:
    with_photos = [n for n in range(len(bank)) if any(o.medium == "photo" for o in bank[n].scene.objects)]
    assert with_photos and all(n % 3 == 0 for n in with_photos)


def test_pixels_are_left_out(bank: FeatureBank) -> None:
    scene = bank[0].scene
    assert scene.pixels.nbytes == scene.masks.nbytes == 0 and scene.size == (192, 192)
    seen = bank[0]
    assert seen.cells.shape == (144, 272) and seen.cells.dtype == torch.float32
    assert seen.regions[0].replay.shape == (16, 272) and seen.regions[0].cover.shape == (576,)


def test_every_setting_has_its_own_folder(small: Path, tmp_path: Path) -> None:
    layouts = [LayoutConfig(), LayoutConfig(side=96), LayoutConfig(replay=2), LayoutConfig(caption_slots=9)]
    configs = [CONFIG, BankConfig(count=11), BankConfig(split="val", count=10, first=100), BankConfig(cutouts="x")]
    folders = [FeatureBank(tmp_path, config, LayoutConfig()).folder for config in configs]
    folders += [FeatureBank(tmp_path, CONFIG, layout).folder for layout in layouts]
    assert len(set(folders)) == len(folders) - 2  # the default twice, and slots do not matter to a bank


def test_impossible_settings_are_refused_before_building(tmp_path: Path) -> None:
    for config, layout, words in (
        (BankConfig(count=0), LayoutConfig(), "count and photo_every >= 1, got 0"),
        (BankConfig(photo_every=0), LayoutConfig(), "got 20000 and 0"),
        (BankConfig(), LayoutConfig(side=100), "side must be a multiple of 16"),
        (BankConfig(), LayoutConfig(cover=20), "got side 192 and cover 20"),
    ):
        with pytest.raises(InputError, match=words):
            FeatureBank(tmp_path, config, layout)


def test_a_share_of_the_scenes_is_soft(small: Path, tmp_path: Path) -> None:
    config = BankConfig(count=10, first=100, soft=0.5)
    sharp, soft = (FeatureBank(tmp_path, c, LayoutConfig()) for c in (CONFIG, config))
    assert sharp.folder != soft.folder
    same = [bool((sharp._draw(n).pixels == soft._draw(n).pixels).all()) for n in range(10)]
    assert 0 < sum(same) < 10
    assert [sharp._draw(n).objects for n in range(10)] == [soft._draw(n).objects for n in range(10)]


def test_the_share_of_soft_scenes_is_a_share(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bank\.soft: want a share from 0 to 1, got 1\.5"):
        FeatureBank(tmp_path, BankConfig(soft=1.5), LayoutConfig())
