"""Classes as points: fixed codes for a flow that generates label maps (FlowSeg, arXiv 2603.19218, §3.3).

Class k becomes μ_k in [−1, 1]^d. Colours are read back by the nearest code; the squared distances also give
scores, and a state far from every code is *unknown*. Channels come last throughout: (..., d).

``kronecker`` is the paper's rule; a plain ``grid`` and ``r_d`` keep codes further apart at the same width, and width
matters more than either (facts 06 §1.5, §6.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lucida.media.errors import InputError

VOID = 255
CodeKind = Literal["kronecker", "r_d", "grid", "random"]


@dataclass(frozen=True, kw_only=True)
class CodeConfig:
    """A code book by its rule, so that weights need not carry it and cannot disagree with it.

    Attributes:
        classes: N ≥ 2. width: d ≥ 1. scale: codes fill [−scale, scale]. seed: of ``random`` only.
    """

    classes: int
    width: int = 8
    kind: CodeKind = "kronecker"
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.classes < 2 or self.width < 1 or not self.scale > 0:
            raise InputError(
                f"codes: want classes >= 2, width >= 1, scale > 0, got {self.classes}, {self.width}, {self.scale}"
            )


def make_codes(config: CodeConfig) -> Tensor:
    """The codes (N, d) float32, in [−scale, scale], all different.

    kronecker: frac(k·√p) with the first d primes, k = 1..N. r_d: frac(k·φ⁻ⁱ), φ the root of x^(d+1) = x + 1.
    grid: digits of k in the smallest base whose d digits suffice; digits repeat on axes that are left over.
    random: uniform, by ``seed``. Kronecker, r_d and random are stretched per axis to fill the cube.
    """
    n, d = config.classes, config.width
    if config.kind == "grid":
        points = _grid(n, d)
    elif config.kind == "random":
        points = torch.rand(n, d, generator=torch.Generator().manual_seed(config.seed), dtype=torch.float64)
    else:
        steps = [math.sqrt(p) for p in _primes(d)] if config.kind == "kronecker" else _golden(d)
        k = torch.arange(1, n + 1, dtype=torch.float64)
        points = (k[:, None] * torch.tensor(steps, dtype=torch.float64)).frac()
    if config.kind != "grid":
        low, high = points.amin(0), points.amax(0)
        points = (points - low) / (high - low)
    return ((2 * points - 1) * config.scale).float()


def separation(codes: Tensor) -> tuple[float, float]:
    """(smallest, mean) distance from a code to its nearest other."""
    distance = torch.cdist(codes.double(), codes.double(), compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distance.fill_diagonal_(math.inf).amin(1)
    return float(nearest.min()), float(nearest.mean())


def encode_labels(labels: Tensor, codes: Tensor, *, void: int = VOID) -> tuple[Tensor, Tensor]:
    """Labels (...) integer -> code map (..., d) and valid (...) bool; void pixels get zeros and are not valid.

    Raises:
        InputError: a label is neither a class nor ``void``.
    """
    valid = labels != void
    known = labels[valid]
    if known.numel() and (int(known.min()) < 0 or int(known.max()) >= len(codes)):
        bad = int(known.max()) if int(known.max()) >= len(codes) else int(known.min())
        raise InputError(f"label {bad} is not a class: there are {len(codes)}, and {void} for void")
    coded = codes[torch.where(valid, labels, 0).long()] * valid.unsqueeze(-1)
    return coded, valid


def squared_distances(x: Tensor, codes: Tensor) -> Tensor:
    """‖x − μ_k‖²: (..., d), (N, d) -> (..., N), float32 or wider, never negative."""
    x = x if x.dtype == torch.float64 else x.float()
    mu = codes.to(x)
    cross = torch.matmul(x, mu.t())
    return (x.square().sum(-1, keepdim=True) - 2 * cross + mu.square().sum(-1)).clamp(min=0)


def code_scores(x: Tensor, codes: Tensor, *, temperature: float = 1.0, eps: float = 1e-2) -> Tensor:
    """Logits −log(d_k + eps) / temperature (..., N); their softmax is p_k of the reshaped target."""
    return -(squared_distances(x, codes) + eps).log() / temperature


def decode_codes(
    x: Tensor, codes: Tensor, *, unknown_over: float | None = None, unknown: int = VOID
) -> tuple[Tensor, Tensor]:
    """Nearest class of each state, and its distance.

    Args:
        x: (..., d).
        unknown_over: states further than this from every code are labelled ``unknown``.

    Returns:
        labels (...) int64, distance (...) to the nearest code (not squared).
    """
    nearest, labels = squared_distances(x, codes).min(-1)
    distance = nearest.sqrt()
    if unknown_over is not None:
        labels = labels.masked_fill(distance > unknown_over, unknown)
    return labels, distance


def _grid(n: int, d: int) -> Tensor:
    side = 2
    while side**d < n:
        side += 1
    digits = 1
    while side**digits < n:
        digits += 1
    k = torch.arange(n)
    columns = [(k // side ** (axis % digits)) % side for axis in range(d)]
    return torch.stack(columns, 1).double() / (side - 1)


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % p for p in found):
            found.append(candidate)
        candidate += 1
    return found


def _golden(d: int) -> list[float]:
    """φ⁻¹ … φ⁻ᵈ for the positive root φ of x^(d+1) = x + 1 (Roberts 2018, a generalised golden ratio)."""
    phi = 1.5
    for _ in range(60):  # the map x -> (1 + x)^(1/(d+1)) contracts
        phi = (1 + phi) ** (1 / (d + 1))
    return [phi ** -(i + 1) for i in range(d)]
