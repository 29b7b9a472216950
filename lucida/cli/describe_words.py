"""From vocabulary pieces to words: which word appeared in which pass, and how sure it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Piece = tuple[str, float, int]  # as in ``systems.describe.records``, which is heavy to import


@dataclass(frozen=True)
class Word:
    """A word as a reader sees it.

    Attributes:
        text: without the space before it. spaced: whether there is one.
        confidence: that of its least sure piece. passed: the pass in which its last piece was committed.
    """

    text: str
    confidence: float
    passed: int
    spaced: bool = True

    @property
    def punctuation(self) -> bool:
        """Whether it is only punctuation, which nobody wants to see numbered."""
        return not any(each.isalnum() for each in self.text)


def join_pieces(text: str, pieces: Sequence[Piece]) -> list[Word]:
    """The words of ``text``, put together from the ``pieces`` it was decoded from.

    Pieces come without their leading space, so the text decides where words begin. Where piece and text do not
    agree (bytes of a character that is spread over pieces), every piece is a word of its own.
    """
    words: list[Word] = []
    at = 0
    for piece, confidence, passed in pieces:
        start = at + len(text[at:]) - len(text[at:].lstrip())
        if not text.startswith(piece, start):
            return [Word(piece, confidence, passed) for piece, confidence, passed in pieces]
        word = Word(piece, confidence, passed, spaced=start > at or at == 0)
        at = start + len(piece)
        if words and not word.spaced and not word.punctuation and not words[-1].punctuation:
            last = words.pop()
            sure, late = min(last.confidence, confidence), max(last.passed, passed)
            word = Word(last.text + piece, sure, late, last.spaced)
        words.append(word)
    return words


def as_lists(pieces: Iterable[Piece]) -> list[list[str | float | int]]:
    """For JSON: ``[[piece, confidence, pass], ...]`` with four decimals, which is all that anybody can use."""
    return [[piece, round(confidence, 4), passed] for piece, confidence, passed in pieces]
