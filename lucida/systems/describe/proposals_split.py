"""Things that touch: whether a part that stands out from a plain ground is two things, and where to cut it.

The hierarchy of the whole picture has a node for nearly every thing, so the cuts that are tried are its nodes. A
logistic model of five cues decides; it was fitted on scenes of the world's training split
(``benchmarks/proposals.py --fit`` does it again).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.systems.describe.proposals_graph import grid_edges, region_edges
from lucida.systems.describe.proposals_sight import Sight
from lucida.systems.describe.proposals_tree import Tree

_LEAST = 0.08  # share of a part that either side of a cut must have
_DARK = 0.35  # OKLab lightness below which a pixel may be an outline and says nothing about a thing's colour
CUES = ("contact", "colour", "deep", "middle", "light")
# Of each cue, then the constant. The probability is that both sides hold whole things and the part does not.
_MODEL = (-6.1, 5.9, 5.7, -6.5, 6.4, -6.3)
_SURE = 0.35


@dataclass(frozen=True)
class Cuts:
    """Ways to cut one part in two: ``nodes`` (c,) against the rest of it, and their ``cues`` (c, 5)."""

    nodes: np.ndarray
    cues: np.ndarray


def split(part: np.ndarray, sight: Sight, tree: Tree) -> np.ndarray:
    """Cut a part of the raster, (H, W) bool, while it looks like several things.

    Returns:
        (n,) int: to which piece each superpixel of the hierarchy belongs; all 0 when there is nothing to cut.
    """
    names, pieces, done = np.zeros(tree.leaves, int), 1, 0
    while done < pieces:
        cuts = cuts_of(part & (names == done)[tree.labels], sight, tree)
        sure = cuts.cues @ np.array(_MODEL[:-1]) + _MODEL[-1]
        if not len(sure) or sure.max() <= np.log(_SURE / (1 - _SURE)):
            done += 1
            continue
        names[(names == done) & tree.members[cuts.nodes[sure.argmax()]]] = pieces
        pieces += 1
    return names


def cuts_of(part: np.ndarray, sight: Sight, tree: Tree) -> Cuts:
    """Every way to cut a part along a node of the hierarchy, with what speaks for and against it.

    The cues: how much of its outline the smaller side shares with the other; difference in colour, in stride-32
    and in stride-16 features; the lesser share of pixels that are not dark (a wheel is no thing).
    """
    inside, flat = part.ravel(), tree.labels.ravel()
    local = np.full(tree.leaves, -1)
    held = np.unique(flat[inside])
    local[held] = np.arange(len(held))
    count = np.bincount(local[flat[inside]], minlength=len(held)).astype(np.float64)
    total = count.sum()
    shares = tree.members[:, held] @ count / max(total, 1)
    # A node that is mostly something else is no thing of this part.
    area = tree.members @ np.bincount(flat, minlength=tree.leaves)
    own = shares * total / area
    fit = np.flatnonzero((shares >= _LEAST) & (shares <= 1 - _LEAST) & (own >= 0.3) & (shares * total >= 12))
    _, first = np.unique(tree.members[np.ix_(fit, held)], axis=0, return_index=True)
    fit = fit[np.sort(first)]
    if not len(fit):
        return Cuts(fit, np.zeros((0, len(CUES))))
    a, b = grid_edges(*part.shape)
    both, one = inside[a] & inside[b], inside[a] != inside[b]
    low, high, contact = region_edges(local[flat[a[both]]], local[flat[b[both]]], len(held))
    outline = np.bincount(local[flat[np.where(inside[a], a, b)[one]]], minlength=len(held))
    m = tree.members[np.ix_(fit, held)].astype(np.float64)  # (c, held)
    shared = ((m[:, low] != m[:, high]) * contact).sum(1)
    free = np.minimum(m @ outline, (1 - m) @ outline)
    light = inside & (sight.lab[..., 0].ravel() > _DARK)

    def apart(values: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Difference of the sides' means (c, k) over the chosen pixels, and how many those are (2, c)."""
        names, kept = local[flat[chosen]], values.reshape(flat.size, -1)[chosen]
        number = np.bincount(names, minlength=len(held))
        sums = np.stack([np.bincount(names, column, minlength=len(held)) for column in kept.T], 1)
        numbers = np.stack([m @ number, (1 - m) @ number])
        mean = [side @ sums / np.maximum(n, 1)[:, None] for side, n in zip((m, 1 - m), numbers, strict=True)]
        return mean[0] - mean[1], numbers

    colour, lit = apart(sight.lab[..., 1:], light)
    middle, sizes = apart(sight.maps[1], inside)
    deep, _ = apart(sight.maps[2], inside)
    cues = (
        shared / (shared + free + 1),
        np.linalg.norm(colour, axis=1),
        np.linalg.norm(deep, axis=1),
        np.linalg.norm(middle, axis=1),
        (lit / sizes).min(0),
    )
    return Cuts(fit, np.stack(cues, 1))
