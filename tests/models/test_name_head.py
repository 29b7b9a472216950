"""The head that knows names ImageNet does not: what it adds, what it takes away, how it is read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from lucida.media import Region
from lucida.media.errors import InputError
from lucida.models.hints import region_hints
from lucida.models.imagenet_names import basic_names
from lucida.models.name_head import NameHead, NameHeadConfig, load_name_head
from lucida.models.store import save_model
from lucida.models.tower import load_tower

NOUNS = ("cat", "flower")  # one that ImageNet has, one that it has not


def head(width: int = 3) -> NameHead:
    """Sure of the direction it is shown: cat, flower, or drawn."""
    made = NameHead(NameHeadConfig(nouns=NOUNS, width=width, scale=50.0))
    with torch.no_grad():
        made.linear.weight[:, :3] = torch.eye(3)
    return made


def test_probabilities_are_added_by_name() -> None:
    made, by_name = head(), torch.full((3, len(basic_names())), 1e-3)
    by_name[:, basic_names().index("cat")] = 0.3
    found = made.added(by_name, 7 * torch.eye(3))
    cat, flower = made.names.index("cat"), made.names.index("flower")
    assert len(made.names) == len(basic_names()) + 1 and flower == len(basic_names())
    assert found[0, cat] == 1.0 and float(found[0, flower]) == pytest.approx(0, abs=1e-6)
    assert float(found[1, flower]) == pytest.approx(1) and float(found[1, cat]) == pytest.approx(0.3)
    assert float(found[2].max()) == pytest.approx(0, abs=1e-6)  # drawn: nothing is to be believed


def test_hints_with_a_head() -> None:
    tower = load_tower()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    regions = [Region.from_box((0, 0, 0.5, 0.5), (64, 64)), Region.from_box((0.2, 0.2, 1, 1), (64, 64))]
    silent = NameHead(NameHeadConfig(nouns=NOUNS))
    with torch.no_grad():
        silent.linear.bias[2] = 0.5  # everything is drawn, most likely
    plain, drawn = region_hints(pixels, regions, tower), region_hints(pixels, regions, tower, head=silent)
    assert all(h.probability == 0 for row in drawn for h in row)
    with torch.no_grad():
        silent.linear.weight[2] = 0.0
        silent.linear.bias[:] = torch.tensor([-0.58, -0.6, -0.41])  # drawn by .8: a photograph, it thinks
    unsure = region_hints(pixels, regions, tower, head=silent)
    for row, other in zip(plain, unsure, strict=True):
        assert row[0].name in {h.name for h in other} and all(h.probability < 0.5 for h in other)
    with torch.no_grad():
        silent.linear.bias[:] = torch.tensor([0.0, 10.0, 0.0])
    assert {row[0].name for row in region_hints(pixels, regions, tower, head=silent)} == {"flower"}


def test_saved_and_read(tmp_path: Path) -> None:
    made = head(8)
    config = {"head": asdict(made.config)}
    folder = save_model(tmp_path / "names", {k: v.half() for k, v in made.state_dict().items()}, config, "# names\n")
    again = load_name_head(folder)
    assert again.config == made.config and torch.equal(again.linear.weight, made.linear.weight)
    with pytest.raises(InputError, match="not a name head"):
        load_name_head("tower")
