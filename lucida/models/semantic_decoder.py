"""The small network that must read a teacher's features off a noisy latent (FSD and RAD of RecTok, arXiv 2512.13421).

It is kept small on purpose, so that the semantics have to sit in the latents and not in it; it is thrown away after
training. Masked tokens get its own mask embedding, which is not noised.

Shape legend: B pictures, N tokens, n kept, C latent channels, D width, F teacher channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.models.vit_tokenizer import VitTokenizer
from lucida.nn.blocks import Block, init_weights
from lucida.nn.places import grid_positions
from lucida.nn.rotary import axes_split, axial_rotations


@dataclass(frozen=True, kw_only=True)
class SemanticConfig:
    """``channels``: C. ``teacher``: F. ``grid``: tokens per side. The rest is size."""

    channels: int
    teacher: int
    grid: int
    width: int = 96
    heads: int = 4
    hidden: int = 192
    layers: int = 2


class SemanticDecoder(nn.Module):
    """Latents, noisy or clean, to teacher features."""

    def __init__(self, config: SemanticConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.Linear(c.channels, c.width)
        self.mask_token = nn.Parameter(torch.zeros(c.width))
        self.blocks = nn.ModuleList(Block(c.width, c.heads, c.hidden, fused=True) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.width, eps=1e-5)
        self.out = nn.Linear(c.width, c.teacher)
        init_weights(self.blocks)
        init_weights(self.embed, gain=1.0)
        init_weights(self.out, gain=1.0)

    def forward(self, latents: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, n, C) -> (B, N, F); ``keep`` (B, n) says which tokens these are."""
        c = self.config
        x = VitTokenizer.restore(self.embed(latents), self.mask_token, keep, c.grid**2)
        positions = grid_positions((c.grid, c.grid)).to(x.device)
        rotation = axial_rotations(positions.unsqueeze(0), axes_split(c.width // c.heads, 2), 100.0)
        for block in self.blocks:
            x, _ = block(x, rotation, ())
        return self.out(self.norm(x)).float()


def alignment_loss(
    predicted: Tensor, teacher: Tensor, keep: Tensor | None = None, *, masked_only: bool = False
) -> Tensor:
    """1 − cosine per picture (B,), mean over all tokens (RAD: reconstruct and align), or over the masked ones only.

    Args:
        predicted, teacher: (B, N, F); the teacher gets no gradient.
        keep: (B, n) kept tokens. masked_only: with nothing masked the loss is 0.
    """
    loss = 1 - functional.cosine_similarity(predicted, teacher.detach(), dim=-1)
    if not masked_only:
        return loss.mean(1)
    if keep is None:
        return loss.sum(1) * 0
    hidden = torch.ones_like(loss).scatter(1, keep, 0.0)
    return (loss * hidden).sum(1) / hidden.sum(1).clamp(min=1)
