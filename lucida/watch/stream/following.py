"""The event head on a stream: things are followed as frames come, and what they did is told when it is settled.

Three short histories are kept, each within its share of a budget: small pictures for the ground and to see whether the
camera moves, a few JPEGs to show an event and to name who did it, and where each thing was in the last seconds. An
event is told once, a second after it is over: by then the frames that could change its reading have been seen.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from lucida.media.colours import oklab
from lucida.media.components import label_mask
from lucida.media.errors import InputError
from lucida.metrics.geometry import box_iou
from lucida.watch.events.camera import camera_moves
from lucida.watch.events.ground import SIDE, Ground, find_ground, shrunk
from lucida.watch.events.happenings import Happening, Shot, cuts, happenings
from lucida.watch.events.head import EventHead
from lucida.watch.events.trails import Follower, Trail
from lucida.watch.stream.detector import Observed
from lucida.watch.stream.tape import jpeg_of

LEAST = 768 << 10  # bytes that it needs
_SAMPLE, _SAMPLES = (
    1 / 3,
    24,
)  # seconds between two pictures of the ground's history, and how many there are at most
_PICTURE, _LONGER = 0.25, 480  # the same of pictures to show, and their longer side
_SHARE = 0.3  # of the budget, for each of the two
_TOLD = 512  # bytes of an event that was told, rounded up
_SMALLEST = (
    0.006  # share of the picture, some six small pixels square: of smaller things the motion is mostly noise
)
_BEFORE = 0.3  # seconds that a thing must have been seen before it does anything but enter
_SURE = 0.75  # score that any other event than coming and going needs: people pass for jumping at 0.7
_SAME = 0.4  # IoU of two boxes in one place
_FRESH = 1.0  # seconds within which an event is told once it is settled, or never


@dataclass(frozen=True, kw_only=True)
class FollowConfig:
    """How things are followed on a stream, in seconds where nothing else is said.

    ``rate``: frames a second that are looked at, at most; ``warm``: until the ground is known; ``settle``: until an
    event counts as over; ``judge``: between two looks at what was done; ``window``: that is kept; ``most``: bytes.
    """

    rate: float = 12.0
    warm: float = 1.0
    settle: float = 1.0
    judge: float = 0.25
    window: float = 6.0
    most: int = 2 << 20

    def __post_init__(self) -> None:
        if self.most < LEAST:
            raise InputError(f"following things needs at least {LEAST >> 10}KiB, got {self.most >> 10}KiB")


class Following:
    """An ``EventDetector``: ground, trails and the event head, frame by frame.

    Args:
        head: says what a trail does. config: see ``FollowConfig``.
    """

    def __init__(self, head: EventHead, config: FollowConfig | None = None) -> None:
        self.head, self.config = head, config or FollowConfig()
        self.verbs = frozenset(head.config.kinds)
        self.blind = ""
        self._count = int(min(_SAMPLES, _SHARE * self.config.most // (3 * SIDE * SIDE)))
        self._last = -np.inf
        self._begin(-np.inf)

    @property
    def bytes(self) -> int:
        """Of everything kept; at most ``config.most`` after every step."""
        histories = sum(small.nbytes for _, small in self._samples) + self._shown
        return histories + self._ground_bytes + self._follower.bytes + _TOLD * len(self._told)

    def step(self, t: float, pixels: np.ndarray) -> list[Observed]:
        """Take a frame; what is settled with it."""
        if t - self._last < 0.75 / self.config.rate:
            return []
        small = shrunk(pixels)
        previous = self._previous
        found: list[Observed] = []
        if previous is None or previous.shape != small.shape or len(cuts(np.stack([previous, small]))) > 1:
            found = self.finish()
            self._begin(t)
        self._last, self._previous, self._shape = t, small, (pixels.shape[0], pixels.shape[1])
        self._keep(t, small, pixels)
        if t - self._start < self.config.warm:
            return found
        if self._ground is None or t - self._grounded >= self.config.warm:
            self._look_at_ground(t)
        if self._ground is None or self.blind:
            return []
        lab = oklab(small[None]).astype(np.float32)
        labels, _ = label_mask(self._ground.masks(small[None], lab))
        self._follower.step(t, labels[0], lab[0])
        self._follower.forget(t - self.config.window)
        if t - self._judged >= self.config.judge:
            self._judged = t
            found = self._judge(t, t - self.config.settle)
        while self.bytes > self.config.most and self._follower.bytes:
            self._follower.drop()
        return found

    def finish(self) -> list[Observed]:
        """What was done up to the last frame, where nothing comes after it."""
        return [] if self._ground is None or self.blind else self._judge(self._last, self._last)

    def _begin(self, t: float) -> None:
        """A new shot: of the one before, only that the camera moved holds, until more is known."""
        self._start = self._from = t
        self._grounded = self._judged = self._pictured = -np.inf
        self._previous: np.ndarray | None = None
        self._ground: Ground | None = None
        self._samples: deque[tuple[float, np.ndarray]] = deque(maxlen=self._count)
        self._pictures: deque[tuple[float, bytes]] = deque()
        self._shown = 0  # bytes of these
        self._shape = (0, 0)
        self._told: list[tuple[int, Happening]] = []
        self._follower = Follower()

    def _keep(self, t: float, small: np.ndarray, pixels: np.ndarray) -> None:
        if not self._samples or t - self._samples[-1][0] >= _SAMPLE - 1e-3:
            self._samples.append((t, small))
        if t - self._pictured < _PICTURE - 1e-3:
            return
        room = int(_SHARE * self.config.most)
        jpeg = jpeg_of(pixels, side=_LONGER, most=room // 8)
        self._pictures.append((t, jpeg))
        self._pictured, self._shown = t, self._shown + len(jpeg)
        while self._shown > room or t - self._pictures[0][0] > self.config.window:
            self._shown -= len(self._pictures.popleft()[1])

    def _look_at_ground(self, t: float) -> None:
        times, pictures = zip(*self._samples, strict=True)
        small = np.stack(pictures)
        lab = oklab(small).astype(np.float32)
        self._grounded = t
        moves = camera_moves(times, lab)
        if moves or self.blind or self._ground is None:
            self._follower, self._from, self._told = Follower(), t, []
        self.blind = "the camera moves" if moves else ""
        self._ground = find_ground(small, lab)

    @property
    def _ground_bytes(self) -> int:
        ground = self._ground
        if ground is None:
            return 0
        return ground.lab.nbytes + ground.things.nbytes + (0 if ground.table is None else ground.table.nbytes)

    def _judge(self, t: float, settled: float) -> list[Observed]:
        """Events that were over at ``settled`` and were not told yet."""
        assert self._ground is not None
        followed = [(number, trail) for number, trail in self._follower.trails() if len(trail.sightings) >= 3]
        large = [
            k for k, (_, trail) in enumerate(followed) if max(s.area for s in trail.sightings) >= _SMALLEST
        ]
        shot = Shot(span=(max(self._from, t - self.config.window), t), shape=self._shape, ground=self._ground,
                    trails=tuple(trail for _, trail in followed))  # fmt: skip
        self._told = [told for told in self._told if told[1].t1 >= t - self.config.window]
        found = []
        for each in happenings(shot, self.head, large):
            number = followed[each.trail][0]
            if not t - self.config.settle - _FRESH < each.t1 <= settled or self._was_told(each, number):
                continue
            if not _credible(each, followed[each.trail][1]):
                continue
            self._told.append((number, each))
            found.append(self._observed(each, followed[each.trail][1]))
        return found

    def _was_told(self, each: Happening, number: int) -> bool:
        """Whether it is an event that was told: of the same thing, or in the same place, where a thing was lost."""
        return any(
            told.kind == each.kind
            and told.t0 <= each.t1
            and each.t0 <= told.t1
            and (thing == number or float(box_iou(np.array(told.box), np.array(each.box))) > _SAME)
            for thing, told in self._told
        )

    def _observed(self, each: Happening, trail: Trail) -> Observed:
        """The event with the picture nearest to its best moment, and the thing's place in that picture."""
        inside = [item for item in self._pictures if trail.span[0] - 0.1 <= item[0] <= trail.span[1] + 0.1]
        t, jpeg = min(inside or self._pictures, key=lambda item: abs(item[0] - each.t))
        return Observed(
            verb=each.kind, t0=each.t0, t1=each.t1, t=t, box=trail.at(t).box, score=each.score, jpeg=jpeg
        )


def _credible(each: Happening, trail: Trail) -> bool:
    """Whether the head is sure enough, and the thing was there long enough to be known; what enters need not be."""
    known = each.kind == "enter" or each.t0 - trail.span[0] >= _BEFORE
    return known and (each.kind in ("enter", "leave") or each.score >= _SURE)
