"""An answer to look at: key frames with boxes, and a timeline of who was seen, what happened, what was inspected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw

from lucida.media.colours import Colour, palette, readable_on
from lucida.media.draw import annotate
from lucida.media.image import Image
from lucida.media.records import Evidence
from lucida.media.region import Region
from lucida.media.sheet import PAPER, contact_sheet
from lucida.media.text import font_of
from lucida.watch.reason.cast import Member, phrase

_LINE = 26  # pixels of a row
_INK: Colour = (40, 40, 46)
_FAINT: Colour = (206, 203, 196)
_GOLD: Colour = (255, 214, 92)
MOST_FRAMES, MOST_ROWS = 9, 16


def key_times(evidence: Sequence[Evidence]) -> list[tuple[float, Evidence]]:
    """A moment or three for each piece of evidence, in order of time: beginning, middle and end of its track."""
    found: dict[float, Evidence] = {}
    share = 3 if len(evidence) <= 3 else 1
    for item in evidence[:MOST_FRAMES]:
        if item.track is not None:
            times = item.track.times
        else:
            times = (
                sorted({item.t0, (item.t0 + item.t1) / 2, item.t1})
                if item.t0 is not None and item.t1 is not None
                else []
            )
        picks = np.linspace(0, len(times) - 1, min(share, len(times))) if share > 1 else [len(times) // 2]
        for i in picks if len(times) else []:
            found.setdefault(float(times[round(float(i))]), item)
    return sorted(found.items())[:MOST_FRAMES]


def evidence_sheet(moments: Sequence[tuple[float, Evidence, np.ndarray]], *, tile: int = 320) -> Image | None:
    """Key frames with the box of what they show; None where there is nothing to show.

    Args:
        moments: (time, evidence, (H, W, 3) uint8 picture).
    """
    tiles, captions = [], []
    for t, item, pixels in moments:
        picture = Image.from_array(np.ascontiguousarray(pixels)).fitted(1024)
        scale = max(1, round(tile / max(picture.size)))
        picture = picture.resized((picture.size[0] * scale, picture.size[1] * scale))
        region = item.track.at(t) if item.track is not None else item.region
        if region is not None:
            boxed = Region.from_box(region.box, picture.size)
            picture = annotate(picture, [boxed], colours=[(255, 176, 32)], numbers=False, fill=0.0)
        tiles.append(picture)
        captions.append(f"{t:.2f} s: {item.label}")
    return contact_sheet(tiles, captions, columns=min(3, len(tiles)), tile=tile) if tiles else None


def timeline(
    cast: Sequence[Member], evidence: Sequence[Evidence], span: tuple[float, float], inspected: Sequence[float],
    close: Sequence[tuple[float, float]], title: str, *, width: int = 1000,
) -> Image:  # fmt: skip
    """A row per thing with when it is seen, the answer's spans in gold, and a tick per frame looked at.

    Args:
        span: seconds shown. inspected: times of frames. close: spans that were looked at closely.
    """
    rows = [m for m in cast if m.noun is not None] or list(cast)
    rows = sorted(rows, key=lambda m: -sum(b - a for a, b in m.spans))[:MOST_ROWS]
    rows.sort(key=lambda m: m.spans[0])
    left, right, top = 150, 16, 34
    height = top + _LINE * (len(rows) + 1) + 44
    page = PIL.Image.new("RGB", (width, height), PAPER)
    pen, font, small = PIL.ImageDraw.Draw(page), font_of(12), font_of(11)
    length = max(1e-6, span[1] - span[0])

    def x(t: float) -> float:
        return left + (min(max(t, span[0]), span[1]) - span[0]) / length * (width - left - right)

    pen.text((10, 9), _cut(title, pen, font, width - 20), fill=_INK, font=font)
    bottom = top + _LINE * len(rows)
    for tick in _ticks(span):
        pen.line([x(tick), top, x(tick), bottom + 22], fill=_FAINT)
        at = min(x(tick) + 3, width - 4 - pen.textlength(_clock(tick), font=small))
        pen.text((at, bottom + 26), _clock(tick), fill=_INK, font=small)
    for item in evidence:
        if item.t0 is not None and item.t1 is not None:
            pen.rectangle([x(item.t0), top, max(x(item.t1), x(item.t0) + 2), bottom], fill=_GOLD)
    names = [phrase(member, rows) for member in rows]
    told = [_row_of(item, names, rows) for item in evidence]
    for row, (member, colour) in enumerate(zip(rows, palette(len(rows)), strict=True)):
        y = top + row * _LINE
        name = names[row]
        pen.text((10, y + 6), _cut(name, pen, small, left - 18), fill=_INK, font=small)
        for a, b in member.spans:
            pen.rectangle([x(a), y + 9, max(x(b), x(a) + 2), y + _LINE - 9], fill=colour)
        for item, where in zip(evidence, told, strict=True):
            what = item.label.partition(": ")[2]
            if where == row and item.t0 is not None:
                word = pen.textlength(what, font=small)
                at = min(x(item.t0), width - right - word - 6)
                pen.rectangle([at, y + 4, at + word + 6, y + _LINE - 4], fill=_INK)
                pen.text((at + 3, y + 6), what, fill=readable_on(_INK), font=small)
    pen.text((10, bottom + 6), "looked at", fill=_INK, font=small)
    for a, b in close:
        pen.rectangle([x(a), bottom + 5, x(b), bottom + 19], fill=(214, 226, 240))
    for t in inspected:
        pen.line([x(t), bottom + 7, x(t), bottom + 17], fill=(70, 100, 150))
    return Image.from_array(np.asarray(page))


def _row_of(item: Evidence, names: Sequence[str], rows: Sequence[Member]) -> int:
    """The row of an event: of the things with its name, the one seen nearest to it; -1 if there is none."""
    who, _, what = item.label.partition(": ")
    same = [k for k, name in enumerate(names) if name == who and what and item.t0 is not None]
    t = item.t0 or 0.0
    return min(same, key=lambda k: min(max(a - t, t - b, 0.0) for a, b in rows[k].spans), default=-1)


def _ticks(span: tuple[float, float]) -> list[float]:
    """Round times, about eight of them."""
    steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((s for s in steps if (span[1] - span[0]) / s <= 10), 7200)
    first = int(np.ceil(span[0] / step - 1e-9))
    return [k * step for k in range(first, int(span[1] / step + 1e-9) + 1)]


def _clock(t: float) -> str:
    return f"{t:g} s" if t < 120 else f"{int(t) // 3600}:{int(t) % 3600 // 60:02d}:{int(t) % 60:02d}"


def _cut(text: str, pen: PIL.ImageDraw.ImageDraw, font: Mapping | object, room: float) -> str:
    while text and pen.textlength(text, font=font) > room:  # pyright: ignore[reportArgumentType]
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    return text
