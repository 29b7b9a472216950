"""Shares of a step add up to it and must be equal; what is exported is what was trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.models.store import load_model_files
from lucida.train.export import export_model
from lucida.train.shares import seed_of, share_of


@given(st.integers(0, 9), st.integers(1, 9))
def test_shares_are_the_whole(each: int, processes: int) -> None:
    rows = list(range(each * processes))
    parts = [rows[share_of(len(rows), rank, processes)] for rank in range(processes)]
    assert [row for part in parts for row in part] == rows and {len(part) for part in parts} == {each}


def test_shares_must_be_equal() -> None:
    """Else the last rows of every step would be nobody's."""
    with pytest.raises(InputError, match=r"^recipe\.rows: 64 do not divide by 3 processes$"):
        share_of(64, 0, 3)
    with pytest.raises(InputError, match="scenes: 1 do not divide by 2"):
        share_of(1, 1, 2, name="scenes")


def test_seeds_are_the_same_everywhere() -> None:
    """PyTorch's generators take them, and a training of last year goes on with its own."""
    assert seed_of(0, 0) == 765232833172254823
    assert len({seed_of(a, b) for a in range(30) for b in range(30)}) == 900
    assert torch.Generator().manual_seed(seed_of(3, 4, 5)).initial_seed() == seed_of(3, 4, 5) >= 0


def test_an_export_is_the_network(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    facts = {"steps": 7, "probe": {"loss": 0.5}}
    card = "# {system} {trained[steps]}\n"
    folder = export_model(
        tmp_path / "m", network, {"system": "toy"}, lambda config: card.format(**config), facts, exact="1."
    )
    files = load_model_files(folder)
    assert files.card == "# toy 7\n" and files.config["trained"] == facts and files.config["world"]
    for name, value in network.state_dict().items():
        kept = value if name.startswith("1.") else value.half()
        assert files.tensors[name].dtype == kept.dtype and torch.equal(files.tensors[name], kept)
