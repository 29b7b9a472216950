"""Things on a plain ground: pictures whose background has colours on one short line, such as composed scenes.

Plain grounds, gradients, stripes, checks and soft noise between two colours have that in common. The line is found
on the picture's border; the parts of the picture that leave it are things, with outlines exact to the pixel.
"""

from __future__ import annotations

import numpy as np

from lucida.media.components import label_mask
from lucida.systems.describe.proposals_graph import means_by

_LONGEST = 110.0  # of the line in sRGB levels; a longer one would take things for ground
_TOLERANCE = 5.0  # distance from the line in levels on a picture without noise
_BORDER, _PICTURE = 0.6, 0.15  # least share of border and picture that the ground must explain
_LEAST = 0.001  # share of the picture below which a part is dirt
_CLEAR = 3.5  # distance of a part's outline from the line in tolerances; shades and texture of a photograph fade in
_CLEAN = 0.67  # least share of what leaves the line that clear parts must make up
_ALL = 0.97  # where the ground explains this much and nothing stands on it, the picture is empty


def things_on_plain_ground(pixels: np.ndarray) -> list[np.ndarray] | None:
    """Connected parts that stand out from a plain ground, largest first, each (H, W) bool.

    Args:
        pixels: (H, W, 3) uint8.

    Returns:
        None when the picture has no plain ground; an empty list when it has nothing else.
    """
    height, width = pixels.shape[:2]
    tolerance = min(_TOLERANCE + 3 * noise_level(pixels), 15.0)
    line = _ground_line(pixels[_rim(height, width)].astype(np.float32), tolerance)
    if line is None:
        return None
    start, end = _extended(pixels, *line, tolerance)
    away = _distance(pixels.reshape(-1, 3).astype(np.float32), start, end).reshape(height, width)
    explained = float((away <= tolerance).mean())
    if explained < _PICTURE:
        return None
    # A pixel half covered by a thing lies half way from the ground to the thing: cut there, not at the first trace.
    ahead = np.pad(away, 1, mode="edge")
    most = np.max([ahead[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    labels, parts = label_mask((away > tolerance) & (away >= 0.5 * np.minimum(most, 120)))
    area = np.bincount(labels[labels >= 0], minlength=parts)
    found = [
        labels == part
        for part in np.argsort(-area, kind="stable")
        if area[part] >= max(4, _LEAST * away.size)
    ]
    clear = [part for part in found if np.percentile(away[_outline(part)], 25) >= _CLEAR * tolerance]
    if not clear:
        return [] if explained >= _ALL and not found else None
    return clear if sum(int(part.sum()) for part in clear) >= _CLEAN * area.sum() else None


def _outline(part: np.ndarray) -> np.ndarray:
    """The pixels of a mask with a side that is not in it."""
    padded = np.pad(part, 1)
    return part & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])


def noise_level(pixels: np.ndarray) -> float:
    """Standard deviation of the picture's noise in levels: from the median second difference, blind to outlines."""
    grey = pixels.astype(np.float32).mean(2)
    if min(grey.shape) < 3:
        return 0.0
    sides = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.median(np.abs(4 * grey[1:-1, 1:-1] - sides))) / (0.6745 * 20**0.5)


def _rim(height: int, width: int) -> np.ndarray:
    """(H, W) bool: a band along the border, 3 % of the shorter side wide."""
    band = max(1, round(0.03 * min(height, width)))
    rim = np.ones((height, width), bool)
    rim[band : height - band, band : width - band] = False
    return rim


def _ground_line(rim: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The line between two border colours that explains most of the border for its length, if it explains enough.

    Args:
        rim: (N, 3) float32 colours along the border.
    """
    rim = rim[:: max(1, len(rim) // 1500)]
    _, bins, count = np.unique(rim.astype(int) // 8 @ (1, 64, 4096), return_inverse=True, return_counts=True)
    common = count >= max(2, 0.004 * len(rim))
    if not common.any():
        return None
    colours = means_by(bins, len(count), rim)[common][np.argsort(-count[common], kind="stable")]
    colours = _spread_out(colours.astype(np.float32), 14)
    best, found, share = -np.inf, None, 0.0
    for i, start in enumerate(colours):
        for end in colours[i:]:
            length = float(np.linalg.norm(end - start))
            if length > _LONGEST:
                continue
            explained = float((_distance(rim, start, end) <= tolerance).mean())
            if explained - 0.0015 * length > best:
                best, found, share = explained - 0.0015 * length, (start, end), explained
    return found if share >= _BORDER else None


def _spread_out(colours: np.ndarray, most: int) -> np.ndarray:
    """The first colour, then whichever is farthest from those chosen, while it is visibly another one."""
    chosen = [colours[0]]
    away = np.linalg.norm(colours - chosen[0], axis=1)
    while len(chosen) < most and away.max() > 6:
        chosen.append(colours[away.argmax()])
        away = np.minimum(away, np.linalg.norm(colours - chosen[-1], axis=1))
    return np.array(chosen)


def _distance(colours: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(N,) distance of (N, 3) colours from the line between two."""
    along = end - start
    length = float(along @ along)
    t = np.clip((colours - start) @ along / length, 0, 1) if length else np.zeros(len(colours), np.float32)
    return np.linalg.norm(colours - start - t[:, None] * along, axis=1)


def _extended(
    pixels: np.ndarray, start: np.ndarray, end: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """The line lengthened by up to 30 % at either end, as far as the picture's colours go on without a gap.

    The border need not show the extremes of a gradient or of noise.
    """
    length = float(np.linalg.norm(end - start))
    if length < 1:
        return start, end
    along = (end - start) / length
    colours = pixels.reshape(-1, 3)[:: max(1, pixels.size // 120_000)].astype(np.float32)
    t = (colours - start) @ along
    t = t[np.linalg.norm(colours - start - t[:, None] * along, axis=1) <= tolerance]
    reach = []
    for beyond in (-t, t - length):
        steps = np.bincount(
            np.floor(beyond[(beyond > 0) & (beyond < 0.3 * length)] / 2).astype(int), minlength=1
        )
        gaps = np.flatnonzero(steps < 0.0005 * len(t))
        reach.append(2.0 * (int(gaps[0]) if len(gaps) else len(steps)))
    return start - reach[0] * along, end + reach[1] * along
