"""The generator's network: captions through their own encoder into a diffusion transformer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from lucida.models.caption_encoder import CaptionEncoder, CaptionEncoderConfig
from lucida.models.dit import Context, DiT, DiTConfig
from lucida.train.recipe import build


@dataclass(frozen=True, kw_only=True)
class PainterConfig:
    """Size is configuration.

    Attributes:
        channels, grid: of the tokenizer's latents.
        dit, captions: further settings of the two networks. deep: each block reads its own layer of the encoder,
            the last ones (then the encoder needs as many layers); otherwise all read the last.
        longest: most tokens of a prompt.
    """

    channels: int = 16
    grid: int = 8
    dit: dict[str, Any] = field(default_factory=dict)
    captions: dict[str, Any] = field(default_factory=dict)
    deep: bool = False
    longest: int = 80


class Painter(nn.Module):
    """``read`` a prompt once, then call per step."""

    def __init__(self, config: PainterConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        captions = build(
            CaptionEncoderConfig, {"vocabulary": vocabulary, **config.captions}, "network.captions"
        )
        own = {"channels": config.channels, "context": captions.width}
        self.captions = CaptionEncoder(captions)
        self.dit = DiT(build(DiTConfig, {**own, **config.dit}, "network.dit"))

    def read(self, ids: Tensor, valid: Tensor) -> Context:
        """Prompts (B, L) to what the blocks look at."""
        layers = self.captions(ids, valid).layers
        return self.dit.remember(layers if self.config.deep else layers[-1], valid)

    def forward(
        self, x: Tensor, level: Tensor, context: Context, *, tap: list[Tensor] | None = None
    ) -> Tensor:
        """Velocity (B, C, h, w); ``tap`` as in ``DiT.forward``."""
        return self.dit(x, level, context, tap=tap)
