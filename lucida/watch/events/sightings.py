"""A thing through time: where it was seen, how large and in what colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.media.geometry import Box


@dataclass(frozen=True, kw_only=True, eq=False)
class Sighting:
    """A thing at one time. ``box`` is normalised xyxy, ``centre`` of mass too; ``lab`` (3,) its mean OKLab colour.

    ``clear``: its own part of the picture, not read out of one that it shares with another thing.
    """

    t: float
    box: Box
    centre: tuple[float, float]
    area: float  # share of the picture
    lab: np.ndarray
    clear: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Trail:
    """One thing through time: sightings in order. ``still``: it is part of the ground and was never seen to move."""

    sightings: tuple[Sighting, ...]
    histogram: np.ndarray
    still: bool = False

    @property
    def span(self) -> tuple[float, float]:
        """First and last time at which it is seen."""
        return self.sightings[0].t, self.sightings[-1].t

    @property
    def times(self) -> np.ndarray:
        """(n,) seconds."""
        return np.array([s.t for s in self.sightings])

    def at(self, t: float) -> Sighting:
        """The sighting nearest in time."""
        return min(self.sightings, key=lambda s: abs(s.t - t))

    def best(self) -> Sighting:
        """Where it is seen best: clear, off the edges, of its usual size (larger, it may hold another thing too)."""
        return self.views(1)[0]

    def views(self, count: int, apart: float = 0.3) -> list[Sighting]:
        """Up to ``count`` sightings that show it best, best first, from all over its life.

        Args:
            apart: least seconds between any two of them.
        """
        usual = float(np.quantile([s.area for s in self.sightings], 0.6))
        apart = max(apart, (self.span[1] - self.span[0]) / (count + 1))
        found: list[Sighting] = []
        for s in sorted(self.sightings, key=lambda s: _worth(s, usual), reverse=True):
            if not found or (len(found) < count and all(abs(s.t - other.t) >= apart for other in found)):
                found.append(s)
        return found


def _worth(s: Sighting, usual: float) -> float:
    edge = min(s.box[0], s.box[1], 1 - s.box[2], 1 - s.box[3]) < 0.012
    size = min(s.area / usual, usual / max(s.area, 1e-9)) if usual > 0 else s.area
    return size * (1.0 if s.clear else 0.3) * (0.4 if edge else 1.0)


def likeness(a: Trail, b: Trail) -> float:
    """0..1: colours in common."""
    return float(np.minimum(a.histogram, b.histogram).sum())
