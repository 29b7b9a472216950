"""Text on pictures: the font, measuring, wrapping, and tags with a number in front."""

from __future__ import annotations

import os
import unicodedata
from functools import lru_cache

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from lucida.media.colours import DARK, LIGHT, Colour, readable_on
from lucida.media.errors import InputError

Font = PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont
_SMOOTH = 4  # corners are drawn this many times larger and reduced


@lru_cache(maxsize=64)
def font_of(size: int, path: str | os.PathLike[str] | None = None) -> Font:
    """The font at ``size`` pixels: a file, or Pillow's own, which draws boxes for what is not Latin."""
    if path is None:
        return PIL.ImageFont.load_default(size)
    try:
        return PIL.ImageFont.truetype(os.fspath(path), size)
    except OSError as error:
        raise InputError(f"cannot read font {os.fspath(path)}: {error}") from error


def cleaned(text: str) -> str:
    """One line that any font can lay out: white space collapsed, control and surrogate characters dropped."""
    text = " ".join(text.split())
    return "".join(each for each in text if unicodedata.category(each) not in ("Cc", "Cs"))


def line_height(font: Font) -> int:
    """Pixels from one line to the next."""
    top, bottom = font.getbbox("Ågjpq|")[1::2]
    return max(1, round((bottom - min(top, 0)) * 1.12))


def wrapped(text: str, font: Font, width: int, lines: int) -> list[str]:
    """``text`` in at most ``lines`` lines of at most ``width`` pixels; what does not fit ends in an ellipsis.

    Breaks at spaces, and inside words that are wider than a line (as in scripts without spaces).
    """
    rows: list[str] = []
    rest = cleaned(text)
    while rest and len(rows) < lines:
        fit = _fitting(rest, font, width)
        if fit < len(rest) and len(rows) == lines - 1:
            fit = _fitting(rest, font, width - int(font.getlength("…")))
            rows.append(rest[:fit].rstrip() + "…")
            break
        space = rest.rfind(" ", 0, fit + 1)
        cut = fit if fit == len(rest) or space <= 0 else space
        rows.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return rows


def tag(number: str, lines: list[str], font: Font, colour: Colour) -> PIL.Image.Image:
    """An RGBA tag: ``number`` on ``colour``, then the lines in white on near black, with round corners."""
    row = line_height(font)
    pad = max(2, row // 4)
    chip = max(row, int(font.getlength(number)) + 2 * pad) if number else 0
    text = max((int(font.getlength(line)) + 1 for line in lines), default=0)
    width = chip + (text + 2 * pad if lines else 0)
    height = row * max(1, len(lines)) + pad
    picture = PIL.Image.new("RGB", (max(1, width), height), DARK)
    pen = PIL.ImageDraw.Draw(picture)
    if number:
        pen.rectangle((0, 0, chip - 1, height), fill=colour)
        pen.text((chip / 2, height / 2), number, fill=readable_on(colour), font=font, anchor=_middle(font))
    for i, line in enumerate(lines):
        pen.text(
            (chip + pad, pad / 2 + (i + 0.5) * row), line, fill=LIGHT, font=font, anchor=_middle(font, "l")
        )
    picture.putalpha(_round_corners(picture.size, min(height // 4, max(2, row // 3))))
    return picture


def _middle(font: Font, horizontal: str = "m") -> str | None:
    return f"{horizontal}m" if isinstance(font, PIL.ImageFont.FreeTypeFont) else None


def _fitting(text: str, font: Font, width: int) -> int:
    """Most characters (at least one) of ``text`` that fit in ``width`` pixels."""
    low, high = 1, len(text)
    while low < high:
        half = (low + high + 1) // 2
        if font.getlength(text[:half]) <= width:
            low = half
        else:
            high = half - 1
    return low


def _round_corners(size: tuple[int, int], radius: int) -> PIL.Image.Image:
    large = PIL.Image.new("L", (size[0] * _SMOOTH, size[1] * _SMOOTH), 0)
    box = (0, 0, large.width - 1, large.height - 1)
    PIL.ImageDraw.Draw(large).rounded_rectangle(box, radius * _SMOOTH, fill=255)
    return large.resize(size, PIL.Image.Resampling.BOX)
