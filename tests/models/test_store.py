"""Models on disk: written whole, read checked, found by name in the promised order."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

import lucida
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models import store
from lucida.models.store import load_model_files, one_line, resolve_weights, save_model, size_problems

CARD = "# Model: it\n\n> a quote\n\nDraws nothing at all.\n"


def save(folder: Path, value: float = 1.0, **config: object) -> Path:
    shared = torch.arange(6.0).reshape(2, 3) * value
    return save_model(
        folder, {"a": shared.T, "b": shared}, {"width": 3, **config}, CARD, extra={"words.txt": "x"}
    )


def test_round_trip(tmp_path: Path) -> None:
    files = load_model_files(save(tmp_path / "it"))
    assert torch.equal(files.tensors["a"], files.tensors["b"].T)
    assert files.config["width"] == 3
    assert (files.card, one_line(files.card)) == (CARD, "Draws nothing at all.")
    assert (tmp_path / "it" / "words.txt").read_text() == "x"
    assert os.listdir(tmp_path) == ["it"], "nothing temporary is left"


def test_replacing_leaves_the_new_one_only(tmp_path: Path) -> None:
    save(tmp_path / "it")
    save(tmp_path / "it", value=2.0)
    assert load_model_files(tmp_path / "it").tensors["b"][0, 1] == 2.0
    assert os.listdir(tmp_path) == ["it"]


def test_a_failed_save_leaves_the_old_one(tmp_path: Path) -> None:
    save(tmp_path / "it")
    with pytest.raises(ValueError, match="JSON"):
        save(tmp_path / "it", value=2.0, rate=float("nan"))
    assert load_model_files(tmp_path / "it").tensors["b"][0, 1] == 1.0
    assert os.listdir(tmp_path) == ["it"]


def test_what_is_no_model_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not a model"):
        save(tmp_path)
    assert (tmp_path / "thesis.tex").is_file()


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a"), save(tmp_path / "b", value=2.0)
    (first / store.WEIGHTS).write_bytes((second / store.WEIGHTS).read_bytes())
    with pytest.raises(InputError, match="sha256"):
        load_model_files(first)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "it")
    config = json.loads((folder / store.CONFIG).read_text())
    del config["weights_sha256"]  # as in a folder that somebody else made
    (folder / store.CONFIG).write_text(json.dumps(config))
    load_model_files(folder)
    data = (folder / store.WEIGHTS).read_bytes()
    (folder / store.WEIGHTS).write_bytes(data[:-8])
    with pytest.raises(InputError, match=r"model\.safetensors: not a whole"):
        load_model_files(folder)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_config_is_named(text: str, tmp_path: Path) -> None:
    folder = save(tmp_path / "it")
    (folder / store.CONFIG).write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        load_model_files(folder)


def test_order_of_places(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """path → home → shipped, and no further."""
    shipped = tmp_path / "shipped"
    save(shipped / "it")
    monkeypatch.setattr(settings, "shipped", lambda folder: shipped)
    assert resolve_weights("it") == shipped / "it"
    save(home / "weights" / "it")
    assert resolve_weights("it") == home / "weights" / "it"
    assert [(name, place) for name, place, _ in store.known()] == [("it", "home")]
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "it")
    assert resolve_weights("it") == tmp_path / "it"
    assert resolve_weights(tmp_path / "it") == tmp_path / "it"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "empty"),
        ("no-such-model", "no model named 'no-such-model'"),
        ("./here", "no such folder"),
        (".", "want a folder with"),
        ("some/model", "hub"),
        ("a/b/c", "one slash"),
    ],
)
def test_what_is_not_found_is_named(name: str, message: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        lucida.load(name)
    assert "\n" not in str(caught.value)


def test_a_part_is_no_system(home: Path) -> None:
    save(home / "weights" / "it")
    with pytest.raises(InputError, match="a part of other models"):
        lucida.load("it")


def test_an_unknown_system_is_named(home: Path) -> None:
    save(home / "weights" / "it", system="telepathy")
    with pytest.raises(InputError, match="telepathy"):
        lucida.load("it")


def test_size_promise(tmp_path: Path) -> None:
    save(tmp_path / "a")
    save(tmp_path / "b")
    assert size_problems(tmp_path) == []
    assert len(size_problems(tmp_path, each=10, total=10)) == 3
