"""What a look gives back: captions or answers with what they cost, word by word, and the film of every decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lucida.canvas.decoding import DecodeEvent
from lucida.media.records import Answer, Caption

Piece = tuple[str, float, int]  # (vocabulary piece, its confidence, pass it was committed in, from 1)


@dataclass(frozen=True, eq=False)
class Film:
    """The passes of one decode. ``labels`` name its rows: region numbers, "picture", "answer", or question numbers."""

    labels: tuple[str, ...]
    events: list[DecodeEvent] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cost:
    """What some decodes took.

    Attributes:
        passes: forward passes (NFE). token_forwards: tokens read in all.
        seconds: wall time of hints, decodes and, at the first call, reading the picture.
        films: one per decode, empty unless the look was filming or somebody was watching.
    """

    passes: int
    token_forwards: int
    seconds: float
    films: tuple[Film, ...] = field(default=(), repr=False)

    @property
    def events(self) -> tuple[DecodeEvent, ...]:
        """The passes of all films, in order."""
        return tuple(event for film in self.films for event in film.events)


@dataclass(frozen=True, kw_only=True, eq=False)
class Description(Cost, Sequence[Caption]):
    """Captions in the order of their regions. ``words``: per caption, (piece, confidence, pass) of each token."""

    captions: tuple[Caption, ...]
    words: tuple[tuple[Piece, ...], ...]

    def __getitem__(self, index: Any) -> Any:
        return self.captions[index]

    def __len__(self) -> int:
        return len(self.captions)

    def __iter__(self) -> Iterator[Caption]:
        return iter(self.captions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers(Cost, Sequence[Answer]):
    """Answers in the order of their questions (or regions). ``words``: as in a description."""

    answers: tuple[Answer, ...]
    words: tuple[tuple[Piece, ...], ...]

    def __getitem__(self, index: Any) -> Any:
        return self.answers[index]

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)
