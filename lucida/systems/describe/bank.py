"""A feature bank: many scenes seen once by the frozen tower, kept on disk for training.

The tower does not learn, so running it anew at every step would spend most of the training time on the same numbers.
A bank is a folder of shards; each is written whole or not at all, so building can be stopped and taken up again.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from lucida.media.camera import worse_camera
from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.media.region import Region
from lucida.models.hints import region_hints
from lucida.models.tower import Tower, load_tower, to_pixels
from lucida.systems.describe.features import fine_cover
from lucida.systems.describe.layout import LayoutConfig, RegionFeatures
from lucida.world.atlas import load_atlas
from lucida.world.fingerprint import world_fingerprint
from lucida.world.records import Scene, without_pixels
from lucida.world.scene import draw_scene

SHARD = 500
ARRAYS = ("cells", "replay", "cover")
CAMERA = 0xCA3E  # apart from every other use of a scene's number
STALE = 3600.0  # seconds after which a temporary file cannot be another process's shard in the making


@dataclass(frozen=True, kw_only=True)
class BankConfig:
    """Which scenes: ``count`` from ``first`` of ``split``. Every ``photo_every``-th is drawn with the cut-outs of
    ``cutouts`` (a folder, or "" for none), whose real class hints are stored with it. A share ``soft`` of all is seen
    through a worse camera (``media.camera``)."""

    split: str = "train"
    first: int = 0
    count: int = 20_000
    cutouts: str = ""
    photo_every: int = 3
    soft: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """One scene of a bank: its truth (pixels and masks left out), context cells, and the features of each object."""

    scene: Scene
    cells: torch.Tensor  # (cells*cells, channels) float32
    regions: tuple[RegionFeatures, ...]


class FeatureBank:
    """Scenes by number, read from memory-mapped shards."""

    def __init__(self, folder: Path, config: BankConfig, layout: LayoutConfig) -> None:
        if config.count < 1 or config.photo_every < 1:
            raise InputError(f"bank: want count and photo_every >= 1, got {config.count} and {config.photo_every}")
        if not 0 <= config.soft <= 1:
            raise InputError(f"bank.soft: want a share from 0 to 1, got {config.soft:g}")
        if layout.side % 16 or layout.cover % layout.cells:
            raise InputError(
                f"layout: side must be a multiple of 16 and cover one of the side / 16 context cells per axis, "
                f"got side {layout.side} and cover {layout.cover}"
            )
        kept = {k: getattr(layout, k) for k in ("side", "replay", "channels", "cover")}
        wanted = {"bank": asdict(config), "layout": kept, "world": world_fingerprint()}
        name = hashlib.blake2b(json.dumps(wanted, sort_keys=True).encode(), digest_size=6).hexdigest()
        self.folder, self.config, self.layout = folder / f"{config.split}-{name}", config, layout

    def __len__(self) -> int:
        return self.config.count

    def build(self, progress: Callable[[str], None] = lambda words: None) -> None:
        """Make the shards that are missing."""
        shards = range(-(-len(self) // SHARD))
        missing = [s for s in shards if not self._whole(s)]
        self._sweep()
        tower = load_tower() if missing else None
        for done, shard in enumerate(missing):
            assert tower is not None
            self._build_shard(shard, tower)
            progress(f"feature bank {self.config.split}: shard {done + 1} of {len(missing)}")

    def _whole(self, shard: int) -> bool:
        names = [f"{shard:05d}-{name}.npy" for name in ARRAYS]
        return all((self.folder / name).is_file() for name in (f"{shard:05d}.pkl", *names))

    def _sweep(self) -> None:
        """Remove what a kill while writing left behind."""
        for leftover in self.folder.glob(".?????*.*.*"):
            with suppress(FileNotFoundError):  # its owner was quicker
                if time.time() - leftover.stat().st_mtime > STALE:
                    leftover.unlink()

    def _draw(self, number: int) -> Scene:
        photo = self.config.cutouts and number % self.config.photo_every == 0
        atlas = load_atlas(self.config.cutouts) if photo else load_atlas()
        side = self.layout.side
        scene = draw_scene(self.config.first + number, split=self.config.split, size=(side, side), atlas=atlas)
        rng = np.random.default_rng((CAMERA, self.config.first + number))
        return replace(scene, pixels=worse_camera(scene.pixels, rng)) if rng.random() < self.config.soft else scene

    @torch.inference_mode()
    def _build_shard(self, shard: int, tower: Tower) -> None:
        numbers = range(shard * SHARD, min((shard + 1) * SHARD, len(self)))
        cells, replay, cover, records = [], [], [], []
        for start in range(0, len(numbers), 25):
            scenes = [self._draw(n) for n in numbers[start : start + 25]]
            features = tower(to_pixels(np.stack([s.pixels for s in scenes])))
            boxes = torch.tensor([o.box for s in scenes for o in s.objects])
            owner = torch.tensor([b for b, s in enumerate(scenes) for _ in s.objects])
            cells.append(features.cells.flatten(2).transpose(1, 2).half().numpy())
            replay.append(features.replay(boxes, owner, self.layout.replay).half().numpy())
            for scene in scenes:
                cover.append(np.stack([fine_cover(m, self.layout.cover) for m in scene.masks]))
                records.append((without_pixels(scene), _photo_hints(scene, tower)))
        first = np.cumsum([0, *(len(s.objects) for s, _ in records)])
        whole = [np.concatenate(parts) for parts in (cells, replay, cover)]
        arrays = dict(zip(ARRAYS, whole, strict=True))
        arrays["cover"] = np.round(arrays["cover"] * 255).astype(np.uint8)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            with atomic_path(self.folder / f"{shard:05d}-{name}.npy") as path:
                np.save(path, array)
        with atomic_path(self.folder / f"{shard:05d}.pkl") as path:
            path.write_bytes(pickle.dumps((records, first)))

    @lru_cache(maxsize=256)  # noqa: B019 - one bank lives as long as its run
    def _shard(self, shard: int):
        arrays = [np.load(self.folder / f"{shard:05d}-{name}.npy", mmap_mode="r") for name in ARRAYS]
        records, first = pickle.loads((self.folder / f"{shard:05d}.pkl").read_bytes())
        return (*arrays, records, first)

    def __getitem__(self, number: int) -> Seen:
        cells, replay, cover, records, first = self._shard(number // SHARD)
        n = number % SHARD
        scene, hints = records[n]
        rows = slice(first[n], first[n + 1])
        fine = torch.from_numpy(cover[rows].astype(np.float32)) / 255
        coarse = coarse_cover(fine, self.layout)
        replayed = torch.from_numpy(replay[rows].astype(np.float32))
        regions = tuple(
            RegionFeatures(key=f"{scene.seed}/{o.index}", box=torch.tensor(o.box), replay=replayed[i], cover=fine[i],
                           cells=coarse[i], hints=hints.get(i, ()))
            for i, o in enumerate(scene.objects)
        )  # fmt: skip
        return Seen(scene=scene, cells=torch.from_numpy(cells[n].astype(np.float32)), regions=regions)


def coarse_cover(fine: torch.Tensor, layout: LayoutConfig) -> torch.Tensor:
    """Mean of the fine cover grid over context cells: (N, cover*cover) -> (N, cells*cells)."""
    side, cells = layout.cover, layout.cells
    if side % cells:
        raise ValueError(f"cover grid {side} must be a multiple of the {cells} context cells per axis")
    step = side // cells
    return fine.view(-1, cells, step, cells, step).mean(dim=(2, 4)).flatten(1)


def _photo_hints(scene: Scene, tower: Tower) -> dict[int, tuple[tuple[str, float], ...]]:
    photos = [i for i, o in enumerate(scene.objects) if o.medium == "photo"]
    regions = [Region.from_mask(scene.masks[i]) for i in photos]
    hints = region_hints(scene.pixels, regions, tower, k=3, masked=False)
    return {i: tuple((h.name, h.probability) for h in row) for i, row in zip(photos, hints, strict=True)}
