"""Where the official benchmark files are: ``$LUCIDA_OFFICIAL``, or ``../shared/official`` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def official(name: str) -> Path:
    """The folder of one benchmark; skips the test where it is absent."""
    base = Path(os.environ.get("LUCIDA_OFFICIAL") or ROOT.parent / "shared" / "official")
    folder = base / name
    if not folder.is_dir():
        pytest.skip(f"official files of {name} are not here (set LUCIDA_OFFICIAL)")
    return folder
