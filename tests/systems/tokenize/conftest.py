"""A tiny scene bank, made once: eight scenes of 32 px with a 4x4 teacher grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.systems.describe.small import small_home

SIDE = {
    "network": {
        "side": 32, "patch": 8, "channels": 6, "width": 32, "heads": 2, "hidden": 48,
        "encoder_layers": 1, "decoder_layers": 1,
    },
    "semantic": {"width": 16, "heads": 2, "hidden": 24, "layers": 1},
    "teacher": {"side": 32, "grid": 4, "render": 64, "channels": 8},
    "bank": {"count": 8},
    "rows": 4,
    "probe": 4,
}  # fmt: skip


@pytest.fixture(scope="session")
def _banks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_home(tmp_path_factory.mktemp("tokenize") / "home")


@pytest.fixture
def values(_banks: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a tiny recipe, with a home whose banks are kept between tests."""
    from lucida.systems.tokenize import teacher

    monkeypatch.setenv("LUCIDA_HOME", str(_banks))
    monkeypatch.setattr(teacher, "FITTED", 10)
    return {k: dict(v) if isinstance(v, dict) else v for k, v in SIDE.items()}
