"""Static and dynamic positions (PruneVid, 2412.16117), without its random clustering.

In a segment of frames a position whose tokens all look alike is static and becomes one token, their mean;
the others keep one per frame. The released code divides by zero for a segment of one frame (and then calls
everything dynamic); here one frame is its own mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """Frames [start, stop) split by position.

    Attributes:
        static: (P,) bool.
        means: (static positions, d): mean over time; each stands for ``stop - start`` tokens.
        dynamic: (stop - start, dynamic positions, d): as they were.
    """

    start: int
    stop: int
    static: np.ndarray
    means: np.ndarray
    dynamic: np.ndarray

    @property
    def tokens(self) -> int:
        """Tokens left."""
        return len(self.means) + self.dynamic.shape[0] * self.dynamic.shape[1]

    def restored(self) -> np.ndarray:
        """(stop - start, P, d) with the mean in place of every static token."""
        frames = self.stop - self.start
        values = np.empty((frames, len(self.static), self.means.shape[1]), self.dynamic.dtype)
        values[:, self.static] = self.means
        values[:, ~self.static] = self.dynamic
        return values


def split_static(tokens: np.ndarray, starts: Iterable[int] = (), *, threshold: float = 0.8) -> list[Segment]:
    """Split (T, P, d) tokens into segments that begin at 0 and at ``starts``, and each by position.

    A position is static when the mean cosine over all pairs of its frames is at least ``threshold``.
    """
    if tokens.ndim != 3 or 0 in tokens.shape:
        raise InputError(f"tokens must be (frames, positions, d), none of them 0, got {tokens.shape}")
    begin = sorted({0, *(int(s) for s in starts)})
    if begin[0] < 0 or begin[-1] >= len(tokens):
        raise InputError(f"segments must start in 0..{len(tokens) - 1}, got {begin[0]} and {begin[-1]}")
    ends = [*begin[1:], len(tokens)]
    return [_segment(tokens[a:b], a, b, threshold) for a, b in zip(begin, ends, strict=True)]


def sameness(tokens: np.ndarray) -> np.ndarray:
    """(P,) mean cosine over all pairs of different frames of (T, P, d); 1 for one frame. Linear in T.

    With unit vectors u, the sum over pairs i ≠ j of u_i·u_j is |Σ u|² − T.
    """
    frames = len(tokens)
    if frames == 1:
        return np.ones(tokens.shape[1])
    values = tokens.astype(np.float64)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    unit = values / np.maximum(length, 1e-12)
    own = (length[..., 0] > 0).sum(0)  # zero vectors have no direction: they count as unlike all
    return ((unit.sum(0) ** 2).sum(-1) - own) / (frames * (frames - 1))


def _segment(tokens: np.ndarray, start: int, stop: int, threshold: float) -> Segment:
    static = sameness(tokens) >= threshold
    return Segment(
        start=start, stop=stop, static=static, means=tokens[:, static].mean(0), dynamic=tokens[:, ~static]
    )
