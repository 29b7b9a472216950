"""What is trained on and what is kept back: seeds, object-colour pairs and whole objects.

Everything is decided by a stable hash of the words themselves, so that adding a noun to the table never moves
another noun from one side to the other. Seeds are disjoint by construction: the split's name is part of the
hash that seeds the generator, so ``(train, 7)`` and ``(val, 7)`` have nothing in common.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b

import numpy as np

from lucida.media.errors import InputError
from lucida.world.records import SPLITS

HELD_OUT_PAIRS = 0.08  # of all (noun, colour) pairs
HELD_OUT_OBJECTS = 0.08  # of all nouns


def stable_hash(*parts: object) -> int:
    """64 bits of BLAKE2b over the parts' text: the same on every machine and in every process."""
    return int.from_bytes(blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def generator(split: str, seed: int, *purpose: object) -> np.random.Generator:
    """The random generator of one scene (or of one ``purpose`` of it).

    Raises:
        InputError: ``split`` is not a split, or ``seed`` is negative.
    """
    if split not in SPLITS:
        raise InputError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must not be negative")
    return np.random.Generator(np.random.PCG64(stable_hash("lucida world", split, seed, *purpose)))


@cache
def object_held_out(noun: str) -> bool:
    """True for the objects that only ``test-objects`` may show."""
    return stable_hash("held-out object", noun) % 10_000 < HELD_OUT_OBJECTS * 10_000


@cache
def pair_held_out(noun: str, colour: str | None) -> bool:
    """True for the pairs that only ``test-pairs`` may show; never for an object without a colour."""
    return (
        colour is not None and stable_hash("held-out pair", noun, colour) % 10_000 < HELD_OUT_PAIRS * 10_000
    )
