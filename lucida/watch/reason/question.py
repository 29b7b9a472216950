"""Questions about a film in plain words: what is asked, of which thing, about which event.

A closed grammar, on purpose: a question is either understood exactly or refused with the forms that are, and a verb
outside the six events is kept as what it is, so that the answer can abstain on the verb instead of guessing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lucida.media.errors import InputError
from lucida.watch.colour import colour_of
from lucida.watch.query import VERBS, singulars
from lucida.world.language import lexicon

FORMS = (
    "when does the cat enter?", "how many things leave?", "how often does the cat jump?", "is there a cat?",
    "where is the cat when the dog stops?", "what colour does the cat become?", "what happens after the cat enters?",
    "does the cat leave before the dog jumps?", "what approaches the cat?", "from which side does the cat enter?",
)  # fmt: skip
_PAST = {
    "entered": "enter", "came": "enter", "arrived": "enter", "appeared": "enter", "left": "leave", "exited": "leave",
    "disappeared": "leave", "vanished": "leave", "jumped": "jump", "hopped": "jump", "leapt": "jump",
    "approached": "approach", "stopped": "stop", "halted": "stop", "changed": "change colour",
    "turned": "change colour", "became": "change colour",
}  # fmt: skip
_VERB = {form: verb for verb, forms in VERBS.items() for form in forms} | _PAST
_SMALL = frozenset(
    "a an the any some that this it is of thing things object objects something anything".split()
)
_TAIL = frozenset(
    "in into out up on to the a an picture video clip scene frame screen film view over from at away".split()
)
_LOOSE = frozenset("visible seen shown there present on screen in the picture video clip".split())


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What a question speaks of: ``noun`` in canonical words ("" for anything), ``colour``, and the words used."""

    noun: str = ""
    colour: str | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """Somebody does something. ``kind`` is None where the verb is none of the six; ``verb`` is the word used."""

    subject: Thing
    kind: str | None
    verb: str
    other: Thing | None = None
    colour: str | None = None  # change colour: the new one


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question understood.

    Attributes:
        kind: when | visible | how often | how many | count | present | exists | happens | after | before | order |
            becomes | was | colour | where | side | who | sound.
        clause, second: the events it names. thing: the thing it asks about. pick: "first", "last" or "".
    """

    text: str
    kind: str
    clause: Clause | None = None
    second: Clause | None = None
    thing: Thing | None = None
    pick: str = ""


def understand(text: str) -> Question:
    """Parse a question.

    Raises:
        InputError: it is empty, too long, or has none of the known forms.
    """
    if not text.strip():
        raise InputError("question is empty")
    if len(text) > 300:
        raise InputError(f"question of {len(text)} characters: want at most 300")
    line = re.sub(r"\bcolor", "colour", " ".join(text.lower().split())).rstrip(" ?.!")
    for pattern, kind, groups in _forms():
        if found := pattern.fullmatch(line):
            parts = {name: (found[n] or "").strip() for n, name in enumerate(groups, start=1)}
            question = _built(text.strip(), kind, parts)
            if question is not None:
                return question
    raise InputError(f"question {text.strip()!r} has no form that is known; such as: {'; '.join(FORMS[:6])}")


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...]:
    does = "(?:does|did|do|will)"
    moment = "(?:at that moment|then)"
    rows: list[tuple[str, str, tuple[str, ...]]] = [
        (r".*\btones?\b.*", "sound", ()),
        (r"how many (?:different )?(?:things|objects) (?:are|can be"
         r" seen|were)(?: there)?(?: in the picture)? when (.+)", "present", ("clause",)),
        (rf"(.+): count the things in the picture {moment}", "present", ("clause",)),
        (rf"how (?:many times|often) {does} (.+)", "how often", ("clause",)),
        (r"count the times that (.+)", "how often", ("clause",)),
        (r"how many (?:different )?(.+?) (?:are|were|is) there(?: .*)?", "count", ("thing",)),
        (r"how many (?:different )?(.+?) (?:can be seen|are visible|appear)(?: .*)?", "count", ("thing",)),
        (r"(?:how many|count the) (?:different )?(?:things|objects)(?: that)? (.+)", "how many", ("bare",)),
        (r"how many (?:different )?(.+)", "how many", ("clause",)),
        (r"what (?:happens|happened|is the next thing to"
         r" happen|comes) (?:right |just |next )?after (.+)", "after", ("clause",)),
        (r"once (.+), what comes next", "after", ("clause",)),
        (r"what (?:happens|happened|is the last thing to"
         r" happen|came) (?:right |just )?before (.+)", "before", ("clause",)),
        (r"(.+): what came right before that", "before", ("clause",)),
        (rf"(?:what|which) colour {does} (.+?) (?:become|turn|change to)(?: into)?", "becomes", ("thing",)),
        (r"name the colour that (.+?) changes to", "becomes", ("thing",)),
        (r"(?:what|which) colour (?:is|was|did) (.+?)(?: have)? before it"
         r" (?:changes colour|changed|changed colour|changes)", "was", ("thing",)),
        (r"name the colour that (.+?) changes from", "was", ("thing",)),
        (r"(?:what|which) colour (?:is|was|does|did) (.+?)(?: have)? when (.+)", "colour", ("thing", "clause")),
        (rf"(.+): name the colour of (.+) {moment}", "colour", ("clause", "thing")),
        (r"(?:what|which) colour (?:is|was|does|has) (.+?)(?: have)?", "colour", ("thing",)),
        (r"(?:where|in which part of the picture|in what part of the"
         r" picture) (?:is|was|are) (.+?) when (.+)", "where", ("thing", "clause")),
        (rf"(.+): where is (.+) {moment}", "where", ("clause", "thing")),
        (r"(?:where|in which part of the picture) (?:is|was|are) (.+)", "where", ("thing",)),
        (rf"(?:from|over|on|at) (?:which|what) (?:side|edge)(?: of the picture)? {does} (.+)", "side", ("clause",)),
        (r"name the side (?:from|over) which (.+)", "side", ("clause",)),
        (r"is it before (.+) that (.+)", "order", ("second", "clause")),
        (r"is it true that (.+) first and (.+) later", "order", ("clause", "second")),
        (rf"{does} (.+?) before (.+)", "order", ("clause", "second")),
        (rf"{does} (.+?) after (.+)", "order", ("second", "clause")),
        (rf"(?:when|at what time|at which time|what time|at what moment)"
         rf" {does} (.+?)(?: for the (first|last) time)?", "when", ("clause", "pick")),
        (r"find the moment (?:at which|when) (.+?)(?: for the (first|last) time)?", "when", ("clause", "pick")),
        (r"(?:when|at what time) (?:is|was|are|were) there (.+)", "visible", ("thing",)),
        (r"(?:when|at what time) (?:is|was|are|were|can you see|do you see) (.+)", "visible", ("thing",)),
        (r"when (.+?)(?: for the (first|last) time)?", "when", ("clause", "pick")),
        (r"(?:is|are|was|were) there (.+)", "exists", ("thing",)),
        (r"(?:can|do|did) you see (.+)", "exists", ("thing",)),
        (rf"{does} (.+?) (?:appear|show up)(?: .*)?", "exists", ("thing",)),
        (rf"{does} (.+)", "happens", ("clause",)),
        (r"(?:who|what|which thing|which object|name the thing that) (.+)", "who", ("bare",)),
    ]  # fmt: skip
    return tuple((re.compile(pattern), kind, groups) for pattern, kind, groups in rows)


def _built(text: str, kind: str, parts: dict[str, str]) -> Question | None:
    clause = second = thing = None
    if "clause" in parts and (clause := clause_of(parts["clause"])) is None:
        return None
    if "bare" in parts and ((clause := clause_of(parts["bare"], bare=True)) is None or clause.kind is None):
        return None if kind == "who" or clause is None else Question(text=text, kind=kind, clause=clause)
    if "second" in parts and (second := clause_of(parts["second"])) is None:
        return None
    if "thing" in parts and (thing := thing_of(parts["thing"])) is None:
        return None
    return Question(
        text=text, kind=kind, clause=clause, second=second, thing=thing, pick=parts.get("pick", "")
    )


def thing_of(text: str) -> Thing | None:
    """A noun phrase; None where nothing is left of it."""
    words = [
        w
        for w in re.findall(
            r"[\w'-]+", re.split(r" (?:in|on|at) the (?:picture|video|clip|film|scene)", text)[0]
        )
    ]
    words = [w for w in words if w not in ("a", "an", "the", "any", "some", "that", "this")]
    while len(words) > 1 and words[-1] in _LOOSE:
        words.pop()
    colour = next((colour_of(w) for w in words if colour_of(w)), None)
    rest = [w for w in words if not colour_of(w)] if len(words) > 1 or colour is None else []
    noun = canonical(" ".join(w for w in rest if w not in _SMALL))
    return Thing(noun=noun, colour=colour, text=" ".join(words)) if words else None


def canonical(noun: str) -> str:
    """The world's own word for a noun, its plural or a synonym; any other noun as it is."""
    words = lexicon()
    if noun in words.nouns:
        return words.nouns[noun]
    if noun in words.plurals:
        return words.plurals[noun]
    head, _, last = noun.rpartition(" ")
    for ending in singulars(last)[1:]:
        form = f"{head} {ending}".strip()
        if form in words.nouns:
            return words.nouns[form]
    return noun


def clause_of(text: str, *, bare: bool = False) -> Clause | None:
    """ "the red fox approaches the ball" as a clause; ``bare``: without its subject ("approaches the ball")."""
    words = re.findall(r"[\w'-]+", text)
    for i in range(0 if bare else 1, len(words)):
        if (found := _verb_at(words, i)) is None:
            continue
        kind, length, colour = found
        subject = Thing() if bare else thing_of(" ".join(words[:i]))
        rest = words[i + length :]
        other = thing_of(" ".join(rest)) if kind == "approach" and rest else None
        if subject is None or (kind != "approach" and any(w not in _TAIL for w in rest)):
            continue  # "left" in "the left shoe jumps", "near" in "the dog near the cat"
        return Clause(
            subject=subject, kind=kind, verb=" ".join(words[i : i + length]), other=other, colour=colour
        )
    return _unknown_verb(words, bare)


def _verb_at(words: list[str], i: int) -> tuple[str, int, str | None] | None:
    """(kind, words taken, new colour) of a known verb at word ``i``."""
    kind, after = _VERB.get(words[i]), words[i + 1 : i + 3]
    if words[i] in ("come", "comes", "came") and "stop" in words[i + 1 : i + 4]:
        return "stop", len(words) - i, None
    if words[i] in (
        "go",
        "goes",
        "went",
        "walk",
        "walks",
        "run",
        "runs",
        "move",
        "moves",
        "fly",
        "flies",
        "drive",
        "drives",
    ):
        way = {"in": "enter", "into": "enter", "out": "leave", "away": "leave", "off": "leave"}
        return (way[after[0]], 2, None) if after and after[0] in way else None
    if kind == "change colour":
        if after and (colour := colour_of(after[0])):
            return kind, 2, colour
        if after and after[0] in ("colour", "its"):
            return kind, 2 if after[0] == "colour" else 3, None
        return (kind, 1, None) if words[i].startswith("becom") and not after else None
    return (kind, 1, None) if kind else None


def _unknown_verb(words: list[str], bare: bool) -> Clause | None:
    """A clause whose verb is none of ours: the noun is the longest known one, the word after it the verb."""
    kept = [w for w in words if w not in ("a", "an", "the", "any", "some")]
    if bare:
        return Clause(subject=Thing(), kind=None, verb=kept[0]) if kept else None
    for stop in range(len(kept) - 1, 0, -1):
        thing = thing_of(" ".join(kept[:stop]))
        if thing is not None and thing.noun in lexicon().nouns:
            return Clause(subject=thing, kind=None, verb=kept[stop])
    if len(kept) < 2:
        return None
    colour = colour_of(kept[0]) is not None and len(kept) > 2
    subject = thing_of(" ".join(kept[: 2 if colour else 1]))
    return None if subject is None else Clause(subject=subject, kind=None, verb=kept[2 if colour else 1])
