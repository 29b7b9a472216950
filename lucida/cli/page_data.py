"""What a demo page shows, as data: pictures, captions word by word, and every cell of the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lucida.cli.describe_words import Word
from lucida.media.colours import Colour
from lucida.media.image import Image
from lucida.media.region import Region

if TYPE_CHECKING:
    from lucida.canvas.decoding import DecodeEvent
    from lucida.canvas.vocabulary import Vocabulary


@dataclass(frozen=True)
class Cell:
    """One slot of a canvas.

    Attributes:
        text: the token it ended with; None for a slot that an end token cut off.
        passed: the pass, from 1, in which that was settled. confidence: of the token.
        guesses: what stood there after each pass before that one, "" where nothing.
    """

    text: str | None
    passed: int
    confidence: float
    guesses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A caption beside its region.

    Attributes:
        number, colour, region: as in the picture. anchor: where its number goes, normalised (x, y).
        words: the caption. confidence: of the whole.
        label: what a person calls it, or the true caption. marks: (attribute, whether right), where the truth is known.
        cells: its row of the canvas.
    """

    number: int
    colour: Colour
    region: Region
    anchor: tuple[float, float]
    words: tuple[Word, ...]
    confidence: float
    label: str
    marks: tuple[tuple[str, bool], ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """One description of one picture: by regions drawn by hand, or found."""

    title: str
    picture: Image
    lines: tuple[Line, ...]
    passes: int
    token_forwards: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question about regions, its answer, and the truth. ``cites``: the lines whose numbers it names, from 0."""

    question: str
    words: tuple[Word, ...]
    confidence: float
    truth: str
    right: bool


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a picture comes from, in Markdown as ``examples/SOURCES.md`` has it."""

    package: str
    author: str
    licence: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Everything about one picture."""

    name: str
    composed: bool
    source: Source
    views: tuple[View, ...]
    caption: tuple[Word, ...]
    caption_confidence: float
    caption_truth: str
    asked: tuple[Asked, ...]


def cells_of(events: Sequence[DecodeEvent], vocabulary: Vocabulary) -> list[tuple[Cell, ...]]:
    """Per row of a decode, its slots as they were filled."""
    if not events:
        return []
    rows, slots = events[0].ids.shape
    open_ids = (vocabulary.mask, vocabulary.end)
    history = [
        (e.ids.tolist(), e.guesses.tolist(), e.committed.tolist(), e.alive.tolist(), e.confidence.tolist())
        for e in events
    ]

    def cell(row: int, slot: int) -> Cell | None:
        guesses: list[str] = []
        for passed, (ids, guessed, committed, alive, sure) in enumerate(history, start=1):
            token = ids[row][slot]
            if not alive[row][slot] or (committed[row][slot] and token == vocabulary.end):
                return Cell(None, passed, 0.0, tuple(guesses))
            if committed[row][slot]:
                return Cell(vocabulary.token(token), passed, sure[row][slot], tuple(guesses))
            guess = guessed[row][slot]
            guesses.append("" if guess in open_ids else vocabulary.token(guess))
        return None

    filled = [[cell(row, slot) for slot in range(slots)] for row in range(rows)]
    return [tuple(each for each in row if each is not None) for row in filled]
