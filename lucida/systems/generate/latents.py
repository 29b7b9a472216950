"""The bank's pictures as latents, encoded once and kept; and prompts as padded ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lucida.canvas.vocabulary import Vocabulary
from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.systems.tokenize.bank import SceneBank
from lucida.systems.tokenize.system import Tokenizer

AT_ONCE = 50


def encode_bank(
    bank: SceneBank, tokenizer: Tokenizer, progress: Callable[[str], None] = lambda words: None
) -> np.ndarray:
    """Normalised latents (n, C, h, w) float16 of every scene, memory-mapped; made where they are not there yet."""
    named = json.dumps([bank.folder.name, tokenizer.config.get("weights_sha256")])
    name = hashlib.blake2b(named.encode(), digest_size=6).hexdigest()
    path = bank.folder / f"latents-{name}.npy"
    if not path.is_file():
        parts = []
        for start in range(0, len(bank), AT_ONCE):
            rows = bank.rows(list(range(start, min(start + AT_ONCE, len(bank)))))
            parts.append(tokenizer.network.tokenize(rows.pixels.to(tokenizer.device)).cpu().half().numpy())
            progress(f"latents {bank.config.split}: {start + len(rows.pixels)} of {len(bank)}")
        with atomic_path(path) as temporary:
            np.save(temporary, np.concatenate(parts))
    return np.load(path, mmap_mode="r")


def caption_ids(texts: Sequence[str], vocabulary: Vocabulary, longest: int) -> tuple[Tensor, Tensor]:
    """Prompts as ids (B, L) and valid (B, L), each closed by the end token; "" is the end token alone.

    Raises:
        InputError: a prompt is longer than ``longest`` tokens.
    """
    rows = [[*vocabulary.encode(text), vocabulary.end] if text else [vocabulary.end] for text in texts]
    for text, row in zip(texts, rows, strict=True):
        if len(row) > longest:
            raise InputError(f"prompt is {len(row)} tokens, at most {longest} can be read: {text[:60]!r}…")
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), vocabulary.end)
    valid = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        valid[i, : len(row)] = True
    return ids, valid


def check_tokenizer(tokenizer: Any, channels: int, grid: int) -> None:
    """Refuse a tokenizer whose latents are not what the network was made for.

    Raises:
        InputError: discrete, or another shape.
    """
    if (
        not isinstance(tokenizer, Tokenizer)
        or tokenizer.discrete
        or tokenizer.shape != (channels, grid, grid)
    ):
        shape = getattr(tokenizer, "shape", None)
        raise InputError(f"tokenizer: want continuous latents of shape {(channels, grid, grid)}, got {shape}")
