"""One thing through time: regions at presentation times."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lucida.media.errors import InputError
from lucida.media.region import Region


@dataclass(frozen=True, init=False)
class Track:
    """``{seconds: Region}``, sorted by time; all regions share one picture size. Equal and hashed by content.

    Attributes:
        times: presentation times in seconds, increasing.
        regions: one per time.
    """

    times: tuple[float, ...]
    regions: tuple[Region, ...]

    def __init__(self, regions: Mapping[float, Region]) -> None:
        """Raises InputError: no regions, a time that is not finite, or regions of different picture sizes."""
        if not regions:
            raise InputError("a track needs at least one region")
        items = sorted((float(time), region) for time, region in regions.items() if _finite(time))
        sizes = {region.size for _, region in items}
        if len(sizes) > 1:
            raise InputError(f"a track's regions must share one picture size, got {sorted(sizes)}")
        object.__setattr__(self, "times", tuple(time for time, _ in items))
        object.__setattr__(self, "regions", tuple(region for _, region in items))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures."""
        return self.regions[0].size

    @property
    def span(self) -> tuple[float, float]:
        """First and last time in seconds."""
        return self.times[0], self.times[-1]

    def at(self, t: float, *, tolerance: float = 0.02) -> Region | None:
        """Where it is at ``t`` seconds.

        The nearest known region if one lies within ``tolerance`` seconds (default: half a frame at 25 per
        second); between two known times the box interpolated linearly between theirs (a box: the shape is
        not known); None before the first and after the last.
        """
        after = bisect.bisect_left(self.times, t)
        near = min(
            (i for i in (after - 1, after) if 0 <= i < len(self.times)), key=lambda i: abs(self.times[i] - t)
        )
        if abs(self.times[near] - t) <= tolerance:
            return self.regions[near]
        if not 0 < after < len(self.times):
            return None
        share = (t - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        pairs = zip(self.regions[after - 1].box, self.regions[after].box, strict=True)
        return Region.from_box([low + share * (high - low) for low, high in pairs], self.size)

    def resampled(self, times: Iterable[float], *, tolerance: float = 0.02) -> Track:
        """The track at ``times`` (see ``at``); times where it is not there are left out.

        Raises:
            InputError: it is there at none of them.
        """
        found = {t: region for t in times if (region := self.at(t, tolerance=tolerance)) is not None}
        if not found:
            raise InputError(
                f"the track from {self.span[0]:g} to {self.span[1]:g} s is at none of the times asked for"
            )
        return Track(found)

    def resized(self, size: tuple[int, int]) -> Track:
        """The track on the same video at another (height, width)."""
        return Track({time: region.resized(size) for time, region in self})

    def __iter__(self) -> Iterator[tuple[float, Region]]:
        return zip(self.times, self.regions, strict=True)

    def __len__(self) -> int:
        return len(self.times)


def _finite(time: float) -> bool:
    if not math.isfinite(time):
        raise InputError(f"a track's time must be finite seconds, got {time}")
    return True
