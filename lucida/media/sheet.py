"""Several pictures on one: a grid with captions, or a strip that reads from left to right."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw

from lucida.media.colours import DARK, Colour
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.text import Font, cleaned, font_of, line_height, wrapped

PAPER: Colour = (250, 249, 246)


def contact_sheet(
    images: Sequence[Image],
    captions: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    tile: int = 256,
    lines: int = 3,
    background: Colour = PAPER,
    font: str | os.PathLike[str] | None = None,
) -> Image:
    """A grid of ``images``, each fitted into a square of ``tile`` pixels with its caption below.

    Args:
        captions: one per image, wrapped to at most ``lines`` lines.
        columns: default: as close to a square as it goes.

    Raises:
        InputError: no images, or another number of captions.
    """
    texts = _checked(images, captions)
    if tile < 1 or (columns is not None and columns < 1):
        raise InputError(f"tile and columns must be at least 1, got {tile} and {columns}")
    columns = min(len(images), columns or int(np.ceil(np.sqrt(len(images)))))
    cells = [_sized(image, tile, tile) for image in images]
    rows = [range(i, min(i + columns, len(images))) for i in range(0, len(images), columns)]
    return _assembled(cells, texts, rows, tile, lines, background, font)


def strip(
    images: Sequence[Image],
    captions: Sequence[str] | None = None,
    *,
    height: int = 256,
    lines: int = 3,
    background: Colour = PAPER,
    font: str | os.PathLike[str] | None = None,
) -> Image:
    """``images`` side by side at one ``height`` in pixels, each with its caption below."""
    texts = _checked(images, captions)
    if height < 1:
        raise InputError(f"height must be at least 1, got {height}")
    cells = [_sized(image, height, 4 * height) for image in images]
    return _assembled(cells, texts, [range(len(cells))], height, lines, background, font)


def _checked(images: Sequence[Image], captions: Sequence[str] | None) -> list[str]:
    if not images:
        raise InputError("no pictures to put on a sheet")
    texts = [""] * len(images) if captions is None else [cleaned(text) for text in captions]
    if len(texts) != len(images):
        raise InputError(f"{len(texts)} captions for {len(images)} pictures")
    return texts


def _sized(image: Image, height: int, width: int) -> Image:
    """Scaled to ``height``, or less where it would be wider than ``width``."""
    scale = min(height / image.size[0], width / image.size[1])
    return image.resized((max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale))))


def _assembled(
    cells: Sequence[Image],
    texts: Sequence[str],
    rows: Sequence[range],
    tile: int,
    lines: int,
    background: Colour,
    font_file: str | os.PathLike[str] | None,
) -> Image:
    """Columns are as wide as their widest picture; a row's captions share the height of the longest."""
    font = font_of(round(10 + tile / 64), font_file)
    gap, step = max(4, tile // 24), line_height(font)
    columns = len(rows[0])
    widths = [max(cells[row[c]].size[1] for row in rows if c < len(row)) for c in range(columns)]
    wraps = [wrapped(text, font, widths[i % columns], lines) if text else [] for i, text in enumerate(texts)]
    caption_rows = [max(len(wraps[i]) for i in row) for row in rows]
    heights = [max(cells[i].size[0] for i in row) for row in rows]
    captions = [count * step + (gap // 2 if count else 0) for count in caption_rows]
    total = (sum(widths) + gap * (columns + 1), sum(heights) + sum(captions) + gap * (len(rows) + 1))
    sheet = PIL.Image.new("RGB", total, background)
    top = gap
    for row, height, caption in zip(rows, heights, captions, strict=True):
        left = gap
        for c, i in enumerate(row):
            picture = cells[i].to_pil()
            sheet.paste(
                picture, (left + (widths[c] - picture.width) // 2, top + (height - picture.height) // 2)
            )
            _caption(sheet, wraps[i], font, (left, top + height + gap // 2), step)
            left += widths[c] + gap
        top += height + caption + gap
    return Image(np.asarray(sheet), "sheet")


def _caption(
    sheet: PIL.Image.Image, lines: Sequence[str], font: Font, corner: tuple[int, int], step: int
) -> None:
    pen = PIL.ImageDraw.Draw(sheet)
    for i, line in enumerate(lines):
        pen.text((corner[0], corner[1] + i * step), line, fill=DARK, font=font)
