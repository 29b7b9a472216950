"""Absorbing corruption and the masked-diffusion loss.

Forward process: at noise level t each slot is masked independently with probability t (alpha_t = 1 - t). The bound on
the negative log-likelihood weighs the cross-entropy of masked slots by -alpha'/(1 - alpha) = 1/t (MDLM, Sahoo et al.
2024, eq. 10; MD4, Shi et al. 2024). The plain mean over masked slots gives every noise level the same say.

Shape legend: B batch dimensions (pictures, groups, noise draws), A slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True)
class CorruptionConfig:
    """How slots are noised in training.

    Attributes:
        weighting: "mean": mean cross-entropy over a row's masked slots; "bound": each masked slot weighs 1/t, an
            unbiased estimate of the bound per slot where ``corrupt`` may leave rows without a mask.
        power: noise level t = u**power with u uniform; below 1 it leans towards heavy masking (few-pass decoding).
        all_masked: share of rows that are masked completely (what the first pass of every decode sees).
        suffix: share of rows that are masked from a random slot to the end, and nowhere else: what a left-to-right
            reader sees. Under uniform masking the words that a look-up needs are rarely all there.
        suffix_power: such a row begins at length * u**suffix_power, u uniform; below 1 late in the answer, where a
            caption's relation stands.
        concluded: share of the rows whose answer gives a reason ("blue so no") that are masked behind it, and nowhere
            else: the conclusion is a word or two, which other rows seldom leave to be said with the reason at hand.
        tail: loss weight of end tokens behind the first one; they carry nothing but the length.
        surprise: a token weighs (-log of its share of all tokens) to this power (see :func:`surprise_weight`). At 0 all
            weigh alike, and the few words that carry a caption (its nouns) drown among those that carry its grammar.
        surprise_until, surprise_after: from that step on (0: never) the power is ``surprise_after``, so that grammar
            gets its due once the nouns are there.
    """

    weighting: Literal["mean", "bound"] = "mean"
    power: float = 1.0
    all_masked: float = 0.0
    suffix: float = 0.0
    suffix_power: float = 1.0
    concluded: float = 0.0
    tail: float = 0.1
    surprise: float = 0.0
    surprise_until: int = 0
    surprise_after: float = 0.0

    def __post_init__(self) -> None:
        for name in ("power", "suffix_power"):
            if getattr(self, name) <= 0:
                raise InputError(f"corruption {name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.concluded <= 1:
            raise InputError(f"corruption concluded must lie in [0, 1], got {self.concluded}")
        if not 0 <= self.all_masked <= 1:
            raise InputError(f"corruption all_masked must lie in [0, 1], got {self.all_masked}")
        if not 0 <= self.suffix <= 1:
            raise InputError(f"corruption suffix must lie in [0, 1], got {self.suffix}")
        if self.tail < 0:
            raise InputError(f"corruption tail must not be negative, got {self.tail}")
        chosen = self.all_masked or self.suffix or self.concluded
        if self.weighting == "bound" and (self.power != 1 or chosen):
            raise InputError(
                "the bound needs noise levels drawn uniformly: power 1, all_masked 0, suffix 0 and concluded 0, "
                f"got {self.power}, {self.all_masked}, {self.suffix} and {self.concluded}"
            )


def noise_levels(rows: int, config: CorruptionConfig, generator: torch.Generator) -> Tensor:
    """(rows,) levels t in (0, 1], stratified so that every batch covers the range evenly."""
    u = (torch.randperm(rows, generator=generator) + torch.rand(rows, generator=generator)) / rows
    t = u.clamp(1e-3, 1).pow(config.power)
    full = torch.rand(rows, generator=generator) < config.all_masked
    return torch.where(full, torch.ones_like(t), t)


def corrupt(
    ids: Tensor, valid: Tensor, levels: Tensor, u: Tensor, mask: int, *, at_least_one: bool = True
) -> tuple[Tensor, Tensor]:
    """Mask each valid slot with its row's probability.

    Args:
        ids: (*B, A) clean ids. valid: (*B, A) bool. levels: (*B,). u: (*B, A) uniform noise. mask: the absorbing id.
        at_least_one: mask the slot of the lowest noise where chance leaves none, so that no row is wasted. Not for
            the weighting "bound", which it would bias (such rows weigh 1/t and should weigh nothing).

    Returns:
        noisy ids (*B, A) and bool (*B, A), which slots were masked.
    """
    masked = u < levels.unsqueeze(-1)
    if at_least_one:
        masked = masked.scatter(-1, torch.where(valid, u, 2.0).argmin(dim=-1, keepdim=True), True)
    masked = masked & valid
    return torch.where(masked, mask, ids), masked


def suffix_mask(ids: Tensor, valid: Tensor, end: int, u: Tensor) -> Tensor:
    """From a random slot of the answer (up to its first end token) to the end of the row.

    Args:
        ids: (*B, A) clean ids. valid: (*B, A) bool. end: id of the end token. u: (*B,) uniform noise.

    Returns:
        (*B, A) bool, at least one slot per row with a valid one.
    """
    length = ((ids != end) & valid).sum(dim=-1) + 1
    begin = (u * length).long().minimum(valid.sum(dim=-1) - 1)
    return (torch.arange(ids.shape[-1]) >= begin.unsqueeze(-1)) & valid


def conclusion_mask(ids: Tensor, valid: Tensor, so: int) -> Tensor:
    """(*B, A) bool: what stands behind the first ``so`` of an answer; nothing where it has none."""
    told = ((ids == so) & valid).long()
    return (told.cumsum(dim=-1) - told > 0) & valid


def tail_weight(ids: Tensor, end: int, weight: float) -> Tensor:
    """(*B, A): 1 up to and including the first end token, ``weight`` behind it."""
    is_end = (ids == end).long()
    return torch.where(is_end.cumsum(dim=-1) - is_end > 0, weight, 1.0)


def surprise_weight(counts: Tensor, power: float) -> Tensor:
    """Loss weight per id, (-log p)^power with p from add-one smoothed counts (V,), of mean 1 over what was counted."""
    p = (counts + 1.0) / (counts + 1.0).sum()
    weight = (-p.log()).pow(power)
    return weight / ((weight * counts).sum() / counts.sum().clamp_min(1))


def diffusion_loss(
    entropy: Tensor, masked: Tensor, weight: Tensor, levels: Tensor, config: CorruptionConfig
) -> Tensor:
    """Loss per row, so that rows count alike whatever their length and however rows are split over processes.

    Args:
        entropy: (*B, A) cross-entropy per slot. masked: (*B, A) bool. weight: (*B, A). levels: (*B,).

    Returns:
        (*B,)
    """
    w = weight * masked
    if config.weighting == "bound":
        return (entropy * w).sum(dim=-1) / levels / weight.sum(dim=-1).clamp_min(1e-6)
    return (entropy * w).sum(dim=-1) / w.sum(dim=-1).clamp_min(1e-6)


def causal_loss(entropy: Tensor, weight: Tensor) -> Tensor:
    """Next-token loss of the twin, mean over each row's slots: (*B, A), (*B, A) -> (*B,)."""
    return (entropy * weight).sum(dim=-1) / weight.sum(dim=-1).clamp_min(1e-6)
