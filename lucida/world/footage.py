"""A drawn clip behind the interface of a film, so that whatever asks a film for frames can be asked about a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from lucida.media.errors import InputError
from lucida.media.video.frame import Frame
from lucida.world.clips import Clip


@dataclass
class ClipFootage:
    """A clip as a film: what ``lucida.watch.reason.tools.Footage`` asks for, and ``stream`` as a ``Video`` has it.

    Attributes:
        clip: what is shown. gone: spans (seconds, ends included) whose frames do not exist: what stood before stays on.
        asked: frames given out by now.

    Raises:
        InputError: no frame is left.
    """

    clip: Clip
    gone: Sequence[tuple[float, float]] = ()
    name: str = "clip"
    first_t: float = 0.0
    asked: int = 0
    times: np.ndarray = field(init=False, repr=False)  # of all frames that exist, rising

    def __post_init__(self) -> None:
        self.times = np.array([t for t in self.clip.times() if not any(a <= t <= b for a, b in self.gone)])
        if not len(self.times):
            raise InputError(f"gone is {list(self.gone)!r}: no frame of the clip is left")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.clip.size

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.clip.seconds

    def at(self, times: Sequence[float]) -> list[Frame]:
        """The frame on screen at each time; before the first one, the first."""
        ranks = [max(0, int(np.searchsorted(self.times, t + 1e-6, side="right")) - 1) for t in times]
        self.asked += len(ranks)
        return [Frame(self.clip.frame(float(self.times[k])), float(self.times[k]), k) for k in ranks]

    def stream(self, fps: float) -> Iterator[Frame]:
        """The frame on screen at 0, 1/fps, 2/fps … seconds; where frames are gone, one may come again."""
        return (self.at([t])[0] for t in np.arange(0, self.duration - 1e-9, 1 / fps))
