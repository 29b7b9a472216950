"""The picture at the top of the README: one photograph, one composed scene, their captions and the canvas below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw

from lucida.cli.page_data import Line, Shown, View
from lucida.media.colours import DARK, Colour, readable_on
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.sheet import PAPER
from lucida.media.text import Font, font_of, wrapped

WIDTH, MARGIN, GAP = 1800, 48, 36  # pixels; the README shows it at about half this width
PICTURE = 480  # longest side of each of the two pictures
TEXT, SMALL, CELL = 30, 23, 25  # font sizes
SOFT: Colour = (110, 109, 117)
RULE: Colour = (224, 221, 213)
SHADES = (
    (151, 239, 247),
    (190, 222, 253),
    (236, 208, 252),
    (255, 197, 207),
)  # from the first pass to the last
FAVOURITES = ("cat", "scene-2")


def hero_picture(shown: Sequence[Shown], favourites: Sequence[str] = FAVOURITES) -> Image:
    """The hero picture: the favourites among ``shown``, else the first photograph and the first scene.

    Raises:
        InputError: nothing to show.
    """
    chosen = [
        _choose(shown, name, composed) for name, composed in zip(favourites, (False, True), strict=True)
    ]
    views = [one.views[0] for one in chosen if one is not None]
    if not views:
        raise InputError("there is nothing to draw a hero picture of")
    canvas = PIL.Image.new("RGB", (WIDTH, 4 * WIDTH), PAPER)
    pen = _Pen(PIL.ImageDraw.Draw(canvas))
    top = MARGIN
    for view in views:
        top = _beside(canvas, pen, view, top) + GAP
    pen.draw.line((MARGIN, top, WIDTH - MARGIN, top), fill=RULE, width=2)
    top = _strip(pen, views, top + GAP)
    return Image(np.asarray(canvas.crop((0, 0, WIDTH, top + MARGIN - GAP // 2))), "hero")


def _choose(shown: Sequence[Shown], name: str, composed: bool) -> Shown | None:
    kind = [one for one in shown if one.composed == composed]
    return next((one for one in kind if one.name == name), kind[0] if kind else None)


@dataclass
class _Pen:
    draw: PIL.ImageDraw.ImageDraw

    def text(self, at: tuple[float, float], text: str, size: int, colour: Colour = DARK) -> None:
        """``text`` with its left end at ``at``, vertically centred there."""
        self.draw.text(at, text, fill=colour, font=font_of(size), anchor="lm")

    def chip(self, centre: tuple[float, float], line: Line, side: int, *, ring: bool = False) -> None:
        """A region's number on its colour."""
        x, y, half = *centre, side / 2
        if ring:
            for extra, paint in ((5, DARK), (3, (255, 255, 255))):
                reach = half + extra
                self.draw.rounded_rectangle(
                    (x - reach, y - reach, x + reach, y + reach), side * 0.3 + extra, fill=paint
                )
        self.draw.rounded_rectangle((x - half, y - half, x + half, y + half), side * 0.3, fill=line.colour)
        font = font_of(round(side * 0.62))
        self.draw.text((x, y), str(line.number), fill=readable_on(line.colour), font=font, anchor="mm")


def _beside(canvas: PIL.Image.Image, pen: _Pen, view: View, top: int) -> int:
    """A picture at the left, its captions at the right; returns where it ends."""
    height, width = view.picture.size
    scale = PICTURE / max(height, width)
    height, width = round(height * scale), round(width * scale)
    canvas.paste(view.picture.resized((height, width)).to_pil(), (MARGIN, top))
    for line in view.lines:
        pen.chip((MARGIN + line.anchor[0] * width, top + line.anchor[1] * height), line, 30, ring=True)
    left = MARGIN + PICTURE + GAP
    y = top
    for line in view.lines:
        text = "".join(" " * word.spaced + word.text for word in line.words).strip()
        rows = wrapped(text, font_of(TEXT), WIDTH - MARGIN - left - 58, 2)
        pen.chip((left + 20, y + 20), line, 40)
        for row in rows:
            pen.text((left + 58, y + 20), row, TEXT)
            y += 38
        pen.text((left + 58, y + 14), _small_print(line), SMALL, SOFT)
        y += 46
    return max(top + height, y)


def _small_print(line: Line) -> str:
    if not line.marks:
        return f"{line.confidence:.2f}   label: {line.label}" if line.label else f"{line.confidence:.2f}"
    wrong = [name for name, right in line.marks if not right]
    return f"{line.confidence:.2f}   {'wrong: ' + ', '.join(wrong) if wrong else 'all right'}"


def _strip(pen: _Pen, views: Sequence[View], top: int) -> int:
    """The canvases, a row per region, each token in the colour of its pass; returns where it ends."""
    passes = max(view.passes for view in views)
    regions = sum(len(view.lines) for view in views)
    words = f"{regions} regions, {len(views)} decodes; the pass that wrote each token:"
    pen.text((MARGIN, top), words, SMALL, SOFT)
    x = MARGIN + font_of(SMALL).getlength(words) + 20
    for number in range(1, passes + 1):
        x = _token(pen, (x, top), str(number), _pass_colour(number, passes), font_of(SMALL)) + 8
    y = top + 50
    font = font_of(CELL)
    for view in views:
        for line in view.lines:
            pen.chip((MARGIN + 18, y), line, 34)
            x = MARGIN + 52
            for cell in line.cells:
                if cell.text is None:
                    continue
                if x + font.getlength(cell.text) + 20 > WIDTH - MARGIN:
                    break
                x = _token(pen, (x, y), cell.text, _pass_colour(cell.passed, passes), font) + 6
            y += 44
        y += 14
    return round(y)


def _token(pen: _Pen, at: tuple[float, float], text: str, colour: Colour, font: Font) -> float:
    """A token on its pass's colour, its left edge at ``at``; returns its right edge."""
    right = at[0] + font.getlength(text) + 18
    pen.draw.rounded_rectangle((at[0], at[1] - 18, right, at[1] + 18), 8, fill=colour)
    pen.draw.text((at[0] + 9, at[1]), text, fill=DARK, font=font, anchor="lm")
    return right


def _pass_colour(passed: int, passes: int) -> Colour:
    at = (passed - 1) / max(passes - 1, 1) * (len(SHADES) - 1)
    low = min(int(at), len(SHADES) - 2)
    r, g, b = (round(a + (b - a) * (at - low)) for a, b in zip(SHADES[low], SHADES[low + 1], strict=True))
    return r, g, b
