"""A judge of drawn pictures that is nobody's teacher: which thing, in which colour, lies in each cell.

A small convolutional network trained on the world's own pictures. It scores generators and tokenizers, and is used
for nothing else; judging with the network that was distilled would flatter.

Shape legend: B pictures, g cells per side, K nouns.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from lucida.media.errors import InputError
from lucida.models.store import load_model_files, resolve_weights


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """``nouns``, ``colours``: the classes; class 0 of either is none. ``side``: of the pictures; cells are 4 px."""

    nouns: tuple[str, ...]
    colours: tuple[str, ...]
    side: int = 64
    width: int = 32
    dilations: tuple[int, ...] = (1, 2, 4, 1)


@dataclass(frozen=True, eq=False)
class Judged:
    """Logits: nouns (B, K + 1, g, g), colours (B, 11, g, g). features (B, F): pooled, for Fréchet distances."""

    nouns: Tensor
    colours: Tensor
    features: Tensor


class Residual(nn.Module):
    """x + conv(act(norm(conv(act(norm x)))))."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(8, channels) for _ in range(2))
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(functional.silu(norm(y)))
        return x + y


class DenseJudge(nn.Module):
    """See the module docstring."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config, w = config, config.width
        self.body = nn.Sequential(
            nn.Conv2d(3, w, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(w, 2 * w, 4, stride=2, padding=1),
            Residual(2 * w),
            nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1),
            *(Residual(4 * w, d) for d in config.dilations),
            nn.GroupNorm(8, 4 * w),
            nn.SiLU(),
        )
        self.noun = nn.Conv2d(4 * w, len(config.nouns) + 1, 1)
        self.colour = nn.Conv2d(4 * w, len(config.colours) + 1, 1)

    def forward(self, pixels: Tensor) -> Judged:
        """(B, 3, side, side) in [−1, 1]."""
        x = self.body(pixels)
        return Judged(self.noun(x), self.colour(x), x.mean((2, 3)))


def load_judge(name: str | os.PathLike[str]) -> DenseJudge:
    """A judge by model name or folder, frozen.

    Raises:
        InputError: there is no such model, or it is not a judge.
    """
    files = load_model_files(resolve_weights(name))
    try:
        data: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in files.config["judge"].items()
        }
        judge = DenseJudge(JudgeConfig(**data))
        judge.load_state_dict({k: v.float() for k, v in files.tensors.items()})
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{files.folder}: not a judge: {str(error).splitlines()[0]}") from error
    return judge.eval().requires_grad_(False)
