"""Training the describer: shares add up, the loss falls, a killed training goes on bit for bit, the export loads."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from lucida.media.errors import InputError
from lucida.models.store import load_model_files
from lucida.systems.describe.task import Batch, DescribeTask
from lucida.train.cluster import on_device
from lucida.train.loop import train
from lucida.train.recipe import load_recipe
from tests.systems.describe.small import SETTINGS, recipe_text
from tests.train.runs import curve, kill_at, largest_difference, rows


def task(home: Path, seed: int = 0, **changes: Any) -> DescribeTask:
    torch.manual_seed(seed)
    bank = {"count": 20, "cutouts": str(home / "cut")}
    made = DescribeTask({**SETTINGS, "bank": bank, **changes}, seed=seed)
    made.prepare(lambda words: None)
    return made


def tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif is_dataclass(value):
        for f in fields(value):
            yield from tensors(getattr(value, f.name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from tensors(item)


@pytest.mark.parametrize("visibility", ["strict", "twin", "block"])
def test_shares_add_up(small: Path, visibility: str) -> None:
    """Two processes see the rows, the noise and the losses that one would see."""
    made = task(small, visibility=visibility)
    for step in (0, 1, 4):  # regions, a picture, questions
        whole = made.batch(step, 0, 1)
        shares = [made.batch(step, rank, 2) for rank in range(2)]
        assert torch.equal(torch.cat([s.levels for s in shares]), whole.levels)
        for name in ("weight", "noisy", "masked"):  # a share may need fewer slots than the whole
            for mine, theirs in zip(shares, getattr(whole, name).chunk(2), strict=True):
                width = getattr(mine, name).shape[-1]
                assert torch.equal(getattr(mine, name), theirs[..., :width]), name
        for mine, theirs in zip(shares, whole.folded.answers.valid.chunk(2), strict=True):
            assert not theirs[..., mine.folded.answers.ids.shape[-1] :].any()
        with torch.inference_mode():
            losses = made.module(whole)[0]
            shared = torch.cat([made.module(share)[0] for share in shares])
        assert losses.shape == (whole.levels.shape[0] * whole.levels.shape[1],)
        assert torch.allclose(losses, shared, rtol=1e-4, atol=1e-5)


def test_noise(small: Path) -> None:
    made = task(small)
    mask = made.vocabulary.mask
    batch = made.batch(0, 0, 1)
    assert batch.noisy.shape[2] == SETTINGS["draws"]
    clean = batch.folded.answers.ids.unsqueeze(2).expand_as(batch.noisy)
    assert bool(batch.masked.any(dim=-1).all())  # something to learn from in every row
    assert bool((batch.noisy[batch.masked] == mask).all())
    assert torch.equal(batch.noisy[~batch.masked], clean[~batch.masked])
    assert bool((batch.weight >= 0).all()) and bool((batch.levels > 0).all()) and bool((batch.levels <= 1).all())
    again, later = made.batch(0, 0, 1), made.batch(2, 0, 1)
    assert torch.equal(again.noisy, batch.noisy) and not torch.equal(later.levels, batch.levels)
    assert not torch.equal(task(small, seed=1).batch(0, 0, 1).levels, batch.levels)


def test_twin_reads_clean_answers(small: Path) -> None:
    batch = task(small, visibility="twin").batch(0, 0, 1)
    assert batch.noisy.shape[2] == 1 and torch.equal(batch.noisy[:, :, 0], batch.folded.answers.ids)


@pytest.mark.parametrize("visibility", ["strict", "twin"])
def test_loss_by_hand(small: Path, visibility: str) -> None:
    """With all logits zero the cross-entropy of every slot is the logarithm of the number of allowed ids."""
    made = task(small, visibility=visibility, network={**SETTINGS["network"]})
    torch.nn.init.zeros_(made.module.network.norm.weight)
    batch = made.batch(0, 0, 1)
    losses, metrics = made.module(batch)
    allowed = made.vocabulary.allowed(batch.folded.slots.allowed[0])
    assert torch.allclose(losses, torch.tensor(float(len(allowed))).log().expand_as(losses), atol=1e-4)
    assert 0 <= float(metrics["accuracy"]) <= 1


def test_every_weight_learns(small: Path) -> None:
    made = task(small)
    for step in (0, 1, 4):
        made.module(made.batch(step, 0, 1))[0].mean().backward()
    without = [n for n, p in made.module.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not without


def test_a_batch_goes_to_a_device(small: Path) -> None:
    """Every tensor of it, however deep (to PyTorch's stand-in device, which every machine has)."""
    moved = on_device(task(small).batch(4, 0, 1), torch.device("meta"))
    assert isinstance(moved, Batch)
    found = list(tensors(moved))
    assert len(found) > 15 and all(t.device.type == "meta" for t in found)


def test_export_and_probe(small: Path, tmp_path: Path) -> None:
    made = task(small)
    numbers = made.probe(made.module)
    assert {"grammar", "noun", "lookup", "passes"} <= numbers.keys()
    folder = made.export(made.module, tmp_path / "model", {"steps": 1, "seconds": 2, "dtype": "fp32", "probe": numbers})
    files = load_model_files(folder)
    assert files.config["system"] == "describe" and files.config["trained"]["steps"] == 1
    assert files.tensors.keys() == made.module.network.state_dict().keys()
    assert all(t.dtype == torch.float16 for t in files.tensors.values())
    assert made.module.training  # the probe leaves the module as it was


def test_without_probe(small: Path, tmp_path: Path) -> None:
    made = task(small, probe=0)
    assert made.probe(made.module) == {}
    assert not made.held_out.folder.exists() or made.held_out.config.count == 1


@pytest.mark.slow
def test_killed_and_resumed(small: Path, tmp_path: Path) -> None:
    """SIGKILL in a real process at a random step; the rest in this one."""
    path = tmp_path / "small.yaml"
    path.write_text(recipe_text({"bank": {"count": 20, "cutouts": str(small / "cut")}}))
    recipe = load_recipe(path)
    whole = train(recipe, tmp_path / "whole")
    assert kill_at(path, tmp_path / "killed", random.Random(2).randrange(3, 9))
    assert not (tmp_path / "killed" / "model").exists()
    resumed = train(recipe, tmp_path / "killed")
    assert whole.steps == resumed.steps == 12
    assert rows(tmp_path / "killed", "resume")[0]["step"] > 0
    assert largest_difference(tmp_path / "whole", tmp_path / "killed") == 0
    assert curve(tmp_path / "whole") == curve(tmp_path / "killed")
    assert rows(tmp_path / "whole", "probe") == rows(tmp_path / "killed", "probe")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": {"width": 30, "heads": 4}}, "recipe.network: width 30 is not a multiple of heads 4"),
        ({"network": {"wide": 30}}, "recipe.network: no setting 'wide'"),
        ({"visibility": "released"}, "recipe.visibility: want one of strict, twin, block to train, got released"),
        ({"visibility": "blind"}, "recipe.visibility: want one of"),
        ({"draws": 0}, "want draws >= 1"),
        ({"causal": -0.5}, "recipe.causal: want 0 or more, got -0.5"),
        ({"causal": 0.5, "visibility": "twin"}, "recipe.causal: the twin reads left to right as it is: want 0"),
        ({"corruption": {"weighting": "max"}}, "recipe.corruption.weighting: want one of mean, bound, got 'max'"),
        ({"bank": {"cutouts": "no/such/folder"}}, "recipe.bank.cutouts: no/such/folder is not a folder"),
        ({"bank": {"cutouts": "fetched"}}, r"does not exist: run `lucida world fetch` first, or .*--set bank.cutouts="),
        ({"draw": 2}, "recipe: no setting 'draw'; there are network, visibility"),
    ],
)
def test_refused(home: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        DescribeTask({**SETTINGS, **change}, seed=0)
    assert "\n" not in str(error.value)


def test_a_network_is_required(home: Path) -> None:
    with pytest.raises(InputError, match="recipe: needs the setting network"):
        DescribeTask({}, seed=0)
