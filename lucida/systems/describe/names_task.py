"""Training the name head: photographic cut-outs on textures, and drawn artwork, seen by the frozen tower once.

The tower's embeddings of all views fit in memory, so every step reads all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor, nn
from torch.nn import functional

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.media.region import Region
from lucida.models.hints import named, region_crops
from lucida.models.name_head import NameHead, NameHeadConfig
from lucida.models.tower import Tower, load_tower
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.world.cutouts import cutout_files, plain_noun, recipe_cutouts
from lucida.world.scene import draw_scene

SIDE = 320  # pixels of a view
SHARE = (0.3, 0.65)  # of a view's side that the longer side of a thing takes
TOGETHER = 8  # things whose crops go through the tower at once
Background = Callable[[np.random.Generator], np.ndarray]  # (SIDE, SIDE, 3) uint8


@dataclass(frozen=True, kw_only=True)
class NamesConfig:
    """Settings of a names recipe.

    Attributes:
        cutouts: "fetched", or a folder of named RGBA cut-outs. views: of each.
        drawn: scenes whose artwork teaches what is drawn.
        scale: of the head. fold, folds: cut-outs of one fold of several are left out and measured on (folds 0: none).
    """

    cutouts: str = "fetched"
    views: int = 6
    drawn: int = 120
    scale: float = 12.0
    fold: int = 0
    folds: int = 0

    def __post_init__(self) -> None:
        if self.views < 1 or self.drawn < 1 or self.folds < 0 or not 0 <= self.fold < max(self.folds, 1):
            raise InputError(
                f"recipe: want views >= 1, drawn >= 1 and 0 <= fold < folds, "
                f"got {self.views}, {self.drawn}, {self.fold} and {self.folds}"
            )


@dataclass(frozen=True, eq=False)
class Views:
    """Cut-outs as the tower sees them: noun of each (n), ImageNet's names (n, V, B), embeddings (n, V, width)."""

    nouns: tuple[str, ...]
    by_name: Tensor
    embedding: Tensor


def cutout_views(
    files: Sequence[Path], tower: Tower, count: int, background: Background, seed: int, say: Callable[[str], None]
) -> Views:
    """Each cut-out ``count`` times: sized, placed and mirrored at random, on a background of its own."""
    found = []
    for n, file in enumerate(files):
        rng = np.random.default_rng((seed, n))
        thing = opened(file)
        crops = [crop for v in range(count) for crop in region_crops(*placed(thing, background(rng), v, rng), True)]
        parts = [named(crops[i : i + 2 * TOGETHER], len(crops[i : i + 2 * TOGETHER]) // 2, tower)
                 for i in range(0, len(crops), 2 * TOGETHER)]  # fmt: skip
        found.append([torch.cat(columns) for columns in zip(*parts, strict=True)])
        if (n + 1) % 50 == 0:
            say(f"cut-outs seen by the tower: {n + 1} of {len(files)}")
    by_name, embedding = (torch.stack(column) for column in zip(*found, strict=True))
    return Views(tuple(plain_noun(file.stem) for file in files), by_name, embedding)


def opened(file: Path) -> PILImage.Image:
    """A cut-out, RGBA, without its empty rim."""
    with PILImage.open(file) as image:
        image.thumbnail((1024, 1024))
        whole = image.convert("RGBA")
    rows, columns = np.nonzero(np.asarray(whole)[..., 3] > 8)
    return whole.crop((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))


def placed(
    thing: PILImage.Image, ground: np.ndarray, view: int, rng: np.random.Generator
) -> tuple[np.ndarray, Region]:
    """The thing on the ground, every second view mirrored; the picture and the thing's region."""
    scale = rng.uniform(*SHARE) * SIDE / max(thing.size)
    made = thing.resize([max(8, round(s * scale)) for s in thing.size], PILImage.Resampling.BILINEAR)
    if view % 2:
        made = made.transpose(PILImage.Transpose.FLIP_LEFT_RIGHT)
    left, top = (int(rng.integers(SIDE - s + 1)) for s in made.size)
    picture = PILImage.fromarray(ground)
    picture.paste(made, (left, top), made)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + made.height, left : left + made.width] = np.asarray(made)[..., 3] >= 128
    return np.asarray(picture), Region.from_mask(mask)


def textures(files: Sequence[Path]) -> Background:
    """Grounds cut from the middle of other cut-outs, enlarged: photographic, and of nothing in particular."""

    def ground(rng: np.random.Generator) -> np.ndarray:
        whole = opened(files[int(rng.integers(len(files)))]).convert("RGB")
        share = rng.uniform(0.2, 0.5)
        w, h = (max(4, round(s * share)) for s in whole.size)
        left, top = round((whole.width - w) * rng.uniform(0.3, 0.7)), round((whole.height - h) * rng.uniform(0.3, 0.7))
        part = whole.crop((left, top, left + w, top + h))
        return np.asarray(part.resize((SIDE, SIDE), PILImage.Resampling.BICUBIC))

    return ground


def drawn_embeddings(scenes: int, tower: Tower, say: Callable[[str], None]) -> Tensor:
    """(n, width) embeddings of the artwork of some training scenes."""
    found = []
    for seed in range(scenes):
        scene = draw_scene(seed, size=(SIDE, SIDE))
        regions = [Region.from_mask(mask) for mask in scene.masks]
        crops = [crop for region in regions for crop in region_crops(scene.pixels, region, True)]
        found.append(named(crops, len(regions), tower)[1])
        if (seed + 1) % 40 == 0:
            say(f"artwork seen by the tower: {seed + 1} of {scenes} scenes")
    return torch.cat(found)


def folded(count: int, folds: int) -> np.ndarray:
    """(count,) the fold of each cut-out: dealt out in a shuffled order, the same for every run."""
    fold = np.empty(count, int)
    fold[np.random.default_rng(0).permutation(count)] = np.arange(count) % folds
    return fold


@dataclass(frozen=True, eq=False)
class Batch:
    """Embeddings (N, width) and classes (N,) of one process's rows."""

    embedding: Tensor
    classes: Tensor


class NamesModule(nn.Module):
    """Head and loss: one value per row."""

    def __init__(self, head: NameHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy (N,), and the share named right."""
        logits = self.head(batch.embedding)
        right = (logits.argmax(-1) == batch.classes).float().mean()
        return functional.cross_entropy(logits, batch.classes, reduction="none"), {"right": right.detach()}


class NamesTask:
    """See ``train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config = config = build(NamesConfig, values, "recipe")
        self.seed = seed
        self.files = cutout_files(Path(recipe_cutouts(config.cutouts)))
        nouns = [plain_noun(file.stem) for file in self.files]
        self.left_out = folded(len(nouns), config.folds) == config.fold if config.folds else np.zeros(len(nouns), bool)
        kept = sorted({noun for noun, out in zip(nouns, self.left_out, strict=True) if not out})
        self.module = NamesModule(NameHead(NameHeadConfig(nouns=tuple(kept), scale=config.scale)))
        self._rows: Batch | None = None
        self._views: Views | None = None

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Let the tower see everything, once: kept on disk."""
        made = self._seen(progress)
        nouns = self.module.head.config.nouns
        place = {noun: i for i, noun in enumerate(nouns)}
        views = Views(made["nouns"], made["by_name"].float(), made["embedding"].float())
        kept = torch.from_numpy(np.flatnonzero(~self.left_out))
        classes = torch.tensor([place[views.nouns[i]] for i in kept]).repeat_interleave(self.config.views)
        drawn = made["drawn"].float()
        self._rows = Batch(
            torch.cat((views.embedding[kept].flatten(0, 1), drawn)),
            torch.cat((classes, torch.full((len(drawn),), len(nouns)))),
        )
        self._views = views

    def _seen(self, progress: Callable[[str], None]) -> dict[str, Any]:
        facts = {"files": [[f.name, f.stat().st_size] for f in self.files], "views": self.config.views,
                 "drawn": self.config.drawn, "seed": self.seed}  # fmt: skip
        key = hashlib.blake2b(json.dumps(facts).encode(), digest_size=6).hexdigest()
        path = settings.cache_dir() / "banks" / f"names-{key}.pt"
        if not path.is_file():
            tower = load_tower()
            ground = textures(self.files)
            views = cutout_views(self.files, tower, self.config.views, ground, self.seed, progress)
            drawn = drawn_embeddings(self.config.drawn, tower, progress)
            tensors = {"by_name": views.by_name.half(), "embedding": views.embedding.half(), "drawn": drawn.half()}
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as part:
                torch.save({"nouns": views.nouns, **tensors}, part)
        return torch.load(path, weights_only=True)

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """This process's share of all rows."""
        assert self._rows is not None
        return Batch(self._rows.embedding[rank::processes], self._rows.classes[rank::processes])

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Of the fold left out: the share of views named right, by ImageNet alone and with the head."""
        assert isinstance(module, NamesModule) and self._views is not None
        if not self.left_out.any():
            return {}
        out = torch.from_numpy(np.flatnonzero(self.left_out))
        alone, whole = named_right(self._views, module.head.cpu(), out)
        return {"imagenet": float(alone.mean()), "with_head": float(whole.mean())}

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the model folder: the head in fp16, config, card."""
        assert isinstance(module, NamesModule)
        config = {"head": asdict(module.head.config)}
        return export_model(folder, module.head, config, self._card, facts)

    def _card(self, config: dict[str, Any]) -> str:
        trained, nouns = config["trained"], config["head"]["nouns"]
        return f"""# names

Names {len(nouns)} things on photographs, beside the tower's ImageNet classes, and tells drawn artwork from them.

| | |
|---|---|
| network | one linear map on the embedding of `tower`, fp16 |
| trained | {trained["steps"]} steps, {trained["seconds"]} s |
| data | {len(self.files)} photographic cut-outs in {self.config.views} views; artwork of {self.config.drawn} scenes |
| measured | docs/claims.md, photographs: each cut-out named by a head that never saw it |

## Sources

- Cut-outs: Debian's `tuxpaint-stamps-default` (GPL-2); none of them is shipped.
- Artwork: OpenMoji 17.0.0 (CC BY-SA 4.0).
- The tower: see its card (ImageNet's terms apply to its data).

## Limits

Many nouns were learned from a single picture. No person, face, hand, sky, sea or street.
"""


def named_right(views: Views, head: NameHead, which: Tensor) -> tuple[Tensor, Tensor]:
    """Of the cut-outs ``which`` (m,), whether each view is named right, (m, V) each: by ImageNet alone, with the head.

    Synonyms count, as the reader counts them.
    """
    from lucida.models.imagenet_names import basic_names
    from lucida.world.language import lexicon

    words = lexicon().nouns
    wanted = [words.get(views.nouns[i], views.nouns[i]) for i in which]

    def right(scores: Tensor, names: Sequence[str]) -> Tensor:
        surface = [words.get(name, name) for name in names]
        told = [[surface[int(j)] for j in row] for row in scores.argmax(-1)]
        return torch.tensor([[name == noun for name in row] for row, noun in zip(told, wanted, strict=True)]).float()

    by_name, embedding = views.by_name[which], views.embedding[which]
    added = head.added(by_name.flatten(0, 1), embedding.flatten(0, 1)).unflatten(0, by_name.shape[:2])
    return right(by_name, basic_names()), right(added, head.names)
