"""The transformer behind every canvas system.

Tokens are ids of the one vocabulary, plus projected features (tower cells, replayed regions, covers, ...) and the
Fourier features of the box a token stands for. The same class is PerceptionDLM-like under ``strict`` or ``released``
visibility, its autoregressive twin under ``twin``, and a text-and-image diffusion model under ``full``: visibility is
given at call time. Width, depth and modalities are configuration.

Shape legend: N batch dimensions, M tokens, L remembered tokens, D width, H heads, V' allowed ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lucida.canvas.tokens import Memory, Tokens
from lucida.nn.attention import Segment
from lucida.nn.blocks import Block, init_weights
from lucida.nn.geometry import BoxEmbedding
from lucida.nn.rotary import rotations


@dataclass(frozen=True, kw_only=True)
class CanvasTransformerConfig:
    """Size is configuration.

    Attributes:
        vocabulary: number of ids.
        width, layers, heads, hidden: transformer size; ``hidden`` is the feed-forward width.
        modalities: feature channels per modality name.
        cover_bias: learned per-layer, per-head bias on context scores, times how much the region covers the token.
        near: each answer slot also reads the ids of the slots at these offsets, so that a masked slot knows at once
            which words stand beside it (a short convolution, as in Allen-Zhu 2025's Canon layers). A causal twin
            is told of the left ones only.
        theta: rotary base.
    """

    vocabulary: int
    width: int = 256
    layers: int = 6
    heads: int = 4
    hidden: int = 640
    modalities: dict[str, int] = field(default_factory=dict)
    cover_bias: bool = True
    near: tuple[int, ...] = ()
    theta: float = 10_000.0


class CanvasTransformer(nn.Module):
    """See the module docstring; implements ``canvas.tokens.CanvasNetwork``."""

    def __init__(self, config: CanvasTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.project = nn.ModuleDict({m: nn.Linear(c, config.width) for m, c in config.modalities.items()})
        self.place = BoxEmbedding(config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.heads, config.hidden) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=1e-5)
        init_weights(self.blocks)
        # Features are of unit variance and speak up from the start; at 0.02 they were slow to be heard.
        for part in (self.embed, self.project, self.place):
            init_weights(part, gain=1.0)
        # Started so that a group looks at its own region first: e^2 times the weight on fully covered cells.
        bias = torch.full((config.layers, config.heads, 1, 1), 2.0 if config.cover_bias else 0.0)
        self.cover_scale = nn.Parameter(bias, requires_grad=config.cover_bias)
        if config.near:
            # Random signs bind a neighbour's word to its offset; a common scale could not tell left from right.
            self.near_scale = nn.Parameter(torch.randn(len(config.near), config.width) * 0.5)

    @property
    def near(self) -> tuple[int, ...]:
        """Offsets of the neighbours it wants to be told of."""
        return self.config.near

    @property
    def parameters_count(self) -> int:
        """Number of weights."""
        return sum(p.numel() for p in self.parameters())

    def embedded(self, tokens: Tokens) -> Tensor:
        """Input embeddings (*N, M, D)."""
        x = self.embed(tokens.ids) if tokens.embeddings is None else tokens.embeddings
        if tokens.near is not None and self.config.near:
            beside = self.embed(tokens.near.clamp_min(0)) * self.near_scale
            x = x + (beside * (tokens.near >= 0).unsqueeze(-1)).sum(dim=-2)
        if tokens.boxes is not None and tokens.boxed is not None:
            x = x + self.place(tokens.boxes.to(x.dtype)) * tokens.boxed.unsqueeze(-1)
        if tokens.features:
            flat = x.flatten(0, -2)
            for modality, (index, values) in tokens.features.items():
                if modality not in self.project:
                    raise ValueError(f"the network has no modality {modality!r}; it has {sorted(self.project)}")
                flat = flat.index_add(0, index, self.project[modality](values.to(x.dtype)).to(flat.dtype))
            x = flat.view(x.shape)
        return x

    def read(
        self, tokens: Tokens, past: Sequence[Memory] = (), allow_own: Tensor | None = None
    ) -> tuple[Tensor, Memory]:
        """Hidden states of tokens that see ``past`` and each other.

        Args:
            tokens: (*N, M).
            past: memories whose batch shapes are leading parts of N.
            allow_own: bool (M, M), [query, key]; None lets all valid tokens see each other.

        Returns:
            hidden (*N, M, D), and the tokens' memory.
        """
        tokens = tokens.to(self.embed.weight.device)
        allow_own = None if allow_own is None else allow_own.to(self.embed.weight.device)
        x = self.embedded(tokens)
        rotation = rotations(tokens.positions, self.config.width // self.config.heads, self.config.theta)
        batch = tokens.ids.dim() - 1
        own = _key_mask(tokens.valid, batch)  # (*N, 1, 1, M)
        allow = own if allow_own is None else allow_own if own is None else own & allow_own
        allowed_past = [_key_mask(m.valid, batch) for m in past]
        cover = None if tokens.cover is None or not self.config.cover_bias else tokens.cover.unsqueeze(-3)
        kept = []
        for layer, (block, scale) in enumerate(zip(self.blocks, self.cover_scale, strict=True)):
            bias = None if cover is None else cover * scale  # (*N, H, M, L0)
            segments = [
                Segment(k=m.layers[layer][0], v=m.layers[layer][1], allow=a, bias=bias if m.context else None)
                for m, a in zip(past, allowed_past, strict=True)
            ]
            x, kv = block(x, rotation, segments, allow, bias if tokens.cover_own else None)
            kept.append(kv)
        return self.norm(x), Memory(layers=tuple(kept), valid=tokens.valid)

    def logits(self, hidden: Tensor, allowed: Tensor) -> Tensor:
        """Scores of the allowed ids only: (*N, M, D), (V',) -> (*N, M, V'); the embedding table is the output layer."""
        hidden, table = self.read_out(hidden, allowed)
        return torch.matmul(hidden, table.t())

    def read_out(self, hidden: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states and the table (V', D) whose product are the scores of the allowed ids."""
        return hidden * (self.config.width**-0.5 * 8.0), self.embed.weight[allowed]


def _key_mask(valid: Tensor, batch: int) -> Tensor | None:
    """(*N', L) -> (*N', 1..., 1, 1, L) to broadcast over (*N, H, M, L); None when all are valid."""
    if bool(valid.all()):
        return None
    own = valid.dim() - 1
    return valid.view(*valid.shape[:-1], *([1] * (batch - own)), 1, 1, valid.shape[-1])
