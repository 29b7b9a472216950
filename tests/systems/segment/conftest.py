"""One home for the segmenter's tests, so that the atlas and the banks are made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.describe.small import small_home


@pytest.fixture(scope="session")
def segment_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of this test process."""
    return small_home(tmp_path_factory.mktemp("segment") / "home")


@pytest.fixture
def home(segment_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``segment_place`` as LUCIDA_HOME."""
    monkeypatch.setenv("LUCIDA_HOME", str(segment_place))
    return segment_place
