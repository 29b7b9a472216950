"""Regions for a picture nobody annotated: clusters of tower features.

Neighbouring context cells are merged, most similar first, while they stay alike (agglomerative clustering on the grid,
with Ward's criterion on features and position). The picture's border clusters are taken for background. The result
is coarse - a stand-in until the segmenter exists - so masks are smoothed up from the grid to the picture's size.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.tower import Tower, to_pixels


@dataclass(frozen=True, kw_only=True)
class ProposalConfig:
    """``side``: the picture is stretched to side x side for clustering. ``regions``: how many at most. ``least`` and
    ``most``: share of the picture a region may cover. ``place``: weight of position beside features. ``border``: share of
    the picture's edge above which a cluster is background."""

    side: int = 320
    regions: int = 6
    clusters: int = 12
    least: float = 0.004
    most: float = 0.6
    place: float = 0.6
    border: float = 0.25


def propose_regions(image: Image, tower: Tower, config: ProposalConfig | None = None) -> list[Region]:
    """Up to ``regions`` likely things, largest saliency first; may be empty for a picture without structure."""
    import torch

    config = config or ProposalConfig()
    with torch.inference_mode():
        cells = tower.grid(to_pixels(image.resized((config.side, config.side)).pixels))[0].cpu().numpy()
    grid = cells.shape[1]
    features = cells.reshape(cells.shape[0], -1).T
    features = features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-6)
    labels = cluster_grid(features, grid, config.clusters, config.place)
    edge = np.ones((grid, grid), bool)
    edge[1:-1, 1:-1] = False
    border = features[edge.ravel()].mean(axis=0)
    found = []
    for label in np.unique(labels):
        mask = labels == label
        share = mask.mean()
        if not config.least <= share <= config.most or (mask & edge).sum() / edge.sum() > config.border:
            continue
        distance = float(np.linalg.norm(features[mask.ravel()].mean(axis=0) - border))
        found.append((distance * share**0.25, mask))
    found.sort(key=lambda item: -item[0])
    regions = []
    for _, mask in found[: config.regions]:
        full = _enlarged(mask, image.size)
        if full.any():
            regions.append(Region.from_mask(full, source="automatic region"))
    return regions


def cluster_grid(features: np.ndarray, grid: int, clusters: int, place: float) -> np.ndarray:
    """Merge the cells of a grid x grid map into connected clusters by Ward's criterion.

    Args:
        features: (grid*grid, C).

    Returns:
        int labels (grid, grid).
    """
    y, x = np.divmod(np.arange(grid * grid), grid)
    position = np.stack([x, y], axis=1) / grid * place
    means = {i: v for i, v in enumerate(np.concatenate([features, position], axis=1).astype(np.float64))}
    sizes = dict.fromkeys(means, 1)
    members = {i: [i] for i in means}
    neighbours: dict[int, set[int]] = {i: set() for i in means}
    for i in means:
        if x[i] + 1 < grid:
            neighbours[i].add(i + 1), neighbours[i + 1].add(i)
        if y[i] + 1 < grid:
            neighbours[i].add(i + grid), neighbours[i + grid].add(i)

    def cost(a: int, b: int) -> float:
        return sizes[a] * sizes[b] / (sizes[a] + sizes[b]) * float(((means[a] - means[b]) ** 2).sum())

    queue = [(cost(a, b), a, b) for a in means for b in neighbours[a] if a < b]
    heapq.heapify(queue)
    fresh = grid * grid
    while len(means) > clusters and queue:
        _, a, b = heapq.heappop(queue)
        if a not in means or b not in means:
            continue
        total = sizes[a] + sizes[b]
        means[fresh] = (means[a] * sizes[a] + means[b] * sizes[b]) / total
        sizes[fresh], members[fresh] = total, members.pop(a) + members.pop(b)
        around = (neighbours.pop(a) | neighbours.pop(b)) - {a, b}
        for old in (a, b):
            del means[old], sizes[old]
        neighbours[fresh] = around
        for n in around:
            neighbours[n] = (neighbours[n] - {a, b}) | {fresh}
            heapq.heappush(queue, (cost(n, fresh), n, fresh))
        fresh += 1
    labels = np.empty(grid * grid, int)
    for label, cells in enumerate(members.values()):
        labels[cells] = label
    return labels.reshape(grid, grid)


def _enlarged(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bicubic enlargement of a cell mask, cut at one half: smooth outlines instead of stairs."""
    small = PILImage.fromarray((mask * 255).astype(np.uint8))
    return np.asarray(small.resize((size[1], size[0]), PILImage.Resampling.BICUBIC)) > 127
