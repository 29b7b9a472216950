"""Regions for a picture nobody annotated: which parts of it are likely things, with masks.

Two ways. A picture on a plain ground (a composed scene, a drawing, an object on paper) gives the parts that stand
out from the ground, cut where they hold several things (``proposals_flat``, ``proposals_split``). Any other picture is
merged bottom up into a hierarchy by colour and tower features; its nodes are scored, the best that do not repeat each
other win, whatever their scale, and their outlines are drawn along the picture's colours (``proposals_tree``,
``proposals_score``, ``proposals_refine``). Nothing here is trained on masks of photographs; it stands in until the
segmenter exists. The same picture and tower give the same regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region

if TYPE_CHECKING:
    from lucida.models.tower import Tower
    from lucida.systems.describe.proposals_score import Nodes
    from lucida.systems.describe.proposals_tree import Tree

_LARGE = 0.25  # share of the picture from which a part on plain ground is looked into for things inside it
_SMALLEST = 8  # shorter side in pixels below which nothing can be told apart
_RADIUS = 4  # pixels of the small raster by which an outline may be wrong


class Proposer(Protocol):
    """Another way to find regions; a describer that is given one asks it first."""

    def propose(self, image: Image) -> list[Region]:
        """Likely things, the best first, of the picture's size; none where it sees nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class ProposalConfig:
    """Which regions to keep.

    Attributes:
        regions: how many at most.
        least, most: share of the picture that a region may cover (on a plain ground: only ``regions`` counts).
        border: share of the picture's outermost pixels above which a region is its background.
        score: how much like a thing a region must look; 0.6 leaves out most pieces, 0 keeps all.
        overlap: IoU above which of two regions only the better one is kept.
        side: longest side in pixels at which outlines are drawn; larger pictures get enlarged masks.
    """

    regions: int = 8
    least: float = 0.003
    most: float = 0.6
    border: float = 0.5
    score: float = 0.6
    overlap: float = 0.5
    side: int = 640

    def __post_init__(self) -> None:
        if self.regions < 1 or self.side < 1:
            raise InputError(f"regions and side must be at least 1, got {self.regions} and {self.side}")
        if not 0 <= self.least <= self.most <= 1:
            raise InputError(f"it must be 0 <= least <= most <= 1, got {self.least:g} and {self.most:g}")


def propose_regions(image: Image, tower: Tower, config: ProposalConfig | None = None) -> list[Region]:
    """Up to ``regions`` likely things, the best first; none for a picture without structure.

    Regions may lie inside one another (an eye of a cat, and the cat). On a plain ground the largest comes first.
    """
    from lucida.systems.describe.proposals_flat import things_on_plain_ground
    from lucida.systems.describe.proposals_refine import enlarged
    from lucida.systems.describe.proposals_sight import raster_size

    config = config or ProposalConfig()
    if min(image.size) < _SMALLEST or int(np.ptp(image.pixels.reshape(-1, 3), axis=0).max()) < 3:
        return []
    picture = image.resized(raster_size(image.size, config.side))
    parts = things_on_plain_ground(picture.pixels)
    if parts is None:
        masks = _photograph(picture, tower, config)
    else:
        masks = _scene(picture, parts, tower, config) if parts else []
    masks = [enlarged(mask, image.size) for mask in masks]
    return [Region.from_mask(mask, source="automatic region") for mask in masks if mask.any()]


def _photograph(picture: Image, tower: Tower, config: ProposalConfig) -> list[np.ndarray]:
    """(H, W) bool masks of the best nodes of the hierarchy."""
    from lucida.systems.describe.proposals_score import measure, select
    from lucida.systems.describe.proposals_sight import see
    from lucida.systems.describe.proposals_tree import grow

    sight = see(picture, tower)
    tree = grow(sight)
    chosen = select(tree, _ranked(measure(sight, tree), config), config.regions, config.overlap)
    return _drawn(picture, tree, chosen)


def _scene(picture: Image, parts: list[np.ndarray], tower: Tower, config: ProposalConfig) -> list[np.ndarray]:
    """(H, W) bool masks of what stands on a plain ground, cut into things; and of things inside very large ones."""
    from lucida.systems.describe.proposals_refine import enlarged
    from lucida.systems.describe.proposals_score import measure, select
    from lucida.systems.describe.proposals_sight import see
    from lucida.systems.describe.proposals_split import split
    from lucida.systems.describe.proposals_tree import grow

    sight = see(picture, tower)
    tree = grow(sight)
    masks: list[np.ndarray] = []
    for part in parts:
        masks += _cut(part, split(enlarged(part, sight.size), sight, tree), tree)
    masks.sort(key=lambda mask: -int(mask.sum()))
    large = [mask for mask in masks if mask.mean() > _LARGE]
    masks = masks[: config.regions]
    if large and len(masks) < config.regions:
        taken = np.stack([_share_of_leaves(mask, tree) for mask in masks])
        inside = np.stack([_share_of_leaves(mask, tree) for mask in large])
        order = _ranked(measure(sight, tree), config)
        pixels = np.bincount(tree.labels.ravel(), minlength=tree.leaves)
        held = tree.members[order] @ (inside * pixels).T / (tree.members[order] @ pixels)[:, None]
        order = order[held.max(1) > 0.9]
        masks += _drawn(
            picture, tree, select(tree, order, config.regions - len(masks), config.overlap, taken)
        )
    return masks


def _ranked(nodes: Nodes, config: ProposalConfig) -> np.ndarray:
    """The nodes that may be things, best first."""
    fit = (nodes.share >= config.least) & (nodes.share <= config.most) & (nodes.border <= config.border)
    kept = np.flatnonzero(fit & (nodes.score >= config.score))
    return kept[np.argsort(-nodes.score[kept], kind="stable")]


def _drawn(picture: Image, tree: Tree, chosen: list[int]) -> list[np.ndarray]:
    """Nodes as masks of the picture's size, with outlines along its colours."""
    from lucida.media.colours import oklab
    from lucida.systems.describe.proposals_refine import enlarged, refine

    if not chosen:
        return []
    lab = (oklab(picture.pixels) * (1, 2, 2)).astype(np.float32)
    radius = max(2, round(_RADIUS * max(picture.size) / max(tree.labels.shape)))
    masks = [enlarged(tree.members[node][tree.labels], picture.size) for node in chosen]
    return [refine(mask, lab, radius) for mask in masks]


def _cut(part: np.ndarray, names: np.ndarray, tree: Tree) -> list[np.ndarray]:
    """A mask of the picture's size divided by the name of the superpixel under each pixel."""
    rows, columns = (
        ((np.arange(side) + 0.5) * coarse / side).astype(int)
        for side, coarse in zip(part.shape, tree.labels.shape, strict=True)
    )
    under = names[tree.labels[rows][:, columns]]
    pieces = [part & (under == name) for name in np.unique(names)]
    return [piece for piece in pieces if piece.any()]


def _share_of_leaves(mask: np.ndarray, tree: Tree) -> np.ndarray:
    """(n,) share of each superpixel that a mask of the picture's size covers."""
    from lucida.systems.describe.proposals_refine import enlarged

    flat = tree.labels.ravel()
    small = enlarged(mask, tree.labels.shape).ravel()
    return np.bincount(flat, small, minlength=tree.leaves) / np.maximum(
        np.bincount(flat, minlength=tree.leaves), 1
    )
