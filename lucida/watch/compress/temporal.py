"""Dropping what has not changed: DyCoke's temporal merging (2411.15024) for any number of frames.

DyCoke works in groups of four: frames 1 and 3 are compared with the frame before, frame 2 with frame 0. The released
code loses an odd last frame, never prunes the last group and fails below five frames. Here the rule is a binary
tree over groups of any size: frame i is compared with the frame that its lowest bit set to zero names (1
with 0, 2 with 0, 3 with 2, 4 with 0, ...), a shorter last group is an ordinary group, and each group's first
frame stays whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Which tokens of (T, P) stay, and which earlier frame a dropped one looked like.

    Attributes:
        mask: (T, P) bool.
        source: (T, P) int: the frame whose token at that position stands for it; its own frame where it is kept.
    """

    mask: np.ndarray
    source: np.ndarray

    @property
    def ratio(self) -> float:
        """Share of the tokens that stay."""
        return float(self.mask.mean())

    def restored(self, tokens: np.ndarray) -> np.ndarray:
        """(T, P, d) with each dropped token replaced by the one that stands for it."""
        return tokens[self.source, np.arange(tokens.shape[1])]


def drop_still(tokens: np.ndarray, *, drop: float = 0.7, group: int = 4) -> Kept:
    """Per frame, drop the share ``drop`` of tokens that are most like those at the same position of its reference.

    Args:
        tokens: (T, P, d).
        drop: share of a frame's tokens that goes, rounded down; 0 keeps everything.
        group: frames per group; the first of each stays whole. DyCoke: 4, which keeps (1 + 3 · 0.3) / 4 = 47.5 %.
    """
    _check(tokens, drop, group)
    count, places = tokens.shape[:2]
    mask, source = np.ones((count, places), bool), np.tile(np.arange(count)[:, None], (1, places))
    number = math.floor(drop * places + 1e-9)
    for t in range(count):
        reference = _reference(t, group)
        if reference != t and number:
            like = cosines(tokens[t], tokens[reference])
            gone = np.argsort(-like, kind="stable")[:number]
            mask[t, gone], source[t, gone] = False, source[reference, gone]
    return Kept(mask=mask, source=source)


def drop_similar(tokens: np.ndarray, *, threshold: float = 0.9) -> Kept:
    """Drop each token whose cosine with the last one *kept* at its position is ``threshold`` or more.

    The kept one is the reference (not the frame before), so slow drift cannot carry a position away unnoticed. Causal.
    """
    _check(tokens, 0.0, 1)
    count, places = tokens.shape[:2]
    mask, source = np.ones((count, places), bool), np.zeros((count, places), np.int64)
    columns = np.arange(places)
    for t in range(1, count):
        same = cosines(tokens[t], tokens[source[t - 1], columns]) >= threshold
        mask[t] = ~same
        source[t] = np.where(same, source[t - 1], t)
    return Kept(mask=mask, source=source)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(...,) cosine along the last axis; 1 for two zero vectors, 0 for one."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    na, nb = np.linalg.norm(a, axis=-1), np.linalg.norm(b, axis=-1)
    product = np.einsum("...d,...d->...", a, b) / np.maximum(na * nb, 1e-12)
    return np.where((na == 0) & (nb == 0), 1.0, product)


def _reference(t: int, group: int) -> int:
    within = t % group
    return t - within + (within & (within - 1))  # the lowest bit that is set becomes zero


def _check(tokens: np.ndarray, drop: float, group: int) -> None:
    if tokens.ndim != 3 or 0 in tokens.shape:
        raise InputError(f"tokens must be (frames, positions, d), none of them 0, got {tokens.shape}")
    if not 0 <= drop < 1:
        raise InputError(f"drop must be at least 0 and below 1, got {drop}")
    if group < 1:
        raise InputError(f"group is {group}: want at least 1 frame")
