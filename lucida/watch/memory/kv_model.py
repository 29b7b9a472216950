"""A small causal transformer that reads a stream frame by frame through a key/value memory.

Shape legend: B streams, M tokens, H heads, K head width, D = H*K.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lucida.nn.attention import Segment
from lucida.nn.blocks import Block, init_weights
from lucida.nn.rotary import rotations
from lucida.watch.memory.kv import KvMemory, turned


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """Size of the model."""

    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 2
    theta: float = 10_000.0


class KvReader(nn.Module):
    """Tokens in, logits out; a token is the sum of several words' embeddings (what and which)."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, 2 * config.width) for _ in range(config.layers)
        )
        self.norm = nn.RMSNorm(config.width, eps=1e-5)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        init_weights(self)

    def forward(self, words: Tensor) -> Tensor:
        """Plain causal attention: words (B, M, W) -> logits (B, M, V)."""
        x = self.embed(words).sum(dim=-2)
        count = x.shape[-2]
        turn = rotations(torch.arange(count, device=x.device), self._head_width, self.config.theta)
        allow = torch.ones(count, count, dtype=torch.bool, device=x.device).tril()
        for block in self.blocks:
            x, _ = block(x, turn, (), allow)
        return self.head(self.norm(x))

    def step(
        self,
        words: Tensor,
        memory: KvMemory,
        position: int,
        *,
        store: bool = True,
        window: int | None = None,
        blocks: int | None = None,
    ) -> Tensor:
        """One frame or question: words (B, M, W) from stream position ``position`` on -> logits (B, M, V).

        A question is read with ``store=False``, so that it leaves no trace. ``window`` and ``blocks``: see
        ``KvMemory.read``.
        """
        x = self.embed(words).sum(dim=-2)
        count = x.shape[-2]
        at = torch.arange(position, position + count, device=x.device)
        allow = torch.ones(count, count, dtype=torch.bool, device=x.device).tril()
        still = rotations(
            torch.zeros(count, device=x.device), self._head_width, self.config.theta
        )  # turns by nothing
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            q, k, v = block.attention.project(block.norm_attention(x), still)
            kept = memory.read(layer, q, window=window, blocks=blocks)
            turned_q, turned_k, old = turned(kept, q, k, at, memory.config)
            segments = [Segment(k=turned_k, v=v, allow=allow)]
            if kept is not None and old is not None:
                segments.insert(0, Segment(k=old, v=kept.v))
            x = x + block.attention(turned_q, segments)
            x = x + block.mlp(block.norm_mlp(x))
            if store:
                memory.write(layer, q, k, v, at)
        return self.head(self.norm(x))

    @property
    def _head_width(self) -> int:
        return self.config.width // self.config.heads
