"""Two processes that share every batch learn what one would: the toy, and a small describer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lucida.train.loop import train
from lucida.train.recipe import load_recipe
from tests.systems.describe.small import recipe_text, small_home
from tests.train.runs import await_step, finish, rows, start_two, state
from tests.train.toy import RECIPE


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LUCIDA_HOME", str(small_home(tmp_path / "home")))
    yield


def same_curve(one: Path, two: Path) -> None:
    """Within 1e-4 of each other, every step once, and about the same weights."""
    single, shared = rows(one), rows(two)
    assert [row["step"] for row in single] == [row["step"] for row in shared]
    for name in ("loss", "norm"):
        values = [row[name] for row in shared]
        assert values == pytest.approx([row[name] for row in single], rel=1e-4)
    a, b = state(one), state(two)
    assert a.keys() == b.keys()
    for name in a:
        if name.startswith("model/"):
            assert torch.allclose(a[name].float(), b[name].float(), rtol=1e-2, atol=1e-3), name
    assert rows(two, "dtype")[0]["processes"] == 2


@pytest.mark.slow
def test_toy(tmp_path: Path) -> None:
    """Also: a signal to one of them stops both at the same step, and the run goes on from there."""
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE + "dropout: 0\n")
    train(load_recipe(path, {"pause": 0.01}), tmp_path / "one")
    slowly = ("--set", "pause=0.01")
    leader, other = start_two(path, tmp_path / "two", *slowly)
    await_step(leader, tmp_path / "two", 8)
    other.send_signal(signal.SIGTERM)
    (code, out, err), (code_other, out_other, err_other) = finish(leader), finish(other)
    assert (code, code_other) == (143, 143), err + err_other
    assert "stopped after" in err and (out, out_other, err_other) == ("", "", "")
    done = rows(tmp_path / "two", "stopped")[0]["step"]
    assert len(rows(tmp_path / "two")) == done < 40
    leader, other = start_two(path, tmp_path / "two", *slowly)
    (code, out, err), (code_other, out_other, err_other) = finish(leader), finish(other)
    assert (code, code_other) == (0, 0), err + err_other
    assert out.strip() == str(tmp_path / "two" / "model") and (out_other, err_other) == ("", "")
    same_curve(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_describe(tmp_path: Path, own_home: None) -> None:
    """The leading process builds the banks and probes while the other waits; neither waits for ever."""
    path = tmp_path / "small.yaml"
    path.write_text(recipe_text())
    leader, other = start_two(path, tmp_path / "two")
    (code, _, err), (code_other, out_other, err_other) = finish(leader), finish(other)
    assert (code, code_other, out_other, err_other) == (0, 0, "", ""), err + err_other
    train(load_recipe(path), tmp_path / "one")
    same_curve(tmp_path / "one", tmp_path / "two")
    assert rows(tmp_path / "two", "probe")[0].keys() == rows(tmp_path / "one", "probe")[0].keys()
    assert len(rows(tmp_path / "two", "prepare")) == 2 and not rows(tmp_path / "one", "prepare")
