"""Scenes for tokenizer and generator: small pictures, teacher features and the truth, kept on disk.

Like the describer's bank: shards written whole, so building can be stopped and taken up again.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.models.tower import Tower, load_tower
from lucida.systems.tokenize.teacher import Directions, TeacherConfig, directions, small, tower_cells
from lucida.world.atlas import Atlas, load_atlas
from lucida.world.config import SceneConfig
from lucida.world.nouns import COMMON_NOUNS
from lucida.world.records import SPLITS, Scene, without_pixels
from lucida.world.scene import draw_scene

SHARD = 500
ARRAYS = ("pixels", "teacher", "owner")


@dataclass(frozen=True, kw_only=True)
class SceneBankConfig:
    """Which scenes: ``count`` from ``first`` of ``split``, with ``objects`` (least, most) things in each.

    ``nouns``: what the things may be: everything in the world, or ``world.nouns.COMMON_NOUNS``. ``sizes``: shares of
    small, medium and large ones.
    """

    split: str = "train"
    first: int = 0
    count: int = 12_000
    objects: tuple[int, int] = (3, 8)
    nouns: Literal["all", "common"] = "all"
    sizes: tuple[float, float, float] = SceneConfig().size_weights

    def __post_init__(self) -> None:
        if self.count < 1 or self.first < 0 or self.split not in SPLITS:
            raise InputError(
                f"bank: want count >= 1, first >= 0 and one of {', '.join(SPLITS)}, "
                f"got {self.count}, {self.first}, {self.split!r}"
            )
        if min(self.sizes) < 0 or sum(self.sizes) <= 0:
            raise InputError(f"bank.sizes: want three shares, none negative and not all 0, got {self.sizes}")

    @property
    def scenes(self) -> SceneConfig:
        """How they are composed."""
        return SceneConfig(objects=self.objects, size_weights=self.sizes)


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneRows:
    """Some scenes of a bank.

    Attributes:
        pixels: (B, 3, side, side) float32 in [−1, 1].
        teacher: (B, grid², F) float32.
        owner: (B, grid²) int64, 1 + the object that covers most of a token's area, 0: background.
    """

    pixels: Tensor
    teacher: Tensor
    owner: Tensor


def atlas_of(nouns: Literal["all", "common"]) -> Atlas:
    """What scenes of these nouns are drawn with."""
    return load_atlas() if nouns == "all" else load_atlas().only(COMMON_NOUNS)


class SceneBank:
    """Scenes by number, read from memory-mapped shards."""

    def __init__(self, folder: Path, config: SceneBankConfig, teacher: TeacherConfig) -> None:
        # What is as it always was is not said, so that banks keep their names.
        usual = {"nouns": "all", "sizes": SceneConfig().size_weights}
        said = {k: v for k, v in asdict(config).items() if k not in usual or tuple(v) != tuple(usual[k])}
        wanted = {"bank": said, "teacher": teacher.name}
        name = hashlib.blake2b(json.dumps(wanted, sort_keys=True).encode(), digest_size=6).hexdigest()
        self.home, self.config, self.teacher = folder, config, teacher
        self.folder = folder / f"scenes-{config.split}-{name}"

    def __len__(self) -> int:
        return self.config.count

    @property
    def built(self) -> bool:
        """Whether every shard is there."""
        return all(self._whole(shard) for shard in range(-(-len(self) // SHARD)))

    def build(self, progress: Callable[[str], None] = lambda words: None) -> None:
        """Make the shards that are missing."""
        shards = range(-(-len(self) // SHARD))
        missing = [s for s in shards if not self._whole(s)]
        if not missing:
            return
        tower = load_tower()
        main = directions(self.home, self.teacher, lambda: tower, progress)
        for done, shard in enumerate(missing):
            self._build_shard(shard, tower, main)
            progress(f"scene bank {self.config.split}: shard {done + 1} of {len(missing)}")

    def _whole(self, shard: int) -> bool:
        names = [f"{shard:05d}.pkl", *(f"{shard:05d}-{name}.npy" for name in ARRAYS)]
        return all((self.folder / name).is_file() for name in names)

    def _build_shard(self, shard: int, tower: Tower, main: Directions) -> None:
        numbers = range(shard * SHARD, min((shard + 1) * SHARD, len(self)))
        size, t = (self.teacher.render, self.teacher.render), self.teacher
        composed, atlas = self.config.scenes, atlas_of(self.config.nouns)
        arrays: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
        records: list[Scene] = []
        for start in range(0, len(numbers), 25):
            scenes = [
                draw_scene(self.config.first + n, split=self.config.split, size=size, config=composed, atlas=atlas)
                for n in numbers[start : start + 25]
            ]
            cells = tower_cells(np.stack([s.pixels for s in scenes]), tower, t.grid)
            arrays["teacher"].append(main(cells).half().numpy())
            arrays["pixels"].append(np.stack([small(s.pixels, t.side) for s in scenes]))
            arrays["owner"].append(np.stack([owners(s.masks, t.grid) for s in scenes]))
            records += [without_pixels(s) for s in scenes]
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, parts in arrays.items():
            with atomic_path(self.folder / f"{shard:05d}-{name}.npy") as path:
                np.save(path, np.concatenate(parts))
        with atomic_path(self.folder / f"{shard:05d}.pkl") as path:
            path.write_bytes(pickle.dumps(records))

    @lru_cache(maxsize=256)  # noqa: B019 - one bank lives as long as its run
    def _shard(self, shard: int) -> tuple[list[np.ndarray], list[Scene]]:
        arrays = [np.load(self.folder / f"{shard:05d}-{name}.npy", mmap_mode="r") for name in ARRAYS]
        return arrays, pickle.loads((self.folder / f"{shard:05d}.pkl").read_bytes())

    def scene(self, number: int) -> Scene:
        """The truth of a scene; pixels and masks are left out (zero channels, zero rows)."""
        return self._shard(number // SHARD)[1][number % SHARD]

    def owner(self, number: int) -> np.ndarray:
        """(grid²,) uint8, as :func:`owners`."""
        return self._shard(number // SHARD)[0][2][number % SHARD]

    def rows(self, numbers: list[int]) -> SceneRows:
        """Scenes by number."""
        columns: list[list[np.ndarray]] = [[], [], []]
        for number in numbers:
            arrays, _ = self._shard(number // SHARD)
            for column, array in zip(columns, arrays, strict=True):
                column.append(array[number % SHARD])
        pixels, teacher, owner = (torch.from_numpy(np.stack(column)) for column in columns)
        return SceneRows(
            pixels=pixels.permute(0, 3, 1, 2).float() / 127.5 - 1, teacher=teacher.float(), owner=owner.long()
        )


def owners(masks: np.ndarray, grid: int) -> np.ndarray:
    """(N, R, R) bool visible masks -> (grid²,) uint8: 1 + the object that covers at least half of a cell, else 0."""
    count, side = len(masks), masks.shape[1]
    step = side // grid
    share = masks.reshape(count, grid, step, grid, step).mean(axis=(2, 4)).reshape(count, -1)
    return np.where(share.max(0) >= 0.5, share.argmax(0) + 1, 0).astype(np.uint8)
