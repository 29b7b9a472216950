"""What stands still in a shot, and what differs from it: the ground, and foreground masks against it.

Three cues, each for what the other misses. The median of the shot's frames is the ground wherever it is seen half of
the time. Where something stood longer than that and then went, the median shows the thing and the frames show a
"ghost": of frame and median, the one whose outline is the stronger holds the thing, so the ghost's pixels are put right
from the frames. A thing that never moves is found only where the ground is plain enough to be known by its colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image

from lucida.media.colours import oklab
from lucida.media.components import label_mask
from lucida.watch.events.parts import closed

SIDE = 96  # pixels of a small picture's longer side
_DIFFERENT = 0.055  # OKLab distance between things and the ground; video noise stays below
_PLAIN = 0.055  # distance from the ground's own colours
_SAMPLES = 32  # frames for a median
_STEPS = 32  # of the table of RGB colours, per channel
_LEAST_GROUND = (
    0.75  # share of the picture in its border's colours that makes these the ground; drawn ones reach 0.83
)
_MOST_THINGS = 8  # parts of other colours before it; a street or a park has ten and more, all of them ground


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """The ground of a shot at small size.

    Attributes:
        lab: (h, w, 3) float32 OKLab. things: (h, w) bool, where it holds things that never move.
        table: (32, 32, 32) bool: the RGB colours that are the ground's; None where it is not plain.
    """

    lab: np.ndarray
    things: np.ndarray
    table: np.ndarray | None = None

    def masks(self, small: np.ndarray, lab: np.ndarray) -> np.ndarray:
        """(T, h, w) bool: what stands before the ground in (T, h, w, 3) uint8 small pictures, ``lab`` in OKLab."""
        away = np.linalg.norm(lab - self.lab, axis=-1) > _DIFFERENT
        if self.table is not None:
            strange = ~_looked_up(self.table, small)
            away = np.where(self.things, strange, away & strange)
        return closed(away)


def shrunk(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """(h, w, 3) uint8 with a longer side of ``side`` pixels, by area means; smaller pictures are enlarged."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BOX))


def find_ground(small: np.ndarray, lab: np.ndarray) -> Ground:
    """The ground of (T, h, w, 3) uint8 small pictures of one shot with a still camera; ``lab``: the same in OKLab."""
    picks = np.unique(np.linspace(0, len(small) - 1, min(len(small), _SAMPLES)).round().astype(int))
    pictures, lab = small[picks], lab[picks]
    ground = np.median(lab, axis=0)
    for _ in range(2):
        ground = _without_ghosts(ground, lab)
    table = _ground_colours(ground, pictures, lab)
    things = np.zeros(ground.shape[:2], bool)
    if table is not None:
        nearest = np.linalg.norm(lab - ground, axis=-1).argmin(0)  # the picture that shows the ground best
        shown = np.take_along_axis(pictures, nearest[None, :, :, None], 0)[0]
        things = dilated(closed(~_looked_up(table, shown)[None])[0])
        if label_mask(things)[1] > _MOST_THINGS:
            table, things = None, np.zeros_like(things)
    return Ground(lab=ground, things=things, table=table)


def _without_ghosts(ground: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """The ground with the things that leave it replaced by what is seen after they have left."""
    labels, _ = label_mask(closed(np.linalg.norm(lab - ground, axis=-1) > _DIFFERENT))
    total, count = np.zeros_like(ground), np.zeros(ground.shape[:2], np.float32)
    for picture, names in zip(lab, labels, strict=True):
        for name in np.unique(names[names >= 0]):
            mask = names == name
            if mask.sum() >= 12 and _outline(ground, mask) > 1.3 * _outline(picture, mask):
                mask = dilated(mask)
                total[mask] += picture[mask]
                count[mask] += 1
    seen = count > 0
    mended = ground.copy()
    mended[seen] = total[seen] / count[seen, None]
    return mended


def _outline(lab: np.ndarray, mask: np.ndarray) -> float:
    """Mean colour step across the outline of ``mask``: from two pixels inside it to two outside."""
    steps = []
    for axis in (0, 1):
        a = [slice(None)] * 2
        b = [slice(None)] * 2
        a[axis], b[axis] = slice(None, -3), slice(3, None)
        crossed = mask[tuple(a)] != mask[tuple(b)]
        difference = np.linalg.norm(lab[tuple(a)] - lab[tuple(b)], axis=-1)
        steps.append(difference[crossed])
    every = np.concatenate(steps)
    return float(every.mean()) if len(every) else 0.0


def dilated(mask: np.ndarray) -> np.ndarray:
    """(h, w) bool: the mask and the pixels next to it, corners included."""
    padded = np.pad(mask, 1)
    shifted = [padded[dy : dy + mask.shape[0], dx : dx + mask.shape[1]] for dy in range(3) for dx in range(3)]
    return np.any(shifted, axis=0)


def _ground_colours(ground: np.ndarray, pictures: np.ndarray, lab: np.ndarray) -> np.ndarray | None:
    """(32, 32, 32) bool of the colours of the picture's border, if they are those of most of it; else None."""
    edge = np.concatenate([ground[:3].reshape(-1, 3), ground[-3:].reshape(-1, 3),
                           ground[:, :3].reshape(-1, 3), ground[:, -3:].reshape(-1, 3)])  # fmt: skip
    bins, counts = np.unique((edge / 0.02).round().astype(int), axis=0, return_counts=True)
    often = counts >= max(3, 0.008 * len(edge))
    centres = bins[often] * 0.02
    if not len(centres):
        return None
    heavy = centres[np.argsort(-counts[often])[:8]]
    far = np.linalg.norm(heavy[:, None] - heavy[None], axis=-1)
    i, j = np.unravel_index(int(far.argmax()), far.shape)
    share = np.linspace(0, 1, 7)[:, None]
    centres = np.concatenate(
        [centres, heavy[i] * share + heavy[j] * (1 - share)]
    )  # pixels on the lines of a pattern
    grid = (np.stack(np.meshgrid(*[np.arange(_STEPS)] * 3, indexing="ij"), -1) * 8 + 4).astype(np.uint8)
    colours = oklab(grid.reshape(1, -1, 3))[0]
    distance = np.min([np.linalg.norm(colours - centre, axis=-1) for centre in centres], axis=0)
    table = (distance < _PLAIN).reshape(_STEPS, _STEPS, _STEPS)
    nearest = np.linalg.norm(lab - ground, axis=-1).argmin(0)
    shown = np.take_along_axis(pictures, nearest[None, :, :, None], 0)[0]
    return table if _looked_up(table, shown).mean() >= _LEAST_GROUND else None


def _looked_up(table: np.ndarray, small: np.ndarray) -> np.ndarray:
    index = small >> 3
    return table[index[..., 0], index[..., 1], index[..., 2]]
