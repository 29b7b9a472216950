"""Token merging (ToMe, 2210.09461): similar tokens become their weighted mean, and nothing is lost from the sum.

Tokens at even places (A) each look for their most similar token at odd places (B); the most similar pairs merge. ToMe
returns [A left over, B], which loses the order of positions; here the order is kept and every token knows which
original positions it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """Merged tokens.

    Attributes:
        values: (n, d) float: weighted means.
        sizes: (n,) float: how many original tokens each stands for; attention adds log(sizes) to its logits.
        owner: (N,) int: for each original position, the row of the token that holds it.
    """

    values: np.ndarray
    sizes: np.ndarray
    owner: np.ndarray

    @staticmethod
    def of(values: np.ndarray, sizes: np.ndarray | None = None) -> Tokens:
        """Unmerged tokens (N, d)."""
        if values.ndim != 2 or not len(values):
            raise InputError(f"tokens must be (N, d) with N of at least 1, got {values.shape}")
        given = np.ones(len(values)) if sizes is None else np.asarray(sizes, dtype=np.float64)
        if given.shape != (len(values),) or not (given > 0).all():
            raise InputError(f"sizes must be {len(values)} numbers above 0, got shape {given.shape}")
        return Tokens(values=values, sizes=given, owner=np.arange(len(values)))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def positions(self) -> np.ndarray:
        """(n,) the first original position of each token, ascending."""
        first = np.full(len(self), len(self.owner), np.int64)
        np.minimum.at(first, self.owner, np.arange(len(self.owner)))
        return first


def merge_step(
    tokens: Tokens, r: int, *, threshold: float = -np.inf, metric: np.ndarray | None = None, bit: int = 0
) -> Tokens:
    """One bipartite step: at most ``r`` tokens of A go into their best partner of B.

    Args:
        tokens: n tokens.
        r: how many to merge away; no more than A has.
        threshold: pairs less similar than this stay apart.
        metric: (n, d') what to compare by cosine (ToMe: the mean of the attention keys); default: the values.
        bit: A are the places whose index has this bit unset; 0, as in ToMe, makes them the even ones.
    """
    n = len(tokens)
    if r <= 0 or n < 2:
        return tokens
    unit = _unit(tokens.values if metric is None else metric)
    side = np.arange(n) >> bit & 1
    a, b = np.flatnonzero(side == 0), np.flatnonzero(side)
    if not len(b):
        return tokens
    similar = unit[a] @ unit[b].T
    partner, best = similar.argmax(1), similar.max(1)
    ranked = np.argsort(-best, kind="stable")[: min(r, len(a))]
    ranked = ranked[best[ranked] >= threshold]
    target = np.arange(n)
    target[a[ranked]] = b[partner[ranked]]
    return _joined(tokens, target)


def merge_to(tokens: Tokens, n: int) -> Tokens:
    """Merge until ``n`` tokens are left.

    Raises:
        InputError: ``n`` is below one.
    """
    if n < 1:
        raise InputError(f"n is {n}: want at least 1 token")
    while len(tokens) > n:
        tokens = merge_step(tokens, len(tokens) - n)
    return tokens


def merge_similar(tokens: Tokens, threshold: float) -> Tokens:
    """Merge until no two tokens have a cosine of ``threshold`` or more: equal ones become one, wherever they are.

    One split compares no two tokens of A; but any two places differ in some bit, so all bits in turn compare all.
    """
    bit = 0
    while len(tokens) > 1 << bit:
        merged = merge_step(tokens, len(tokens), threshold=threshold, bit=bit)
        bit = 0 if len(merged) < len(tokens) else bit + 1
        tokens = merged
    return tokens


def strided(tokens: Tokens, stride: int) -> Tokens:
    """Every ``stride``-th token takes in its most similar of the others (SeTR of HERMES): N -> ceil(N / stride)."""
    if stride < 1:
        raise InputError(f"stride is {stride}: want at least 1")
    n = len(tokens)
    hubs = np.arange(0, n, stride)
    others = np.setdiff1d(np.arange(n), hubs)
    target = np.arange(n)
    if len(others):
        unit = _unit(tokens.values)
        target[others] = hubs[(unit[others] @ unit[hubs].T).argmax(1)]
    return _joined(tokens, target)


def _joined(tokens: Tokens, target: np.ndarray) -> Tokens:
    """Sum rows into their ``target`` rows; tokens are in the order of the first position they hold."""
    n = len(tokens)
    sizes = np.bincount(target, tokens.sizes, minlength=n)
    values = np.zeros((n, tokens.values.shape[1]))
    np.add.at(values, target, tokens.values * tokens.sizes[:, None])
    owner = target[tokens.owner]
    first = np.full(n, len(owner), np.int64)
    np.minimum.at(first, owner, np.arange(len(owner)))
    kept = np.flatnonzero(sizes > 0)
    kept = kept[np.argsort(first[kept])]
    row = np.full(n, -1)
    row[kept] = np.arange(len(kept))
    means = (values[kept] / sizes[kept, None]).astype(tokens.values.dtype)
    return Tokens(values=means, sizes=sizes[kept], owner=row[owner])


def _unit(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
