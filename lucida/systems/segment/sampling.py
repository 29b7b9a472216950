"""From a looked-at picture to classes: the walk from noise to codes, and what the end of it says about each pixel.

Shape legend: B pictures, h w field pixels, N classes, d code width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lucida.flow.codes import code_scores, squared_distances
from lucida.flow.schedule import NoiseSchedule
from lucida.flow.solvers import StepEvent, solve
from lucida.models.pixel_field import PixelField, Seen

EPS = 1e-2  # of the distance softmax that confidences are read from


@dataclass(frozen=True, eq=False)
class Decoded:
    """Class probabilities and how odd each pixel is.

    Attributes:
        probability: (B, h, w, N), sums to 1.
        oddness: (B, h, w): distance from the end state to the nearest code; for a classifier 1 - the largest
            probability. Large means that no class fits.
        passes: network evaluations.
        averaged: (B, h, w, N), the mean over the probabilities of every step's x̂, when asked for (DDP's
            accumulation, arXiv 2303.17559); earlier steps count less, as 1 - τ after the step.
    """

    probability: Tensor
    oddness: Tensor
    passes: int
    averaged: Tensor | None = None


@torch.no_grad()
def walk(
    network: PixelField, seen: Seen, source: Tensor, codes: Tensor, *, steps: int,
    schedule: NoiseSchedule | None = None, temperature: float = 1.0, eps: float = EPS, accumulate: bool = False,
) -> Decoded:  # fmt: skip
    """Euler from ``source`` (B, h, w, d) to codes; ``accumulate`` also averages over the steps."""
    total: Tensor | None = None
    weights = 0.0

    def note(event: StepEvent) -> None:
        nonlocal total, weights
        weight = 1.0 - event.next_level
        weights += weight
        part = weight * code_scores(event.data, codes, temperature=temperature, eps=eps).softmax(-1)
        total = part if total is None else total + part

    grid = (schedule or NoiseSchedule()).grid(steps)
    solved = solve(lambda x, level: network.velocity(seen, x, level), source, grid,
                   on_event=note if accumulate else None)  # fmt: skip
    probability = code_scores(solved.x, codes, temperature=temperature, eps=eps).softmax(-1)
    oddness = squared_distances(solved.x, codes).amin(-1).sqrt()
    return Decoded(probability, oddness, solved.passes, None if total is None else total / weights)


@torch.no_grad()
def classify(network: PixelField, seen: Seen) -> Decoded:
    """The discriminative twin: one pass, logits."""
    probability = network.velocity(seen, None, seen.tokens.new_zeros(len(seen.tokens))).softmax(-1)
    return Decoded(probability, 1 - probability.amax(-1), 1)


@torch.no_grad()
def project(
    network: PixelField, seen: Seen, codes: Tensor, *, temperature: float = 1.0, eps: float = EPS
) -> Decoded:
    """The metric twin: one pass to a point in code space."""
    point = network.velocity(seen, None, seen.tokens.new_zeros(len(seen.tokens)))
    probability = code_scores(point, codes, temperature=temperature, eps=eps).softmax(-1)
    return Decoded(probability, squared_distances(point, codes).amin(-1).sqrt(), 1)
