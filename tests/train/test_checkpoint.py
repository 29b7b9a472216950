"""Checkpoints: bit for bit, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lucida.media.errors import InputError
from lucida.train import checkpoint
from lucida.train.checkpoint import load_checkpoint, save_checkpoint


def state(value: float = 1.0) -> dict[str, Any]:
    weights = torch.tensor([value, float("inf"), -0.0, 1e-45])
    moments = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": weights.double()}}, "param_groups": [{"lr": 0.1}]}
    half = {"w": weights.bfloat16()}
    return {"module": {"w": weights}, "ema": half, "optimiser": moments, "step": 3, "seconds": 1.5}


def test_there_and_back(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, state())
    found, wanted = load_checkpoint(tmp_path), state()
    assert found is not None and found.keys() == wanted.keys()
    for name in ("module", "ema"):
        bits = {torch.float32: torch.int32, torch.bfloat16: torch.int16}[wanted[name]["w"].dtype]
        assert torch.equal(found[name]["w"].view(bits), wanted[name]["w"].view(bits))
    assert torch.equal(found["optimiser"]["state"][0]["exp_avg"], wanted["optimiser"]["state"][0]["exp_avg"])
    assert found["step"] == 3 and found["optimiser"]["param_groups"] == [{"lr": 0.1}]


def test_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens while the new one is written, the old one stays, and nothing else."""
    save_checkpoint(tmp_path, state(1.0))

    def half(data: Any, path: Path) -> None:
        path.write_bytes(b"PK half a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, state(2.0))
    monkeypatch.undo()
    found = load_checkpoint(tmp_path)
    assert found is not None and float(found["module"]["w"][0]) == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_damage_is_named(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state())
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    for content in (b"", b"x" * 100, whole[:-200], whole[:100]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint.pt: not a readable checkpoint .*; move it away"):
            load_checkpoint(tmp_path)
    for content in ([1, 2], {"step": 1}):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"checkpoint.pt: not a checkpoint of a training run; move it away"):
            load_checkpoint(tmp_path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path.joinpath("sprung").write_text, ("",))

    torch.save({**state(), "more": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "sprung").exists()
