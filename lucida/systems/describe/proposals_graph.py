"""Graphs on pixels and regions: neighbours, edges between regions, means over regions; all in arrays."""

from __future__ import annotations

import numpy as np


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
