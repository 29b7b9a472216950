"""What the environment may say, and where shipped data lies.

``LUCIDA_HOME``
    folder for your own weights (``weights/NAME``) and for the cache; default: the user data folder
``LUCIDA_DEVICE``
    ``auto`` (default: a GPU when PyTorch sees one, else ``cpu``), ``cpu``, ``cuda``, ``cuda:N``, ``mps``
``LUCIDA_OFFLINE``
    ``1``: nothing is ever fetched, also when a name looks like a hub id; ``HF_HUB_OFFLINE`` counts too
``LUCIDA_DEBUG``
    ``1``: an internal error prints its traceback

``HF_HOME`` and ``NO_COLOR`` keep their usual meaning. An empty value is the same as an unset one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lucida.media.errors import InputError

VARIABLES = (
    "LUCIDA_HOME",
    "LUCIDA_DEVICE",
    "LUCIDA_OFFLINE",
    "LUCIDA_DEBUG",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "NO_COLOR",
)
_SWITCH = {"": False, "0": False, "false": False, "no": False, "off": False}
_SWITCH |= {"1": True, "true": True, "yes": True, "on": True}
_PACKAGE = Path(__file__).resolve().parents[1]  # the folder `lucida`


def switch(variable: str) -> bool:
    """The on/off value of an environment variable.

    Raises:
        InputError: the value is neither an on word (1, true, yes, on) nor an off word (0, false, no, off).
    """
    value = os.environ.get(variable, "").strip().lower()
    if value not in _SWITCH:
        raise InputError(f"{variable}={value}: want 1 or 0")
    return _SWITCH[value]


def offline() -> bool:
    """Whether nothing may be fetched (``LUCIDA_OFFLINE`` or ``HF_HUB_OFFLINE``)."""
    return switch("LUCIDA_OFFLINE") or switch("HF_HUB_OFFLINE")


def debug() -> bool:
    """Whether an internal error shows its traceback (``LUCIDA_DEBUG``)."""
    return switch("LUCIDA_DEBUG")


def home() -> Path:
    """The user's own folder: ``LUCIDA_HOME``, else the platform's user data folder. It may not exist yet.

    Raises:
        InputError: ``LUCIDA_HOME`` names something that is not a folder.
    """
    value = os.environ.get("LUCIDA_HOME", "")
    if not value:
        from platformdirs import user_data_path

        return user_data_path("lucida", appauthor=False)
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise InputError(f"LUCIDA_HOME={value}: not a folder")
    return path


def cache_dir() -> Path:
    """Where derived files may be kept: ``$LUCIDA_HOME/cache``, else the platform's cache folder."""
    if os.environ.get("LUCIDA_HOME", ""):
        return home() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("lucida", appauthor=False)


def device() -> str:
    """The PyTorch device to run on: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Raises:
        InputError: ``LUCIDA_DEVICE`` is no device name, or names one that this PyTorch does not see.
    """
    value = os.environ.get("LUCIDA_DEVICE", "").strip().lower() or "auto"
    if value == "cpu":
        return value
    match = re.fullmatch(r"auto|mps|cuda(?::(\d+))?", value)
    if match is None:
        raise InputError(f"LUCIDA_DEVICE={value}: want auto, cpu, cuda, cuda:N or mps")
    import torch

    if value == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if value == "mps":
        seen = torch.backends.mps.is_available()
    else:
        seen = torch.cuda.is_available() and int(match[1] or 0) < torch.cuda.device_count()
    if not seen:
        raise InputError(f"LUCIDA_DEVICE={value}: PyTorch {torch.__version__} sees no such device here")
    return value


def checkout() -> Path | None:
    """The root of the source checkout this package runs from, or None when it is installed from a wheel."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() else None


def shipped(folder: str) -> Path | None:
    """The shipped ``weights``, ``examples`` or ``recipes``: package data of a wheel, else the checkout's."""
    packaged = _PACKAGE / "_data" / folder
    if packaged.is_dir():
        return packaged
    root = checkout()
    return root / folder if root is not None and (root / folder).is_dir() else None
