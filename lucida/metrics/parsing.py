"""Values out of text: numbers, times, spans, boxes. Each gives ``None`` where the text is not clearly one value."""

from __future__ import annotations

import re

_ONES = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_ONE = "|".join(sorted(_ONES, key=len, reverse=True))  # "sixteen" before "six"
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{_ONE})\b)?|(?:{_ONE}))"
_BELOW_1000 = rf"(?:(?:{_ONE}) hundred(?: and)?(?: {_BELOW_100})?|{_BELOW_100})"
_WORDS = re.compile(rf"\b(?:{_BELOW_1000} thousand(?:,? (?:and )?{_BELOW_1000})?|{_BELOW_1000})\b")
_DIGITS = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w)")
_FLOAT = r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?"

_UNIT = r"(?:s|secs?|seconds?)"
_CLOCK = r"\d+:[0-5]?\d(?::[0-5]?\d)?(?:\.\d+)?"
_SPOKEN = rf"\d+(?:\.\d+)?\s*(?:m|mins?|minutes?)(?:\s*(?:and\s*)?\d+(?:\.\d+)?\s*{_UNIT})?\b"
_PLAIN = rf"\d+(?:\.\d+)?(?:\s*{_UNIT}\b)?"
_TIME = re.compile(rf"(?<![\w.:])(?:{_CLOCK}|{_SPOKEN}|{_PLAIN})(?![\w:])", re.IGNORECASE)


def _word_value(words: str) -> int:
    """The value of one number in words, as ``_WORDS`` finds it."""
    total = part = 0
    for word in re.findall("[a-z]+", words):
        if word == "hundred":
            part *= 100
        elif word == "thousand":
            total, part = 1000 * part, 0
        elif word != "and":
            part += _ONES[word] if word in _ONES else _TENS[word]
    return total + part


def parse_number(text: str) -> float | None:
    """The one number in ``text``, in digits or words ("none" is 0); two different numbers are not one."""
    found = {float(digits.replace(",", "")) for digits in _DIGITS.findall(text)}
    found |= {float(_word_value(words)) for words in _WORDS.findall(text.lower())}
    if not found and re.search(r"\bnone\b", text.lower()):
        return 0.0
    return found.pop() if len(found) == 1 else None


def parse_time(text: str) -> float | None:
    """Seconds of one time: "12.5", "12.5 s", "1:02", "1:02:03.5", "2 min 5 s"; else ``None``."""
    times = _TIME.findall(text)
    return _seconds(times[0]) if len(times) == 1 else None


def _seconds(text: str) -> float:
    if ":" in text:
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
    if re.search(r"\d\s*m", text, re.IGNORECASE):
        return 60 * numbers[0] + (numbers[1] if len(numbers) > 1 else 0.0)
    return numbers[0]


def parse_span(text: str) -> tuple[float, float] | None:
    """The one span in ``text`` in seconds, two times in order: "3-5 s", "from 0:03 to 0:05", "[3.0, 5.0]"."""
    times = [_seconds(time) for time in _TIME.findall(text)]
    if len(times) != 2 or times[1] < times[0]:
        return None
    return times[0], times[1]


def parse_box(text: str) -> tuple[float, float, float, float] | None:
    """Four numbers x0, y0, x1, y1 in order with x0 < x1 and y0 < y1, whatever the brackets; the unit is not guessed."""
    numbers = [float(number) for number in re.findall(rf"(?<![\w.]){_FLOAT}(?!\w)", text)]
    if len(numbers) != 4 or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]
