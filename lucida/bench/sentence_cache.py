"""The sentence encoder, read when it is first needed, with long lists of texts encoded once and kept.

A thousand class names are the same at every start. What is kept is addressed by its content (the pinned weights and
the texts, in order), so nothing that changes can meet an old answer.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np

from lucida.bench.sentence import SHA256, WIDTH, SentenceEncoder
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.files import atomic_path

LONG = 64  # texts from which a list is worth a file


class Sentences:
    """Sentences to (n, 384) float32 unit vectors: ``lucida.watch.protocols.TextEncoder``.

    Args:
        make: the encoder; by default the pinned one.
        folder: default: ``sentences`` in Lucida's cache folder.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Sequence[str]], np.ndarray]] = SentenceEncoder,
        folder: Path | None = None,
    ) -> None:
        self._make, self._folder = make, folder

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """One unit vector per text.

        Raises:
            InputError: the encoder is not installed, or its files are not the pinned ones.
        """
        if len(texts) < LONG:
            return self._encoder(texts)
        file = self._place(texts)
        with suppress(OSError, ValueError, EOFError):  # not there, or damaged: encoded again
            kept = np.load(file, allow_pickle=False)
            if kept.shape == (len(texts), WIDTH) and kept.dtype == np.float32 and np.isfinite(kept).all():
                return kept
        vectors = self._encoder(texts)
        try:
            with atomic_path(file) as temporary:
                np.save(temporary, vectors)
        except (InputError, OSError) as error:  # a cache that cannot be written costs time, not the result
            warnings.warn(f"cannot keep {len(texts)} encoded texts: {error}", stacklevel=2)
        return vectors

    @cached_property
    def _encoder(self) -> Callable[[Sequence[str]], np.ndarray]:
        return self._make()

    def _place(self, texts: Sequence[str]) -> Path:
        content = json.dumps([SHA256, list(texts)])
        folder = self._folder or settings.cache_dir() / "sentences"
        return folder / f"{hashlib.sha256(content.encode()).hexdigest()[:40]}.npy"
