"""A tiny describer and small pictures for the verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.cli.main import main
from lucida.media.image import Image
from tests.systems.tiny import tiny_describer


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A describer that says nonsense."""
    return tiny_describer(tmp_path_factory.mktemp("tiny") / "describe")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photo(here: Path) -> Path:
    """``photo.png``, 60 high and 80 wide, with two things in it, and masks ``one.png`` and ``two.png``."""
    pixels = np.full((60, 80, 3), 200, np.uint8)
    masks = np.zeros((2, 60, 80), bool)
    masks[0, 10:40, 5:30], masks[1, 30:55, 50:75] = True, True
    pixels[masks[0]], pixels[masks[1]] = (200, 30, 30), (30, 30, 200)
    Image(pixels).save(here / "photo.png")
    for name, mask in zip(("one", "two"), masks, strict=True):
        Image.from_array(mask).save(here / f"{name}.png")
    return here / "photo.png"


@pytest.fixture
def run(tiny: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """``run(*arguments)``: (exit code, stdout, stderr) of ``lucida describe``."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["describe", *map(str, arguments), "--model", str(tiny)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def photos(here: Path) -> Path:
    """The folder ``photos`` with three pictures, a text and a hidden file."""
    folder = here / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "c.png"):
        Image(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_text("not a picture either")
    return folder
