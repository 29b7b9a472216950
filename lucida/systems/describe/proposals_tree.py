"""A hierarchy of regions: superpixels, then merging neighbours two by two up to the whole picture.

Superpixels come from Borůvka's algorithm with the means renewed after every round (Wei et al., "Superpixel Hierarchy",
arXiv 1605.06325): each region joins its nearest neighbour, all at once, until few enough are left. From there the
two neighbours that cost least merge, one pair at a time. The cost is the distance of their means in colour and in the
tower's features plus the edge between them, and small regions go first, as in Ward's criterion.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from lucida.media.components import components
from lucida.systems.describe.proposals_graph import grid_edges, means_by, region_edges
from lucida.systems.describe.proposals_sight import Sight, smooth

LEAVES = 500
_PIXEL_EDGE = 0.15  # weight of the edge map beside OKLab distance between pixels
# Weights of squared distances between means: colour (in units of its spread), stride 8, 16 and 32; and of the edge.
# By the best overlap in the tree with things on six photographs and on scenes over photographs; flat around here.
_WEIGHTS = (0.15, 0.8, 0.8, 0.6)
_EDGE = 1.4
_SIZE = 0.45  # Ward's criterion has 0.5 for this distance


@dataclass(frozen=True)
class Tree:
    """Nodes 0..n-1 are superpixels, later ones unions of two earlier ones, the last one the whole picture.

    Attributes:
        labels: (H, W) int superpixel of each pixel.
        members: (nodes, n) bool, which superpixels a node holds.
        height: (nodes,) cost at which a node was made, never falling towards the root; 0 for superpixels.
        leaves_at: (nodes,) cost at which a node was merged away; the greatest height for the root.
    """

    labels: np.ndarray
    members: np.ndarray
    height: np.ndarray
    leaves_at: np.ndarray

    @property
    def leaves(self) -> int:
        """Number of superpixels."""
        return self.members.shape[1]


def grow(sight: Sight) -> Tree:
    """The hierarchy of a picture."""
    labels = superpixels(smooth(sight.lab), sight.edge * _PIXEL_EDGE, LEAVES)
    flat, leaves = labels.ravel(), int(labels.max()) + 1
    columns = []
    for weight, f in zip(_WEIGHTS, (sight.lab, *sight.maps), strict=True):
        means = means_by(flat, leaves, f.reshape(-1, f.shape[2]))
        spread = np.sqrt(means.var(0).sum()) + 1e-6 if f is sight.lab else 1.0
        columns.append(means / spread * weight**0.5)
    share = np.bincount(flat, minlength=leaves) / labels.size
    a, b = grid_edges(*sight.size)
    edge = np.maximum(sight.edge.ravel()[a], sight.edge.ravel()[b])
    low, high, contact, edges = region_edges(flat[a], flat[b], leaves, edge)
    children, costs = _merge(np.concatenate(columns, 1), share, low, high, contact, edges)
    members = np.zeros((leaves + len(children), leaves), bool)
    members[:leaves] = np.eye(leaves, dtype=bool)
    height = np.zeros(len(members))
    top = max(costs, default=0.0)
    leaves_at = np.full(len(members), top)
    for node, ((i, j), cost) in enumerate(zip(children, costs, strict=True), start=leaves):
        members[node] = members[i] | members[j]
        height[node] = max(cost, height[i], height[j])
        leaves_at[[i, j]] = height[node]
    return Tree(labels, members, height, leaves_at)


def superpixels(values: np.ndarray, edge: np.ndarray, wanted: int) -> np.ndarray:
    """(H, W) int labels of about ``wanted`` connected regions (exactly, if there are as many pixels).

    Args:
        values: (H, W, k), what is alike within a region.
        edge: (H, W), added to the distance of neighbours where they touch.
    """
    height, width, channels = values.shape
    nodes = height * width
    labels, count = np.arange(nodes), np.ones(nodes)
    mean = values.reshape(nodes, channels).astype(np.float64)
    low, high = grid_edges(height, width)
    contact, edges = np.ones(len(low)), np.maximum(edge.ravel()[low], edge.ravel()[high]).astype(np.float64)
    while nodes > wanted:
        order = np.argsort(np.linalg.norm(mean[low] - mean[high], axis=1) + edges / contact, kind="stable")
        first = np.full(nodes, len(order))  # rank of each region's least edge
        for end in (low, high):
            np.minimum.at(first, end[order], np.arange(len(order)))
        chosen = order[np.unique(first)[: nodes - wanted]]
        names = components(nodes, low[chosen], high[chosen])
        nodes = int(names.max()) + 1
        weight = np.bincount(names, count, nodes)
        mean = np.stack([np.bincount(names, column * count, nodes) for column in mean.T], 1) / weight[:, None]
        count, labels = weight, names[labels]
        low, high, _, contact, edges = region_edges(names[low], names[high], nodes, contact, edges)
    return labels.reshape(height, width)


def _merge(
    vectors: np.ndarray,
    share: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    contact: np.ndarray,
    edges: np.ndarray,
) -> tuple[list[tuple[int, int]], list[float]]:
    """Merge the cheapest pair of neighbours until one region is left: the pairs, and what each cost.

    Args:
        vectors: (n, k) mean of each region; ``share`` (n,): part of the picture it covers.
        low, high: (e,) ends of the edges; ``contact``: length of each; ``edges``: sum of the edge map along it.
    """
    mean = dict(enumerate(vectors))
    size = dict(enumerate(share.tolist()))
    near: dict[int, dict[int, tuple[float, float]]] = {i: {} for i in mean}
    for i, j, length, total in zip(
        low.tolist(), high.tolist(), contact.tolist(), edges.tolist(), strict=True
    ):
        near[i][j] = near[j][i] = (length, total)

    def cost(i: int, j: int) -> float:
        apart = mean[i] - mean[j]
        length, total = near[i][j]
        reach = (size[i] * size[j] / (size[i] + size[j])) ** _SIZE
        return (float(apart @ apart) ** 0.5 + _EDGE * total / length) * reach

    queue = [(cost(i, j), i, j) for i, j in zip(low.tolist(), high.tolist(), strict=True)]
    heapq.heapify(queue)
    children: list[tuple[int, int]] = []
    costs: list[float] = []
    while queue:
        paid, i, j = heapq.heappop(queue)
        if i not in mean or j not in mean:
            continue
        fresh = len(vectors) + len(children)
        total = size[i] + size[j]
        mean[fresh] = (mean.pop(i) * size[i] + mean.pop(j) * size[j]) / total
        size[fresh] = total
        around: dict[int, tuple[float, float]] = {}
        for old in (i, j):
            for k, (length, along) in near.pop(old).items():
                if k not in (i, j):
                    before = around.get(k, (0.0, 0.0))
                    around[k] = (before[0] + length, before[1] + along)
                    del near[k][old]
        near[fresh] = around
        for k, value in around.items():
            near[k][fresh] = value
            heapq.heappush(queue, (cost(k, fresh), k, fresh))
        children.append((i, j))
        costs.append(paid)
    return children, costs
