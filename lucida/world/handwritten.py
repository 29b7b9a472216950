"""A hundred captions and questions in a person's own words, each with the attributes it states.

They are for evaluation only: to check the reader against free wording, and to ask and draw what no template says.
Every line of ``data/handwritten.jsonl`` is ``{"kind": caption | question, "text": ..., "states": {field: word}}``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lucida.metrics.lexicon import Facts


@dataclass(frozen=True, kw_only=True)
class HandWritten:
    """One hand-written text. ``states`` leaves ``None`` what the text does not say of its main thing."""

    kind: str  # caption | question
    text: str
    states: Facts


@cache
def load_handwritten() -> tuple[HandWritten, ...]:
    """All hundred, in file order."""
    text = (files("lucida.world") / "data" / "handwritten.jsonl").read_text(encoding="utf-8")
    rows = (json.loads(line) for line in text.splitlines())
    return tuple(
        HandWritten(kind=row["kind"], text=row["text"], states=Facts(**row["states"])) for row in rows
    )
