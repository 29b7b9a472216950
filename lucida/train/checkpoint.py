"""Checkpoints: written whole or not at all, read back bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lucida.media.errors import InputError
from lucida.media.files import atomic_path

NAME = "checkpoint.pt"
AGAIN = "move it away to start again"
KEYS = ("module", "ema", "optimiser", "step", "seconds")


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint; a kill at any moment leaves the old or the new one.

    Raises:
        InputError: it cannot be written; the old one is still there.
    """
    assert all(key in state for key in KEYS), sorted(state)
    with atomic_path(folder / NAME) as path:
        try:
            torch.save(state, path)
        except (OSError, RuntimeError) as error:  # RuntimeError: PyTorch's writer, for example on a full disk
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"cannot write {folder / NAME}: {why}") from error


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The run's checkpoint, or None when there is none yet.

    Raises:
        InputError: the file is there but is not a whole checkpoint.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: not a readable checkpoint ({type(error).__name__}); {AGAIN}") from error
    if not isinstance(state, dict) or any(key not in state for key in KEYS):
        raise InputError(f"{path}: not a checkpoint of a training run; {AGAIN}")
    return state
