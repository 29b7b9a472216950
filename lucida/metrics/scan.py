"""Finding the known words of a lexicon in free text: tokens with a kind, and noun phrases built from them."""

from __future__ import annotations

from dataclasses import dataclass

from lucida.metrics.lexicon import Lexicon, words_of

# Between an adjective and its noun none of these may stand: they end the noun phrase.
_STOPS = frozenset(
    "a an the is are was were be being in at on of with to from by that which who it its this these those there "
    "here has have where what how whose near beside next sits stands lies sitting standing lying found "
    "seen sized has some any no".split()
)
_DEGREES = ("very", "so", "too", "that", "really", "quite", "all")
_PREPOSITIONS = ("in", "at", "on", "near", "by", "there", "here")
_MODIFIERS = ("size", "colour")
_LOOK = 4  # words after which an adjective no longer reaches a noun


@dataclass(frozen=True)
class Token:
    """A piece of text. ``kind`` is noun | generic | colour | size | place | relation | inverse | number | word."""

    kind: str
    value: str  # canonical form; the word itself for kind "word"
    plural: bool = False


@dataclass
class Phrase:
    """A noun phrase: where its noun stands in the token list, and what is said of it."""

    at: int
    noun: str | None
    colour: str | None = None
    size: str | None = None
    count: int | None = None


def scan(text: str, lexicon: Lexicon) -> list[Token]:
    """The tokens of ``text``, longest known phrase first at every word."""
    words = words_of(text)
    tokens: list[Token] = []
    i = 0
    while i < len(words):
        token, length = _longest(words, i, lexicon)
        if _unmeant(words, i, length, token.kind):
            token, length = Token("word", words[i]), 1
        tokens.append(token)
        i += length
    return _settle_fruit(tokens, lexicon)


def _longest(words: list[str], i: int, lexicon: Lexicon) -> tuple[Token, int]:
    """The token of the longest known phrase at word ``i``, and its length in words."""
    table, longest = lexicon.phrases
    phrases = table.get(words[i], {})
    for length in range(min(longest, len(words) - i), 0, -1):
        found = phrases.get(tuple(words[i : i + length]))
        if found is None:
            continue
        kind, value, plural = found
        after = [word for word in words[i + length : i + length + 2] if word not in ("the", "this", "a")]
        side = value.removesuffix(" of")
        if kind == "relation" and after and after[0] in lexicon.frames and side in lexicon.places:
            return Token("place", side), length  # "on the left of the picture"
        return Token(kind, value, plural), length
    return Token("word", words[i]), 1


def _unmeant(words: list[str], i: int, length: int, kind: str) -> bool:
    """Whether a known phrase is not said of anything here: "not very large", "how large", "shark-like"."""
    before, after = words[max(0, i - 3) : i], words[i + length : i + length + 1]
    if kind in _MODIFIERS:
        while before and before[-1] in _DEGREES:
            before = before[:-1]
        return before[-1:] in (["not"], ["how"])
    if kind == "noun":
        return after in (["like"], ["coloured"], ["colored"], ["shaped"], ["less"], ["free"])
    adverb = words[i : i + length] == ["right"] and before[-1:] not in (["the"], ["far"], ["its"])
    return adverb and bool(after) and after[0] in _PREPOSITIONS


def _reaches(tokens: list[Token], at: int) -> int | None:
    """The index of the noun that the modifier at ``at`` stands before, or ``None``."""
    comma = False
    for step, token in enumerate(tokens[at + 1 : at + 2 + _LOOK]):
        if token.kind in ("noun", "generic"):  # "a small, red fox", but not "an orange, grapes"
            return None if comma else at + 1 + step
        comma = token.value == ","
        if token.kind in _MODIFIERS or comma:
            continue
        if token.kind != "word" or token.value in _STOPS or not token.value.isalpha():
            return None
    return None


def _settle_fruit(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """A colour word that is also a noun ("orange") is the noun where no noun follows it and an article leads."""
    out = list(tokens)
    for at in reversed(range(len(out))):  # from the right, so that "an orange orange" has its noun first
        token = out[at]
        if token.kind != "colour" or token.value not in lexicon.nouns or _reaches(out, at) is not None:
            continue
        before = at - 1
        while before >= 0 and out[before].kind in _MODIFIERS:
            before -= 1
        led = before >= 0 and out[before].value in ("a", "an", "the", "some", "any", "one", "this", "that")
        if led or before < 0 or out[before].kind == "number":
            out[at] = Token("noun", lexicon.nouns[token.value])
    return out


def phrases_of(tokens: list[Token]) -> list[Phrase]:
    """The noun phrases in order, each with the modifiers before it, and with those said of it afterwards."""
    found = [Phrase(at=k, noun=None if t.kind == "generic" else t.value)
             for k, t in enumerate(tokens) if t.kind in ("noun", "generic")]  # fmt: skip
    at_noun = {phrase.at: phrase for phrase in found}
    for k, token in enumerate(tokens):
        noun = _reaches(tokens, k)
        if token.kind == "number" and noun is not None:
            at_noun[noun].count = int(token.value)
        if token.kind not in _MODIFIERS:
            continue
        before = [phrase for phrase in found if phrase.at < k]
        if noun is not None:
            owner = at_noun[noun]
        elif before:  # "the fox left of the tent is red": the tent speaks for itself, if it already has
            owner = before[-1] if getattr(before[-1], token.kind) is None else before[0]
        elif found:  # "small, red and round: a ladybird"
            owner = found[0]
        else:
            continue
        if getattr(owner, token.kind) is None:
            setattr(owner, token.kind, token.value)
    return found
