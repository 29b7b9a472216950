"""What a flow network is asked to predict: the velocity, or the velocity bent away from wrong classes.

Squared error on the velocity asks for the conditional mean, and a mean of two codes is often nearest to a third.
FlowSeg (arXiv 2603.19218, §3.2) adds the gradient of a potential

    Φ = −log p_y,  p_k ∝ (d_k + eps)^(−1/T),  d_k = ‖x̂ − μ_k‖²
    ∇Φ = (2/T) Σ_k (1[k = y] − p_k) (x̂ − μ_k) / (d_k + eps)

to the target: ṽ = v + ∇Φ(x̂) (our v points from data to source), all of it detached. Because ∂x̂/∂v = −τ, the
gradient of ‖v_θ − ṽ‖² equals that of ‖v_θ − v‖² + (2/τ)·Φ(x̂), and with ∇Φ times τ ("annealed") of ‖v_θ − v‖² + 2·Φ:
cross-entropy on distances. Losses of reshaped and plain targets are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lucida.flow.codes import squared_distances
from lucida.flow.path import data_of, spread
from lucida.media.errors import InputError

CHUNK = 1 << 22  # most distances kept at once (16 MiB in float32)


@dataclass(frozen=True, kw_only=True)
class TargetConfig:
    """How the target is bent.

    Attributes:
        kind: vanilla: v. static: v + weight·∇Φ. annealed: v + τ·weight·∇Φ.
        temperature: T. eps: keeps ∇Φ below 1/(T·√eps) beside a wrong code; below the squared code distance.
        clip: longest ∇Φ per pixel (0: none). weight: λ.
    """

    kind: Literal["vanilla", "static", "annealed"] = "static"
    temperature: float = 1.0
    eps: float = 1e-2
    clip: float = 10.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and self.eps > 0) or self.clip < 0:
            raise InputError(
                f"target: want temperature > 0, eps > 0, clip >= 0, got {self.temperature}, {self.eps}, {self.clip}"
            )


def potential(
    x_hat: Tensor, codes: Tensor, labels: Tensor, *, temperature: float = 1.0, eps: float = 1e-2
) -> Tensor:
    """Φ (...) ≥ 0 of x̂ (..., d) with labels (...) in 0..N−1; differentiable in x̂."""
    logits = -(squared_distances(x_hat, codes) + eps).log() / temperature
    return -logits.log_softmax(-1).gather(-1, labels.long().unsqueeze(-1)).squeeze(-1)


@torch.no_grad()
def correction(
    x_hat: Tensor,
    codes: Tensor,
    labels: Tensor,
    *,
    temperature: float = 1.0,
    eps: float = 1e-2,
    clip: float = 0.0,
) -> Tensor:
    """∇Φ in closed form, without a graph and in float32 or wider.

    Args:
        x_hat: (..., d). codes: (N, d). labels: (...) in 0..N−1 (give void pixels any class and mask them after).
        clip: scale vectors longer than this down to it; 0 leaves them.

    Returns:
        (..., d) in the dtype of ``x_hat``, or float32 if that is narrower.
    """
    x = x_hat if x_hat.dtype == torch.float64 else x_hat.float()
    mu = codes.to(x)
    flat, wanted = x.reshape(-1, x.shape[-1]), labels.reshape(-1).long()
    rows = max(CHUNK // len(mu), 1)
    parts = [
        _gradient(some, mu, which, temperature, eps)
        for some, which in zip(flat.split(rows), wanted.split(rows), strict=True)
    ]
    gradient = torch.cat(parts).view(x.shape) if parts else torch.zeros_like(x)
    if clip:
        length = gradient.norm(dim=-1, keepdim=True)
        gradient = gradient * (clip / length.clamp(min=clip))
    return gradient


def _gradient(x: Tensor, mu: Tensor, labels: Tensor, temperature: float, eps: float) -> Tensor:
    """(P, d), (N, d), (P,) -> (P, d)."""
    distance = squared_distances(x, mu) + eps
    weight = -(-distance.log() / temperature).softmax(-1)
    weight.scatter_add_(1, labels.unsqueeze(1), torch.ones_like(weight[:, :1]))
    weight /= distance
    return (2 / temperature) * (x * weight.sum(1, keepdim=True) - weight @ mu)


def flow_target(
    predicted: Tensor, state: Tensor, level: Tensor, data: Tensor, source: Tensor, *,
    codes: Tensor | None = None, labels: Tensor | None = None, config: TargetConfig,
) -> Tensor:  # fmt: skip
    """The detached target of one training step.

    Args:
        predicted: v_θ(x_τ), (B, ..., d): x̂ is read from it, no gradient goes through.
        state: x_τ. level: (B,) τ. data, source: the ends of the path.
        codes, labels: needed unless ``config.kind`` is vanilla; labels (B, ...) in 0..N−1.
    """
    target = source - data
    if config.kind == "vanilla":
        return target.detach()
    if codes is None or labels is None:
        raise ValueError(f"target kind {config.kind!r} needs codes and labels")
    x_hat = data_of(state.detach().float(), predicted.detach().float(), level)
    push = correction(x_hat, codes, labels, temperature=config.temperature, eps=config.eps, clip=config.clip)
    if config.kind == "annealed":
        push = push * spread(level, push)
    return (target + config.weight * push).detach()


def velocity_loss(predicted: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Squared error per sample (B,): mean over valid places of the sum over channels.

    Summed over channels, so that the gradient equivalence above holds as written whatever the width. A sample
    without a valid place has loss 0.

    Args:
        predicted, target: (B, ..., d). valid: (B, ...) bool.
    """
    error = (predicted.float() - target.float()).square().sum(-1)
    if valid is None:
        return error.flatten(1).mean(1)
    kept = valid.to(error.dtype)
    return (error * kept).flatten(1).sum(1) / kept.flatten(1).sum(1).clamp(min=1)
