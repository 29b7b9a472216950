"""The systems by name. Registering one here is all it takes to pass (or fail) the common test-suite.

A system is a class with ``from_folder(path, *, device) -> system``: it reads a model folder (see
:mod:`lucida.models.store`) and is ready to run. The ``system`` field of the folder's ``config.json`` chooses
the class, so one system may have many models.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Protocol

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models.store import read_config, resolve_weights

SYSTEMS: dict[str, str] = {
    "describe": "lucida.systems.describe.system:Describer",
    "tokenize": "lucida.systems.tokenize.system:Tokenizer",
    "generate": "lucida.systems.generate.system:Generator",
    "segment": "lucida.systems.segment.system:Segmenter",
}


class SystemClass(Protocol):
    """What the registry asks of a system's class."""

    @classmethod
    def from_folder(cls, path: Path, *, device: str) -> Any:
        """Read the model folder ``path`` and put its networks on ``device``."""
        ...


def system_class(name: str) -> SystemClass:
    """The class of the system called ``name`` (imported now, not before).

    Raises:
        InputError: no system has that name.
    """
    if name not in SYSTEMS:
        raise InputError(f"no system named {name!r} (there are: {', '.join(SYSTEMS)})")
    module, _, attribute = SYSTEMS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def load(name: str | os.PathLike[str], *, device: str | None = None) -> Any:
    """The model ``name`` inside the system that runs it. This is ``lucida.load``.

    Raises:
        InputError: nothing by that name, damaged files, or a part that no system runs.
    """
    folder = resolve_weights(name)
    system = read_config(folder).get("system")
    if system is None:
        raise InputError(
            f"model {os.fspath(name)}: a part of other models, not a system (its config names none)"
        )
    return system_class(str(system)).from_folder(folder, device=device or settings.device())
