"""Whether a picture shows what its prompt asked for, according to the judge; and how alike two sets of pictures are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lucida.media.image import Image
from lucida.metrics.frechet import frechet_distance
from lucida.models.dense_judge import DenseJudge
from lucida.models.tower import Tower, to_pixels
from lucida.systems.generate.prompts import Prompt

LEAST = 2  # cells that a thing must fill to be there
AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class Found:
    """A thing the judge sees. ``centre``: (x, y) in cells, mean over its cells."""

    noun: str
    colour: str | None
    centre: tuple[float, float]
    cells: int


@dataclass(frozen=True, eq=False)
class Seen:
    """What the judge saw in some pictures: things of each, and features (B, F)."""

    things: tuple[tuple[Found, ...], ...]
    features: np.ndarray


@torch.no_grad()
def judge_pictures(pictures: Sequence[Image] | Tensor, judge: DenseJudge) -> Seen:
    """Look at pictures, given as such or as (B, 3, side, side) in [−1, 1]."""
    side = judge.config.side
    things: list[tuple[Found, ...]] = []
    features: list[np.ndarray] = []
    for start in range(0, len(pictures), AT_ONCE):
        part = pictures[start : start + AT_ONCE]
        pixels = (
            part
            if isinstance(part, Tensor)
            else to_pixels(np.stack([p.resized((side, side)).pixels for p in part]))
        )
        seen = judge(pixels)
        features.append(seen.features.double().numpy())
        nouns, colours = seen.nouns.argmax(1), seen.colours.log_softmax(1)
        things += [_things(n, c, judge) for n, c in zip(nouns, colours, strict=True)]
    return Seen(tuple(things), np.concatenate(features))


@torch.no_grad()
def tower_features(pictures: Sequence[Image] | Tensor, tower: Tower, *, side: int = 128) -> np.ndarray:
    """What a vision tower pools of pictures enlarged to ``side``: (B, 1280) float64.

    For a tower that is nobody's teacher (EfficientNet-Lite2); the shipped one would flatter what learned from it.
    """
    parts = []
    for start in range(0, len(pictures), AT_ONCE):
        part = pictures[start : start + AT_ONCE]
        pixels = part if isinstance(part, Tensor) else to_pixels(np.stack([p.pixels for p in part]))
        large = functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
        parts.append(tower.embed(large.to(tower.classifier.weight.device)).double().cpu().numpy())
    return np.concatenate(parts)


def principal(reference: np.ndarray, *sets: np.ndarray, keep: int = 128) -> list[np.ndarray]:
    """Sets (n, F) in the ``keep`` main directions of ``reference``, so that covariances have full rank."""
    centre = reference.mean(0)
    _, _, directions = np.linalg.svd(reference - centre, full_matrices=False)
    return [(one - centre) @ directions[:keep].T for one in sets]


def _things(nouns: Tensor, colours: Tensor, judge: DenseJudge) -> tuple[Found, ...]:
    """(g, g) classes and (11, g, g) log-probabilities of one picture; equal nouns are one thing."""
    found = []
    for noun in nouns.unique().tolist():
        cells = nouns == noun
        count = int(cells.sum())
        if noun == 0 or count < LEAST:
            continue
        rows, columns = cells.nonzero(as_tuple=True)
        best = int(colours[:, cells].sum(1).argmax())
        centre = float(columns.double().mean()), float(rows.double().mean())
        colour = judge.config.colours[best - 1] if best else None
        found.append(Found(noun=judge.config.nouns[noun - 1], colour=colour, centre=centre, cells=count))
    return tuple(found)


def score_prompt(prompt: Prompt, things: Iterable[Found]) -> dict[str, list[bool]]:
    """What the picture has of what was asked: ``object``, ``colour``, ``relation``, each a list of hits.

    A colour or relation of a thing that is not there is a miss. A relation holds when the centres differ more on its
    axis than on the other, in its direction.
    """
    by_noun = {thing.noun: thing for thing in things}
    hits: dict[str, list[bool]] = {"object": [], "colour": [], "relation": []}
    for asked in prompt.things:
        thing = by_noun.get(asked.noun)
        hits["object"].append(thing is not None)
        if asked.colour is not None:
            hits["colour"].append(thing is not None and thing.colour == asked.colour)
    for a, word, b in prompt.relations:
        ends = [by_noun.get(prompt.things[i].noun) for i in (a, b)]
        hits["relation"].append(_holds(word, *ends))
    return hits


def _holds(word: str, a: Found | None, b: Found | None) -> bool:
    if a is None or b is None or a is b:
        return False
    dx, dy = b.centre[0] - a.centre[0], b.centre[1] - a.centre[1]
    along, across = (dx, dy) if word in ("left of", "right of") else (dy, dx)
    return abs(along) > abs(across) and (along > 0) == (word in ("left of", "above"))


@dataclass(frozen=True, kw_only=True)
class Score:
    """Shares of what was asked that is there, 0 to 1, and how many of each were asked."""

    object: float
    colour: float
    relation: float
    asked: dict[str, int] = field(default_factory=dict)


def score_pictures(prompts: Sequence[Prompt], seen: Seen) -> Score:
    """Over all prompts together."""
    every: dict[str, list[bool]] = {"object": [], "colour": [], "relation": []}
    for prompt, things in zip(prompts, seen.things, strict=True):
        for name, hits in score_prompt(prompt, things).items():
            every[name] += hits
    means = {name: float(np.mean(hits)) if hits else float("nan") for name, hits in every.items()}
    return Score(**means, asked={name: len(hits) for name, hits in every.items()})


def distance_and_floor(made: np.ndarray, truth: np.ndarray, other_truth: np.ndarray) -> tuple[float, float]:
    """Fréchet distance of made pictures to true ones, and of other true ones to the same: its floor.

    All three (n, F); equal n, because the distance depends on it.
    """
    if not len(made) == len(truth) == len(other_truth):
        raise ValueError(f"want equal numbers, got {len(made)}, {len(truth)} and {len(other_truth)}")
    return frechet_distance(made, truth), frechet_distance(other_truth, truth)
