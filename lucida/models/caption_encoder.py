"""A small encoder of captions, the condition of a generator: ids to one state per token and layer.

Bidirectional transformer over the one vocabulary's ids. All layers' states are handed out, so that a generator may
read one per block (LoomVideo's deep stack, arXiv 2606.06042) or the last one everywhere.

Shape legend: B captions, L tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lucida.nn.blocks import Block, init_weights
from lucida.nn.rotary import rotations


@dataclass(frozen=True, kw_only=True)
class CaptionEncoderConfig:
    """``vocabulary``: number of ids; the rest is size."""

    vocabulary: int
    width: int = 192
    layers: int = 3
    heads: int = 4
    hidden: int = 384


@dataclass(frozen=True, eq=False)
class EncodedCaptions:
    """``layers``: states (B, L, D) after each layer, first to last. ``valid``: (B, L) bool, no padding."""

    layers: tuple[Tensor, ...]
    valid: Tensor


class CaptionEncoder(nn.Module):
    """See the module docstring."""

    def __init__(self, config: CaptionEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.hidden, fused=True) for _ in range(config.layers)
        )
        init_weights(self.blocks)
        nn.init.normal_(self.embed.weight, std=0.5)

    def forward(self, ids: Tensor, valid: Tensor) -> EncodedCaptions:
        """Encode padded captions.

        Args:
            ids: (B, L) int64. valid: (B, L) bool; every row needs one true, so an empty caption is its end token.
        """
        x = self.embed(ids)
        rotation = rotations(
            torch.arange(ids.shape[1], device=ids.device), self.config.width // self.config.heads
        )
        allow = None if bool(valid.all()) else valid[:, None, None]
        states = []
        for block in self.blocks:
            x, _ = block(x, rotation, (), allow)
            states.append(x)
        return EncodedCaptions(tuple(states), valid)
