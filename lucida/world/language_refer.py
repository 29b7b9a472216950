"""Pointing at one object in words that fit it alone."""

from __future__ import annotations

from lucida.world.language_captions import named_by, nearly
from lucida.world.records import PLACES, Scene

# From the shortest to the longest; at equal length colour before size before place, as people choose.
_CHOICES: tuple[tuple[str, ...], ...] = (
    (), ("colour",), ("size",), ("place",), ("size", "colour"), ("colour", "place"), ("size", "place"),
    ("size", "colour", "place"),
)  # fmt: skip
_PLACE = {place: f"at the {place}" for place in PLACES} | {"centre": "in the centre"}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def refer(scene: Scene, i: int) -> str:
    """The shortest expression that means object ``i`` and no other: "the fox", "the small red fox at the top".

    Tries the noun with more and more attributes, then a relation to something unmistakable, then an ordinal
    ("the second fox from the left"), which always fits one object.
    """
    thing = scene.objects[i]
    same_noun = named_by(scene, None, thing.noun)
    for choice in _CHOICES:
        if "colour" in choice and thing.colour is None:
            continue
        fits = [
            k for k in same_noun if all(getattr(scene.objects[k], n) == getattr(thing, n) for n in choice)
        ]
        if fits == [i]:
            front = [getattr(thing, name) for name in ("size", "colour") if name in choice]
            back = [_PLACE[thing.place]] if "place" in choice else []
            return " ".join(["the", *front, thing.noun, *back])
    for relation in scene.relations:
        other = scene.objects[relation.other]
        if relation.subject != i or other.noun == thing.noun:
            continue
        colour = None if named_by(scene, None, other.noun) == [other.index] else other.colour
        near = [k for k in same_noun if nearly(scene, k, relation.word, other.index)]
        if near == [i] and named_by(scene, colour, other.noun) == [other.index]:
            return f"the {thing.noun} {relation.word} the {f'{colour} ' if colour else ''}{other.noun}"
    rank = sorted(same_noun, key=lambda k: (scene.objects[k].centre, k)).index(i)
    ordinal = _ORDINALS[rank] if rank < len(_ORDINALS) else f"number {rank + 1}"
    return f"the {ordinal} {thing.noun} from the left"
