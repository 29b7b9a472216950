"""Memories with a hard budget in bytes, one interface: the three-tier memory and the rules it is measured against."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lucida.watch.memory.adjacent import MaLmm, MovieChat
from lucida.watch.memory.flash_vstream import FlashVStream
from lucida.watch.memory.samplers import Recency, Reservoir, Uniform
from lucida.watch.memory.stream_forest import StreamForest
from lucida.watch.memory.three_tier import ThreeTier, TierConfig
from lucida.watch.protocols import Memory

MEMORIES: dict[str, Callable[..., Memory]] = {
    "three-tier": ThreeTier,
    "recency": Recency,
    "reservoir": Reservoir,
    "uniform": Uniform,
    "moviechat": MovieChat,
    "moviechat-released": partial(MovieChat, compat="released"),
    "ma-lmm": MaLmm,
    "stream-forest": StreamForest,
    "flash-vstream": FlashVStream,
}
"""By name, ``MEMORIES[name](budget, dim)``; all take ``precision=`` for comparisons at equal precision."""

__all__ = ["MEMORIES", "ThreeTier", "TierConfig"]
