"""Boxes: normalised xyxy, x1 and y1 exclusive edges; and their pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lucida.media.errors import InputError

Box = tuple[float, float, float, float]  # (x0, y0, x1, y1), 0 <= x0 < x1 <= 1, 0 <= y0 < y1 <= 1
_ROUNDING = 1e-6  # a box one rounding error outside the picture is not a user's mistake


def checked_box(box: Sequence[float], *, name: str = "box") -> Box:
    """``box`` as four floats, if it is a normalised xyxy box with an area.

    Raises:
        InputError: not four finite numbers, pixels without saying so, outside, inverted or empty.
    """
    values = _four_numbers(box, name)
    if any(value > 1 + _ROUNDING for value in values):
        raise InputError(
            f"{name} {_show(values)} has a value over 1: boxes are normalised x0 y0 x1 y1; "
            "if it is in pixels, give --pixels"
        )
    if any(value < -_ROUNDING for value in values):
        raise InputError(f"{name} {_show(values)} is outside the picture: values must be in 0..1")
    x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in values)
    _check_order(values, name)
    return x0, y0, x1, y1


def box_from_pixels(box: Sequence[float], size: tuple[int, int], *, name: str = "box") -> Box:
    """A pixel xyxy box (x1, y1 exclusive) of a picture of ``size`` (height, width), normalised.

    Raises:
        InputError: not four finite numbers, outside the picture, inverted or empty.
    """
    values = _four_numbers(box, name)
    height, width = size
    x0, y0, x1, y1 = values
    _check_order(values, name)
    slack_x, slack_y = _ROUNDING * width, _ROUNDING * height
    if x0 < -slack_x or y0 < -slack_y or x1 > width + slack_x or y1 > height + slack_y:
        raise InputError(f"{name} {_show(values)} is outside the picture of {width} x {height} pixels")
    return max(x0 / width, 0.0), max(y0 / height, 0.0), min(x1 / width, 1.0), min(y1 / height, 1.0)


def pixel_window(box: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The smallest whole-pixel xyxy window of a picture of ``size`` that holds the normalised ``box``."""
    height, width = size
    x0, y0, x1, y1 = checked_box(box)
    left, top = math.floor(x0 * width + _ROUNDING), math.floor(y0 * height + _ROUNDING)
    left, top = min(left, width - 1), min(top, height - 1)
    return (
        left,
        top,
        max(left + 1, math.ceil(x1 * width - _ROUNDING)),
        max(top + 1, math.ceil(y1 * height - _ROUNDING)),
    )


def _four_numbers(box: Sequence[float], name: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(value) for value in box)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be four numbers x0 y0 x1 y1, got {box!r}") from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise InputError(f"{name} {_show((x0, y0, x1, y1))} contains NaN or infinity")
    return x0, y0, x1, y1


def _check_order(values: tuple[float, float, float, float], name: str) -> None:
    x0, y0, x1, y1 = values
    if x1 < x0 or y1 < y0:
        raise InputError(
            f"{name} {_show(values)} is inverted: it must be x0 y0 x1 y1 with x0 < x1 and y0 < y1"
        )
    if x1 == x0 or y1 == y0:
        raise InputError(f"{name} {_show(values)} has no area")


def _show(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
