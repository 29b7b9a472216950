"""Writing a made data set: a staging folder that appears whole or not at all, and how it was made beside it."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lucida.media.errors import InputError
from lucida.world.export import ATTRIBUTION
from lucida.world.fingerprint import world_fingerprint


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A staging folder that becomes ``target`` when all went well; nothing is left behind otherwise.

    Raises:
        InputError: ``target`` exists, or the folder cannot be written.
    """
    if target.exists():
        raise InputError(f"{target} exists already; name a new folder")
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        staging.mkdir(parents=True)
        yield staging
        staging.rename(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_files(folder: Path, files: dict[str, Any], protocol: str, **how: Any) -> None:
    """Each document as JSON (a text as it is) under its name, and ``world.json``, which says how they were made."""
    made = {"protocol": protocol, "world": world_fingerprint(), "attribution": ATTRIBUTION, **how}
    for name, document in {**files, "world.json": made}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text, encoding="utf-8", newline="")
