"""The small describe training's home, built once per test process."""

from __future__ import annotations

from pathlib import Path

import pytest

from lucida.systems.describe.bank import BankConfig, FeatureBank
from lucida.systems.describe.layout import Layout, LayoutConfig
from tests.systems.describe.small import cutouts, small_home


@pytest.fixture(scope="session")
def small_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home; ``cut`` in it is a folder of cut-outs."""
    home = small_home(tmp_path_factory.mktemp("small") / "home")
    cutouts(home / "cut")
    return home


@pytest.fixture
def small(small_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``small_place`` as LUCIDA_HOME."""
    monkeypatch.setenv("LUCIDA_HOME", str(small_place))
    return small_place


@pytest.fixture
def bank(small: Path) -> FeatureBank:
    """Twenty scenes, every third with photographs; built by the first test that asks."""
    config = BankConfig(count=20, cutouts=str(small / "cut"))
    made = FeatureBank(small / "cache" / "banks", config, LayoutConfig())
    made.build()
    return made


@pytest.fixture(scope="session")
def layout() -> Layout:
    from lucida.canvas.vocabulary import Vocabulary

    return Layout(LayoutConfig(), Vocabulary())
