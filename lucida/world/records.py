"""What the world says about a scene: plain frozen records, exact by construction.

Everything a scene knows is here; nothing is recomputed from pixels. Boxes are normalised xyxy, sizes are
(height, width) in pixels, masks are *visible* masks (what is left after nearer objects are painted).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

Box = tuple[float, float, float, float]

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "grey")
SIZES = ("small", "medium", "large")
PLACES = (
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
RELATIONS = ("left of", "right of", "above", "below")
SPLITS = ("train", "val", "test", "test-pairs", "test-objects")


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One object of a scene. ``index`` is its place in paint order (0 = furthest back) and in ``Scene.masks``."""

    index: int
    noun: str
    colour: str | None  # None: the artwork fails the chroma rule, or the object is a photograph
    size: str  # one of SIZES
    place: str  # one of PLACES, from the centre of the *drawn* box on a 3x3 grid
    box: Box  # normalised xyxy of the visible mask, x1 and y1 exclusive edges
    centre: tuple[float, float]  # normalised (x, y) of the drawn sprite, before occlusion
    area: int  # visible pixels
    medium: str = "artwork"  # artwork | photo
    source: str = ""  # code point or cut-out file name


@dataclass(frozen=True, kw_only=True)
class Relation:
    """``subject`` is ``word`` ``other``; true with the stated margin on the axis of ``word`` (see scene.py)."""

    subject: int
    word: str  # one of RELATIONS
    other: int


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """One step of the reasoning trace of a question: an operation, the objects it looked at, what it gave."""

    op: str  # find | filter | compare | relate | count | answer ...
    objects: tuple[int, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with one right answer. ``<n>`` in the text is ``cites[n - 1]``, local to the question."""

    kind: str
    text: str
    cites: tuple[int, ...]
    answer: str
    answer_type: str  # yesno | colour | noun | number | region | phrase
    evidence: tuple[int, ...]  # objects that make the answer true
    derivation: tuple[Derivation, ...]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A composed picture with its truth. ``masks[i]`` belongs to ``objects[i]``."""

    seed: int
    split: str
    pixels: np.ndarray  # (H, W, 3) uint8 RGB
    masks: np.ndarray  # (N, H, W) bool, visible
    objects: tuple[SceneObject, ...]
    background: str  # a word, e.g. "plain", "gradient", "stripes", "checks", "noise", "photo"
    relations: tuple[Relation, ...] = field(default=())  # every pair that holds with margin, both directions

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def without_pixels(scene: Scene) -> Scene:
    """The truth without pixels and masks (zero-size stand-ins keep the picture's size readable)."""
    empty = np.zeros((*scene.size, 0), np.uint8)
    return replace(scene, pixels=empty, masks=np.zeros((len(scene.objects), 0, 0), bool))
