"""Scene cuts from pixels or from embeddings, and a selection that gives every scene its share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import PIL.Image

from lucida.media.errors import InputError
from lucida.watch.select.common import checked, distinct
from lucida.watch.select.uniform import uniform

SIDE = 64  # pictures are reduced to this before they are compared
CONTENT = 27.0  # PySceneDetect's content threshold, in 8-bit steps
SHORTEST = 2  # frames between two cuts


def content_change(before: np.ndarray, after: np.ndarray) -> float:
    """How much two (H, W, 3) uint8 pictures differ: mean absolute difference of hue, saturation and value, 0..255.

    Hue is a circle: 250 and 5 differ by 11 steps, not by 245.
    """
    a, b = _hsv(before), _hsv(after)
    steps = np.abs(a - b)
    steps[..., 0] = np.minimum(steps[..., 0], 256 - steps[..., 0])
    return float(steps.mean())


def content_changes(frames: Iterable[np.ndarray]) -> np.ndarray:
    """(T,) ``content_change`` of each frame to the one before; the first is 0. One frame is held at a time."""
    changes, last = [], None
    for frame in frames:
        changes.append(0.0 if last is None else content_change(last, frame))
        last = frame
    return np.array(changes)


def vector_changes(vectors: np.ndarray) -> np.ndarray:
    """(T,) one minus the cosine of each (T, d) unit vector to the one before; the first is 0."""
    changes = np.zeros(len(vectors))
    changes[1:] = 1.0 - np.einsum("td,td->t", vectors[1:], vectors[:-1])
    return changes


def cuts(
    changes: np.ndarray, threshold: float = CONTENT, *, shortest: int = SHORTEST, adaptive: float = 0.0
) -> list[int]:
    """Frames at which a new scene begins, without frame 0.

    Args:
        changes: (T,) difference of each frame to the one before.
        threshold: least change of a cut.
        shortest: frames that must lie between two cuts.
        adaptive: a cut must also be this many times the mean of its two neighbours on either side (it then looks two
            frames ahead, so it is not causal); 0 switches that off.
    """
    found: list[int] = []
    last = 0
    for i in range(1, len(changes)):
        around = np.concatenate((changes[max(1, i - 2) : i], changes[i + 1 : i + 3]))
        stands_out = not adaptive or not len(around) or changes[i] >= adaptive * around.mean()
        if changes[i] >= threshold and stands_out and i - last >= shortest:
            found.append(i)
            last = i
    return found


def scene(count: int, n: int, starts: Iterable[int]) -> np.ndarray:
    """Select ``n`` of ``count`` frames: every scene gets one, the rest goes by length; bin middles inside a scene.

    With fewer frames than scenes, the longest scenes are served.

    Args:
        count: frames of the film.
        n: frames wanted; all are returned where there are fewer.
        starts: frames at which scenes begin (see ``cuts``); 0 may be left out.

    Returns:
        (min(n, count),) int64, ascending and distinct.
    """
    n = checked(count, n)
    begin = sorted({0, *(int(s) for s in starts)})
    if begin[0] < 0 or begin[-1] >= count:
        raise InputError(f"scene starts must lie in 0..{count - 1}, got {begin[0]} and {begin[-1]}")
    ends = [*begin[1:], count]
    shares = apportioned(np.diff([*begin, count]), n)
    picks = [a + uniform(b - a, share) for a, b, share in zip(begin, ends, shares, strict=True) if share]
    return distinct(np.concatenate(picks), count)


def apportioned(lengths: np.ndarray, n: int) -> list[int]:
    """Whole shares of ``n`` frames: one each while that is possible (the longest first), the rest by length.

    Each further frame goes where the stretch per frame is longest (Sainte-Laguë's rule); no share exceeds its length.
    """
    shares = np.zeros(len(lengths), np.int64)
    shares[np.argsort(-lengths, kind="stable")[:n]] = 1
    for _ in range(n - int(shares.sum())):
        claim = np.where(shares < lengths, lengths / (2 * shares + 1), -1.0)
        shares[int(claim.argmax())] += 1
    return shares.tolist()


def _hsv(pixels: np.ndarray) -> np.ndarray:
    picture = PIL.Image.fromarray(pixels).resize((SIDE, SIDE), PIL.Image.Resampling.BOX).convert("HSV")
    return np.asarray(picture).astype(np.int16)
