"""Q-Frame (2506.22139): frames in three resolutions under one budget of tokens, ranked with Gumbel noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.select.common import checked


@dataclass(frozen=True, kw_only=True)
class TierConfig:
    """How many frames each tier holds. One step down halves each side, so it costs a quarter of the tokens.

    The paper's benchmark setting is 4, 8 and 32 frames: 4 + 8/4 + 32/16 = 8 frames' worth of tokens.
    """

    high: int = 4
    mid: int = 8
    low: int = 32
    temperature: float = 0.8

    def __post_init__(self) -> None:
        if min(self.high, self.mid, self.low) < 0 or self.high + self.mid + self.low < 1:
            raise InputError(
                f"tiers are {self.high}, {self.mid} and {self.low} frames: want 0 or more, and one in all"
            )
        if not self.temperature > 0:
            raise InputError(f"temperature must be above 0, got {self.temperature}")

    @property
    def frames(self) -> int:
        """Frames of all tiers."""
        return self.high + self.mid + self.low


@dataclass(frozen=True, kw_only=True, eq=False)
class Tiers:
    """``indices`` (n,) ascending; ``tier`` (n,) 0 high, 1 mid, 2 low: the side of frame i is scaled by 2^-tier[i]."""

    indices: np.ndarray
    tier: np.ndarray

    @property
    def cost(self) -> float:
        """Tokens, in frames of the high tier."""
        return float((0.25**self.tier).sum())


def qframe(scores: np.ndarray, config: TierConfig | None = None, *, seed: int | None = None) -> Tiers:
    """Rank frames by log softmax(scores / temperature) plus Gumbel noise and fill the tiers from the best on.

    Args:
        scores: (T,) similarities of text and frame, on their own scale; what is not finite counts as the lowest.
        config: sizes of the tiers.
        seed: of the noise (sampling without replacement in proportion to the softmax); None ranks without it.
    """
    config = config or TierConfig()
    n = checked(len(scores), config.frames)
    values = np.asarray(scores, dtype=np.float64)
    known = np.isfinite(values)
    values = np.where(known, values, values[known].min() if known.any() else 0.0) / config.temperature
    if seed is not None:
        values = values + np.random.default_rng(seed).gumbel(size=len(values))
    ranked = np.argsort(-values, kind="stable")[:n]
    tier = np.repeat([0, 1, 2], [config.high, config.mid, config.low])[:n]
    order = np.argsort(ranked)
    return Tiers(indices=ranked[order], tier=tier[order])
