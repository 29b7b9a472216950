"""Whether the camera moves: then there is no ground that stands still, and what seems to move may be standing.

The picture is cut into blocks. A block with texture is a patch of something; if after about two thirds of a second
most of those patches, all over the picture, are other ones, it is the view that moved and not a few things in it.
On a plain ground, where only the things have texture, nothing can be said and nothing has to be: the ground is known
by its colours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BLOCK = 8  # small pixels
_LAG = 0.6  # seconds between the two pictures that are compared
_TEXTURE = 0.02  # standard deviation of OKLab lightness in a block from which it has texture
_OTHER = 0.6  # of that deviation: a difference from which the block shows another patch
_SPREAD = 0.25  # share of the blocks that must have texture
_MOVED = (
    0.3  # mean share of other patches; still cameras with people, wind or patterned grounds stay below 0.17
)
_BURST, _MOVED_NOW = 2.0, 0.5  # the same within so many seconds, and the share that counts there
_PAIRS = 64  # compared, evenly spread


def camera_moves(times: Sequence[float], lab: np.ndarray) -> bool:
    """Whether the view moves in one shot's small pictures.

    Args:
        times: (T,) seconds, rising. lab: (T, h, w, 3) float32 OKLab. Less than ``_LAG`` seconds of them say nothing.
    """
    at = np.asarray(times, float)
    later = np.searchsorted(at, at + _LAG - 1e-6)
    first = np.flatnonzero(later < len(at))
    if not len(first):
        return False
    first = first[np.unique(np.linspace(0, len(first) - 1, min(len(first), _PAIRS)).round().astype(int))]
    blocks = _blocks(lab[..., 0])
    texture, other = _changed(blocks[first], blocks[later[first]])
    if float(np.median(texture)) < _SPREAD:
        return False
    if float(other.mean()) > _MOVED:
        return True
    middle = at[first]
    bursts = [
        other[(middle >= t) & (middle <= t + _BURST)] for t in middle if t + _BURST <= middle[-1] + 1e-6
    ]
    return any(len(burst) >= 3 and float(burst.mean()) > _MOVED_NOW for burst in bursts)


def _blocks(lightness: np.ndarray) -> np.ndarray:
    """(T, h, w) -> (T, blocks, pixels of a block); what is over at the right and below is left out."""
    count, height, width = lightness.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    cut = lightness[:, : rows * _BLOCK, : columns * _BLOCK].reshape(count, rows, _BLOCK, columns, _BLOCK)
    return cut.transpose(0, 1, 3, 2, 4).reshape(count, rows * columns, _BLOCK**2)


def _changed(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the blocks (n, blocks, pixels) that have texture in both, and of these, share that show another patch.

    A block that only became lighter or darker as a whole shows the same patch.
    """
    deviation = np.minimum(a.std(-1), b.std(-1))
    step = b - a
    difference = (step - step.mean(-1, keepdims=True)).std(-1)
    textured = deviation > _TEXTURE
    other = textured & (difference > _OTHER * deviation)
    return textured.mean(-1), other.sum(-1) / np.maximum(1, textured.sum(-1))
