"""Every word of the world with its synonyms, for the reader and for closed vocabularies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from lucida.metrics.lexicon import Lexicon
from lucida.world.grammar import NUMBERS, is_unarticled, plural
from lucida.world.language_captions import TEMPLATES
from lucida.world.language_scenes import BACKGROUNDS, SCENE_TEMPLATES
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS, PLACES, RELATIONS, SIZES

COLOUR_WORDS = {
    "grey": ("gray", "silver"), "purple": ("violet", "lilac"), "cyan": ("turquoise", "aqua", "teal", "light blue"),
    "red": ("crimson", "scarlet"), "blue": ("navy", "dark blue"), "pink": ("magenta", "rose coloured"),
    "yellow": ("golden",), "brown": ("tan",),
}  # fmt: skip
SIZE_WORDS = {
    "small": ("little", "tiny", "smallish", "small sized", "miniature", "wee"),
    "medium": (
        "medium sized",
        "mid sized",
        "middle sized",
        "average sized",
        "middling",
        "mid size",
        "medium size",
    ),
    "large": ("big", "huge", "giant", "enormous", "great big", "large sized", "very large", "massive"),
}
PLACE_WORDS = {
    "top left": ("upper left", "left top", "top left hand", "upper left hand", "northwest"),
    "top right": ("upper right", "right top", "top right hand", "upper right hand", "northeast"),
    "bottom left": ("lower left", "left bottom", "bottom left hand", "lower left hand", "southwest"),
    "bottom right": ("lower right", "right bottom", "bottom right hand", "lower right hand", "southeast"),
    "top": ("top centre", "top middle", "upper middle", "upper edge", "upper part", "top edge", "upper centre"),
    "bottom": ("bottom centre", "bottom middle", "lower middle", "lower edge", "lower part", "bottom edge",
               "lower centre"),
    "left": ("left side", "left hand side", "left edge", "middle left", "centre left", "left centre", "left middle",
             "far left"),
    "right": ("right side", "right hand side", "right edge", "middle right", "centre right", "right centre",
              "right middle", "far right"),
    "centre": ("middle", "very middle", "dead centre", "exact middle"),
}  # fmt: skip
RELATION_WORDS = {
    "left of": ("to the left of", "on the left of", "on the left side of", "to the left side of",
                "on the left hand side of", "just left of", "directly left of"),
    "right of": ("to the right of", "on the right of", "on the right side of", "to the right side of",
                 "on the right hand side of", "just right of", "directly right of"),
    "above": ("over", "right above", "directly above", "just above", "higher than", "higher up than"),
    "below": ("under", "beneath", "underneath", "right below", "directly below", "just below", "lower than",
              "lower down than"),
}  # fmt: skip
_INVERSE = {
    "left of": ("{} right", "{} right side", "the right of it", "the right of which"),
    "right of": ("{} left", "{} left side", "the left of it", "the left of which"),
    "above": ("below it", "under it", "beneath it", "underneath it", "below which", "under which"),
    "below": ("above it", "over it", "above which", "over which"),
}
NOUN_WORDS = {
    "airplane": ("plane", "aeroplane", "aircraft"), "angelfish": ("tropical fish",), "aubergine": ("eggplant",),
    "backpack": ("rucksack",), "bicycle": ("bike", "push bike"), "boar": ("wild boar",), "book": ("closed book",),
    "chilli": ("chili", "chilli pepper", "hot pepper"), "christmas tree": ("xmas tree",),
    "compact disc": ("cd", "disc"), "corn cob": ("ear of corn", "corn"), "die": ("dice",),
    "doughnut": ("donut",), "fire engine": ("fire truck",), "football": ("soccer ball",), "frying pan": ("pan",),
    "gem": ("gemstone", "diamond", "jewel"), "hamburger": ("burger",), "hen": ("chicken",), "hippo": ("hippopotamus",),
    "ladybird": ("ladybug", "lady beetle"), "light bulb": ("bulb", "lightbulb"), "lorry": ("truck",),
    "magnifying glass": ("loupe", "magnifier"), "motorcycle": ("motorbike",), "phone": ("mobile phone", "cell phone",
    "smartphone"), "pizza slice": ("slice of pizza", "pizza"), "present": ("gift", "wrapped gift"),
    "petrol station": ("gas station", "fuel pump"), "rabbit": ("bunny",), "rhino": ("rhinoceros",),
    "rock": ("stone",), "rooster": ("cockerel",), "sailboat": ("sailing boat", "yacht"), "sofa": ("couch",),
    "spanner": ("wrench",), "steam train": ("locomotive", "steam engine"), "tangerine": ("mandarin", "clementine"),
    "television": ("tv", "tv set"), "torch": ("flashlight",), "tyrannosaurus": ("t rex",), "umbrella": ("brolly",),
    "waste bin": ("trash can", "rubbish bin"), "watch": ("wristwatch",), "wine glass": ("glass of wine",),
    "crescent moon": ("moon",), "cupcake": ("fairy cake",), "flame": ("fire",), "droplet": ("drop of water",),
    "shopping trolley": ("shopping cart",), "envelope": ("letter",), "loaf": ("loaf of bread",), "padlock": ("lock",),
    "candy": ("sweet",), "chick": ("baby chick",), "teddy bear": ("teddy",), "coffee cup": ("cup of coffee",),
    "beer mug": ("mug of beer",), "birthday cake": ("cake",), "kitchen knife": ("knife",),
    "computer mouse": ("pc mouse",), "cake slice": ("slice of cake", "piece of cake"),
    "money bag": ("bag of money",), "honey jar": ("jar of honey",),
}  # fmt: skip
GENERICS = frozenset("thing things object objects item items something anything".split())
FRAMES = frozenset("picture image photo scene frame canvas page".split())


def _surfaces(words: Iterable[str], synonyms: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """``{surface form: canonical word}``, American spellings of "centre" included."""
    out = {word: word for word in words}
    for word in tuple(out):
        for synonym in synonyms.get(word, ()):
            out.setdefault(synonym, word)
    for surface, word in tuple(out.items()):
        if "centre" in surface:
            out.setdefault(surface.replace("centre", "center"), word)
    return out


@cache
def lexicon(nouns: tuple[str, ...] | None = None) -> Lexicon:
    """The lexicon of the world, or of other ``nouns`` (photographic cut-outs) with the same grammar.

    The cached object compiles its expressions once; pass the same tuple to share it.
    """
    names = tuple(noun_table().values()) if nouns is None else nouns
    surfaces = _surfaces(names, NOUN_WORDS)
    own = ("on its", "to its", "at its")
    inverse = {form.format(lead): word for word, forms in _INVERSE.items() for form in forms for lead in own}
    inverse |= {f"{lead} {form}": word for form, word in tuple(inverse.items()) if form.startswith("the ")
                for lead in ("to", "on")}  # fmt: skip
    return Lexicon(
        nouns=surfaces,
        plurals={plural(form): noun for form, noun in reversed(surfaces.items()) if not is_unarticled(form)},
        unarticled=frozenset(noun for noun in names if is_unarticled(noun)),
        colours=_surfaces(COLOURS, COLOUR_WORDS),
        sizes=_surfaces(SIZES, SIZE_WORDS),
        places=_surfaces(PLACES, PLACE_WORDS),
        relations=_surfaces(RELATIONS, RELATION_WORDS),
        inverse=inverse,
        generics=GENERICS,
        frames=FRAMES,
        numbers={word: number for number, word in enumerate(NUMBERS) if number},
        templates=TEMPLATES,
        scene_templates=SCENE_TEMPLATES,
        backgrounds={phrase: word for word, phrase in BACKGROUNDS.items()},
    )


def words(nouns: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """The closed word set of the captions: every single word that a region or scene caption can contain, sorted."""
    lex = lexicon(nouns)
    texts = [
        *lex.nouns.values(),
        *lex.plurals,
        *lex.colours.values(),
        *lex.backgrounds,
        *lex.numbers,
        "a an some the",
    ]
    for template in TEMPLATES:
        texts += [template.main, template.tail]
        texts += [*template.size.values(), *template.place.values(), *template.relation.values()]
    texts += SCENE_TEMPLATES
    return tuple(
        sorted(
            {
                word
                for text in texts
                for word in re.findall(r"[a-z]+(?:-[a-z]+)*", re.sub(r"\{[^}]*\}", " ", text))
            }
        )
    )
