"""Captions of whole pictures: what is there, how many, on what ground; and the read-back of both."""

from __future__ import annotations

from lucida.media.errors import InputError
from lucida.metrics.reader import Thing
from lucida.world.grammar import NUMBERS, is_unarticled, join_list, plural, with_article
from lucida.world.language_captions import STYLES, check_style
from lucida.world.records import PLACES, Scene

BACKGROUNDS = {
    "plain": "a plain background", "gradient": "a shaded background", "stripes": "a striped background",
    "checks": "a checked background", "noise": "a speckled background", "photo": "a photographic background",
}  # fmt: skip

SCENE_TEMPLATES = (
    "a picture of {list} on {background}",
    "on {background} there is {list}",
    "this picture shows {list} in front of {background}",
    "{list}, all on {background}",
    "in this scene we see {list}; behind lies {background}",
    "an image with {background} and on it {list}",
    # held out
    "one can make out {list} against {background}",
    "against {background} stand out {list}",
)
assert len(SCENE_TEMPLATES) == len(STYLES)


def background_phrase(word: str) -> str:
    """The wording of a background word; a word without its own is used as an adjective."""
    return BACKGROUNDS.get(word) or with_article(f"{word} background", "background")


def reading_order(scene: Scene) -> list[int]:
    """Object indices by the row of their place, then from left to right."""
    things = scene.objects
    return sorted(range(len(things)), key=lambda i: (PLACES.index(things[i].place) // 3, things[i].centre, i))


def listing(scene: Scene) -> tuple[Thing, ...]:
    """(count, colour, noun) in reading order; the same things are counted where the first of them stands.

    Nouns that take "some" are listed one by one, for "two some bread" is not English.
    """
    counts: dict[tuple[str | None, str], int] = {}
    out: list[Thing] = []
    for i in reading_order(scene):
        thing = scene.objects[i]
        if is_unarticled(thing.noun):
            out.append((1, thing.colour, thing.noun))
            continue
        key = (thing.colour, thing.noun)
        if key not in counts:
            counts[key] = len(out)
            out.append((0, *key))
        at = counts[key]
        out[at] = (out[at][0] + 1, *key)
    return tuple(out)


def _item(count: int, colour: str | None, noun: str) -> str:
    lead = f"{colour} " if colour else ""
    if count == 1:
        return with_article(lead + noun, noun)
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return f"{number} {lead}{plural(noun)}"


def scene_caption(scene: Scene, style: int) -> str:
    """The caption of the whole picture in one paraphrase: things in reading order, counts, background.

    Raises:
        InputError: ``style`` is not one of ``STYLES``, or the scene has no objects.
    """
    check_style(style)
    if not scene.objects:
        raise InputError("scene.objects: empty, so there is nothing to describe")
    items = join_list([_item(*thing) for thing in listing(scene)])
    return SCENE_TEMPLATES[style].format(list=items, background=background_phrase(scene.background))
