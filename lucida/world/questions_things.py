"""Questions about the whole picture that cite no region: counts, existence, things pointed at in words."""

from __future__ import annotations

from functools import cache

import numpy as np

from lucida.world.atlas import load_atlas
from lucida.world.grammar import is_unarticled, plural, with_article
from lucida.world.language_refer import refer
from lucida.world.questions_regions import ANSWER_TYPES, ASK, build, pick
from lucida.world.questions_trace import Trace
from lucida.world.records import COLOURS, SIZES, Question, Scene
from lucida.world.splits import object_held_out, pair_held_out

# A thing of the second kind is also one of the first, so a question about the first is never asked beside it.
HYPERNYMS: dict[str, frozenset[str]] = {
    word: frozenset(kinds.split(", "))
    for word, kinds in {
        "bird": "chick, duck, eagle, flamingo, hen, owl, parrot, peacock, penguin, rooster, swan",
        "hen": "chick, rooster", "dog": "wolf", "fish": "shark, dolphin, whale", "horse": "unicorn, zebra",
        "dinosaur": "tyrannosaurus", "deer": "moose", "monkey": "gorilla", "cat": "lion, tiger", "sheep": "goat",
        "goat": "sheep", "bear": "koala, panda, teddy bear", "whale": "dolphin, shark", "dolphin": "whale, shark",
        "rabbit": "mouse", "mouse": "rabbit", "tree": "cactus, potted plant", "tangerine": "lemon, peach",
        "lemon": "tangerine", "peach": "tangerine, apple", "car": "ambulance, cable car, pickup truck, van, lorry",
        "van": "ambulance", "bicycle": "motorcycle", "ship": "sailboat", "tram": "bus, cable car", "bus": "tram, van",
        "train": "tram", "house": "church, hut, mosque", "hut": "house", "phone": "telephone", "telephone": "phone",
        "mountain": "island, volcano", "cap": "helmet", "shirt": "dress",
        "shoe": "boot, flip flop, high heel, sandal, ice skate, roller skate", "boot": "shoe, roller skate",
        "handbag": "briefcase, suitcase, backpack", "pencil": "paintbrush", "parcel": "present", "gem": "ring",
        "mailbox": "postbox", "postbox": "mailbox", "coin": "medal", "medal": "coin, trophy", "cloud": "snowman",
        "planet": "globe", "globe": "planet", "sun": "star", "star": "sun", "chair": "sofa", "gear": "sun",
    }.items()
}  # fmt: skip


def confusable(noun: str, other: str) -> bool:
    """Whether a thing called ``other`` could also be called ``noun``: equal, more special, or the same last word."""
    return (
        noun == other
        or other in HYPERNYMS.get(noun, ())
        or noun.rsplit(" ", 1)[-1] == other.rsplit(" ", 1)[-1]
    )


def _certain_colours(scene: Scene) -> bool:
    return all(thing.colour is not None for thing in scene.objects)


def _certain_noun(scene: Scene, noun: str) -> bool:
    return not any(confusable(noun, thing.noun) for thing in scene.objects if thing.noun != noun)


@cache
def _shown_nouns() -> tuple[str, ...]:
    """What training pictures show; asking for anything else would teach that its answer is always no."""
    return tuple(noun for noun in load_atlas().nouns if not object_held_out(noun))


def count(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "how many red things are there?", also of a noun, a size, or a colour and a noun.

    The number is drawn first, evenly among those the scene offers, so that "1" is not always a good guess.
    """
    things = scene.objects
    criteria: list[tuple[tuple[str, str], ...]] = [(("size", size),) for size in SIZES]
    if _certain_colours(scene):
        criteria += [(("colour", colour),) for colour in COLOURS]
        criteria += [
            (("colour", c), ("noun", n)) for c, n in sorted({(str(t.colour), t.noun) for t in things})
        ]
    criteria += [(("noun", noun),) for noun in sorted({thing.noun for thing in things})]
    by_number: dict[int, list[tuple[tuple[str, str], ...]]] = {}
    for criterion in criteria:
        noun = dict(criterion).get("noun")
        if noun and (is_unarticled(noun) or not _certain_noun(scene, noun)):
            continue
        number = sum(all(getattr(thing, name) == value for name, value in criterion) for thing in things)
        by_number.setdefault(number, []).append(criterion)
    criterion = dict(pick(rng, by_number[pick(rng, sorted(by_number))]))
    trace = Trace(scene).do("all")
    for name, value in criterion.items():
        trace.do("filter", f"{name} {value}")
    kind = plural(criterion["noun"]) if "noun" in criterion else "things"
    words = [criterion[name] for name in ("size", "colour") if name in criterion] + [kind]
    evidence = trace.current
    return build("count", f"how many {' '.join(words)} are there?", (), trace.do("count"), "number", evidence)


def existence(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "is there a red fox?"; a false one has the colour of one thing and the noun of another, or a noun not there."""
    answer = bool(rng.random() < 0.5)
    things = scene.objects
    full = rng.random() < 0.6  # colour and noun, or the noun alone
    if full:
        true = sorted({(t.colour, t.noun) for t in things if t.colour and _certain_noun(scene, t.noun)})
        colours = sorted({colour for colour, _ in true})
        coloured = {noun for _, noun in true} - {t.noun for t in things if t.colour is None}
        # A pair that training never shows would always be answered with no, so it is never asked.
        false = [
            (c, n)
            for n in sorted(coloured)
            for c in colours
            if (c, n) not in true and not pair_held_out(n, c)
        ]
        if not (true and false):
            return None
        colour, noun = pick(rng, true if answer else false)
        phrase = f"{colour} {noun}"
        trace = Trace(scene).do("all").do("filter", f"noun {noun}").do("filter", f"colour {colour}")
    else:
        present = sorted({thing.noun for thing in things if _certain_noun(scene, thing.noun)})
        # Any noun of the world will do; a handful of draws is enough to find one that is surely not there.
        drawn = [pick(rng, _shown_nouns()) for _ in range(16)]
        absent = [
            noun
            for noun in drawn
            if not any(confusable(noun, t.noun) or confusable(t.noun, noun) for t in things)
        ]
        if not (present and absent):
            return None
        noun = phrase = pick(rng, present if answer else absent)
        trace = Trace(scene).do("all").do("filter", f"noun {noun}")
    evidence = trace.current
    text = f"is there {with_article(phrase, noun)}?"
    return build("existence", text, (), trace.do("exists"), "yesno", evidence)


def referred(scene: Scene, rng: np.random.Generator) -> Question | None:
    """ "what colour is the fox?": the thing is pointed at in words, which must not give the answer away."""
    cases = []
    for i, thing in enumerate(scene.objects):
        phrase = refer(scene, i)
        # The same unclear nouns that make counts unsafe make references unsafe.
        if _certain_noun(scene, thing.noun):
            values = {name: getattr(thing, name) for name in ("colour", "size", "place")}
            cases += [(i, phrase, name) for name, value in values.items()
                      if value is not None and f" {value} " not in f" {phrase} "]  # fmt: skip
    if not cases:
        return None
    i, phrase, name = pick(rng, cases)
    trace = Trace(scene).do("find", phrase, objects=(i,)).do("read", name)
    return build("refer", ASK[name].format(phrase), (), trace, ANSWER_TYPES[name], (i,))
