"""Tiny models, made once per test process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.tiny import TINY


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder per registered system."""
    folder = tmp_path_factory.mktemp("tiny")
    return {name: make(folder / name) for name, make in TINY.items()}
