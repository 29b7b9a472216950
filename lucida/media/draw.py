"""Regions drawn on pictures: translucent fills, outlines legible on anything, labels that never collide."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw

from lucida.media.colours import DARK, LIGHT, Colour
from lucida.media.colours import palette as palette
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.labels import PixelBox, Placer
from lucida.media.region import Region
from lucida.media.sheet import contact_sheet as contact_sheet
from lucida.media.sheet import strip as strip
from lucida.media.text import Font, cleaned, font_of, tag, wrapped

_SMALLEST_FONT = 11
_LABEL_SHARE = 0.42  # of the picture's width, at most
_LABEL_AREA = 0.1  # of the picture's area, at most
_LABELS_AREA = 0.35  # of the picture's area, at most, for all labels together
_BLOCK = 1 << 18  # pixels blended at a time
_COVER_GRID = 96  # cells per side of the map of where regions are, for labels to keep clear of


def annotate(
    image: Image,
    regions: Sequence[Region],
    labels: Sequence[str] | None = None,
    *,
    colours: Sequence[Colour] | None = None,
    numbers: bool = True,
    fill: float = 0.3,
    longest: int | None = None,
    font: str | os.PathLike[str] | None = None,
) -> Image:
    """``image`` with ``regions`` painted in, each with its number from 1 and its label.

    Labels sit near their region and stay inside the picture without touching each other. Texts are cut, then
    left out, where labels would take too much of the picture; a number that finds no room is left out too. A
    label away from its region gets a leader line.

    Args:
        regions: of the image's size, or of its ``original_size``.
        labels: one text per region; an empty one gives the number alone.
        colours: one per region; default ``palette``.
        fill: opacity of the fills, 0..1.
        longest: enlarge or reduce so that the longer side has this many pixels, before anything is drawn.
        font: a font file for scripts that Pillow's own font lacks; they are drawn as boxes otherwise.

    Raises:
        InputError: numbers of labels or colours differ from that of regions, a region of another picture
            size.
    """
    texts = list(labels) if labels is not None else [""] * len(regions)
    paints = list(colours) if colours is not None else palette(len(regions))
    for name, given in (("labels", texts), ("colours", paints)):
        if len(given) != len(regions):
            raise InputError(f"{len(given)} {name} for {len(regions)} regions")
    if not 0 <= fill <= 1:
        raise InputError(f"fill must be in 0..1, got {fill:g}")
    for region in regions:
        if region.size not in (image.size, image.original_size):
            raise InputError(
                f"a region of a {region.size[1]} x {region.size[0]} picture does not fit {image!r}"
            )
    image = _rescaled(image, longest)
    shapes = [_smoothly(region, image.size) for region in regions]
    pixels = image.pixels.copy()
    for i in sorted(range(len(shapes)), key=lambda i: -shapes[i].area):  # the small stay visible on the large
        _paint(pixels, shapes[i], paints[i], fill)
    if shapes:
        captions = [(str(i + 1) if numbers else "", cleaned(text)) for i, text in enumerate(texts)]
        points = [_visual_centre(shape) for shape in shapes]
        placed = _placed(shapes, captions, paints, points, font)
        canvas = PIL.Image.fromarray(pixels)
        for i, box, _ in placed:  # before any label, so that no line crosses one
            _leader(canvas, box, points[i], shapes[i].pixel_box, paints[i])
        for _, box, picture in placed:
            canvas.paste(picture, box[:2], picture)
        pixels = np.asarray(canvas)
    return Image(pixels, image.source, image.original_size)


def _rescaled(image: Image, longest: int | None) -> Image:
    if longest is None:
        return image
    if longest < 1:
        raise InputError(f"longest must be at least 1 pixel, got {longest}")
    scale = longest / max(image.size)
    return image.resized((max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale))))


def _smoothly(region: Region, size: tuple[int, int]) -> Region:
    """``region`` at ``size``; enlarged with round edges where ``resized`` repeats pixels as steps."""
    if min(size[0] / region.size[0], size[1] / region.size[1]) <= 1:
        return region.resized(size)
    mask = PIL.Image.fromarray(region.mask.astype(np.uint8) * 255)
    enlarged = np.asarray(mask.resize((size[1], size[0]), PIL.Image.Resampling.BICUBIC)) > 127
    return Region.from_mask(enlarged) if enlarged.any() else region.resized(size)


def _paint(pixels: np.ndarray, region: Region, colour: Colour, fill: float) -> None:
    """Fill and outline in place: dark outside, the colour on the edge, light inside."""
    unit = _unit(region.size)
    x0, y0, x1, y1 = _grown(region.pixel_box, 2 * unit, region.size)
    part = pixels[y0:y1, x0:x1]
    mask = region.mask[y0:y1, x0:x1]
    _blend(part, mask, colour, fill)
    inside = _shrunk(mask, unit)
    _blend(part, inside & ~_shrunk(inside, unit), LIGHT, 0.55)
    _blend(part, mask & ~inside, colour, 1)
    _blend(part, ~_shrunk(~mask, unit) & ~mask, DARK, 0.8)


def _blend(part: np.ndarray, mask: np.ndarray, colour: Colour, opacity: float) -> None:
    """Lay ``colour`` over the pixels of ``part`` (H, W, 3) where ``mask`` is set, in place, a few rows at a time."""
    weight = round(256 * opacity)
    paint = np.array(colour, dtype=np.uint16) * weight + 128
    rows = max(1, _BLOCK // mask.shape[1])
    for top in range(0, len(mask), rows):
        where = mask[top : top + rows]
        if where.any():
            block = part[top : top + rows]
            block[where] = (block[where] * np.uint16(256 - weight) + paint) >> 8


def _shrunk(mask: np.ndarray, by: int) -> np.ndarray:
    """``mask`` without its rim of ``by`` pixels (an octagon); the picture's border is no rim."""
    for step in range(by):
        padded = np.pad(mask, 1, mode="edge")
        cross = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & mask
        if step % 2:  # every other step takes the corners too
            cross &= padded[:-2, :-2] & padded[:-2, 2:] & padded[2:, :-2] & padded[2:, 2:]
        mask = cross
    return mask


def _placed(
    regions: Sequence[Region],
    captions: Sequence[tuple[str, str]],
    colours: Sequence[Colour],
    points: Sequence[tuple[float, float]],
    font_file: str | os.PathLike[str] | None,
) -> list[tuple[int, PixelBox, PIL.Image.Image]]:
    """Where each label goes that finds room: index of its region, box, and the picture of it."""
    size = regions[0].size
    font = font_of(max(_SMALLEST_FONT, round(max(size) / 48)), font_file)
    crowded = np.zeros((_COVER_GRID, _COVER_GRID), dtype=bool)
    for region in regions:
        crowded |= region.cover(_COVER_GRID, _COVER_GRID) > 0
    placer = Placer(size, points, crowded, gap=3 * _unit(size))
    versions = [
        _versions(*caption, font, colour, size) for caption, colour in zip(captions, colours, strict=True)
    ]
    room = _LABELS_AREA * size[0] * size[1]
    cut = 0  # versions to leave out: the longest that all labels together can afford comes first
    while cut < 3 and sum(each.width * each.height for tags in versions for each in tags[cut:][:1]) > room:
        cut += 1
    placed = []
    for i in sorted(range(len(regions)), key=lambda i: regions[i].area):  # the small have the least choice
        for picture in versions[i][cut:] or versions[i][-1:]:
            box = placer.place((picture.height, picture.width), regions[i].pixel_box, points[i])
            if box is not None:
                placed.append((i, box, picture))
                break
    return placed


def _unit(size: tuple[int, int]) -> int:
    """Thickness of a stroke in pixels."""
    return max(1, round(max(size) / 500))


def _versions(
    number: str, text: str, font: Font, colour: Colour, size: tuple[int, int]
) -> list[PIL.Image.Image]:
    """The label as one would like it, then shorter and shorter, none too large for the picture."""
    room = int(size[1] * _LABEL_SHARE)
    shapes = [wrapped(text, font, room // half, most) for half, most in ((1, 3), (1, 1), (2, 1)) if text]
    tags = [tag(number, lines, font, colour) for lines in [*shapes, []] if number or lines]
    return [each for each in tags if each.width * each.height <= _LABEL_AREA * size[0] * size[1]]


def _visual_centre(region: Region) -> tuple[float, float]:
    """(x, y) in pixels well inside the region, also where its centre of mass lies in a hole.

    The best covered cell of a blurred 16 x 16 grid over its box, then the set pixel nearest to that cell's
    middle.
    """
    x0, y0, x1, y1 = region.pixel_box
    part = Region.from_mask(region.mask[y0:y1, x0:x1])
    mask = part.resized((min(part.size[0], 256), min(part.size[1], 256))).mask
    cells = part.cover(16, 16)
    padded = np.pad(cells, 2)
    blurred = sum(padded[i : i + 16, j : j + 16] for i in range(5) for j in range(5))
    middle = np.hypot(*(np.indices((16, 16)) - 7.5))
    row, column = np.unravel_index(int((blurred + cells - 0.01 * middle).argmax()), (16, 16))
    rows, columns = np.nonzero(mask)
    target_y, target_x = (row + 0.5) * mask.shape[0] / 16, (column + 0.5) * mask.shape[1] / 16
    nearest = int(((rows + 0.5 - target_y) ** 2 + (columns + 0.5 - target_x) ** 2).argmin())
    x, y = (columns[nearest] + 0.5) / mask.shape[1], (rows[nearest] + 0.5) / mask.shape[0]
    return x0 + x * (x1 - x0), y0 + y * (y1 - y0)


def _leader(
    canvas: PIL.Image.Image,
    label: PixelBox,
    point: tuple[float, float],
    anchor: PixelBox,
    colour: Colour,
) -> None:
    """A line from a label to its region, where the label does not touch the region's box."""
    unit = _unit((canvas.height, canvas.width))
    x0, y0, x1, y1 = _grown(anchor, 4 * unit, (canvas.height, canvas.width))
    if label[0] < x1 and x0 < label[2] and label[1] < y1 and y0 < label[3]:
        return
    start = (min(max(point[0], label[0]), label[2]), min(max(point[1], label[1]), label[3]))
    pen = PIL.ImageDraw.Draw(canvas)
    for paint, thickness in ((DARK, 3 * unit + 2), (colour, 2 * unit)):
        pen.line((*start, *point), fill=paint, width=thickness)
        pen.circle(point, thickness, fill=paint)


def _grown(box: PixelBox, by: int, size: tuple[int, int]) -> PixelBox:
    return max(0, box[0] - by), max(0, box[1] - by), min(size[1], box[2] + by), min(size[0], box[3] + by)
