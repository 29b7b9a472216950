"""What a prompt asks for, read from its words; and the questions whose answers follow from that.

Only what the prompt says is asked for: nouns of the world, their colours, how many, and how two of them lie. Every
relation is asked both ways round, and one thing that the prompt does not name is asked for too, so that always saying
yes does not pay.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lucida.media.errors import InputError
from lucida.metrics.lexicon import Lexicon
from lucida.metrics.scan import Phrase, phrases_of, scan
from lucida.systems.generate.prompts import Asked, Prompt
from lucida.world.grammar import NUMBERS, is_unarticled, plural, with_article
from lucida.world.language_lexicon import lexicon

OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with the answer that a true picture gives.

    Attributes:
        kind: noun, colour, count or relation. text: ``<1>``, ``<2>`` stand for ``cites``.
        answer: as the prompt has it. answer_type: of ``metrics.matchers.match_answer``.
        cites: nouns whose regions the question is about.
    """

    kind: str
    text: str
    answer: str
    answer_type: str
    cites: tuple[str, ...] = ()


def read_prompt(text: str) -> Prompt:
    """A prompt and what it asks for.

    "two yellow cats" are two things that are alike. "with a ball on its right" speaks of the thing before it.

    Raises:
        InputError: it names nothing that the world knows, so nothing could be checked.
    """
    words = lexicon()
    tokens = scan(text, words)
    phrases = [phrase for phrase in phrases_of(tokens) if phrase.noun is not None]
    if not phrases:
        raise InputError(f"prompt {text!r}: names no thing of the world, so there is nothing to check")
    things: list[Asked] = []
    first: dict[int, int] = {}  # by place of the noun: the first thing of the phrase
    for phrase in phrases:
        assert phrase.noun is not None
        first[phrase.at] = len(things)
        things += [Asked(noun=phrase.noun, colour=phrase.colour)] * (phrase.count or 1)
    relations = []
    for at, token in enumerate(tokens):
        ends = _ends(phrases, at, inverse=token.kind == "inverse")
        if token.kind in ("relation", "inverse") and ends is not None:
            a, b = (first[phrase.at] for phrase in ends)
            if things[a].noun != things[b].noun:  # alike things cannot be told apart afterwards
                relations.append((a, token.value, b))
    return Prompt(text=text, things=tuple(things), relations=tuple(relations))


def _ends(phrases: list[Phrase], at: int, *, inverse: bool) -> tuple[Phrase, Phrase] | None:
    """The two things that the relation at token ``at`` is between."""
    before = [phrase for phrase in phrases if phrase.at < at]
    after = [phrase for phrase in phrases if phrase.at > at]
    if inverse:
        return (before[-2], before[-1]) if len(before) > 1 else None
    return (before[-1], after[0]) if before and after else None


def counts(prompt: Prompt) -> dict[Asked, int]:
    """How many of each thing, in the order of the prompt."""
    found: dict[Asked, int] = {}
    for thing in prompt.things:
        found[thing] = found.get(thing, 0) + 1
    return found


def questions_of(prompt: Prompt) -> list[Question]:
    """The questions that a picture of the prompt has one right answer to."""
    found: list[Question] = []
    nouns = [thing.noun for thing in counts(prompt)]
    for thing, number in counts(prompt).items():
        found.append(_there(thing.noun, "yes"))
        if thing.colour is not None and nouns.count(thing.noun) == 1:
            which = plural(thing.noun) if number > 1 else thing.noun
            verb = "are" if number > 1 else "is"
            text = f"what colour {verb} the {which}?"
            found.append(Question(kind="colour", text=text, answer=thing.colour, answer_type="colour"))
        if number > 1 and not is_unarticled(thing.noun):
            words = f"{thing.colour} {plural(thing.noun)}" if thing.colour else plural(thing.noun)
            text = f"how many {words} are there?"
            answer = NUMBERS[number] if number < len(NUMBERS) else str(number)
            found.append(Question(kind="count", text=text, answer=answer, answer_type="number"))
    found.append(_there(absent(prompt, lexicon()), "no"))
    for a, word, b in prompt.relations:
        cites = (prompt.things[a].noun, prompt.things[b].noun)
        for said, answer in ((word, "yes"), (OPPOSITE[word], "no")):
            text = f"is <1> {said} <2>?"
            found.append(
                Question(kind="relation", text=text, answer=answer, answer_type="yesno", cites=cites)
            )
    return list(dict.fromkeys(found))


def _there(noun: str, answer: str) -> Question:
    return Question(
        kind="noun", text=f"is there {with_article(noun, noun)}?", answer=answer, answer_type="yesno"
    )


def absent(prompt: Prompt, words: Lexicon) -> str:
    """A noun that the prompt does not name, the same one every time."""
    from lucida.world.questions_things import confusable

    named = {thing.noun for thing in prompt.things}
    choices = sorted(
        noun for noun in set(words.nouns.values())
        if not is_unarticled(noun)
        and not any(confusable(noun, other) or confusable(other, noun) for other in named)
    )  # fmt: skip
    digest = hashlib.blake2b(prompt.text.encode(), digest_size=8).digest()
    return choices[int.from_bytes(digest, "big") % len(choices)]
