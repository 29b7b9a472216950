"""Graphs on pixels and regions: connected components, neighbours, merging to nearest neighbours; all in arrays."""

from __future__ import annotations

import numpy as np


def components(nodes: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Labels 0.. (nodes,) of the connected components under the edges ``a[i]`` - ``b[i]``; in order of first node.

    Every root hooks onto the smallest label its members meet, then paths are halved until flat; a few rounds suffice.
    """
    root = np.arange(nodes)
    while len(a):
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        apart = low != high
        if not apart.any():
            break
        a, b, low, high = a[apart], b[apart], low[apart], high[apart]
        np.minimum.at(root, high, low)
        while True:
            above = root[root]
            if np.array_equal(above, root):
                break
            root = above
    return np.unique(root, return_inverse=True)[1].reshape(nodes)


def label_mask(mask: np.ndarray, *, diagonal: bool = True) -> tuple[np.ndarray, int]:
    """Connected parts of a (H, W) bool mask: labels (H, W) int, -1 outside, 0.. in reading order; and their number.

    Works on the runs of each row, of which there are far fewer than pixels.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1).ravel()
    start, end = np.flatnonzero(change == 1), np.flatnonzero(change == -1)  # flat positions, W + 1 to a row
    labels = np.full((height, width), -1)
    if not len(start):
        return labels, 0
    # A run meets the runs of the next row that begin before its end and end after its start.
    reach = int(diagonal)
    shift = width + 1
    first = np.searchsorted(end, start + shift - reach, side="right")
    last = np.searchsorted(start, end + shift + reach, side="left")
    # A row's last gap keeps runs of different rows apart: one position lies between them in the flat order.
    count = np.maximum(last - first, 0)
    a = np.repeat(np.arange(len(start)), count)
    b = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    row = start // shift
    below = row[b] == row[a] + 1
    names = components(len(start), a[below], b[below])
    labels[mask] = np.repeat(names, end - start)
    return labels, int(names.max()) + 1


def grid_edges(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the neighbouring pixels of a grid: all pairs side by side, then all pairs one above the other."""
    index = np.arange(height * width).reshape(height, width)
    return (
        np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()]),
        np.concatenate([index[:, 1:].ravel(), index[1:].ravel()]),
    )


def region_edges(a: np.ndarray, b: np.ndarray, nodes: int, *values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Unite the parallel edges between labels ``a`` and ``b``: (low, high, count, sums of each of ``values``)."""
    apart = a != b
    key = np.minimum(a, b)[apart].astype(np.int64) * nodes + np.maximum(a, b)[apart]
    unique, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    sums = [np.bincount(inverse, value[apart], minlength=len(unique)) for value in values]
    return unique // nodes, unique % nodes, count, *sums


def means_by(labels: np.ndarray, nodes: int, values: np.ndarray) -> np.ndarray:
    """(nodes, C) means of ``values`` (N, C) over the members of each label."""
    count = np.bincount(labels, minlength=nodes)
    sums = np.stack([np.bincount(labels, column, minlength=nodes) for column in values.T], axis=1)
    return sums / np.maximum(count, 1)[:, None]
