"""What a reply cites in time, and where as much could be taken away instead: the probes of joint mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lucida.bench.protocols.videozero_items import Item, Window

TRIES = 200  # random places tried for each removed stretch


def cited(said: Mapping[str, Any], item: Item) -> tuple[Window, ...]:
    """The windows of a reply as far as they lie within the video."""
    return tuple((max(0.0, a), min(b, item.duration)) for a, b in said["windows"] if a < item.duration)


def elsewhere(item: Item, windows: Sequence[Window]) -> tuple[Window, ...]:
    """Windows of the same lengths at random places (seeded by the question), clear of ``windows`` and of one another.

    None where there is no room: then removing what is cited could not be told from removing as much of anything.
    """
    rng = np.random.default_rng(list(item.id.encode()))
    found: list[Window] = []
    taken = merged(windows)
    for a, b in sorted(taken, key=lambda window: window[0] - window[1]):  # longest first
        for _ in range(TRIES):
            start = float(rng.uniform(0.0, max(0.0, item.duration - (b - a))))
            if not any(start < w[1] and w[0] < start + b - a for w in (*taken, *found)):
                found.append((start, start + b - a))
                break
        else:
            return ()
    return tuple(sorted(found))


def merged(windows: Sequence[Window]) -> list[Window]:
    """The union as windows that do not touch, in order."""
    found: list[Window] = []
    for a, b in sorted(windows):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found


def length(windows: Sequence[Window]) -> float:
    """Seconds covered."""
    return sum(b - a for a, b in merged(windows))


def overlap(first: Sequence[Window], second: Sequence[Window]) -> float:
    """Seconds that both cover."""
    pairs = [(max(a, c), min(b, d)) for a, b in merged(first) for c, d in merged(second)]
    return sum(max(0.0, b - a) for a, b in pairs)
