"""What a query's scores look like when nothing happens, learnt from the past only.

A frame's z-score is calibrated across names, not across time: in a street a "car" may idle at 1.5. The running
baseline keeps mean, spread and the correlation of neighbouring scores, starting from a prior worth half a minute, so
that something present in the very first frame still stands out. Scores that stand out themselves teach it little:
they are cut to within three standard deviations before they are learnt, and nothing is learnt while an alarm lasts.

Scores of real frames are not normal: their upper tail is longer, and a trigger calibrated for normal scores would then
alarm many times too often. So a score counts for no more than its rank says: a decayed histogram of past scores gives
the share of them that were as high, as in conformal prediction, and the normal score with that tail is the most
that the frame is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from lucida.media.errors import InputError

LOWEST, CELL, CELLS = -4.0, 0.1, 120  # cells of the ranks, in standard deviations
_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class BaselineConfig:
    """Prior and pace of the running baseline."""

    mean: float = 0.5  # the prior; frames without the thing lie at about 0 ± 1
    std: float = 1.25
    weight: float = 60.0  # frames that the prior is worth
    memory: float = 1200.0  # frames after which the past has half faded
    cut: float = 3.0  # standard deviations beyond which a score is cut before it is learnt
    least_std: float = 0.6  # a still picture has no spread, but the next one may
    most_correlation: float = 0.9
    whiten: bool = True  # take out what the score before predicts
    ranked: bool = True  # give a score no more than its rank among the past ones deserves
    ranks: float = 3600.0  # frames after which the past has half faded from the ranks
    rank_weight: float = 240.0  # frames that the normal prior of the ranks is worth

    def __post_init__(self) -> None:
        if not (self.weight > 0 and self.memory > 0 and self.std > 0 and self.least_std > 0):
            raise InputError(f"weight, memory, std and least_std must be above 0, got {self}")
        if not (self.ranks > 0 and self.rank_weight > 0):
            raise InputError(f"ranks and rank_weight must be above 0, got {self}")
        if not 0 <= self.most_correlation < 1:
            raise InputError(f"most_correlation must be at least 0 and below 1, got {self.most_correlation}")


class Baseline:
    """Standardises a stream of scores; constant state."""

    def __init__(self, config: BaselineConfig | None = None) -> None:
        self.config = config or BaselineConfig()
        self.reset()

    def reset(self) -> None:
        """Back to the prior."""
        c = self.config
        self._weight, self._mean, self._square = c.weight, c.mean, c.std**2
        self._cross = 0.0  # covariance of neighbours
        self._last: float | None = None
        self._ranks = _normal_cells() * c.rank_weight

    @property
    def mean(self) -> float:
        """Mean score while nothing happens."""
        return self._mean

    @property
    def std(self) -> float:
        """Its standard deviation."""
        return max(math.sqrt(max(self._square, 0.0)), self.config.least_std)

    @property
    def correlation(self) -> float:
        """Of neighbouring scores, 0 to ``most_correlation``."""
        share = self._cross / max(self.std**2, 1e-12)
        return min(max(share, 0.0), self.config.most_correlation) if self.config.whiten else 0.0

    def standard(self, score: float) -> float:
        """``score`` in standard deviations, less what the score before it predicts; from the past alone.

        Under a Gaussian first-order autoregression this is independent and standard normal. Of scores with a longer
        tail, at most as many are as high as normal ones would be.
        """
        z = self._whitened(score)
        return min(z, self._by_rank(z)) if self.config.ranked else z

    def _whitened(self, score: float) -> float:
        z = (score - self._mean) / self.std
        if self._last is None:
            return z
        rho, before = self.correlation, (self._last - self._mean) / self.std
        # A lasting event must not be predicted away: only what the baseline itself would show is taken out.
        before = min(max(before, -self.config.cut), self.config.cut)
        return (z - rho * before) / math.sqrt(1 - rho * rho)

    def _by_rank(self, z: float) -> float:
        """The normal score whose tail is the share of past scores that were at least ``z``, one more counted in."""
        cell, within = _place(z)
        above = float(self._ranks[cell + 1 :].sum()) + (1 - within) * float(self._ranks[cell])
        tail = (above + 1) / (float(self._ranks.sum()) + 1)
        return -_NORMAL.inv_cdf(min(max(tail, 1e-9), 1 - 1e-9))

    def learn(self, score: float, *, quiet: bool = True) -> None:
        """Take ``score`` in; with ``quiet`` False it is only remembered as the one before."""
        if quiet:
            c = self.config
            self._ranks *= 0.5 ** (1 / c.ranks)
            self._ranks[_place(self._whitened(score))[0]] += 1
            limit = c.cut * self.std
            d = min(max(score - self._mean, -limit), limit)
            self._weight = min(self._weight, 1.44 * c.memory) + 1.0
            pace = 1.0 / self._weight
            if self._last is not None:
                before = min(max(self._last - self._mean, -limit), limit)
                self._cross += pace * (d * before - self._cross)
            self._mean += pace * d
            self._square += pace * (d * d * (1 - pace) - self._square)
        self._last = score

    def state(self) -> dict[str, np.ndarray]:
        """Everything it has learnt, as arrays."""
        last = math.nan if self._last is None else self._last
        numbers = [self._weight, self._mean, self._square, self._cross, last]
        return {"baseline": np.array(numbers), "ranks": self._ranks.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken."""
        self._weight, self._mean, self._square, self._cross, last = (float(x) for x in state["baseline"])
        self._last = None if math.isnan(last) else last
        self._ranks = state["ranks"].astype(np.float64)


def _place(z: float) -> tuple[int, float]:
    """The cell of a standardised score, and how far into it it lies, 0..1."""
    place = min(max((z - LOWEST) / CELL, 0.0), float(CELLS))
    cell = min(int(place), CELLS - 1)
    return cell, place - cell


@cache
def _normal_cells() -> np.ndarray:
    """(CELLS,) share of a standard normal in each cell; what lies outside belongs to the outermost."""
    edges = np.array([_NORMAL.cdf(LOWEST + CELL * i) for i in range(CELLS + 1)])
    edges[0], edges[-1] = 0.0, 1.0
    return np.diff(edges)
