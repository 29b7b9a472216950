"""Scenes for training, each seen once by the frozen tower: its cells, the picture and class map the field works on.

Like the describer's bank: a folder of shards, each written whole or not at all, shared by every arm of a study.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.models.tower import Tower, load_tower, to_pixels
from lucida.systems.segment.labels import LabelConfig, class_map, restricted
from lucida.systems.segment.sight import SightConfig, field_labels, field_picture, tower_cells
from lucida.world.atlas import load_atlas
from lucida.world.fingerprint import world_fingerprint
from lucida.world.scene import draw_scene

SHARD = 200
ARRAYS = ("cells", "picture", "labels")
STALE = 3600.0  # seconds after which a temporary file cannot be another process's shard in the making


@dataclass(frozen=True, kw_only=True)
class SegmentBankConfig:
    """Which scenes: ``count`` of ``split`` from ``first``; every ``photo_every``-th with cut-outs, if there are."""

    split: str = "train"
    first: int = 0
    count: int = 4000
    cutouts: str = ""
    photo_every: int = 3


@dataclass(frozen=True, eq=False)
class Sights:
    """Several scenes as the network wants them.

    Attributes:
        image: (B, 3, h, w) in [-1, 1]. cells: (B, F, h/p, w/p) float32. labels: (B, h, w) int64, ``VOID`` included.
    """

    image: Tensor
    cells: Tensor
    labels: Tensor


class SegmentBank:
    """Scenes by number, read from memory-mapped shards."""

    def __init__(
        self,
        folder: Path,
        config: SegmentBankConfig,
        sight: SightConfig,
        labels: LabelConfig,
        tower: str = "tower",
    ) -> None:
        if config.count < 1 or config.photo_every < 1:
            raise InputError(
                f"bank: want count and photo_every >= 1, got {config.count} and {config.photo_every}"
            )
        parts = {"bank": config, "sight": sight, "labels": labels}
        wanted = {name: asdict(part) for name, part in parts.items()} | {
            "world": world_fingerprint(),
            "tower": tower,
        }
        name = hashlib.blake2b(json.dumps(wanted, sort_keys=True).encode(), digest_size=6).hexdigest()
        self.folder = folder / f"segment-{config.split}-{name}"
        self.config, self.sight, self.labels, self.tower = config, sight, labels, tower

    def __len__(self) -> int:
        return self.config.count

    def build(self, progress: Callable[[str], None] = lambda words: None) -> None:
        """Make the shards that are missing."""
        missing = [
            s for s in range(-(-len(self) // SHARD)) if not all(self._file(s, n).is_file() for n in ARRAYS)
        ]
        for leftover in self.folder.glob(".*.npy"):
            with suppress(FileNotFoundError):  # its owner was quicker
                if time.time() - leftover.stat().st_mtime > STALE:
                    leftover.unlink()
        tower = load_tower(name=self.tower) if missing else None
        for done, shard in enumerate(missing):
            assert tower is not None
            self._build(shard, tower)
            progress(f"segment bank {self.config.split}: shard {done + 1} of {len(missing)}")

    def _file(self, shard: int, name: str) -> Path:
        return self.folder / f"{shard:05d}-{name}.npy"

    @torch.inference_mode()
    def _build(self, shard: int, tower: Tower) -> None:
        numbers = range(shard * SHARD, min((shard + 1) * SHARD, len(self)))
        made: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
        for start in range(0, len(numbers), 25):
            scenes = [self._draw(n) for n in numbers[start : start + 25]]
            pixels = np.stack([scene.pixels for scene in scenes])
            made["cells"].append(tower_cells(tower, to_pixels(pixels), self.sight).half().numpy())
            made["picture"].append(np.stack([field_picture(p, self.sight.stride) for p in pixels]))
            maps = [field_labels(class_map(scene, self.labels), self.sight.stride) for scene in scenes]
            made["labels"].append(np.stack(maps))
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, parts in made.items():
            with atomic_path(self._file(shard, name)) as path:
                np.save(path, np.concatenate(parts))

    def _draw(self, number: int):
        photo = self.config.cutouts and number % self.config.photo_every == 0
        atlas = _atlas(self.config.cutouts if photo else "", self.labels)
        side = self.sight.side
        return draw_scene(self.config.first + number, split=self.config.split, size=(side, side), atlas=atlas)

    @lru_cache(maxsize=256)  # noqa: B019 - one bank lives as long as its run
    def _shard(self, shard: int) -> tuple[np.ndarray, ...]:
        return tuple(np.load(self._file(shard, name), mmap_mode="r") for name in ARRAYS)

    def sights(self, numbers: list[int] | range) -> Sights:
        """The scenes of these numbers, in this order."""
        parts = [[a[n % SHARD] for a in self._shard(n // SHARD)] for n in numbers]
        cells, picture, labels = (np.stack(column) for column in zip(*parts, strict=True))
        return Sights(
            to_pixels(picture),
            torch.from_numpy(cells.astype(np.float32)),
            torch.from_numpy(labels.astype(np.int64)),
        )


@lru_cache(maxsize=8)
def _atlas(cutouts: str, labels: LabelConfig):
    return restricted(load_atlas(cutouts or None), labels)
