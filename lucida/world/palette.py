"""Colour for the world: CIE Lab, and the ten named ramps that artwork is repainted with.

A ramp is a line through Lab: lightness varies (that is the shading), hue stays, chroma falls off towards
black and white. Lab is CIE 1976 with a D65 white; L is 0..100, a and b are about -128..127.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.world.records import COLOURS

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB in 0..255, (..., 3) -> Lab, (..., 3) float64."""
    linear = np.asarray(rgb, np.float64) / 255.0
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """Lab, (..., 3) -> sRGB, (..., 3) uint8; what lies outside sRGB is clipped per channel."""
    lab = np.asarray(lab, np.float64)
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(srgb * 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """One named colour: its middle (``rgb``), and how far shading may leave it (``down`` and ``up``, in
    L).
    """

    rgb: tuple[int, int, int]
    down: float = 16.0
    up: float = 8.0

    def shade(self, offset: np.ndarray | float) -> np.ndarray:
        """The ramp at ``offset`` (L relative to the artwork's own middle) -> (..., 3) uint8 sRGB.

        Offsets are halved and limited, so that a shaded red stays red and never slides into brown or pink;
        chroma follows lightness in proportion below the middle and is kept above it.
        """
        middle = to_lab(np.array(self.rgb))
        light = middle[0] + np.clip(0.6 * np.asarray(offset, np.float64), -self.down, self.up)
        scale = np.minimum(light / middle[0], 1.0)
        return to_rgb(np.stack([light, middle[1] * scale, middle[2] * scale], axis=-1))


RAMPS: dict[str, Ramp] = {
    "red": Ramp(rgb=(214, 32, 36), down=10.0, up=6.0),
    "orange": Ramp(rgb=(247, 132, 16), down=7.0, up=6.0),
    "yellow": Ramp(rgb=(250, 218, 40), down=9.0),
    "green": Ramp(rgb=(62, 158, 48)),
    "cyan": Ramp(rgb=(62, 214, 218)),
    "blue": Ramp(rgb=(24, 96, 216), down=14.0),
    "purple": Ramp(rgb=(136, 44, 170), down=14.0),
    "pink": Ramp(rgb=(252, 146, 190), down=10.0),
    "brown": Ramp(rgb=(118, 70, 34), down=12.0, up=8.0),
    "grey": Ramp(rgb=(150, 152, 156)),
}
assert tuple(RAMPS) == COLOURS


def nearest_colour(rgb: np.ndarray) -> str:
    """The ramp whose middle is nearest in Lab to one sRGB colour (3,)."""
    lab = to_lab(np.asarray(rgb))
    return min(RAMPS, key=lambda name: float(np.linalg.norm(to_lab(np.array(RAMPS[name].rgb)) - lab)))
