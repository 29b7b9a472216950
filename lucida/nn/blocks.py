"""The pre-norm transformer block shared by the canvas and the flow networks.

Shape legend: N batch dimensions, M tokens, D width, F hidden width of the feed-forward part.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.nn.attention import Attention, Segment


class SwiGLU(nn.Module):
    """Gated feed-forward part (Shazeer 2020): W_out(silu(W_gate x) * W_in x)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_in = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(*N, M, D) -> (*N, M, D)."""
        gate, value = self.gate_in(x).chunk(2, dim=-1)
        return self.out(functional.silu(gate) * value)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)), with RMSNorm.

    ``forward`` takes the segments of earlier tokens and returns, beside the new hidden states, the tokens' own keys
    and values, so that the caller may keep them.
    """

    def __init__(self, width: int, heads: int, hidden: int, *, fused: bool = False) -> None:
        super().__init__()
        self.norm_attention = nn.RMSNorm(width, eps=1e-5)
        self.attention = Attention(width, heads, fused=fused)
        self.norm_mlp = nn.RMSNorm(width, eps=1e-5)
        self.mlp = SwiGLU(width, hidden)

    def forward(
        self,
        x: Tensor,
        rotation: Tensor,
        past: Sequence[Segment],
        allow_own: Tensor | None = None,
        bias_own: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One layer.

        Args:
            x: (*N, M, D).
            rotation: (2, *N, 1, M, K/2).
            past: segments of tokens computed earlier.
            allow_own: bool, broadcastable to (*N, 1, M, M): which of the new tokens see each other; None: all.
            bias_own: float, broadcastable to (*N, H, M, M), added to the scores among the new tokens.

        Returns:
            hidden (*N, M, D), and (k, v) of the new tokens, each (*N, H, M, K).
        """
        q, k, v = self.attention.project(self.norm_attention(x), rotation)
        own = Segment(k=k, v=v, allow=allow_own, bias=bias_own)
        x = x + self.attention(q, (*past, own))
        return x + self.mlp(self.norm_mlp(x)), (k, v)


def init_weights(module: nn.Module, *, gain: float = 0.6) -> None:
    """Normal weights with std = gain / sqrt(fan-in) for every matrix; biases and norms are left as they are.

    Small fixed standard deviations (0.02) are made for deep and wide networks; ours are neither, and begin slowly so.
    """
    for parameter in module.parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, std=gain * parameter[0].numel() ** -0.5)
