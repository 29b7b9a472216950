"""Typed matchers: does an answer in words agree with the truth?

Every matcher is a pure function and tells a wrong answer from one that could not be read. Nothing is guessed: an
answer that names two colours, or a box in another unit than was declared, is ``unparsed``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from lucida.media.errors import InputError
from lucida.metrics.geometry import box_iou, temporal_iou
from lucida.metrics.lexicon import Lexicon, words_of
from lucida.metrics.parsing import parse_box, parse_number, parse_span
from lucida.metrics.scan import scan

Status = Literal["ok", "wrong", "unparsed"]
_ARTICLES = ("a", "an", "the", "some")


@dataclass(frozen=True)
class Match:
    """The verdict on one answer. ``parsed`` is the value that was read, ``None`` if there was none."""

    ok: bool
    parsed: object
    status: Status


def _judge(parsed: object, right: bool) -> Match:
    if parsed is None:
        return Match(False, None, "unparsed")
    return Match(right, parsed, "ok" if right else "wrong")


def match_yesno(text: str, truth: bool | str) -> Match:
    """Yes or no (or true or false), as the first word or the only such word."""
    true = truth if isinstance(truth, bool) else truth == "yes"
    values = {"yes": True, "true": True, "no": False, "false": False}
    words = [word for word in words_of(text) if word.isalpha()]
    said = {values[word] for word in words if word in values}
    parsed = values.get(words[0]) if words else None
    if parsed is None and len(said) == 1:
        parsed = said.pop()
    return _judge(parsed, parsed == true)


def match_number(text: str, truth: float | str, *, tolerance: float = 0.0) -> Match:
    """One number in digits or words, within an absolute ``tolerance``."""
    parsed = parse_number(text)
    return _judge(parsed, parsed is not None and abs(parsed - float(truth)) <= tolerance)


def match_choice(text: str, truth: str, *, letters: str = "ABCD") -> Match:
    """A choice letter, strictly: the letter alone, the letter as a label ("B. a fox"), or "the answer is B"."""
    allowed = re.escape(letters)
    stripped = text.strip()
    forms = (
        rf"[(\[]?([{allowed}{allowed.lower()}])[)\]]?[.:]?",
        rf"[(\[]([{allowed}])[)\]]\s.*",
        rf"([{allowed}])[.):]\s.*",
        rf"(?i:(?:so |thus |therefore,? )?(?:the )?(?:final |correct |best )?(?:answer|option|choice)(?: is)?:?)"
        rf"\s*[(\[]?([{allowed}])[)\]]?(?:[.:].*)?",
    )  # fmt: skip
    for form in forms:
        match = re.fullmatch(form, stripped, re.DOTALL)
        if match:
            parsed = match.group(1).upper()
            return _judge(parsed, parsed == truth.upper())
    return _judge(None, False)


def match_span(text: str, truth: tuple[float, float], *, threshold: float = 0.5) -> Match:
    """One time span (seconds, mm:ss, h:mm:ss, with any joining words), right at temporal IoU >= ``threshold``."""
    parsed = parse_span(text)
    return _judge(parsed, parsed is not None and float(temporal_iou(parsed, truth)) >= threshold)


def match_box(
    text: str,
    truth: tuple[float, float, float, float],
    *,
    unit: Literal["normalised", "pixels"],
    size: tuple[int, int] | None = None,
    threshold: float = 0.5,
) -> Match:
    """One xyxy box in the declared ``unit``, right at IoU >= ``threshold``. ``parsed`` is normalised.

    Args:
        truth: normalised.
        unit: what the answer was asked to be in. A normalised box with a value outside 0..1 is unparsed.
        size: (height, width) of the picture, needed for pixels.

    Raises:
        InputError: an unknown unit, or pixels without ``size``.
    """
    if unit not in ("normalised", "pixels"):
        raise InputError(f"unit: {unit!r} is not normalised or pixels")
    if unit == "pixels" and size is None:
        raise InputError("size: needed for a box in pixels")
    parsed = parse_box(text)
    if parsed is not None and unit == "pixels" and size is not None:
        height, width = size
        parsed = (parsed[0] / width, parsed[1] / height, parsed[2] / width, parsed[3] / height)
    elif parsed is not None and not all(0 <= value <= 1 for value in parsed):
        parsed = None
    return _judge(parsed, parsed is not None and float(box_iou(parsed, truth)) >= threshold)


def _one_of(text: str, surfaces: Mapping[str, str]) -> str | None:
    """The canonical word of the one known word in ``text``, longest first; ``None`` if there is none, or several."""
    words = words_of(text)
    table = {tuple(words_of(surface)): value for surface, value in surfaces.items()}
    longest = max(map(len, table), default=1)
    found: set[str] = set()
    i = 0
    while i < len(words):
        for length in range(longest, 0, -1):
            value = table.get(tuple(words[i : i + length])) if i + length <= len(words) else None
            if value is not None:
                found.add(value)
                i += length
                break
        else:
            i += 1
    return found.pop() if len(found) == 1 else None


def match_colour(text: str, truth: str, *, colours: Mapping[str, str]) -> Match:
    """One colour word; ``colours`` maps surface forms to canonical words ("gray" -> "grey")."""
    parsed = _one_of(text, colours)
    return _judge(parsed, parsed == colours.get(truth, truth))


def match_noun(text: str, truth: str, *, nouns: Mapping[str, str]) -> Match:
    """One noun, synonyms and plurals as ``nouns`` has them; other words ("a small ...") are passed over."""
    parsed = _one_of(text, nouns)
    return _judge(parsed, parsed == nouns.get(truth, truth))


def match_region(text: str, truth: str) -> Match:
    """One region mark, such as ``<2>``."""
    found = set(re.findall(r"<\d+>", text))
    parsed = found.pop() if len(found) == 1 else None
    return _judge(parsed, parsed == truth)


def normalise_text(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces."""
    return " ".join(
        word for word in words_of(text) if word not in _ARTICLES and (word[0].isalnum() or word[0] == "<")
    )


def match_text(text: str, truth: str) -> Match:
    """Equality after :func:`normalise_text`; an empty answer is unparsed."""
    parsed = normalise_text(text) or None
    return _judge(parsed, parsed == normalise_text(truth))


def match_phrase(text: str, truth: str, *, lexicon: Lexicon) -> Match:
    """The same attributes in canonical words ("upper left" is "top left", "gray fox" is "grey fox")."""

    def canonical(phrase: str) -> tuple[tuple[str, str], ...] | None:
        known = {
            (t.kind, t.value) for t in scan(phrase, lexicon) if t.kind in ("noun", "colour", "size", "place")
        }
        return tuple(sorted(known)) or None

    parsed = canonical(text)
    return _judge(parsed, parsed == canonical(truth))


def match_answer(answer_type: str, text: str, truth: str, *, lexicon: Lexicon) -> Match:
    """The matcher for a question's answer type: yesno, number, region, colour, noun or phrase.

    Raises:
        InputError: there is no matcher for ``answer_type``.
    """
    matchers: dict[str, Callable[[], Match]] = {
        "yesno": lambda: match_yesno(text, truth),
        "number": lambda: match_number(text, truth),
        "region": lambda: match_region(text, truth),
        "colour": lambda: match_colour(text, truth, colours=lexicon.colours),
        "noun": lambda: match_noun(text, truth, nouns={**lexicon.plurals, **lexicon.nouns}),
        "phrase": lambda: match_phrase(text, truth, lexicon=lexicon),
    }
    if answer_type not in matchers:
        raise InputError(f"answer_type: {answer_type!r} is not one of {', '.join(matchers)}")
    return matchers[answer_type]()
