"""Fréchet distance between two sets of features, as Gaussians (FID, arXiv 1706.08500, eq. 6).

d² = ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½). It is biased upward for small sets, so a distance means something only beside
its floor: the distance between two disjoint halves of the reference set of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lucida.media.errors import InputError


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (D,), covariance (D, D) with n − 1, and the number of rows."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    rows: int


def moments(features: ArrayLike) -> Moments:
    """Moments of (N, D) features.

    Raises:
        InputError: fewer than two rows, or values that are not finite.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise InputError(f"frechet: want two or more rows of finite features, got shape {x.shape}")
    return Moments(x.mean(0), np.atleast_2d(np.cov(x, rowvar=False)), len(x))


def frechet_distance(a: ArrayLike | Moments, b: ArrayLike | Moments) -> float:
    """Squared Fréchet distance ≥ 0 between two sets (N, D) of features, or their moments.

    The trace of the root is that of (A^½ B A^½)^½, a symmetric matrix whose eigenvalues are found without the complex
    numbers and the added epsilon of the usual code; rounding below 0 is cut.

    Raises:
        InputError: see :func:`moments`; or different widths.
    """
    p, q = (s if isinstance(s, Moments) else moments(s) for s in (a, b))
    if p.mean.shape != q.mean.shape:
        raise InputError(f"frechet: features have widths {len(p.mean)} and {len(q.mean)}")
    values, vectors = np.linalg.eigh(p.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ q.covariance @ root)
    shift = float(np.square(p.mean - q.mean).sum())
    spread = float(np.trace(p.covariance) + np.trace(q.covariance) - 2 * np.sqrt(inner.clip(0)).sum())
    return max(shift + spread, 0.0)
