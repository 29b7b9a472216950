"""A clip on one page: key frames with what is seen in them, and a timeline of who does what when."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw

from lucida.media.colours import Colour, palette, readable_on
from lucida.media.draw import annotate
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.media.sheet import PAPER, contact_sheet
from lucida.media.text import font_of
from lucida.world.clips import Clip

_LINE = 26  # pixels of one row of the timeline
_INK: Colour = (40, 40, 46)


def clip_sheet(clip: Clip, *, frames: int = 8, columns: int = 4, tile: int = 224) -> Image:
    """A contact sheet: ``frames`` moments, the first and last and the middles of events, above a timeline."""
    times = _moments(clip, frames)
    colours = palette(len(clip.objects))
    tiles, captions = [], []
    for t in times:
        masks = clip.masks(t)
        seen = [i for i in range(len(masks)) if masks[i].any()]
        picture = Image.from_array(clip.frame(t))
        if seen:
            scale = max(1, round(tile / max(clip.size)))
            size = (clip.size[0] * scale, clip.size[1] * scale)
            regions = [Region.from_mask(masks[i]).resized(size) for i in seen]
            own = [colours[i] for i in seen]  # outlines only: a label would hide what it names
            picture = annotate(picture.resized(size), regions, colours=own, numbers=False, fill=0.0)
        now = [event.text for event in clip.events if event.t0 <= t <= event.t1]
        tiles.append(picture)
        captions.append(f"{t:.2f} s" + (": " + "; ".join(now) if now else ""))
    top = contact_sheet(tiles, captions, columns=columns, tile=tile)
    return Image.from_array(np.concatenate([top.pixels, _timeline(clip, top.size[1], colours)]))


def _moments(clip: Clip, count: int) -> list[float]:
    last = clip.time(len(clip) - 1)
    middles = [min(last, (event.t0 + event.t1) / 2) for event in clip.events]
    spare = max(0, count - 2)
    if len(middles) > spare:
        middles = [middles[int(i)] for i in np.linspace(0, len(middles) - 1, spare)]
    filler = [last * (k + 1) / (spare - len(middles) + 1) for k in range(spare - len(middles))]
    return sorted({0.0, last, *middles, *filler})


def _timeline(clip: Clip, width: int, colours: list[Colour]) -> np.ndarray:
    """(h, width, 3) uint8: a row per object, a bar per event, a tick per second."""
    left, right = 140, 16
    height = _LINE * (len(clip.objects) + 2)
    page = PIL.Image.new("RGB", (width, height), PAPER)
    pen, font = PIL.ImageDraw.Draw(page), font_of(11)

    def x(t: float) -> float:
        return left + t / clip.seconds * (width - left - right)

    step = max(1, round(clip.seconds / 12))
    for second in range(0, int(clip.seconds) + 1, step):
        pen.line([x(second), 0, x(second), _LINE * len(clip.objects) + 4], fill=(220, 218, 212))
        pen.text((x(second) - 3, _LINE * len(clip.objects) + 6), str(second), fill=_INK, font=font)
    for row, thing in enumerate(clip.objects):
        pen.rectangle([8, row * _LINE + 8, 17, row * _LINE + 17], fill=colours[row])
        pen.text((24, row * _LINE + 6), thing.phrase, fill=_INK, font=font)
        pen.line(
            [x(0), row * _LINE + _LINE / 2, x(clip.seconds), row * _LINE + _LINE / 2], fill=(200, 198, 192)
        )
        lane = 0.0
        for event in (event for event in clip.events if event.subject == row):
            fill = colours[row]
            top = row * _LINE + 3
            pen.rectangle([x(event.t0), top, max(x(event.t1), x(event.t0) + 3), top + _LINE - 7], fill=fill)
            at = max(lane, x(event.t0) + 3)
            word = event.kind if event.kind != "change colour" else f"to {event.detail}"
            pen.text(
                (at, top + 3), word, fill=readable_on(fill) if at + 30 < x(event.t1) else _INK, font=font
            )
            lane = at + pen.textlength(word, font=font) + 6
    pen.text(
        (8, height - _LINE + 2),
        f"{len(clip.events)} events; {clip.split}, seed {clip.seed}",
        fill=_INK,
        font=font,
    )
    return np.asarray(page)
