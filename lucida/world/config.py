"""How scenes are composed, as one frozen configuration. Part of the world's fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """All lengths are fractions of the picture's shorter side unless said otherwise."""

    objects: tuple[int, int] = (3, 8)  # least and most
    small: tuple[float, float] = (0.15, 0.19)  # longer side of the sprite before it is turned
    medium: tuple[float, float] = (0.27, 0.33)
    large: tuple[float, float] = (0.42, 0.52)
    size_weights: tuple[float, float, float] = (0.35, 0.40, 0.25)
    rotation: float = 12.0  # degrees either way
    flip: float = 0.5
    visible: float = 0.65  # least fraction of every object that stays visible
    overlap: float = 0.06  # overlap that is tried for first, as a share of either object; then 1 - visible
    place_margin: float = (
        0.04  # centres keep this far from the 3x3 grid's lines (fraction of width or height)
    )
    relation_margin: float = 0.15
    relation_dominance: float = 1.5
    same_noun: float = 0.20  # chance that an object repeats an earlier noun in another colour
    same_colour: float = 0.30  # chance that it repeats an earlier colour on another noun
    photo: float = 0.5  # share of cut-outs among the objects when there are cut-outs
    photo_background: float = 0.5  # share of photographs among the backgrounds when there are some
    contrast: float = (
        26.0  # least Lab distance between background and every object's main colour, if attainable
    )

    def __post_init__(self) -> None:
        least, most = self.objects
        if not 1 <= least <= most <= 64:
            raise InputError(
                f"objects is {self.objects}; it must be two numbers with 1 <= least <= most <= 64"
            )
        if not 0.0 <= self.visible <= 1.0:
            raise InputError(f"visible is {self.visible}; it must be between 0 and 1")
