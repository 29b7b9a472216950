"""Region markers in text. A user's ``<3>`` is the third of a list; a group numbers what it cites from ``<1>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lucida.media.errors import InputError

MOST_REGIONS = 64  # in one decode, and cited by one question


def cited(question: str, regions: int) -> tuple[int, ...]:
    """The regions (from 0) that a question cites, in the order it first names them.

    Raises:
        InputError: it is empty, or names a region that is not there, or more than fit one group.
    """
    if not question.strip():
        raise InputError("question is empty")
    found = dict.fromkeys(re.findall(r"<(\d+)>", question))
    there = {0: "there are no regions", 1: "there is 1 region"}.get(regions, f"there are {regions} regions")
    for text in found:
        if len(text) > 9 or not 1 <= int(text) <= regions:
            raise InputError(f"question cites <{text}>, but {there}")
    numbers = list(dict.fromkeys(map(int, found)))
    if len(numbers) > MOST_REGIONS:
        raise InputError(f"question cites {len(numbers)} regions; at most {MOST_REGIONS} fit one question")
    return tuple(number - 1 for number in numbers)


def about(question: str, regions: int, given: Sequence[int] | None = None) -> tuple[int, ...]:
    """The regions (from 0) that a question is about: ``given``, at least what it cites; None: what it cites.

    Raises:
        InputError: as ``cited``, or ``given`` leaves out what it cites, or is not among the regions.
    """
    least = cited(question, regions)
    if given is None:
        return least
    if not set(least) <= set(given) <= set(range(regions)):
        raise InputError(f"question {question!r} is not about {list(given)} of {regions} regions")
    return tuple(given)


def local(text: str, cites: Sequence[int]) -> str:
    """``text`` with the markers of the whole list replaced by those inside its group."""
    return _replaced(text, {f"<{i + 1}>": f"<{n}>" for n, i in enumerate(cites, start=1)})


def whole(text: str, cites: Sequence[int]) -> str:
    """The other way round: ``text`` of a group with the markers of the whole list."""
    return _replaced(text, {f"<{n}>": f"<{i + 1}>" for n, i in enumerate(cites, start=1)})


def _replaced(text: str, place: dict[str, str]) -> str:
    return re.sub(r"<\d+>", lambda found: place.get(found.group(), found.group()), text)
