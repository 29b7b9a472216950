"""From one piece of artwork to a sprite that can be repainted: find its main ramp and split it off.

OpenMoji artwork is flat: a dozen plain fills and a black outline. So every pixel of a large rendering is
assigned to one of the artwork's own flat colours, and the colours of the dominant hue (with its light and
dark shades) become the *main ramp*. A sprite then stores, for each pyramid level, what is not main ramp as
premultiplied RGBA, and the coverage of each main shade as one more channel. Repainting is one small matrix
product, exact at anti-aliased edges.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from lucida.world.nouns import NO_COLOUR
from lucida.world.palette import RAMPS, to_lab

LEVELS = (32, 64, 128, 192)  # longer side of each pyramid level, pixels
SHADES = 3  # coverage channels: the main ramp's shades, merged when there are more
RENDER = 432  # pixels of the first rendering: six times the 72 x 72 view box
OUTLINE_L = 18.0  # darker and colourless is outline
CHROMATIC = 16.0  # Lab chroma from which a flat colour has a hue
HUE_WIDTH = 32.0  # degrees either side of the dominant hue
SHADE_WIDTH = 42.0  # L either side of the dominant shade
CHROMATIC_SHARE = 0.40  # of the fill, for a hue to be the main ramp
GREY_SHARE = 0.50  # of the fill, for white and grey together to be the main ramp
MAIN_SHARE = 0.33  # chroma rule: of everything covered, for the name of the ramp to name the whole thing
RIVAL_SHARE = 0.62  # chroma rule: at most this much of other hues, as a share of the main ramp


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """One thing that can be painted into a scene.

    ``levels[i]`` is (h, w, 4 + SHADES) uint8 with max(h, w) = LEVELS[i]: premultiplied RGB and alpha of
    everything that is not main ramp (alpha is of the whole sprite), then the coverage of each main shade.
    """

    noun: str
    source: str
    medium: str
    colourable: bool
    own: np.ndarray  # (SHADES, 3) float32, the main shades' own colours
    offsets: np.ndarray  # (SHADES,) float32, their lightness against the middle of the main ramp, in L
    levels: tuple[np.ndarray, ...] = field(repr=False)

    @cached_property
    def shades(self) -> dict[str | None, np.ndarray]:
        """(SHADES, 3) float32 in 0..1 by colour: what to paint the main shades with; None is its own."""
        shades: dict[str | None, np.ndarray] = {None: self.own / np.float32(255)}
        for name, ramp in RAMPS.items():
            shades[name] = ramp.shade(self.offsets).astype(np.float32) / 255
        return shades

    def paint(self, level: int, colour: str | None) -> np.ndarray:
        """(h, w, 4) uint8 premultiplied RGBA of pyramid level ``level``; no channel exceeds alpha."""
        data = self.levels[level]
        painted = data[..., :4].copy()
        if self.medium == "photo":
            return painted
        mixed = data[..., 4:].astype(np.float32) @ self.shades[colour] + data[..., :3]
        painted[..., :3] = np.minimum(mixed, data[..., 3:4])  # the clip only undoes rounding
        return painted

    @cached_property
    def own_lab(self) -> np.ndarray:
        """(3,) Lab of the sprite's mean colour when it is painted in its own colours."""
        image = self.paint(0, None).astype(np.float64)
        return to_lab(image[..., :3].sum((0, 1)) / max(image[..., 3].sum(), 1.0) * 255.0)


def render_svg(path: Path, pixels: int = RENDER) -> np.ndarray:
    """(pixels, pixels, 4) uint8 straight RGBA of one SVG file."""
    import resvg_py

    data = bytes(
        resvg_py.svg_to_bytes(svg_path=str(path), width=pixels, height=pixels, skip_system_fonts=True)
    )
    with PILImage.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def crop_to_alpha(rgba: np.ndarray, threshold: int = 8) -> np.ndarray:
    """The tight box of everything whose alpha exceeds ``threshold``; an empty (0, 0, 4) array when nothing
    does.
    """
    rows, columns = (np.flatnonzero((rgba[..., 3] > threshold).any(axis)) for axis in (1, 0))
    if not len(rows):
        return rgba[:0, :0]
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def flat_colours(rgba: np.ndarray, least: float = 0.002) -> tuple[np.ndarray, np.ndarray]:
    """The flat colours of artwork and which pixel has which.

    Returns:
        (K, 3) uint8 colours, most frequent first, each covering at least ``least`` of the opaque pixels; and
        (H, W) labels into them, where anti-aliased pixels take the nearest flat colour.
    """
    packed = rgba[..., :3].astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    opaque = rgba[..., 3] > 250
    values, counts = np.unique(packed[opaque], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= least * max(opaque.sum(), 1)][:24]
    values = values[order] if len(order) else np.zeros(1, np.uint32)
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1).astype(np.uint8)
    labels = np.full(packed.shape, -1, np.int16)
    for index, value in enumerate(values):
        labels[packed == value] = index
    loose = labels < 0
    distance = ((rgba[..., :3][loose].astype(np.float32)[:, None] - colours.astype(np.float32)) ** 2).sum(-1)
    labels[loose] = distance.argmin(1)
    return colours, labels


def main_ramp(colours: np.ndarray, area: np.ndarray) -> np.ndarray:
    """(K,) bool: which flat colours are the main ramp; all False when nothing dominates.

    Args:
        colours: (K, 3) uint8.
        area: (K,) pixels of each.
    """
    lab = to_lab(colours)
    chroma, hue = np.hypot(lab[:, 1], lab[:, 2]), np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    chromatic = chroma >= CHROMATIC
    fill = chromatic | (lab[:, 0] >= OUTLINE_L)
    total = max(float(area[fill].sum()), 1.0)
    best, best_share = np.zeros(len(colours), bool), 0.0
    for centre in np.flatnonzero(chromatic):
        near = np.abs((hue - hue[centre] + 180) % 360 - 180) <= HUE_WIDTH
        members = chromatic & near & (np.abs(lab[:, 0] - lab[centre, 0]) <= SHADE_WIDTH)
        share = area[members].sum() / total
        if share > best_share + 1e-9:
            best, best_share = members, share
    if best_share >= CHROMATIC_SHARE:
        return best
    grey = fill & ~chromatic
    if grey.any():
        centre = np.flatnonzero(grey)[area[grey].argmax()]
        grey &= np.abs(lab[:, 0] - lab[centre, 0]) <= SHADE_WIDTH
        if area[grey].sum() / total >= GREY_SHARE:
            return grey
    return np.zeros(len(colours), bool)


def passes_chroma_rule(colours: np.ndarray, area: np.ndarray, main: np.ndarray) -> bool:
    """True when a viewer would give the whole thing the colour of its main ramp: it is large, and no other
    hue rivals it.

    Args as ``main_ramp``, and its result.
    """
    lab = to_lab(colours)
    rival = area[~main & (np.hypot(lab[:, 1], lab[:, 2]) >= CHROMATIC)].sum()
    share = area[main].sum()
    return bool(share > 0 and share >= MAIN_SHARE * area.sum() and rival <= RIVAL_SHARE * share)


def _merge_shades(lab_l: np.ndarray, area: np.ndarray) -> np.ndarray:
    """(K,) shade index 0..SHADES-1 of each main colour: the most frequent ones keep a channel, others join
    the nearest.
    """
    keep = np.argsort(-area, kind="stable")[:SHADES]
    return np.abs(lab_l[:, None] - lab_l[keep][None]).argmin(1)


def _pyramid(layers: np.ndarray) -> tuple[np.ndarray, ...]:
    """(H, W, C) uint8 -> one array per level, area-averaged."""
    height, width = layers.shape[:2]
    levels = []
    for longest in LEVELS:
        scale = longest / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        method = PILImage.Resampling.BOX if scale < 1 else PILImage.Resampling.BILINEAR
        bands = [
            np.asarray(PILImage.fromarray(np.ascontiguousarray(layers[..., c])).resize(size, method))
            for c in range(layers.shape[2])
        ]
        level = np.stack(bands, axis=-1)
        level[..., :3] = np.minimum(level[..., :3], level[..., 3:4])
        levels.append(level)
    return tuple(levels)


def artwork_sprite(noun: str, source: str, rgba: np.ndarray) -> Sprite:
    """Flat artwork, (H, W, 4) straight RGBA -> a sprite whose main ramp can be repainted."""
    rgba = crop_to_alpha(rgba)
    colours, labels = flat_colours(rgba)
    alpha = rgba[..., 3].astype(np.float32)
    area = np.bincount(labels.ravel(), alpha.ravel() / 255.0, minlength=len(colours))
    main = main_ramp(colours, area)
    own, offsets = np.zeros((SHADES, 3), np.float32), np.zeros(SHADES, np.float32)
    coverage = np.zeros((*labels.shape, SHADES), np.float32)
    if main.any():
        light = to_lab(colours[main])[:, 0]
        shade = _merge_shades(light, area[main])
        middle = np.average(light, weights=area[main])
        members = np.flatnonzero(main)
        for index in range(SHADES):
            inside = members[shade == index]
            if len(inside):
                own[index] = np.average(colours[inside].astype(np.float64), axis=0, weights=area[inside])
                offsets[index] = np.average(light[shade == index], weights=area[inside]) - middle
                coverage[..., index] = np.isin(labels, inside) * alpha
    flat = np.where(main[:, None], 0, colours).astype(np.float32)
    rest = flat[labels] * (alpha[..., None] / 255.0)
    layers = np.concatenate([rest, alpha[..., None], coverage], axis=-1).astype(np.uint8)
    return Sprite(
        noun=noun,
        source=source,
        medium="artwork",
        colourable=noun not in NO_COLOUR and passes_chroma_rule(colours, area, main),
        own=own,
        offsets=offsets,
        levels=_pyramid(layers),
    )


def photo_sprite(noun: str, source: str, rgba: np.ndarray) -> Sprite:
    """A cut-out, (H, W, 4) straight RGBA -> a sprite without a main ramp (no colour attribute)."""
    rgba = crop_to_alpha(rgba)
    layers = np.zeros((*rgba.shape[:2], 4 + SHADES), np.uint8)
    layers[..., :3] = rgba[..., :3].astype(np.uint16) * rgba[..., 3:].astype(np.uint16) // 255
    layers[..., 3] = rgba[..., 3]
    zeros = np.zeros(SHADES, np.float32)
    return Sprite(
        noun=noun,
        source=source,
        medium="photo",
        colourable=False,
        own=np.zeros((SHADES, 3), np.float32),
        offsets=zeros,
        levels=_pyramid(layers),
    )
