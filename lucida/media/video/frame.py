"""One picture of a video, with its time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, upright; frames asked for twice share it.
        t: seconds at which it appears: its presentation timestamp on the video's time axis (see ``Video``).
        index: how many pictures of the file come before it; damaged ones that cannot be decoded count.
        damaged: the decoder says that it had to patch parts of it (working on several frames at once, it may not).
    """

    pixels: np.ndarray = field(repr=False)
    t: float
    index: int
    damaged: bool = False
