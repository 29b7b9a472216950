"""A prompt's facts held against what was seen and said: one check per fact and witness.

Witnesses: ``map`` (the segmenter's class map), ``regions`` (the describer's captions of regions), ``caption`` (its
sentence about the whole picture), ``answers`` (its answers), ``judge`` (a network outside the loop, when one is given).
Each is scored by what it can know: the map has no colours and only its own nouns, a sentence about the whole picture
has no places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lucida.media.region import Region
from lucida.metrics.lexicon import Lexicon
from lucida.metrics.matchers import match_answer
from lucida.metrics.reader import read_caption, read_scene, score_scene
from lucida.systems.generate.judging import Found, score_prompt
from lucida.systems.generate.prompts import Prompt
from lucida.systems.loop.facts import Question, counts
from lucida.world.grammar import with_article

WITNESSES = ("map", "regions", "caption", "answers", "judge")
KINDS = ("noun", "colour", "relation", "count")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One fact and one witness.

    Attributes:
        witness: see the module. kind: of ``KINDS``. fact: in words. want, got: "" where nothing was said.
    """

    witness: str
    kind: str
    fact: str
    want: str
    got: str
    right: bool


def found_in(names: Sequence[tuple[str, str | None]], regions: Sequence[Region]) -> list[Found]:
    """Things by (noun, colour) and region, as the scorer of drawings wants them; of alike ones the largest counts."""
    ordered = sorted(range(len(regions)), key=lambda i: regions[i].area)
    return [
        Found(noun=names[i][0], colour=names[i][1], centre=regions[i].centre, cells=regions[i].area)
        for i in ordered
    ]


def by_things(
    prompt: Prompt,
    found: Sequence[Found],
    witness: str,
    *,
    known: Sequence[str] | None = None,
    colours: bool = True,
) -> list[Check]:
    """Nouns, colours and relations of a prompt in things that somebody named and placed.

    Args:
        known: the nouns that the witness can name; facts about others are no check. None: any.
        colours: whether it can name colours.
    """
    hits = {name: iter(values) for name, values in score_prompt(prompt, found).items()}
    named = {thing.noun: thing for thing in found}
    checks: list[Check] = []
    done: set[tuple[str, str | None]] = set()
    for thing in prompt.things:
        there = named.get(thing.noun)
        right = next(hits["object"])
        right_colour = next(hits["colour"]) if thing.colour is not None else False
        if (thing.noun, thing.colour) in done or (known is not None and thing.noun not in known):
            continue
        done.add((thing.noun, thing.colour))
        fact = with_article(thing.noun, thing.noun)
        checks.append(Check(witness=witness, kind="noun", fact=fact, want=thing.noun,
                            got=there.noun if there else "", right=right))  # fmt: skip
        if colours and thing.colour is not None:
            shown = (there.colour or "") if there else ""
            checks.append(Check(witness=witness, kind="colour", fact=f"the {thing.noun} is {thing.colour}",
                                want=thing.colour, got=shown, right=right_colour))  # fmt: skip
    for a, word, b in prompt.relations:
        right = next(hits["relation"])
        ends = [prompt.things[i].noun for i in (a, b)]
        if known is None or all(noun in known for noun in ends):
            got = _lie(named.get(ends[0]), named.get(ends[1]))
            checks.append(Check(witness=witness, kind="relation", fact=f"{ends[0]} {word} {ends[1]}",
                                want=word, got=got, right=right))  # fmt: skip
    return checks


def _lie(a: Found | None, b: Found | None) -> str:
    """How two things lie, by the axis on which their centres differ more; "" where one is not there."""
    if a is None or b is None:
        return ""
    dx, dy = b.centre[0] - a.centre[0], b.centre[1] - a.centre[1]
    if abs(dx) > abs(dy):
        return "left of" if dx > 0 else "right of"
    return "above" if dy > 0 else "below" if dy < 0 else ""


def by_captions(
    prompt: Prompt, texts: Sequence[str], regions: Sequence[Region], words: Lexicon
) -> list[Check]:
    """The captions of regions, read by the reader; regions without a noun are nobody."""
    read = [read_caption(text, words) for text in texts]
    kept = [i for i, facts in enumerate(read) if facts.noun is not None]
    names = [(str(read[i].noun), read[i].colour) for i in kept]
    return by_things(prompt, found_in(names, [regions[i] for i in kept]), "regions")


def by_caption(prompt: Prompt, text: str, words: Lexicon) -> tuple[list[Check], float]:
    """The sentence about the whole picture: nouns, colours and counts; and its F1 over things."""
    said = read_scene(text, words).things
    wanted = [(number, thing.colour, thing.noun) for thing, number in counts(prompt).items()]
    checks: list[Check] = []
    for number, colour, noun in wanted:
        same = [(n, c) for n, c, other in said if other == noun]
        fact = with_article(noun, noun)
        checks.append(Check(witness="caption", kind="noun", fact=fact, want=noun, got=noun if same else "",
                            right=bool(same)))  # fmt: skip
        if colour is not None:
            told = [c for _, c in same if c is not None]
            checks.append(Check(witness="caption", kind="colour", fact=f"the {noun} is {colour}", want=colour,
                                got=", ".join(dict.fromkeys(told)), right=colour in told))  # fmt: skip
        if number > 1:
            total = sum(n for n, c in same if colour in (None, c))
            checks.append(Check(witness="caption", kind="count", fact=f"{number} times {noun}", want=str(number),
                                got=str(total), right=total == number))  # fmt: skip
    return checks, score_scene(read_scene(text, words), wanted)["f1"]


def by_answer(question: Question, text: str | None, words: Lexicon) -> Check:
    """One answer; None: it could not be asked, because no region is called so."""
    match = None if text is None else match_answer(question.answer_type, text, question.answer, lexicon=words)
    return Check(witness="answers", kind=question.kind, fact=question.text, want=question.answer, got=text or "",
                 right=match is not None and match.ok)  # fmt: skip


def tally(checks: Sequence[Check]) -> dict[str, dict[str, int]]:
    """``{"all": {"right", "of"}}``, the same per witness, per kind, and per witness and kind ("answers/colour")."""
    found: dict[str, dict[str, int]] = {"all": {"right": 0, "of": 0}}
    for check in checks:
        for name in ("all", check.witness, check.kind, f"{check.witness}/{check.kind}"):
            entry = found.setdefault(name, {"right": 0, "of": 0})
            entry["right"] += check.right
            entry["of"] += 1
    return found


def added(tallies: Sequence[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Several tallies as one."""
    found: dict[str, dict[str, int]] = {"all": {"right": 0, "of": 0}}
    for each in tallies:
        for name, entry in each.items():
            total = found.setdefault(name, {"right": 0, "of": 0})
            for key in total:
                total[key] += entry[key]
    return found


def as_json(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Checks as plain values."""
    return [asdict(check) for check in checks]
