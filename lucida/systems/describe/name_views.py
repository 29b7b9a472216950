"""Cut-outs and artwork as the name head sees them: put on a ground, cropped, and embedded by the frozen tower.

Shape legend: n cut-outs, V views of each, m some of them, B basic names of ImageNet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor

from lucida.media.region import Region
from lucida.models.hints import named, region_crops
from lucida.models.imagenet_names import basic_names
from lucida.models.name_head import NameHead
from lucida.models.tower import Tower
from lucida.world.cutouts import plain_noun
from lucida.world.language import lexicon
from lucida.world.scene import draw_scene

SIDE = 320  # pixels of a view
SHARE = (0.3, 0.65)  # of a view's side that the longer side of a thing takes
TOGETHER = 8  # things whose crops go through the tower at once
Background = Callable[[np.random.Generator], np.ndarray]  # (SIDE, SIDE, 3) uint8


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


def named_right(views: Views, head: NameHead, which: Tensor) -> tuple[Tensor, Tensor]:
    """Of the cut-outs ``which`` (m,), whether each view is named right, (m, V) each: by ImageNet alone, with the head.

    Synonyms count, as the reader counts them.
    """
    words = lexicon().nouns
    wanted = [words.get(views.nouns[i], views.nouns[i]) for i in which]

    def right(scores: Tensor, names: Sequence[str]) -> Tensor:
        surface = [words.get(name, name) for name in names]
        told = [[surface[int(j)] for j in row] for row in scores.argmax(-1)]
        return torch.tensor([[name == noun for name in row] for row, noun in zip(told, wanted, strict=True)]).float()

    by_name, embedding = views.by_name[which], views.embedding[which]
    added = head.added(by_name.flatten(0, 1), embedding.flatten(0, 1)).unflatten(0, by_name.shape[:2])
    return right(by_name, basic_names()), right(added, head.names)
