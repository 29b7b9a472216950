"""Beginning from another model's weights: they arrive whole, new neighbours say nothing yet, misfits are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lucida.media.errors import InputError
from lucida.models.canvas_transformer import CanvasTransformer
from lucida.models.store import load_model_files, save_model
from lucida.systems.describe.start import start_from
from lucida.systems.describe.task import DescribeTask
from tests.systems.tiny import FACTS, LAYOUT, NETWORK


def task(seed: int, *, start: str = "", **changes: object) -> DescribeTask:
    torch.manual_seed(seed)
    values = {"network": {**NETWORK, **changes}, "layout": LAYOUT, "bank": {"count": 1}, "probe": 0, "start": start}
    return DescribeTask(values, seed=seed)


def network(*, start: str = "", **changes: object) -> CanvasTransformer:
    return task(1, start=start, **changes).module.network


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that does not look at neighbours."""
    made = task(0)
    return made.export(made.module, tmp_path_factory.mktemp("start") / "plain", FACTS)


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose slots look at the one before and the one behind."""
    made = task(0, near=[-1, 1])
    return made.export(made.module, tmp_path_factory.mktemp("start") / "near", FACTS)


def test_all_weights_arrive(plain: Path) -> None:
    fresh, told = network(), load_model_files(plain).tensors
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    assert any(not torch.equal(before[key], told[key].float()) for key in told)
    start_from(fresh, str(plain))
    assert fresh.state_dict().keys() == told.keys()
    for key, value in fresh.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, told[key].float()), key


def test_a_recipe_begins_there(plain: Path) -> None:
    begun, told = network(start=str(plain)), load_model_files(plain).tensors
    assert all(torch.equal(value, told[key].float()) for key, value in begun.state_dict().items())


def test_neighbours_that_are_new_say_nothing(plain: Path, near: Path) -> None:
    """A model without any gives noughts; one with some gives those, at their places in the new order."""
    fresh = network(near=[-1, 1])
    assert fresh.near_scale.abs().min() > 0  # fresh ones would speak up
    start_from(fresh, str(plain))
    assert fresh.near_scale.shape[0] == 2 and not fresh.near_scale.any()

    wider, had = network(near=[-2, 1, -1]), load_model_files(near).tensors["near_scale"].float()
    start_from(wider, str(near))
    assert not wider.near_scale[0].any()
    assert torch.equal(wider.near_scale[1], had[1]) and torch.equal(wider.near_scale[2], had[0])


def test_what_does_not_fit_is_named(plain: Path, tmp_path: Path) -> None:
    wide = network(width=48)
    before = {key: value.clone() for key, value in wide.state_dict().items()}
    with pytest.raises(InputError, match=r"^recipe\.start: .*plain does not fit: embed\.weight is \(\d+, 32\), want"):
        start_from(wide, str(plain))
    assert all(torch.equal(value, before[key]) for key, value in wide.state_dict().items())  # nothing was copied
    files = load_model_files(plain)
    some = {key: value for key, value in files.tensors.items() if key != "norm.weight"}
    with pytest.raises(InputError, match=r"does not fit: norm\.weight is missing, want \(32,\)"):
        start_from(network(), str(save_model(tmp_path / "some", some, files.config, "# some\n")))


@pytest.mark.parametrize("name", ["no-such-model", "/no/such/folder"])
def test_an_unknown_model_is_named(name: str) -> None:
    with pytest.raises(InputError, match=name):
        start_from(network(), name)
