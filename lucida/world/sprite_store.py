"""Sprites on disk: written whole or not at all, shared between processes by memory map."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lucida.media.errors import InputError
from lucida.media.settings import cache_dir
from lucida.world.sprites import SHADES, Sprite


def save_sprites(sprites: list[Sprite], folder: Path) -> None:
    """Write ``sprites`` to ``folder`` whole or not at all. When another process was first, its copy stays."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir(parents=True)
        index, offset = [], 0
        with (temporary / "pixels.u8").open("wb") as stream:
            for sprite in sprites:
                shapes = []
                for level in sprite.levels:
                    stream.write(np.ascontiguousarray(level).tobytes())
                    shapes.append([offset, *level.shape[:2]])
                    offset += level.size
                index.append(
                    {"noun": sprite.noun, "source": sprite.source, "medium": sprite.medium, "levels": shapes}
                    | {
                        "colourable": sprite.colourable,
                        "own": sprite.own.tolist(),
                        "offsets": sprite.offsets.tolist(),
                    }
                )
        (temporary / "index.json").write_text(json.dumps({"bytes": offset, "sprites": index}))
        try:
            os.rename(temporary, folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_sprites(folder: Path) -> list[Sprite]:
    """Memory-map what ``save_sprites`` wrote.

    Raises:
        InputError: the folder is damaged; it names the folder, which may simply be deleted.
    """
    try:
        document = json.loads((folder / "index.json").read_text())
        pixels = np.asarray(np.memmap(folder / "pixels.u8", np.uint8, mode="r"))
        if len(pixels) != document["bytes"]:
            raise ValueError("wrong length")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"damaged sprite cache {folder} ({error}); delete it and it is built again"
        ) from error
    channels = 4 + SHADES
    return [
        Sprite(
            noun=entry["noun"],
            source=entry["source"],
            medium=entry["medium"],
            colourable=entry["colourable"],
            own=np.array(entry["own"], np.float32),
            offsets=np.array(entry["offsets"], np.float32),
            levels=tuple(
                pixels[start : start + h * w * channels].reshape(h, w, channels)
                for start, h, w in entry["levels"]
            ),
        )
        for entry in document["sprites"]
    ]


def cached_sprites(name: str, build: Callable[[], list[Sprite]]) -> list[Sprite]:
    """Sprites from the cache folder ``name``; when they are not there, ``build`` makes them and they are
    kept.

    A cache that cannot be written costs time, not the result: it warns and goes on.
    """
    folder = cache_dir() / name
    if not (folder / "index.json").is_file():
        sprites = build()
        try:
            save_sprites(sprites, folder)
        except OSError as error:
            warnings.warn(
                f"cannot write the sprite cache {folder} ({error}); it is built again next time", stacklevel=2
            )
            return sprites
    return read_sprites(folder)
