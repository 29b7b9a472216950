"""A tiny describer and small pictures for the verbs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
