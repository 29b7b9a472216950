"""What a query's scores look like when nothing happens, learnt from the past only.

A frame's z-score is calibrated across names, not across time: in a street a "car" may idle at 1.5. The running
null keeps mean, spread and the correlation of neighbouring scores, starting from a prior worth half a minute, so that
something present in the very first frame still stands out. Scores that stand out themselves teach it little: they
are cut to within three standard deviations before they are learnt, and nothing is learnt while an alarm lasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True)
class NullConfig:
    """Prior and pace of the running null."""

    mean: float = 0.5  # the prior; frames without the thing lie at about 0 ± 1
    std: float = 1.25
    weight: float = 60.0  # frames that the prior is worth
    memory: float = 1200.0  # frames after which the past has half faded
    cut: float = 3.0  # standard deviations beyond which a score is cut before it is learnt
    least_std: float = 0.6  # a still picture has no spread, but the next one may
    most_correlation: float = 0.9
    whiten: bool = True  # take out what the score before predicts

    def __post_init__(self) -> None:
        if not (self.weight > 0 and self.memory > 0 and self.std > 0 and self.least_std > 0):
            raise InputError(f"weight, memory, std and least_std must be above 0, got {self}")
        if not 0 <= self.most_correlation < 1:
            raise InputError(f"most_correlation must be at least 0 and below 1, got {self.most_correlation}")


class RunningNull:
    """Standardises a stream of scores; constant state."""

    def __init__(self, config: NullConfig | None = None) -> None:
        self.config = config or NullConfig()
        self.reset()

    def reset(self) -> None:
        """Back to the prior."""
        c = self.config
        self._weight, self._mean, self._square = c.weight, c.mean, c.std**2
        self._cross = 0.0  # covariance of neighbours
        self._last: float | None = None

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

        Under a Gaussian first-order autoregression this is independent and standard normal.
        """
        z = (score - self._mean) / self.std
        if self._last is None:
            return z
        rho, before = self.correlation, (self._last - self._mean) / self.std
        # A lasting event must not be predicted away: only what the null itself would show is taken out.
        before = min(max(before, -self.config.cut), self.config.cut)
        return (z - rho * before) / math.sqrt(1 - rho * rho)

    def learn(self, score: float, *, quiet: bool = True) -> None:
        """Take ``score`` in; with ``quiet`` False it is only remembered as the one before."""
        if quiet:
            c = self.config
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
        return {"null": np.array([self._weight, self._mean, self._square, self._cross, last])}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken."""
        self._weight, self._mean, self._square, self._cross, last = (float(x) for x in state["null"])
        self._last = None if math.isnan(last) else last
