"""Puts ``weights/``, ``examples/`` and ``recipes/`` into the wheel as package data (``lucida/_data``).

A hook instead of a table in ``pyproject.toml``, because an editable install must not get copies that go
stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA = ("weights", "examples", "recipes")


class ShipData(BuildHookInterface):
    """Adds the data folders to a standard wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before a build; ``version`` is ``standard`` or ``editable``."""
        if self.target_name != "wheel" or version != "standard":
            return
        for name in DATA:
            folder = Path(self.root) / name
            if folder.is_dir() and any(folder.iterdir()):
                build_data["force_include"][str(folder)] = f"lucida/_data/{name}"
