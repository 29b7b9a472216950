"""One self-contained HTML page: pictures as data URLs, style and script inside, nothing fetched."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from html import escape
from importlib import resources

from lucida.cli.describe_words import Word
from lucida.cli.page_data import Asked, Cell, Line, Shown, Source, View
from lucida.media.colours import Colour, readable_on
from lucida.media.image import Image

LEAD = (
    "Every region of a picture is described at once: the captions are written in parallel, a few tokens of each "
    "in every pass, by one small masked diffusion model."
)


def page(shown: Sequence[Shown], facts: Sequence[tuple[str, str]], more: str = "") -> str:
    """The page as a string.

    Args:
        facts: (name, value) about the model, the machine and the run, for the top.
        more: further sections, as HTML in the style of ``page_parts.css``.
    """
    passes = max((view.passes for one in shown for view in one.views), default=1)
    items = "".join(f"<li>{escape(name)} <b>{escape(value)}</b></li>" for name, value in facts)
    swatches = " ".join(
        f'<span class="swatch" style="--p:{_share(k, passes)}">{k}</span>' for k in range(1, passes + 1)
    )
    legend = (
        f"<div class=legend><span>pass a token was written in {swatches}</span>"
        '<span><span class=w style="--c:1">sure</span> · <span class=w style="--c:.3">unsure</span> word, '
        "<span class=w style='--c:1'>word<sup>2</sup></span> written in pass 2</span>"
        "<span><span class=ok>right</span> <span class=no>wrong</span>, where the truth is known</span></div>"
    )
    photos = [one for one in shown if not one.composed]
    scenes = [one for one in shown if one.composed]
    parts = [f"<h2>Photographs</h2>{''.join(map(_article, photos))}"] if photos else []
    if scenes:
        parts.append(f"<h2>Composed scenes, whose truth is known</h2>{''.join(map(_article, scenes))}")
    style = part("page_parts.css") if more else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lucida: regions described at once</title><style>{part('page.css')}{style}</style></head>\n"
        f"<body><header><h1>Lucida</h1><p class=lead>{LEAD}</p><ul class=facts>{items}</ul>{legend}</header>\n"
        f"<main>{''.join(parts)}{more}</main>\n"
        "<footer>Labels of photographs are what a person would say; the model sees none. "
        "Code Apache-2.0; each picture is under the licence beside it.</footer>\n"
        f"<script>{part('page.js')}</script></body></html>\n"
    )


def part(name: str) -> str:
    """A style sheet or script of this package."""
    return resources.files("lucida.cli").joinpath(name).read_text(encoding="utf-8")


def _article(one: Shown) -> str:
    truth = f" <span class=truth>truth: {escape(one.caption_truth)}</span>" if one.caption_truth else ""
    whole = (
        f"<p class=whole><small>whole picture</small> <span class=say>{_words(one.caption)}</span>"
        f" <small>{one.caption_confidence:.2f}</small>{truth}</p>"
    )
    if not one.caption and not one.caption_truth:
        whole = ""
    colours = [line.colour for line in one.views[0].lines]
    return (
        f"<article><div class=top><h2>{escape(one.name.replace('-', ' '))}</h2>{_source(one.source)}</div>{whole}"
        f"{''.join(_view(one.name, n, view, many=len(one.views) > 1) for n, view in enumerate(one.views))}"
        f"{_questions(one.asked, colours)}</article>\n"
    )


def _view(name: str, n: int, view: View, *, many: bool) -> str:
    boxes, captions = [], []
    for line in view.lines:
        key = f"{name}-{n}-{line.number}"
        x0, y0, x1, y1 = line.region.box
        boxes.append(
            f'<div class=box id="{escape(key)}" style="{paint(line.colour)};left:{100 * x0:.2f}%;top:{100 * y0:.2f}%;'
            f'width:{100 * (x1 - x0):.2f}%;height:{100 * (y1 - y0):.2f}%"></div>'
        )
        boxes.append(
            f'<span class="n at" style="{paint(line.colour)};left:{100 * line.anchor[0]:.1f}%;'
            f'top:{100 * line.anchor[1]:.1f}%">{line.number}</span>'
        )
        captions.append(_caption(line, key))
    cost = (
        f"{len(view.lines)} regions in one decode: {view.passes} forward passes, {view.token_forwards:,} tokens read, "
        f"{view.seconds:.2f} s"
    )
    title = f"<h3>{escape(view.title[0].upper() + view.title[1:])}</h3>" if many else ""
    height, width = view.picture.size
    return (
        f'<section class=view>{title}<div class=picture><img alt="{escape(name)}, {escape(view.title)}" loading="lazy" '
        f'width="{width}" height="{height}" src="{data_url(view.picture)}">{"".join(boxes)}</div>'
        f"<ol class=captions>{''.join(captions)}</ol>{_canvas(view, cost)}</section>"
    )


def _caption(line: Line, key: str) -> str:
    more = [f"<span>{line.confidence:.2f}</span>"]
    if line.label:
        more.append(f"<span>{'truth' if line.marks else 'label'}: {escape(line.label)}</span>")
    more += [f"<span class={'ok' if right else 'no'}>{escape(name)}</span>" for name, right in line.marks]
    return (
        f'<li style="{paint(line.colour)}" data-box="{escape(key)}"><span class=n>{line.number}</span>'
        f"<div><span class=say>{_words(line.words)}</span><div class=more>{''.join(more)}</div></div></li>"
    )


def _canvas(view: View, cost: str) -> str:
    rows = "".join(
        f'<div class=row style="{paint(line.colour)}"><span class=n>{line.number}</span>'
        f"<div class=cells>{''.join(_cell(cell, view.passes) for cell in line.cells)}</div></div>"
        for line in view.lines
    )
    return (
        f'<div class=canvas data-passes="{view.passes}"><div class=bar><button data-do=play title="replay">▶</button>'
        '<button data-do=back title="one pass back">‹</button><button data-do=next title="one pass on">›</button>'
        f'<input type=range aria-label="pass" min=0 max={view.passes} value={view.passes}>'
        f"<span class=at>pass {view.passes} of {view.passes}</span><span class=cost>{cost}</span></div>{rows}</div>"
    )


def _cell(cell: Cell, passes: int) -> str:
    guesses = (
        f" data-g='{escape(json.dumps(cell.guesses, ensure_ascii=False), quote=True)}'"
        if any(cell.guesses)
        else ""
    )
    if cell.text is None:
        return f"<i class=cut data-p={cell.passed}{guesses}> </i>"
    title = f"pass {cell.passed}, {cell.confidence:.2f} sure"
    style = f"--p:{_share(cell.passed, passes)}"
    return f'<i data-p={cell.passed}{guesses} style="{style}" title="{title}">{escape(cell.text)}</i>'


def _questions(asked: Sequence[Asked], colours: Sequence[Colour]) -> str:
    if not asked:
        return ""
    rows = "".join(_question(one, colours) for one in asked)
    return f"<h3>Questions</h3><table class=asked>{rows}</table>"


def _question(one: Asked, colours: Sequence[Colour]) -> str:
    answer, truth = marked(_words(one.words), colours), marked(escape(one.truth), colours)
    known = (
        f"<td class=truth><span class={'ok' if one.right else 'no'}>truth: {truth}</span></td>"
        if one.truth
        else ""
    )
    return (
        f"<tr><td>{marked(escape(one.question), colours)}</td>"
        f"<td><span class=say>{answer}</span> <small class=truth>{one.confidence:.2f}</small></td>"
        f"{known}</tr>"
    )


def marked(text: str, colours: Sequence[Colour]) -> str:
    """Region markers in escaped text as chips of their region's colour."""

    def chip(found: re.Match[str]) -> str:
        number = int(found[1])
        known = 1 <= number <= len(colours)
        return f'<span class=n style="{paint(colours[number - 1])}">{number}</span>' if known else found[0]

    return re.sub(r"&lt;(\d+)&gt;", chip, text)


def _words(words: Sequence[Word]) -> str:
    if not words:
        return "<span class=truth>(no words)</span>"
    parts = []
    for word in words:
        sup = "" if word.punctuation else f"<sup>{word.passed}</sup>"
        title = f"pass {word.passed}, {word.confidence:.2f} sure"
        parts.append(
            f'{" " if word.spaced else ""}<span class=w style="--c:{word.confidence:.2f}" title="{title}">'
            f"{escape(word.text)}{sup}</span>"
        )
    return "".join(parts).strip()


def _source(source: Source) -> str:
    parts = [_markdown(part) for part in (source.package, source.author, source.licence) if part]
    return f"<p class=source>{' · '.join(parts)}</p>"


def _markdown(text: str) -> str:
    """Links and code of one table cell as HTML."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=True))
    return re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2" rel="noreferrer">\1</a>', html)


def _share(passed: int, passes: int) -> str:
    return f"{(passed - 1) / max(passes - 1, 1):.2f}"


def paint(colour: Colour) -> str:
    """The style variables of a colour and of what is legible on it."""
    on = readable_on(colour)
    return f"--r:{colour[0]},{colour[1]},{colour[2]};--on:rgb({on[0]},{on[1]},{on[2]})"


def data_url(image: Image) -> str:
    """A picture as a URL that holds it."""
    from PIL import features

    kind = "WEBP" if features.check("webp") else "JPEG"
    data = base64.b64encode(image.encoded(kind, quality=82)).decode()
    return f"data:image/{kind.lower()};base64,{data}"
