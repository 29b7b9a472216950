"""Any folder of named RGBA cut-outs as sprites: the noun is the file name, the picture is the file.

``fox_2.png`` is a fox. A sub-folder ``backgrounds`` may hold photographs (any format) to put things on.
Cut-outs have no colour attribute: a photograph is not repainted.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from lucida.media.errors import InputError
from lucida.world.fingerprint import world_fingerprint
from lucida.world.sprites import Sprite, photo_sprite
from lucida.world.stamps import fetch_cutouts, fetched_folder

BACKGROUNDS = "backgrounds"
_CUTOUTS = {".png", ".webp"}
_PHOTOGRAPHS = {".png", ".webp", ".jpg", ".jpeg"}


def plain_noun(stem: str) -> str:
    """A file stem as a noun: lower case, underscores and hyphens to spaces, trailing numbers dropped."""
    return re.sub(r"(\s+\d+|\d+)+$", "", re.sub(r"[\s_-]+", " ", stem)).strip().lower()


def _files(folder: Path, suffixes: set[str]) -> tuple[Path, ...]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return tuple(
        sorted(path for path in found if not any(p.startswith(".") for p in path.relative_to(folder).parts))
    )


def cutout_files(folder: Path) -> tuple[Path, ...]:
    """The cut-outs of ``folder`` and its sub-folders, sorted.

    Raises:
        InputError: there is no such folder, or no PNG or WebP file in it.
    """
    if not folder.is_dir():
        raise InputError(f"cut-outs folder {folder} does not exist")
    found = tuple(p for p in _files(folder, _CUTOUTS) if BACKGROUNDS not in p.relative_to(folder).parts[:-1])
    if not found:
        raise InputError(f"cut-outs folder {folder} has no PNG or WebP files")
    return found


def background_files(folder: Path) -> tuple[Path, ...]:
    """The photographs in the sub-folder ``backgrounds``, sorted; empty when there is none."""
    return _files(folder / BACKGROUNDS, _PHOTOGRAPHS)


def folder_key(folder: Path) -> str:
    """16 hex digits that change with the world, or with the name, length or time of any cut-out."""
    facts = [world_fingerprint(), str(folder)]
    for path in cutout_files(folder):
        state = path.stat()
        facts.append(f"{path.relative_to(folder)} {state.st_size} {state.st_mtime_ns}")
    return blake2b("\n".join(facts).encode(), digest_size=8).hexdigest()


def read_cutout(path: Path) -> Sprite:
    """One file as a sprite.

    Raises:
        InputError: not a picture, no noun in its name, no alpha channel, nothing transparent or opaque.
    """
    noun = plain_noun(path.stem)
    if not re.search(r"[a-z]", noun):
        raise InputError(f"cut-out {path} has no noun in its name")
    try:
        with PILImage.open(path) as image:
            transparent = "A" in image.getbands() or "transparency" in image.info
            image.thumbnail((1024, 1024))
            rgba = np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, PILImage.DecompressionBombError) as error:
        raise InputError(f"cannot read cut-out {path}: {error}") from error
    if not transparent:
        raise InputError(f"cut-out {path} has no alpha channel")
    inside = rgba[..., 3] >= 128
    if inside.all():
        raise InputError(f"cut-out {path} has no transparent pixels around the object")
    if not inside.any():
        raise InputError(f"cut-out {path} has no opaque pixels")
    return photo_sprite(noun, path.name, rgba)


def read_cutouts(folder: Path) -> list[Sprite]:
    """Every cut-out of ``folder`` as a sprite, in the order of their paths.

    Raises:
        InputError: as ``cutout_files`` and ``read_cutout``.
    """
    return [read_cutout(path) for path in cutout_files(folder)]


def recipe_cutouts(wish: str) -> str:
    """Where a recipe's cut-outs lie: "" for none, "fetched" for what ``lucida world fetch`` brought, or any folder.

    Raises:
        InputError: there is no such folder; said when a training begins, not after an hour of drawing.
    """
    if wish != "fetched":
        path = Path(wish).expanduser().resolve()
        if wish and not path.is_dir():
            raise InputError(f"recipe.bank.cutouts: {wish} is not a folder")
        return str(path) if wish else ""
    folder = fetched_folder()
    if not folder.is_dir():
        raise InputError(
            f"recipe.bank.cutouts is 'fetched' but {folder} does not exist: run `lucida world fetch` first, "
            "or train without photographs: --set bank.cutouts="
        )
    return str(folder)


__all__ = [
    "background_files",
    "cutout_files",
    "fetch_cutouts",
    "folder_key",
    "plain_noun",
    "read_cutouts",
    "recipe_cutouts",
]
