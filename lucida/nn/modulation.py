"""Transformer blocks that a noise level steers: shifts, scales and gates per token (DiT, arXiv 2212.09748).

One shared projection of the condition is read by all blocks, each of which adds a small table of its own ("adaLN
single", PixArt-α, arXiv 2310.00426), so modulation does not cost half of the weights. A token whose condition is
zeroed sees the tables alone: it is known to be clean (LoomVideo's references, arXiv 2606.06042).

Shape legend: B batch, M tokens, L context tokens, D width, H heads, K head width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lucida.nn.attention import Attention, Segment, attend_fused
from lucida.nn.blocks import SwiGLU
from lucida.nn.rotary import rotate

SLOTS = 6  # shift, scale, gate of attention; shift, scale, gate of the feed-forward part


class LevelEmbedding(nn.Module):
    """A noise level in [0, 1] as a vector: sines and cosines at 1 to 100 radians, then a small network."""

    def __init__(self, width: int, waves: int = 32) -> None:
        super().__init__()
        self.register_buffer("frequency", torch.logspace(0, 2, waves), persistent=False)
        self.project = nn.Sequential(nn.Linear(2 * waves, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, level: Tensor) -> Tensor:
        """(*N,) -> (*N, D)."""
        angle = level.unsqueeze(-1) * self.get_buffer("frequency")
        return self.project(torch.cat((angle.sin(), angle.cos()), dim=-1))


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x·(1 + scale) + shift."""
    return torch.addcmul(shift, x, 1 + scale)


class CrossAttention(nn.Module):
    """Attention to a context whose keys and values are computed once (:meth:`remember`) and read at every step."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(context, 2 * width, bias=False)
        self.norm_context = nn.RMSNorm(context, eps=1e-5)
        self.out = nn.Linear(width, width, bias=False)

    def remember(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, Dc) -> k, v, each (B, H, L, K)."""
        k, v = self.kv(self.norm_context(context)).chunk(2, dim=-1)
        return self._heads(k), self._heads(v)

    def forward(self, x: Tensor, k: Tensor, v: Tensor, valid: Tensor | None = None) -> Tensor:
        """(B, M, D) -> (B, M, D); ``valid`` (B, L) bool says which context tokens are there."""
        allow = None if valid is None else valid[:, None, None]
        mixed = attend_fused(self._heads(self.q(x)), Segment(k=k, v=v, allow=allow))
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class ModulatedBlock(nn.Module):
    """x + g·attention(mod(norm x)); + cross-attention if there is a context; + g·feed-forward(mod(norm x))."""

    def __init__(self, width: int, heads: int, hidden: int, *, context: int = 0) -> None:
        super().__init__()
        self.norm_attention = nn.RMSNorm(width, eps=1e-5, elementwise_affine=False)
        self.attention = Attention(width, heads, fused=True)
        self.norm_q = nn.RMSNorm(width // heads, eps=1e-5)
        self.norm_k = nn.RMSNorm(width // heads, eps=1e-5)
        self.norm_cross = nn.RMSNorm(width, eps=1e-5) if context else None
        self.cross = CrossAttention(width, heads, context) if context else None
        self.norm_mlp = nn.RMSNorm(width, eps=1e-5, elementwise_affine=False)
        self.mlp = SwiGLU(width, hidden)
        self.table = nn.Parameter(torch.empty(SLOTS, width))
        self.reset_table()

    def reset_table(self) -> None:
        """Gates one, the rest zero: a plain pre-norm block until the condition says otherwise."""
        with torch.no_grad():
            self.table.zero_()
            self.table[2::3] = 1.0

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        rotation: Tensor,
        context: tuple[Tensor, Tensor] | None = None,
        valid: Tensor | None = None,
        allow: Tensor | None = None,
    ) -> Tensor:
        """One layer.

        Args:
            x: (B, M, D). modulation: (B, 1 or M, 6·D), from the shared projection.
            rotation: (2, 1 or B, 1, M, K/2).
            context: keys and values of this block's context, from ``cross.remember``. valid: (B, L) bool.
            allow: bool, broadcastable to (B, 1, M, M): who sees whom; None: all see all.
        """
        m = modulation.unflatten(-1, (SLOTS, -1)) + self.table
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = m.unbind(-2)
        y = modulate(self.norm_attention(x), shift_a, scale_a)
        x = x + gate_a * self._attend(y, rotation, allow)
        if self.cross is not None and context is not None:
            assert self.norm_cross is not None
            x = x + self.cross(self.norm_cross(x), *context, valid)
        return x + gate_m * self.mlp(modulate(self.norm_mlp(x), shift_m, scale_m))

    def _attend(self, y: Tensor, rotation: Tensor, allow: Tensor | None) -> Tensor:
        heads = self.attention.heads
        q, k, v = (
            self.attention.qkv(y).unflatten(-1, (3, heads, -1)).movedim(-3, 0).transpose(-3, -2).unbind(0)
        )
        q, k = rotate(self.norm_q(q), rotation), rotate(self.norm_k(k), rotation)
        return self.attention(q, (Segment(k=k, v=v, allow=allow),))
