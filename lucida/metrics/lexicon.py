"""The closed language of region captions: words, sentence templates, and both directions of a template.

A :class:`Template` is the single definition of one paraphrase: :meth:`Template.render` writes a caption and
:meth:`Template.parse` reads it back. The words are handed in by whoever owns the world (:class:`Lexicon`),
so that metrics never depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

Entry = tuple[str, str, bool]  # (kind, canonical word, plural)

FIELDS = ("noun", "colour", "size", "place", "relation", "other_colour", "other_noun")

_WORD = re.compile(r"<\d+>|[a-z0-9']+|[,;.?!:]")
_SLOT = re.compile(r"\{([a-z_ ]+)\}")
_VOWEL_SOUND = re.compile(
    r"(?!(?:uni(?!n)|us[aeiu]|u[kf]|eu|ew|one\b|once\b|ur[aeiou]|ut[aeiou]))[aeiou]|hour|honest|heir|x-|8"
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one caption states about one region, in canonical words; ``None`` where it states nothing."""

    noun: str | None = None
    colour: str | None = None
    size: str | None = None
    place: str | None = None
    relation: str | None = None
    other_colour: str | None = None
    other_noun: str | None = None


def article(phrase: str) -> str:
    """``a`` or ``an`` by the sound the phrase begins with ("an umbrella", "a unicorn", "an hourglass")."""
    return "an" if _VOWEL_SOUND.match(phrase) else "a"


def words_of(text: str) -> list[str]:
    """Lower-case words and punctuation; hyphens and dashes are spaces ("top-left" is "top left")."""
    return _WORD.findall(re.sub(r"[-–—_/]", " ", text.lower()))


def alternation(words: Sequence[str]) -> str:
    """A regular expression for any of ``words``, longest first so that "top left" wins over "top"."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


@dataclass(frozen=True, kw_only=True)
class Template:
    """One fixed sentence skeleton.

    ``main`` states the region itself and ``tail`` the relation; slots are in braces. A slot is a list of field
    names, optionally led by ``a`` or ``the``: ``{a size colour noun}``, ``{place}``, ``{relation}``, and ``other``
    for the colour and noun of the related thing. A colour that is ``None`` is simply left out. The tables map
    canonical words to the wording of this template; a word that a table lacks is written as it is.
    """

    main: str
    tail: str
    size: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    relation: Mapping[str, str] = field(default_factory=dict)

    def render(self, facts: Facts, *, unarticled: frozenset[str] = frozenset()) -> str:
        """The caption of ``facts``. Nouns in ``unarticled`` (plurals, masses) take "some" instead of "a"."""
        skeleton = self.main if facts.relation is None else self.main + self.tail

        def fill(slot: re.Match[str]) -> str:
            names = slot.group(1).split()
            lead = names.pop(0) if names[0] in ("a", "the") else ""
            noun = facts.other_noun if "other" in names else facts.noun
            words = " ".join(word for name in names for word in self._words(facts, name))
            if lead == "a":
                lead = "some" if noun in unarticled else article(words)
            return f"{lead} {words}" if lead else words

        return _SLOT.sub(fill, skeleton)

    def _words(self, facts: Facts, name: str) -> list[str]:
        if name == "other":
            return [word for word in (facts.other_colour, facts.other_noun) if word]
        value: str | None = getattr(facts, name)
        if value is None:
            if name == "colour":
                return []
            raise ValueError(f"facts.{name} is None, but the template {self.main!r} needs it")
        table: Mapping[str, str] = getattr(self, name, {}) if name in ("size", "place", "relation") else {}
        return [table.get(value) or value]

    def pattern(self, nouns: Sequence[str], colours: Sequence[str]) -> re.Pattern[str]:
        """The skeleton as a regular expression with one group per field; the tail is optional as a whole."""
        noun, colour = alternation(nouns), alternation(colours)

        def expression(name: str) -> str:
            if name == "noun":
                return f"(?P<noun>{noun})"
            if name == "colour":
                return f"(?:(?P<colour>{colour}) )?"
            if name == "other":
                return f"(?:(?P<other_colour>{colour}) )?(?P<other_noun>{noun})"
            return f"(?P<{name}>{alternation(list(getattr(self, name).values()))})"

        def compile_part(text: str) -> str:
            out, end = "", 0
            for slot in _SLOT.finditer(text):
                names = slot.group(1).split()
                lead = {"a": "(?:an?|some) ", "the": "the "}.get(names[0], "")
                parts = [expression(name) for name in (names[1:] if lead else names)]
                body = "".join(part if part.endswith(" )?") else part + " " for part in parts).removesuffix(
                    " "
                )
                out += re.escape(text[end : slot.start()]) + lead + body
                end = slot.end()
            return out + re.escape(text[end:])

        return re.compile(f"{compile_part(self.main)}(?:{compile_part(self.tail)})?")


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """Every word the reader may meet, and the templates that count as grammatical.

    The mappings go from a surface form to its canonical word and contain the canonical words themselves
    ("gray" -> "grey", "upper left" -> "top left", "foxes" is found through ``plurals``).
    """

    nouns: Mapping[str, str]
    colours: Mapping[str, str]
    sizes: Mapping[str, str]
    places: Mapping[str, str]
    relations: Mapping[str, str]
    plurals: Mapping[str, str] = field(default_factory=dict)  # plural form -> canonical noun
    inverse: Mapping[str, str] = field(
        default_factory=dict
    )  # "on its right" -> "left of": the other side speaks
    generics: frozenset[str] = frozenset()  # "thing", "object": a noun phrase without a noun
    frames: frozenset[str] = frozenset()  # "picture", "image": "on the left of the picture" is a place
    numbers: Mapping[str, int] = field(default_factory=dict)  # "two" -> 2
    unarticled: frozenset[str] = frozenset()  # canonical nouns that take "some"
    templates: tuple[Template, ...] = ()
    scene_templates: tuple[str, ...] = ()  # skeletons of whole-picture captions with {list} and {background}
    backgrounds: Mapping[str, str] = field(default_factory=dict)

    def collisions(self) -> list[str]:
        """Nouns that read as a colour or size word plus another noun ("red apple" beside "apple"): unreadable."""
        lead = set(self.colours) | set(self.sizes)
        return sorted(
            noun for noun in self.nouns if noun.split(" ", 1)[0] in lead and " " in noun
            and noun.split(" ", 1)[1] in self.nouns
        )  # fmt: skip

    @cached_property
    def compiled(self) -> tuple[tuple[Template, re.Pattern[str]], ...]:
        """Each template beside its expression, compiled once per lexicon."""
        nouns, colours = sorted(set(self.nouns.values())), sorted(set(self.colours.values()))
        return tuple((template, template.pattern(nouns, colours)) for template in self.templates)

    @cached_property
    def phrases(self) -> tuple[dict[str, dict[tuple[str, ...], Entry]], int]:
        """Every surface form as words, under its first word, and the length of the longest.

        Where two kinds share a form the first listed here keeps it; a colour that is also a fruit is settled by
        context (``scan.py``).
        """
        kinds: tuple[tuple[str, Mapping[str, str], bool], ...] = (
            ("inverse", self.inverse, False),
            ("relation", self.relations, False),
            ("size", self.sizes, False),
            ("colour", self.colours, False),
            ("noun", self.nouns, False),
            ("noun", self.plurals, True),
            ("generic", {word: word for word in self.generics}, False),
            ("number", {word: str(number) for word, number in self.numbers.items()}, False),
            ("place", self.places, False),
        )
        table: dict[str, dict[tuple[str, ...], Entry]] = {}
        longest = 1
        for kind, mapping, plural in kinds:
            for surface, value in mapping.items():
                words = tuple(words_of(surface))
                table.setdefault(words[0], {}).setdefault(words, (kind, value, plural))
                longest = max(longest, len(words))
        return table, longest

    def parse(self, text: str) -> Facts | None:
        """The facts of ``text`` if it is exactly what some template writes, else ``None``."""
        for template, pattern in self.compiled:
            match = pattern.fullmatch(text)
            if match is None:
                continue
            found = {name: value for name, value in match.groupdict().items() if value is not None}
            facts = Facts(**found)
            for name in ("size", "place", "relation"):
                back = {phrase: word for word, phrase in getattr(template, name).items()}
                value = getattr(facts, name)
                facts = replace(facts, **{name: back.get(value, value)})
            # Rendering again is the whole grammar check: it settles a/an/some and anything the expression let by.
            if template.render(facts, unarticled=self.unarticled) == text:
                return facts
        return None
