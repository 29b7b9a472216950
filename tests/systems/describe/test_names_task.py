"""Training the name head: views of cut-outs, folds, and that what is learned is told from what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lucida.media.errors import InputError
from lucida.models.name_head import load_name_head
from lucida.models.tower import load_tower
from lucida.systems.describe import name_views
from lucida.systems.describe.name_views import cutout_views, opened, placed, textures
from lucida.systems.describe.names_task import NamesTask, folded
from lucida.world.cutouts import cutout_files
from tests.systems.tiny import FACTS


def test_folds_part_the_cutouts() -> None:
    fold = folded(23, 5)
    assert sorted(np.bincount(fold)) == [4, 4, 5, 5, 5]
    assert (fold == folded(23, 5)).all() and (fold != np.arange(23) % 5).any()


def test_things_are_placed_where_their_masks_are(small: Path) -> None:
    file = cutout_files(small / "cut")[0]
    for view in (0, 1):
        rng = np.random.default_rng(view)
        ground = np.full((name_views.SIDE, name_views.SIDE, 3), 9, np.uint8)
        picture, region = placed(opened(file), ground.copy(), view, rng)
        assert picture.shape == ground.shape and bool((picture[~region.mask] == 9).mean() > 0.97)
        assert (picture[region.mask] != 9).mean() > 0.9
        longest = max(region.box[2] - region.box[0], region.box[3] - region.box[1])
        assert name_views.SHARE[0] - 0.05 < longest < name_views.SHARE[1] + 0.05


def test_views_are_functions_of_the_seed(small: Path) -> None:
    files, tower = cutout_files(small / "cut")[:2], load_tower()
    one, same, other = (cutout_views(files, tower, 2, textures(files), s, print) for s in (0, 0, 1))
    assert one.nouns == tuple(f.stem for f in files) and one.embedding.shape == (2, 2, 1280)
    assert torch.equal(one.embedding, same.embedding) and not torch.equal(one.embedding, other.embedding)
    assert torch.allclose(one.by_name.sum(-1), torch.ones(2, 2), atol=1e-4)


def test_the_head_learns(small: Path, tmp_path: Path) -> None:
    values = {"cutouts": str(small / "cut"), "views": 2, "drawn": 2}
    task = NamesTask(values, seed=0)
    said: list[str] = []
    task.prepare(said.append)
    assert task.probe(task.module) == {}
    optimiser = torch.optim.AdamW(task.module.parameters(), 0.05)
    whole = task.batch(0, 0, 1)
    assert sum(len(task.batch(0, rank, 2).classes) for rank in (0, 1)) == len(whole.classes)
    for step in range(60):
        losses, logged = task.module(task.batch(step, 0, 1))
        losses.mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    assert float(logged["right"]) > 0.95
    head = load_name_head(task.export(task.module, tmp_path / "names", FACTS))
    drawn = whole.embedding[whole.classes == len(head.config.nouns)]
    assert float(head(drawn).softmax(-1)[:, -1].mean()) > 0.8

    left = NamesTask(values | {"fold": 1, "folds": 4}, seed=0)
    left.prepare(said.append)
    assert len(left.module.head.config.nouns) == 3 and set(left.probe(left.module)) == {"imagenet", "with_head"}
    with pytest.raises(InputError, match="0 <= fold < folds"):
        NamesTask(values | {"fold": 4, "folds": 4}, seed=0)
