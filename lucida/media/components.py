"""Connected components: of graphs, and of bool masks (one, or one per frame of a film) on the runs of their rows."""

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
    """Connected parts of a bool mask, and their number.

    Works on the runs of each row, of which there are far fewer than pixels.

    Args:
        mask: (H, W), or (T, H, W) for T frames at once; parts of different frames are never connected.
        diagonal: whether pixels that share only a corner are neighbours.

    Returns:
        Labels in the mask's shape, int: -1 outside, 0.. in reading order, frame by frame.
    """
    height, width = mask.shape[-2:]
    rows = mask.reshape(-1, width)
    padded = np.zeros((len(rows), width + 2), np.int8)
    padded[:, 1:-1] = rows
    change = np.diff(padded, axis=1).ravel()
    start, end = np.flatnonzero(change == 1), np.flatnonzero(change == -1)  # flat positions, W + 1 to a row
    labels = np.full(mask.shape, -1)
    if not len(start):
        return labels, 0
    # A run meets the runs of the next row that begin before its end and end after its start.
    reach = int(diagonal)
    shift = width + 1
    first = np.searchsorted(end, start + shift - reach, side="right")
    last = np.searchsorted(start, end + shift + reach, side="left")
    count = np.maximum(last - first, 0)
    a = np.repeat(np.arange(len(start)), count)
    b = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    # The reach may touch a run of a row farther on, and the row after a frame's last one is another frame's.
    row = start // shift
    below = (row[b] == row[a] + 1) & (row[b] % height != 0)
    names = components(len(start), a[below], b[below])
    labels[mask] = np.repeat(names, end - start)
    return labels, int(names.max()) + 1
