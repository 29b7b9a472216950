"""Captions of regions: fixed skeletons, one right answer.

Two lessons of the pilot (see the pilot's report) shape this file. The relation names a partner chosen by a rule
with one right answer, else it is left out; and it comes last, so that a decoder commits the region's own facts
first. ``caption`` is a pure function of (scene, i, style): the choice of paraphrase is the caller's, who can give
it to the model as a condition.
"""

from __future__ import annotations

from math import hypot

from lucida.media.errors import InputError
from lucida.metrics.lexicon import Facts, Template
from lucida.metrics.reader import Expected
from lucida.world.grammar import is_unarticled, table
from lucida.world.records import PLACES, RELATIONS, SIZES, Relation, Scene, SceneObject

STYLES_TRAIN = range(6)
STYLES_HELD_OUT = range(6, 8)
STYLES = range(8)

RUNNER_UP = 1.15  # every rival must be at least this many times as far as the nearest
LEAN = 1.25  # a pair that is no relation, but this many times longer on one axis than on the other, is nearly one
LEVEL = 0.02  # of the shorter side: centres this close along an axis count as level, on neither side

_AT = table("at the {}", PLACES, centre="in the centre")
_IN = table(
    "in the {} corner", PLACES, top="along the top", bottom="along the bottom", left="along the left side",
    right="along the right side", centre="in the middle",
    top_left="in the upper left corner", top_right="in the upper right corner",
    bottom_left="in the lower left corner", bottom_right="in the lower right corner",
)  # fmt: skip
_ON = table("on the {}", PLACES, top="at the top", bottom="at the bottom", centre="in the centre")
_PLAIN = table("{}", PLACES)
_SIZE = table("{}", SIZES)
_REL = table("{}", RELATIONS)
_REL_TO = table("to the {}", RELATIONS, above="above", below="below")
_REL_OVER = table("on the {}", RELATIONS, above="over", below="under")
_REL_BACK = {"left of": "on its right", "right of": "on its left", "above": "below it", "below": "above it"}

TEMPLATES: tuple[Template, ...] = (
    Template(main="{a size colour noun} {place}", tail=", {relation} {a other}", size=_SIZE, place=_AT, relation=_REL),
    Template(main="{place} there is {a size colour noun}", tail=", and it is {relation} {a other}",
             size=_SIZE, place=_AT, relation=_REL_TO),
    Template(main="this is {a colour noun}, {size} in size and {place}", tail=", {relation} {a other}",
             size=_SIZE, place=_IN, relation=_REL_TO),
    Template(main="the {size} {colour noun} {place}", tail=", just {relation} {the other}",
             size=table("{}", SIZES, small="little", medium="medium-sized", large="big"), place=_ON, relation=_REL),
    Template(main="{colour noun}, {size}, {place}", tail=", {relation} {other}",
             size=_SIZE, place=_PLAIN, relation=_REL),
    Template(main="we see {a size colour noun} lying {place} of the picture", tail=", {relation} {a other}",
             size=table("{}", SIZES, large="big"), relation=_REL_OVER,
             place=table("at the {}", PLACES, centre="in the centre", left="on the left", right="on the right")),
    # held out
    Template(main="{a colour noun} of {size} size can be found {place}", tail=", and it is placed {relation} {a other}",
             size=_SIZE, place=_ON, relation=_REL_TO),
    Template(main="{place} of the image one finds {a size colour noun}", tail=", with {a other} {relation}",
             size=table("{}", SIZES, small="little", large="big"), relation=_REL_BACK,
             place=table("in the {}", PLACES, top="at the top", bottom="at the bottom",
                         left="on the left side", right="on the right side")),
)  # fmt: skip
assert len(TEMPLATES) == len(STYLES)


def check_style(style: int) -> None:
    """Raise ``InputError`` unless ``style`` is one of :data:`STYLES`."""
    if style not in STYLES:
        raise InputError(f"style: {style} is not one of 0..{len(STYLES) - 1}")


def short_label(thing: SceneObject) -> str:
    """The shortest name of a thing: "red fox", or "fox" where it has no colour."""
    return f"{thing.colour} {thing.noun}" if thing.colour else thing.noun


def named_by(scene: Scene, colour: str | None, noun: str) -> list[int]:
    """Indices of the objects that the words could mean; no colour fits every colour."""
    return [
        k for k, o in enumerate(scene.objects) if o.noun == noun and (colour is None or o.colour == colour)
    ]


def nearly(scene: Scene, a: int, word: str, b: int) -> bool:
    """Whether ``a`` is ``word`` ``b``, or comes near to being so: on that side, and more along its axis than across.

    What a question takes for certain must hold with margin, and nothing else may nearly hold.
    """
    first, second = scene.objects[a].centre, scene.objects[b].centre
    height, width = scene.size
    dx, dy = (first[0] - second[0]) * width, (first[1] - second[1]) * height
    along, across = {"left of": (-dx, dy), "right of": (dx, dy), "above": (-dy, dx), "below": (dy, dx)}[word]
    return along > LEVEL * min(height, width) and along >= abs(across)


def partner(scene: Scene, i: int) -> tuple[str, int] | None:
    """The relation that a caption of object ``i`` states, as (word, other), or ``None``.

    The rule: the nearest (by centres) of the objects that stand in a relation with margin to ``i``. It is left out
    where that is debatable: another object is about as near or nearer and stands in a relation too, or nearly so;
    or the words for the partner could also mean something else in the scene.
    """
    words = {relation.other: relation.word for relation in scene.relations if relation.subject == i}
    if not words:
        return None
    height, width = scene.size
    x, y = scene.objects[i].centre
    offsets = {
        k: (abs(o.centre[0] - x) * width, abs(o.centre[1] - y) * height) for k, o in enumerate(scene.objects)
    }
    distances = {k: hypot(*offset) for k, offset in offsets.items()}
    nearest = min(words, key=lambda k: distances[k])
    for k, offset in offsets.items():
        rival = k in words or max(offset) > LEAN * min(offset)
        if k not in (i, nearest) and rival and distances[k] < RUNNER_UP * distances[nearest]:
            return None
    other = scene.objects[nearest]
    if named_by(scene, other.colour, other.noun) != [nearest]:
        return None
    return words[nearest], nearest


def neighbour(scene: Scene, i: int) -> tuple[str, int] | None:
    """As :func:`partner`, and where that is debatable the nearest thing in a relation whose words fit nothing else.

    What it says is always true of the scene, though another answer might be as good.
    """
    found = partner(scene, i)
    if found is not None:
        return found
    height, width = scene.size
    x, y = scene.objects[i].centre

    def distance(relation: Relation) -> float:
        there = scene.objects[relation.other].centre
        return hypot((there[0] - x) * width, (there[1] - y) * height)

    for relation in sorted((r for r in scene.relations if r.subject == i), key=distance):
        other = scene.objects[relation.other]
        if named_by(scene, other.colour, other.noun) == [relation.other]:
            return relation.word, relation.other
    return None


def facts(scene: Scene, i: int, *, related: bool = False) -> Facts:
    """Everything that :func:`caption` says of object ``i``, whatever the style."""
    thing = scene.objects[i]
    found = neighbour(scene, i) if related else partner(scene, i)
    other = scene.objects[found[1]] if found else None
    return Facts(
        noun=thing.noun, colour=thing.colour, size=thing.size, place=thing.place,
        relation=found[0] if found else None,
        other_colour=other.colour if other else None,
        other_noun=other.noun if other else None,
    )  # fmt: skip


def caption(scene: Scene, i: int, style: int, *, related: bool = False) -> str:
    """The caption of object ``i`` in one paraphrase: size, colour, noun, place, and the relation last.

    Lower case, no final period. Deterministic in its arguments. ``related``: state a relation wherever one is true and
    can be worded (:func:`neighbour`), and not only where there is one right answer (:func:`partner`).

    Raises:
        InputError: ``style`` is not one of :data:`STYLES`.
    """
    check_style(style)
    stated = facts(scene, i, related=related)
    names = {name for name in (stated.noun, stated.other_noun) if name and is_unarticled(name)}
    return TEMPLATES[style].render(stated, unarticled=frozenset(names))


def expected(scene: Scene, i: int) -> Expected:
    """What a caption of object ``i`` is scored against: its facts and every true relation of it in words."""
    stated = facts(scene, i)
    others = (
        (relation.word, scene.objects[relation.other])
        for relation in scene.relations
        if relation.subject == i
    )
    return Expected(
        **vars(stated), relations=tuple((word, other.colour, other.noun) for word, other in others)
    )
