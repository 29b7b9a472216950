"""The page of a ``lucida describe`` run: each picture with its texts, word by word, and the canvas as it filled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lucida.cli.describe_words import join_pieces
from lucida.cli.page_anchor import anchors
from lucida.cli.page_data import Asked, Cell, Line, Shown, Source, View, cells_of
from lucida.media.draw import annotate, palette
from lucida.media.files import atomic_write
from lucida.media.records import Caption

if TYPE_CHECKING:
    from lucida.canvas.vocabulary import Vocabulary
    from lucida.cli.describe_look import Told

PAGE = "index.html"
LONGEST = 900  # pixels of a picture on the page
FILL = 0.2


def shown_of(told: Told, path: str, vocabulary: Vocabulary, question: str | None = None) -> Shown:
    """What the page shows of a picture."""
    each = list(zip(told.results, told.pieces, strict=True))
    whole = [(r, p) for r, p in each if isinstance(r, Caption) and r.region is None]
    rest = [(r, p) for r, p in each if not (isinstance(r, Caption) and r.region is None)]
    by_region = len(rest) == len(told.regions)
    colours, places = palette(len(told.regions)), anchors(told.regions)
    cells = _cells(told, vocabulary)
    lines = [
        Line(
            number=i + 1, colour=colours[i], region=told.regions[i], anchor=places[i],
            words=tuple(join_pieces(result.text, pieces)), confidence=result.confidence or 0.0, label=told.labels[i],
            marks=(), cells=cells[i] if i < len(cells) else (),
        )
        for i, (result, pieces) in enumerate(rest)
    ] if by_region else []  # fmt: skip
    asked = [] if by_region and question is None else [
        Asked(question=question or "", words=tuple(join_pieces(result.text, pieces)), truth="", right=False,
              confidence=result.confidence or 0.0)
        for result, pieces in rest if not by_region
    ]  # fmt: skip
    picture = annotate(
        told.image, told.regions, colours=colours, numbers=not lines, longest=LONGEST, fill=FILL
    )
    title = f"each region was asked: {question}" if question and by_region else "regions"
    view = View(title=title, picture=picture, lines=tuple(lines), passes=max(told.passes, 1),
                token_forwards=told.token_forwards, seconds=told.seconds)  # fmt: skip
    caption, pieces = whole[0] if whole else (None, ())
    return Shown(
        name=Path(path).stem, composed=False, source=Source(package=path, author="", licence=""), views=(view,),
        caption=tuple(join_pieces(caption.text, pieces)) if caption is not None else (),
        caption_confidence=(caption.confidence or 0.0) if caption is not None else 0.0, caption_truth="",
        asked=tuple(asked),
    )  # fmt: skip


def _cells(told: Told, vocabulary: Vocabulary) -> list[tuple[Cell, ...]]:
    """The canvas row of each region, over all decodes that were about regions."""
    films = [film for film in told.films if film.labels and film.labels[0].isdigit()]
    return [row for film in films for row in cells_of(film.events, vocabulary)]


def write_page(folder: Path, shown: Sequence[Shown], model: str) -> Path:
    """Write the page beside the results; returns its path.

    Raises:
        InputError: it cannot be written.
    """
    from lucida.cli.page_html import page

    regions = sum(len(view.lines) for one in shown for view in one.views)
    passes = sum(view.passes for one in shown for view in one.views)
    facts = [
        ("model", model),
        ("pictures", str(len(shown))),
        ("regions", str(regions)),
        ("passes", str(passes)),
    ]
    atomic_write(folder / PAGE, page(shown, facts))
    return folder / PAGE
