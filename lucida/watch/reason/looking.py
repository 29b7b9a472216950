"""Looking again: frames added to a shot, and everything in it followed anew through all frames seen of it.

A thing that is followed through a close look alone has no past; joined to what was known by place and looks it became,
too often, another thing. Followed through all frames at once it is what it would be had they been watched in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lucida.media.colours import oklab
from lucida.media.components import label_mask
from lucida.watch.events.ground import Ground, shrunk
from lucida.watch.events.happenings import cuts
from lucida.watch.events.trails import follow_labelled
from lucida.watch.reason.doubts import merged
from lucida.watch.reason.tools import Tools
from lucida.watch.reason.watching import Watched, WatchedShot, name_of

_SHOTS = 4  # whose small pictures are kept, 200 kB each
_SEEN = 4  # sightings from which a thing that no one has named yet gets a name


@dataclass(frozen=True, eq=False)
class _Small:
    """A small picture: (h, w, 3) uint8, the same in OKLab, (h, w) ``label_mask`` of what stands before the ground."""

    pixels: np.ndarray
    lab: np.ndarray
    labels: np.ndarray


class Looker:
    """Looks at a watched film.

    Args:
        watched: what is known; it is added to. tools: over the same film.
    """

    def __init__(self, watched: Watched, tools: Tools) -> None:
        self.watched, self.tools = watched, tools
        self._pictures: dict[int, dict[float, _Small]] = {}

    def look(self, s: int, times: Sequence[float]) -> str:
        """Frames of shot ``s`` on screen at ``times``, the most wanted first; why not all of them, "" if all."""
        look = self.tools.glance(times)
        if look.failed:
            return look.note
        known = self.watched.shots[s]
        seen = self._small(s)
        fresh = {}
        for t, pixels in look.frames:
            small = _small(pixels, known.shot.ground)
            near = min(seen, key=lambda other: abs(other - t))
            if t not in seen and len(cuts(np.stack([seen[near].pixels, small.pixels]))) == 1:
                fresh[t] = small
        if fresh:
            seen |= fresh
            at = sorted(seen)
            trails = follow_labelled(at, [seen[t].labels for t in at], [seen[t].lab for t in at])
            shot = replace(known.shot, trails=tuple(trails), times=tuple(at), span=(at[0], at[-1]))
            self.watched.shots[s] = replace(known, shot=shot)
            self.watched.closer = sorted({*self.watched.closer, *fresh} - set(self.watched.times))
            spans = [(t - 0.05, t + 0.05) for t in fresh]
            self.watched.close[s] = merged([*self.watched.close.get(s, []), *spans], 0.3)
        return look.note if len(look.frames) < len(set(times)) and not self.tools.ledger.left else ""

    def name(self, s: int) -> bool:
        """Ask the describer about things of shot ``s`` that have no name yet; whether there were any."""
        known = self.watched.shots[s]
        if self.tools.describer is None:
            return False
        said = []
        for trail, name in zip(known.shot.trails, known.names, strict=True):
            if name is None and len(trail.sightings) >= _SEEN:
                best = trail.best()
                look = self.tools.zoom(best.t, best.box)
                said += [name_of(word, best.t, best.box) for word in look.words[:1]]
        if said:
            self.watched.shots[s] = WatchedShot(shot=known.shot, said=(*known.said, *said))
        return bool(said)

    def _small(self, s: int) -> dict[float, _Small]:
        """The small pictures of a shot by time; frames that were seen before are fetched again at no cost."""
        if s not in self._pictures:
            while len(self._pictures) >= _SHOTS:
                del self._pictures[next(iter(self._pictures))]
            shot = self.watched.shots[s].shot
            frames = self.tools.footage.at(shot.times)
            self._pictures[s] = {
                t: _small(frame.pixels, shot.ground) for t, frame in zip(shot.times, frames, strict=True)
            }
        return self._pictures[s]


def _small(pixels: np.ndarray, ground: Ground) -> _Small:
    small = shrunk(pixels)
    lab = oklab(small).astype(np.float32)
    labels, _ = label_mask(ground.masks(small[None], lab[None]))
    return _Small(small, lab, labels[0])
