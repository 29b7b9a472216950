"""Checkpoints: written whole or not at all, read back bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lucida.media.errors import InputError
from lucida.media.files import atomic_path

NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint; a kill at any moment leaves the old or the new one."""
    with atomic_path(folder / NAME) as path:
        torch.save(state, path)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The run's checkpoint, or None when there is none yet.

    Raises:
        InputError: the file is there but not readable.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: not a readable checkpoint ({type(error).__name__}); move it away to start again") from error
