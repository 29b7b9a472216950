"""A describe training that takes a second: twenty scenes with photographs among them, a network of a few thousand
weights, in a home of its own that borrows the shipped atlas from the usual cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SETTINGS: dict[str, Any] = {
    "network": {"width": 32, "layers": 2, "heads": 2, "hidden": 48},
    "bank": {"count": 20},
    "samples": {
        "pictures": 4, "groups": 3, "picture_pictures": 2, "question_pictures": 2, "question_groups": 2,
    },
    "draws": 2,
    "probe": 2,
}  # fmt: skip
RUN = {
    "steps": 12, "schedule": {"peak": 0.003, "warmup": 3, "decay": 4}, "ema": 0.9, "dtype": "fp32",
    "log_steps": 1, "probe_steps": 7, "save_steps": 2,
}  # fmt: skip


def small_home(folder: Path) -> Path:
    """Make ``folder`` a home (for LUCIDA_HOME) with the atlas at hand."""
    from lucida.media import settings
    from lucida.world.atlas import load_atlas

    assert not os.environ.get("LUCIDA_HOME")
    load_atlas()
    cache = folder / "cache"
    cache.mkdir(parents=True)
    for atlas in settings.cache_dir().glob("atlas-*"):
        (cache / atlas.name).symlink_to(atlas)
    return folder


def cutouts(folder: Path) -> Path:
    """Four noisy discs that pass for photographs."""
    folder.mkdir()
    y, x = np.mgrid[:80, :80] - 40
    for number, name in enumerate(("teapot", "red panda", "ladder", "zebra")):
        rng = np.random.default_rng(number)
        rgba = np.zeros((80, 80, 4), np.uint8)
        rgba[..., :3] = rng.integers(0, 256, (80, 80, 3))
        rgba[..., 3] = np.where(np.hypot(x, y) < 36, 255, 0)
        Image.fromarray(rgba).save(folder / f"{name}.png")
    return folder


def recipe_text(settings: dict[str, Any] | None = None, run: dict[str, Any] | None = None) -> str:
    """A YAML recipe of the small training, with some settings replaced."""
    import yaml

    task = {"task": "lucida.systems.describe.task:DescribeTask", "run": {**RUN, **(run or {})}}
    return yaml.safe_dump({**task, **SETTINGS, **(settings or {})})
