"""Latents on disk: safetensors shards with the mirrored pictures' latents beside, and an index.

What makes training a generator cheap is that every picture is encoded once, in both directions. A shard is written
whole or not at all; the index comes last, so a folder with an index is complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.media.files import atomic_path, atomic_write
from lucida.systems.tokenize.system import Tokenizer

INDEX = "index.json"
PER_SHARD = 1024
AT_ONCE = 32


def write_shards(
    tokenizer: Tokenizer,
    pictures: Sequence[str],
    folder: Path,
    *,
    flips: bool = True,
    per_shard: int = PER_SHARD,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Encode picture files into ``folder``; returns the index.

    Each shard has ``latents`` (n, C, h, w) or ids (n, h, w), and ``latents_flip``. Latents are normalised float32.
    """
    from safetensors.torch import save_file

    shards = []
    for number, start in enumerate(range(0, len(pictures), per_shard)):
        names = list(pictures[start : start + per_shard])
        tensors: dict[str, list[Tensor]] = {"latents": [], **({"latents_flip": []} if flips else {})}
        for at in range(0, len(names), AT_ONCE):
            part = names[at : at + AT_ONCE]
            for key, found in tensors.items():
                found.append(tokenizer.tokenize(part, flip=key == "latents_flip"))
            progress(start + at + len(part))
        name = f"{number:05d}.safetensors"
        whole = {key: torch.cat(found).contiguous() for key, found in tensors.items()}
        with atomic_path(folder / name) as path:
            save_file(whole, path)
            path.chmod(0o644)  # safetensors makes it readable by its owner only
        shards.append({"file": name, "pictures": names})
    index = {
        "schema": "lucida/latents/1",
        "model": tokenizer.name,
        "weights_sha256": tokenizer.config.get("weights_sha256"),
        "discrete": tokenizer.discrete,
        "shape": list(tokenizer.shape),
        "shards": shards,
    }
    atomic_write(folder / INDEX, json.dumps(index, indent=2, ensure_ascii=False) + "\n")
    return index


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a folder of shards.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = folder / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}: not a finished folder of latents") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON") from error
    if not isinstance(index, dict) or index.get("schema") != "lucida/latents/1":
        raise InputError(f"{path}: not an index of latents")
    return index


def read_shards(folder: Path, index: dict[str, Any]) -> Iterator[tuple[list[str], Tensor]]:
    """(picture names, latents) of each shard.

    Raises:
        InputError: a shard is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for shard in index["shards"]:
        path = folder / shard["file"]
        try:
            latents = load_file(path)["latents"]
        except (OSError, SafetensorError, KeyError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path}: not a shard of latents: {why}") from error
        if len(latents) != len(shard["pictures"]):
            raise InputError(f"{path}: {len(latents)} latents for {len(shard['pictures'])} pictures")
        yield shard["pictures"], latents
