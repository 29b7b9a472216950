"""Parts that the demo page and the page of a loop share: pictures side by side, and the legend of a class map."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import PIL.Image

from lucida.cli.page_html import data_url, paint
from lucida.media.image import Image

CSS = "page_parts.css"
LONGEST = 448  # pixels of a picture
LEAST = 0.005  # share of the picture below which a class is not in the legend


def enlarged(image: Image, *, smooth: bool = True, longest: int = LONGEST) -> Image:
    """The picture at the page's size; class maps are not smoothed."""
    scale = longest / max(image.size)
    size = (max(round(image.size[1] * scale), 1), max(round(image.size[0] * scale), 1))
    how = PIL.Image.Resampling.BICUBIC if smooth else PIL.Image.Resampling.NEAREST
    return Image.open(PIL.Image.fromarray(image.pixels).resize(size, how))


def figure(image: Image, words: str) -> str:
    """A picture with words below."""
    height, width = image.size
    return (
        f'<figure><img alt="{escape(words, quote=True)}" loading="lazy" width="{width}" height="{height}" '
        f'src="{data_url(image)}"><figcaption>{escape(words)}</figcaption></figure>'
    )


def side_by_side(figures: Sequence[str]) -> str:
    """Figures in a row, as far as there is room."""
    return f"<div class=pair>{''.join(figures)}</div>"


def legend(classes: Sequence[dict[str, Any]]) -> str:
    """A class map's colours: rows with name, share, confidence and colour; "" where there are none."""
    rows = [
        f'<li style="{paint((c["colour"][0], c["colour"][1], c["colour"][2]))}"><i></i>{escape(c["name"])} '
        f"{100 * c['share']:.0f} %, {c['confidence']:.2f}</li>"
        for c in classes
        if c["share"] >= LEAST
    ]
    return f"<ul class=keys>{''.join(rows)}</ul>" if rows else ""
