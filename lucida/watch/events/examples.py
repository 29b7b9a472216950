"""World clips as training and test examples: trails made by the tracker itself, labelled by the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lucida.metrics.geometry import box_iou
from lucida.watch.events.happenings import Shot, see_shot, shrink_all
from lucida.watch.events.kinematics import RATE, signals
from lucida.watch.events.sightings import Trail
from lucida.world.clip_records import EVENT_KINDS
from lucida.world.clips import Clip, draw_clip
from lucida.world.splits import generator

_OWNED = 0.3  # mean IoU with a thing's true box from which a trail is that thing's


@dataclass(frozen=True, eq=False)
class Example:
    """Signals (n, s) of one trail, labels (n, kinds) in 0..1."""

    signals: np.ndarray
    labels: np.ndarray


def clip_shot(clip: Clip) -> Shot:
    """A clip, every frame looked at."""
    times, frames = zip(*clip.frames(), strict=True)
    return see_shot(times, shrink_all(frames), clip.size)


def owner(clip: Clip, trail: Trail) -> int | None:
    """The object that a trail follows, None where it follows nothing that is there."""
    picked = trail.sightings[:: max(1, len(trail.sightings) // 12)]
    score = np.zeros(len(clip.objects))
    for sighting in picked:
        for thing in clip.objects:
            if box := clip.box(thing.index, sighting.t):
                score[thing.index] += float(box_iou(np.array(box), np.array(sighting.box)))
    best = int(score.argmax())
    return best if score[best] / len(picked) >= _OWNED else None


def labels_of(clip: Clip, thing: int, grid: np.ndarray) -> np.ndarray:
    """(n, kinds) float32: 1 inside an event of ``thing``, falling to 0 over one grid step at its ends."""
    out = np.zeros((len(grid), len(EVENT_KINDS)), np.float32)
    for event in clip.events:
        if event.subject == thing:
            inside = np.minimum(grid - event.t0, event.t1 - grid) * RATE + 0.5
            k = EVENT_KINDS.index(event.kind)
            out[:, k] = np.maximum(out[:, k], np.clip(inside, 0, 1))
    return out


def thinned(
    rng: np.random.Generator, trail: Trail, coarse: float, dense: tuple[tuple[float, float], ...]
) -> Trail:
    """The trail as seen ``coarse`` times a second, and at every frame inside the ``dense`` spans."""
    step, phase = 1 / coarse, float(rng.random()) / coarse
    kept, due = [], trail.span[0] - phase
    for s in trail.sightings:
        if s.t >= due or any(a <= s.t <= b for a, b in dense):
            kept.append(s)
            while due <= s.t:
                due += step
    return replace(trail, sightings=tuple(kept))


def examples_of(clip: Clip, rng: np.random.Generator, variants: int = 3) -> list[Example]:
    """Every trail of a clip, seen in full and ``variants - 1`` times sparsely, every other time mirrored."""
    shot = clip_shot(clip)
    owners = [owner(clip, trail) for trail in shot.trails]
    found = []
    for variant in range(variants):
        trails = list(shot.trails)
        if variant:
            spans = []
            for event in clip.events:
                if rng.random() < 0.7:
                    early, late = rng.uniform(0.1, 0.8, 2)
                    spans.append((event.t0 - early, event.t1 + late))
            trails = [
                thinned(rng, trail, float(rng.choice([2.0, 3.0, 4.0])), tuple(spans)) for trail in trails
            ]
        for k, (trail, thing) in enumerate(zip(trails, owners, strict=True)):
            if thing is None:
                continue
            grid, values = signals(trail, [t for i, t in enumerate(trails) if i != k], shot.span, shot.shape)
            if rng.random() < 0.5:
                values = mirrored(values)
            found.append(Example(values, labels_of(clip, thing, grid)))
    return found


def mirrored(values: np.ndarray) -> np.ndarray:
    """The same trail in a picture whose left is its right."""
    out = values.copy()
    out[:, [3, 5]] = values[:, [5, 3]]
    out[:, 9] = -values[:, 9]
    return out


def make_examples(count: int, *, split: str = "train", first: int = 0, variants: int = 3) -> list[Example]:
    """The examples of clips ``first`` … ``first + count - 1`` of ``split``."""
    found: list[Example] = []
    for seed in range(first, first + count):
        rng = generator(split, seed, "event examples")
        found += examples_of(draw_clip(seed, split=split), rng, variants)
    return found
