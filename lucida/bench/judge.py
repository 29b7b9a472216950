"""The second opinion, after the typed matchers: a judge with a closed set of verdicts, which refuses, never guesses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a judge is asked.

    Attributes:
        prompt: the whole text an endpoint judge reads (rubric, gold, prediction); wording is the protocol's.
        options: the verdicts allowed, such as ``("A", "B", "C")`` or ``("0", "1", "2")``.
        texts: what each option says, in words; for judges that compare meanings.
        about: the text being judged, for the same judges.
        rubric: a short version tag of the rubric.
        images: picture files that belong to the prompt, in order. A judge that cannot see must refuse.
    """

    prompt: str
    options: tuple[str, ...]
    texts: tuple[str, ...] = ()
    about: str = ""
    rubric: str = ""
    images: tuple[Path, ...] = ()


class Refusal(Exception):
    """The judge gave no verdict within the schema. The row's status is ``refused`` and it scores 0 in ``judged``."""


class Judge(Protocol):
    """Anything that gives verdicts."""

    name: str

    def choose(self, question: Question) -> str:
        """One of ``question.options``.

        Raises:
            Refusal: no verdict. There is no fallback.
        """
        ...
