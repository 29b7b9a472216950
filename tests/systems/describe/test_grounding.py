"""The grounding loss: what covers each cell, by hand; its gradient reaches the context; it is not exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lucida.media.errors import InputError
from lucida.models.store import load_model_files
from lucida.systems.describe.grounding import NOTHING, GroundingConfig, Truth
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS
from tests.systems.describe.test_task import task


def test_truth_by_hand(small: Path) -> None:
    made = task(small)
    seen = next(s for n in range(20) if len((s := made.bank[n]).regions) > 1 and s.scene.objects[0].medium == "artwork")
    truth = Truth(0.5)
    cells = torch.zeros(144)
    cells[3], cells[4] = 0.6, 0.4
    regions = (replace(seen.regions[0], cells=cells), *(replace(r, cells=torch.zeros(144)) for r in seen.regions[1:]))
    noun, colour = truth.of([replace(seen, regions=regions)])
    thing = seen.scene.objects[0]
    assert noun[0, 3] == sorted(noun_table().values()).index(thing.noun)
    assert colour[0, 3] == (COLOURS.index(thing.colour) if thing.colour else NOTHING)
    assert (noun[0] != NOTHING).sum() == 1  # cell 4 is covered too little


def test_a_photograph_is_not_named(small: Path) -> None:
    made = task(small)
    seen = made.bank[0]
    objects = tuple(replace(o, medium="photo") for o in seen.scene.objects)
    noun, _ = Truth(0.1).of([replace(seen, scene=replace(seen.scene, objects=objects))])
    assert (noun == NOTHING).all()


def test_it_teaches_the_context_and_stays_at_home(small: Path, tmp_path: Path) -> None:
    made = task(small, grounding={"weight": 1.0, "layers": [0]})
    batch = made.batch(0, 0, 1)
    assert batch.noun is not None and batch.noun.shape == (4, 144)
    with_it, logged = made.module(batch)
    assert made.module.grounding is not None
    value = float(logged["grounding"])
    made.module.grounding = None
    without, _ = made.module(batch)
    assert torch.allclose(with_it - without, torch.full_like(without, value), atol=1e-4)
    made = task(small, grounding={"weight": 1.0, "layers": [0]})
    facts = {"steps": 1, "seconds": 1, "dtype": "fp32", "probe": {}}
    folder = made.export(made.module, tmp_path / "model", facts)
    assert not any("grounding" in name for name in load_model_files(folder).tensors)


def test_bad_settings(small: Path) -> None:
    with pytest.raises(InputError, match=r"grounding\.weight"):
        GroundingConfig(weight=-1)
    with pytest.raises(InputError, match=r"grounding\.layers must be some of 0\.\.1, got \[2\]"):
        task(small, grounding={"weight": 1.0, "layers": [2]})
