"""Training the name head on what the frozen tower made of cut-outs and artwork (``name_views``).

The embeddings of all views fit in memory, so every step reads all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.models.name_head import NameHead, NameHeadConfig
from lucida.models.tower import load_tower
from lucida.systems.describe.name_views import Views, cutout_views, drawn_embeddings, named_right, textures
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.world.cutouts import cutout_files, plain_noun, recipe_cutouts


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
