"""Reading replies to OVO-Bench's queries: strictly, and as the released script does."""

from __future__ import annotations

import re

from lucida.bench.protocols.choices import parse_choice
from lucida.bench.protocols.films import final_answer, plain, spaced
from lucida.bench.protocols.ovo_items import Query
from lucida.metrics.matchers import match_choice, match_number, match_yesno


def read_strict(query: Query, text: str) -> tuple[str | None, bool]:
    """(what was read, whether it is right). ``None``: no clear letter, number, yes or no; then it is wrong."""
    if query.kind == "choice":
        return read_letter(text, query.options, query.gold)
    said = spaced(final_answer(text))
    if query.kind == "count":
        match = match_number(said, query.gold)
        return (None if match.parsed is None else f"{match.parsed:g}"), match.ok
    words = plain(said).split()
    if len(words) <= 3 and {"yes", "no"} <= set(
        words
    ):  # "Yes No" is no answer; "Yes, there is no doubt" is one
        return None, False
    yes = match_yesno({"y": "yes", "n": "no"}.get(said.lower(), said), query.gold.lower())
    return (None if yes.parsed is None else ("Yes" if yes.parsed else "No")), yes.ok


def read_letter(text: str, options: tuple[str, ...], gold: str) -> tuple[str | None, bool]:
    """(the one option that is clearly named, by letter or words, and whether it is ``gold``)."""
    for said in dict.fromkeys((text.strip(), final_answer(text))):
        index = parse_choice(said, options)
        if index is not None:
            letter = "ABCDEFGHIJ"[index]
            return letter, match_choice(letter, gold, letters="ABCDEFGHIJ").ok
    return None, False


def read_released(query: Query, text: str) -> tuple[str | None, bool]:
    """As released: the truth anywhere in the reply is right; digits are joined; Y and N alone count.

    What was "read" is the gold where it was found, else the reply itself.
    """
    if query.kind == "count":
        digits = "".join(re.findall(r"\d+", text))
        return digits or None, digits == query.gold
    right = query.gold in text or (query.kind == "yesno" and text == query.gold[0])
    return (query.gold if right else text.strip() or None), right
