"""The legibility rule: which artwork can be named at 40 pixels, and which looks like something already
kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from lucida.world.sprites import Sprite


@dataclass(frozen=True, kw_only=True)
class Legibility:
    """Thresholds of the rule. All are measured on the sprite as it is drawn 40 px long, painted grey."""

    covered: float = 0.24  # of the 40 x 40 box
    narrow: float = 0.30  # shorter side over longer side
    edges: float = 0.036  # mean luma step between neighbours inside, of full range
    outline: float = 0.58  # at most this much of what is covered may be near black
    alike: float = 0.80  # at most this correlation with any sprite already kept


def thumbnail(sprite: Sprite, side: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Luma over light grey and alpha, (side, side) float32 in 0..1: the sprite centred, its main ramp
    grey.
    """
    painted = sprite.paint(1, "grey" if sprite.colourable else None)
    height, width = painted.shape[:2]
    scale = side / max(height, width)
    small = PILImage.fromarray(painted, "RGBa").resize(
        (max(1, round(width * scale)), max(1, round(height * scale))), PILImage.Resampling.BOX
    )
    values = (
        np.frombuffer(small.tobytes(), np.uint8).reshape(small.height, small.width, 4).astype(np.float32)
        / 255
    )
    luma, alpha = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    top, left = (side - small.height) // 2, (side - small.width) // 2
    box = np.s_[top : top + small.height, left : left + small.width]
    alpha[box] = values[..., 3]
    luma[box] = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    return luma + 0.75 * (1 - alpha), alpha


def measure(sprite: Sprite) -> dict[str, float]:
    """The quantities ``Legibility`` bounds, by the same names (``alike`` needs others, see ``select``)."""
    luma, alpha = thumbnail(sprite)
    inside = alpha > 0.5
    count = max(int(inside.sum()), 1)
    steps = [np.abs(np.diff(luma, axis=axis)) for axis in (0, 1)]
    both = [inside[1:] & inside[:-1], inside[:, 1:] & inside[:, :-1]]
    height, width = sprite.levels[-1].shape[:2]
    return {
        "covered": float(inside.mean()),
        "narrow": min(height, width) / max(height, width),
        "edges": float(sum(s[b].sum() for s, b in zip(steps, both, strict=True)) / (2 * count)),
        "outline": float((luma[inside] < 0.2).sum() / count),
    }


def feature(sprite: Sprite, side: int = 20) -> np.ndarray:
    """(2, 2 * side * side) float32 unit vectors of luma and alpha: of the sprite and of its mirror image."""
    luma, alpha = (
        plane.reshape(side, 40 // side, side, 40 // side).mean((1, 3)) for plane in thumbnail(sprite, 40)
    )
    rows = []
    for step in (1, -1):
        parts = [plane[:, ::step] - plane.mean() for plane in (luma, alpha)]
        parts = [part / max(float(np.linalg.norm(part)), 1e-6) for part in parts]
        rows.append(np.concatenate([part.ravel() for part in parts]) / np.sqrt(2))
    return np.stack(rows).astype(np.float32)


def select(sprites: list[Sprite], rule: Legibility | None = None) -> tuple[list[Sprite], dict[str, str]]:
    """Apply the rule in order.

    Returns:
        The kept sprites, and for every other noun the reason it was left out.
    """
    rule = rule or Legibility()
    kept: list[Sprite] = []
    rows: list[np.ndarray] = []
    reasons: dict[str, str] = {}
    for sprite in sprites:
        values = measure(sprite)
        low = [name for name in ("covered", "narrow", "edges") if values[name] < getattr(rule, name)]
        if values["outline"] > rule.outline:
            low.append("outline")
        if low:
            reasons[sprite.noun] = ", ".join(f"{name} {values[name]:.3f}" for name in low)
            continue
        row = feature(sprite)
        if rows:
            likeness = np.stack(rows) @ row.T  # (kept, 2)
            nearest = int(likeness.max(1).argmax())
            if likeness[nearest].max() > rule.alike:
                reasons[sprite.noun] = f"like {kept[nearest].noun} ({likeness[nearest].max():.3f})"
                continue
        kept.append(sprite)
        rows.append(row[0])
    return kept, reasons
