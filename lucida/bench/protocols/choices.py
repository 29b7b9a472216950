"""Multiple-choice verdicts: reading a letter or a choice out of free text, strictly and as the released scorers do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lucida.bench.judge import Judge, Question, Refusal
from lucida.metrics.matchers import match_choice, normalise_text

LETTERS = "ABCDEFGHIJ"
_LABEL = re.compile(r"\s*[(\[]?([A-Ja-j])[)\].:]\s+(\S.*)", re.DOTALL)


def lettered(choices: Sequence[str]) -> str:
    """The choices one to a line, each behind its letter."""
    return "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))


def parse_choice(text: str, choices: Sequence[str]) -> int | None:
    """The index of the one choice that ``text`` clearly names: its letter, its words, or both in agreement.

    A letter that contradicts the words behind it, two choices, a letter that is not offered, and an empty text
    are all ``None``: nothing is guessed.
    """
    texts = [normalise_text(choice) for choice in choices]
    letter = match_choice(text, "", letters=LETTERS[: len(choices)]).parsed
    if isinstance(letter, str):
        index = LETTERS.index(letter)
        label = _LABEL.match(text)
        rest = normalise_text(label.group(2)) if label else ""
        return index if texts.count(rest) != 1 or texts.index(rest) == index else None
    said = normalise_text(text)
    labelled = _LABEL.match(text) is not None  # a letter that is not offered: not plain words
    return texts.index(said) if said and not labelled and texts.count(said) == 1 else None


def parse_choice_released(text: str, choices: Sequence[str]) -> int | None:
    """What the released DLC and ParaDLC scorers read (evaluation of Describe Anything, adapted by both).

    A cascade: exact text or letter; the only choice contained in the reply; a leading letter with a dot; the last
    contained choice, the longer one at a tie; the longest choice that contains the reply; a letter before a line
    break. Its quirks are kept: an *empty* reply takes the longest choice, words win over a contradicting letter,
    "yes" is found inside "eyes". One is not: a letter beyond the choices stops the released script, here it is
    ``None``.
    """
    reply = text.strip().lower()
    lowered = [choice.strip().lower() for choice in choices]
    inside: list[tuple[int, int, int]] = []  # (position, length, index)
    for index, choice in enumerate(lowered):
        letter = "abcde"[index : index + 1]
        if reply in (choice, f"{letter}. {choice}", letter) and (letter or reply == choice):
            return index
        if choice in reply:
            inside.append((reply.index(choice), len(choice), index))
    if len(inside) == 1:
        return inside[0][2]
    if len(reply) >= 2 and reply[0] in "abcde" and reply[1] == ".":
        return _offered("abcde".index(reply[0]), choices)
    if inside:
        last = max(position for position, _, _ in inside)
        return max((item for item in inside if item[0] == last), key=lambda item: item[1])[2]
    around = [index for index, choice in enumerate(lowered) if reply in choice]
    if around:
        # max keeps the first of equals, as released
        return max(around, key=lambda index: len(lowered[index]))
    if reply[:1] in tuple("abcde") and (len(reply) == 1 or reply[1] == "\n"):
        return _offered("abcde".index(reply[0]), choices)
    return None


def _offered(index: int, choices: Sequence[str]) -> int | None:
    return index if index < len(choices) else None


def gate(value: float, recognised: bool | None) -> float:
    """The value of a choice after the recognition question: v, or min(0, v) where the thing was not recognised.

    ``None`` (no verdict on recognition) closes the gate too: credit needs a verdict.
    """
    return value if recognised else min(0.0, value)


@dataclass(frozen=True, kw_only=True)
class KeyedQuestion(Question):
    """A judge's question that knows which question of the benchmark it is, for recorded verdicts.

    ``choices`` are the words behind the options. They are not ``texts``: whether something is said, and rightly, is no
    matter of nearness in meaning, and a judge that only compares meanings must refuse.
    """

    key: str = ""
    choices: tuple[str, ...] = ()


@dataclass
class RecordedVerdicts:
    """A judge that reads verdicts from a released evaluation file: ``raw[key]`` is what a judge once said.

    It decides nothing by itself; a question without a record, or whose record cannot be read, is refused.
    """

    raw: Mapping[str, str]
    name: str = "recorded"
    problems: tuple[str, ...] = field(default=())

    def choose(self, question: Question) -> str:
        """One of ``question.options``.

        Raises:
            Refusal: nothing recorded, or unreadable.
        """
        index = self.pick(question, compat=False)
        if index is None:
            raise Refusal(f"no readable verdict recorded for {getattr(question, 'key', question.prompt)!r}")
        return question.options[index]

    def pick(self, question: Question, *, compat: bool) -> int | None:
        """The index of the recorded option, read strictly or as released."""
        text = self.raw.get(question.key) if isinstance(question, KeyedQuestion) else None
        if text is None or not isinstance(question, KeyedQuestion):
            return None
        parse = parse_choice_released if compat else parse_choice
        return parse(text, question.choices or question.options)


def verdict(judge: Judge | None, question: Question, *, compat: bool = False) -> int | None:
    """The index of the option that ``judge`` chooses; ``None`` where there is no judge or it refuses."""
    if judge is None:
        return None
    if isinstance(judge, RecordedVerdicts):
        return judge.pick(question, compat=compat)
    try:
        return question.options.index(judge.choose(question))
    except (Refusal, ValueError):
        return None
