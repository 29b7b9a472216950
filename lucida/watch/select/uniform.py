"""Selection that looks at no picture, and the greedy one that looks at nothing else."""

from __future__ import annotations

import numpy as np

from lucida.watch.select.common import best, checked, cleaned


def uniform(count: int, n: int) -> np.ndarray:
    """The middles of ``n`` equal bins, ``floor((i + 1/2) count / n)``: neither end of a film is favoured.

    Returns:
        (min(n, count),) int64, ascending and distinct.
    """
    n = checked(count, n)
    return (2 * np.arange(n, dtype=np.int64) + 1) * count // (2 * n)


def top(scores: np.ndarray, n: int) -> np.ndarray:
    """The ``n`` best frames in order of time. A baseline: it collapses onto one moment."""
    return best(cleaned(scores), checked(len(scores), n))
