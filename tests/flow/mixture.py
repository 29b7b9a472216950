"""A Gaussian mixture whose velocity field is known in closed form: the sampler's test bench.

Data: Σ w_k N(m_k, s² I); source N(0, I). Given component k, x_τ is N((1−τ) m_k, ((1−τ)² s² + τ²) I), and data and x_τ
are jointly normal, so E[data | x_τ] and with it v = (x_τ − E[data | x_τ]) / τ follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    weights: Tensor  # (K,)
    means: Tensor  # (K, d)
    std: float

    def posterior(self, x: Tensor, level: float) -> Tensor:
        """p(k | x_τ): (B, d) -> (B, K)."""
        variance = (1 - level) ** 2 * self.std**2 + level**2
        squared = (x[:, None] - (1 - level) * self.means).square().sum(-1)
        return (self.weights.log() - squared / (2 * variance)).softmax(-1)

    def mean(self, x: Tensor, level: float) -> Tensor:
        """E[data | x_τ]: (B, d)."""
        variance = (1 - level) ** 2 * self.std**2 + level**2
        pull = (1 - level) * self.std**2 / variance
        each = self.means + pull * (x[:, None] - (1 - level) * self.means)  # (B, K, d)
        return (self.posterior(x, level)[..., None] * each).sum(1)

    def field(self, x: Tensor, level: Tensor) -> Tensor:
        """v(x, τ), τ > 0."""
        t = float(level[0])
        return (x - self.mean(x, t)) / t

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples of the data (count, d)."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[1], generator=generator, dtype=self.means.dtype)
        return self.means[which] + self.std * noise


def four() -> Mixture:
    """Four unequal blobs in the plane."""
    means = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]], dtype=torch.float64) * 1.5
    return Mixture(torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64), means, 0.2)
