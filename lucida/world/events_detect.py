"""Finding the events again from nothing but positions and colours, by the definitions of ``events.py``.

It shares no code with the scripts, so it is the check that a clip's events are what its things really do; and
it is the ceiling for any detector that must first track the things in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lucida.world.clip_records import Event
from lucida.world.events import FAR, NEAR, Thing, event_text
from lucida.world.motion import gap, inside, outside

STILL = 1e-3  # pixels per sample


def detect_events(
    times: np.ndarray,
    centres: np.ndarray,
    colours: Sequence[Sequence[tuple[str | None, bool]]],
    things: Sequence[Thing],
    size: tuple[int, int],
) -> tuple[Event, ...]:
    """Events from tracks.

    Args:
        times: (T,) seconds, rising and evenly spaced; 100 per second gives times to about 0.02 s.
        centres: (T, N, 2) pixels (x, y).
        colours: per thing, per time, (the colour's name, whether it is changing).
        things: extents and names, in the order of the N axis.
        size: (height, width) of the picture in pixels.
    """
    tracks = [_Track(times, centres[:, n], thing, size) for n, thing in enumerate(things)]
    found: list[Event] = []
    for subject, track in enumerate(tracks):
        for a, b in track.runs:
            found += _journey(tracks, subject, a, b)
        fading = np.array([changing for _, changing in colours[subject]])
        for a, b in _runs(fading):
            word = colours[subject][min(b, len(times) - 1)][0] or ""
            found.append(
                _event(tracks, "change colour", subject, times[a], times[min(b, len(times) - 1)], detail=word)
            )
    return tuple(sorted(found, key=lambda event: (event.t0, event.subject, event.t1)))


class _Track:
    def __init__(self, times: np.ndarray, centres: np.ndarray, thing: Thing, size: tuple[int, int]) -> None:
        self.times, self.centres, self.thing, self.size = times, centres, thing, size
        points = [(float(x), float(y)) for x, y in centres]
        self.side = [outside(point, thing.extent, size) for point in points]
        self.whole = np.array([inside(point, thing.extent, size) for point in points])
        self.out = np.array([side is not None for side in self.side])
        self.steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        self.steps[self.out[:-1] | self.out[1:]] = 0.0  # where a thing waits outside is nobody's business
        self.runs = _runs(_close(self.steps > STILL))


def _journey(tracks: Sequence[_Track], subject: int, a: int, b: int) -> list[Event]:
    """The events of one stretch of movement from sample ``a`` to sample ``b``."""
    track = tracks[subject]
    times, size = track.times, track.size
    found, begun = [], a
    if a > 0 and track.out[a - 1]:
        begun = a + int(np.argmax(track.whole[a:]))
        found.append(_event(tracks, "enter", subject, times[a], times[begun], detail=_edge(track, a)))
    if b + 1 < len(times) and track.out[b + 1]:
        last = b - int(np.argmax(track.whole[b::-1]))
        found.append(
            _event(tracks, "leave", subject, times[last], times[b + 1], detail=track.side[b + 1] or "")
        )
        return found
    if np.linalg.norm(track.centres[b] - track.centres[a]) < 0.5:
        return [_event(tracks, "jump", subject, times[a], times[b])]
    near, other = NEAR * min(size) + 1e-3, None
    for index, them in enumerate(tracks):
        if index == subject or them.out[b] or (them.steps[begun:b] > STILL).any():
            continue
        here, there = tuple(track.centres[b]), tuple(them.centres[b])
        left = gap(here, track.thing.extent, there, them.thing.extent)
        came = gap(tuple(track.centres[begun]), track.thing.extent, there, them.thing.extent)
        if left <= near and came >= FAR * min(size) - 0.5:
            near, other = left, index
    if other is not None:
        found.append(_event(tracks, "approach", subject, times[begun], times[b], other=other))
        return found
    speeds = track.steps[a:b]
    slowing = a + int(np.flatnonzero(speeds >= 0.99 * speeds.max())[-1]) + 1
    found.append(_event(tracks, "stop", subject, times[slowing], times[b]))
    return found


def _edge(track: _Track, a: int) -> str:
    """The side over which a thing comes that is first seen at sample ``a``: the edge that cuts it most."""
    (x, y), (h, w), (height, width) = track.centres[a], track.thing.extent, track.size
    cut = {"left": w / 2 - x, "right": x + w / 2 - width, "top": h / 2 - y, "bottom": y + h / 2 - height}
    return max(cut, key=lambda side: cut[side])


def _close(flags: np.ndarray) -> np.ndarray:
    """Fill gaps of one or two samples: a jump stands still for a moment at its height."""
    out = flags.copy()
    out[1:-1] |= flags[:-2] & flags[2:]
    out[1:-2] |= flags[:-3] & flags[3:]
    out[2:-1] |= flags[:-3] & flags[3:]
    return out


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """[start, stop) of every stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _event(
    tracks: Sequence[_Track],
    kind: str,
    subject: int,
    t0: float,
    t1: float,
    *,
    other: int | None = None,
    detail: str = "",
) -> Event:
    name = tracks[subject].thing.phrase
    text = event_text(kind, name, "" if other is None else tracks[other].thing.phrase, detail)
    return Event(
        kind=kind, subject=subject, other=other, t0=float(t0), t1=float(t1), detail=detail, text=text
    )
