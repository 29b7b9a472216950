"""A picture as a small grid of latents and back: ViT encoder and decoder (RecTok, arXiv 2512.13421, §3).

One class for continuous latents of any width and for discrete ones (``quantiser: fsq``). Latents leave and enter
*normalised*: the statistics are buffers of the weights, so a generator cannot forget or mismatch them (the most common
bug of such systems, facts 07 §4.1), and the noise of tokenizer training is mixed in in the same normalised space in
which the generator will work. In training the batch's own statistics are used, with gradient, so that an encoder cannot
out-shout the noise by inflating its latents (facts 07, P9); ``noised: raw`` is the published behaviour.

Shape legend: B pictures, h w latent grid, N = h·w tokens, n of them kept, C latent channels, D width, p patch side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lucida.media.errors import InputError
from lucida.nn.blocks import Block, init_weights
from lucida.nn.places import grid_positions, patchify, unpatchify
from lucida.nn.quantise import FiniteScalar
from lucida.nn.rotary import axes_split, axial_rotations

MOMENTUM = 0.02  # of the running latent statistics


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Size is configuration.

    Attributes:
        side: picture side trained at; any multiples of ``patch`` can be encoded. patch: side of a token in pixels.
        channels: latent width C. With ``fsq`` it is the number of ``levels``.
        width, heads, hidden, encoder_layers, decoder_layers: the two transformers.
        quantiser: none (a diagonal Gaussian) or fsq. levels: values per channel of fsq; their product is the codes.
        noised: where training noise is mixed in, normalised or (as published) raw latents.
    """

    side: int = 64
    patch: int = 8
    channels: int = 16
    width: int = 192
    heads: int = 4
    hidden: int = 512
    encoder_layers: int = 4
    decoder_layers: int = 6
    quantiser: Literal["none", "fsq"] = "none"
    levels: tuple[int, ...] = (8, 5, 5, 5)
    noised: Literal["normalised", "raw"] = "normalised"
    theta: float = 100.0

    def __post_init__(self) -> None:
        if self.side % self.patch:
            raise InputError(f"tokenizer: side {self.side} is not a multiple of patch {self.patch}")
        if self.quantiser == "fsq" and self.channels != len(self.levels):
            raise InputError(
                f"tokenizer: fsq wants channels = {len(self.levels)} (its levels), got {self.channels}"
            )

    @property
    def grid(self) -> int:
        """Tokens per side at the trained size."""
        return self.side // self.patch

    @property
    def tokens(self) -> int:
        """Tokens of a picture of the trained size."""
        return self.grid**2


@dataclass(frozen=True, eq=False)
class Posterior:
    """A diagonal Gaussian per token, raw (not normalised): ``mean`` and ``logvar`` (B, n, C). fsq has mean only."""

    mean: Tensor
    logvar: Tensor | None = None

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """mean + std·noise; the mean where there is no variance."""
        if self.logvar is None:
            return self.mean
        noise = torch.randn(
            self.mean.shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device
        )
        return self.mean + (self.logvar / 2).exp() * noise

    def kl(self) -> Tensor:
        """KL to N(0, I) per picture (B,), summed over tokens and channels."""
        if self.logvar is None:
            return self.mean.new_zeros(len(self.mean))
        return (self.mean.square() + self.logvar.exp() - 1 - self.logvar).flatten(1).sum(1) / 2


class VitTokenizer(nn.Module):
    """See the module docstring. Pictures are (B, 3, H, W) in [−1, 1]."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = c = config
        gaussian = c.quantiser == "none"
        self.embed = nn.Linear(3 * c.patch**2, c.width)
        self.encoder = nn.ModuleList(
            Block(c.width, c.heads, c.hidden, fused=True) for _ in range(c.encoder_layers)
        )
        self.norm_encoder = nn.RMSNorm(c.width, eps=1e-5)
        self.latent = nn.Linear(c.width, c.channels * (2 if gaussian else 1))
        self.quantise = None if gaussian else FiniteScalar(c.levels)
        self.from_latent = nn.Linear(c.channels, c.width)
        self.mask_token = nn.Parameter(torch.zeros(c.width))
        self.decoder = nn.ModuleList(
            Block(c.width, c.heads, c.hidden, fused=True) for _ in range(c.decoder_layers)
        )
        self.norm_decoder = nn.RMSNorm(c.width, eps=1e-5)
        self.to_pixels = nn.Linear(c.width, 3 * c.patch**2)
        self.smooth = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("latent_mean", torch.zeros(c.channels))
        self.register_buffer("latent_std", torch.ones(c.channels))
        for part in (self.embed, self.latent, self.from_latent):
            init_weights(part, gain=1.0)
        for part in (self.encoder, self.decoder, self.to_pixels):
            init_weights(part)
        if gaussian:  # a small, nearly certain posterior at the start: std 0.05
            nn.init.zeros_(self.latent.weight[c.channels :])
            nn.init.constant_(self.latent.bias[c.channels :], -6.0)
        nn.init.dirac_(self.smooth.weight)
        nn.init.zeros_(self.smooth.bias)  # pyright: ignore[reportArgumentType]

    def encode(self, pixels: Tensor, keep: Tensor | None = None) -> Posterior:
        """The posterior of every token, or of the kept ones.

        Args:
            pixels: (B, 3, H, W), H and W multiples of the patch.
            keep: (B, n) int64, the tokens that the encoder may see; None: all N.

        Returns:
            raw mean (B, n, C); ``encode(x).mean`` is the deterministic code.
        """
        c = self.config
        grid = self._grid(pixels)
        x = self.embed(patchify(pixels, (c.patch, c.patch)))
        rotation = self._rotation(grid, keep)
        if keep is not None:
            x = x.gather(1, keep.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
        for block in self.encoder:
            x, _ = block(x, rotation, ())
        latent = self.latent(self.norm_encoder(x)).float()
        if self.quantise is not None:
            return Posterior(latent)
        mean, logvar = latent.chunk(2, dim=-1)
        return Posterior(mean, logvar.clamp(-30, 20))

    def latents(
        self, posterior: Posterior, *, learn: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """What decoders read (B, n, C): normalised (or raw, if so configured), or rounded by fsq.

        Args:
            learn: training: a sample instead of the mean, the batch's statistics, and these are remembered.
        """
        if self.quantise is not None:
            return self.quantise(posterior.mean)
        z = posterior.sample(generator) if learn else posterior.mean
        if learn:
            mean, std = z.mean((0, 1)), z.std((0, 1), correction=0) + 1e-6
            with torch.no_grad():
                self.get_buffer("latent_mean").lerp_(mean, MOMENTUM)
                self.get_buffer("latent_std").lerp_(std, MOMENTUM)
        else:
            mean, std = self.get_buffer("latent_mean"), self.get_buffer("latent_std")
        return z if self.config.noised == "raw" else (z - mean) / std

    def decode(
        self, latents: Tensor, keep: Tensor | None = None, grid: tuple[int, int] | None = None
    ) -> Tensor:
        """Pixels (B, 3, H, W), not clamped, from decoder inputs (B, n, C) as :meth:`latents` gives them.

        Args:
            keep: which tokens these are; the others are mask tokens. grid: (h, w), for another size than trained at.
        """
        c = self.config
        h, w = grid or (c.grid, c.grid)
        x = self.restore(self.from_latent(latents), self.mask_token, keep, h * w)
        rotation = self._rotation((h, w), None)
        for block in self.decoder:
            x, _ = block(x, rotation, ())
        patches = self.to_pixels(self.norm_decoder(x)).float()
        return self.smooth(unpatchify(patches, (c.patch, c.patch), (h * c.patch, w * c.patch)))

    @staticmethod
    def restore(x: Tensor, mask_token: Tensor, keep: Tensor | None, tokens: int) -> Tensor:
        """Kept tokens (B, n, D) at their places among ``tokens``, the mask token elsewhere: (B, N, D)."""
        if keep is None:
            return x
        whole = mask_token.to(x.dtype).expand(len(x), tokens, -1)
        return whole.scatter(1, keep.unsqueeze(-1).expand_as(x), x)

    @torch.no_grad()
    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Replace the running statistics by exact ones, (C,) each.

        Raises:
            ValueError: wrong shape, or a std that is not above 0.
        """
        if mean.shape != std.shape or mean.shape != (self.config.channels,) or not bool((std > 0).all()):
            raise ValueError(
                f"statistics want shape ({self.config.channels},) and std > 0, got {tuple(mean.shape)}"
            )
        self.get_buffer("latent_mean").copy_(mean)
        self.get_buffer("latent_std").copy_(std)

    @torch.no_grad()
    def tokenize(self, pixels: Tensor) -> Tensor:
        """Normalised latents (B, C, h, w) of unit variance, or with fsq ids (B, h, w) int64."""
        h, w = self._grid(pixels)
        posterior = self.encode(pixels)
        if self.quantise is not None:
            return self.quantise.ids(self.quantise(posterior.mean)).unflatten(1, (h, w))
        z = (posterior.mean - self.get_buffer("latent_mean")) / self.get_buffer("latent_std")
        return z.transpose(1, 2).unflatten(2, (h, w))

    @torch.no_grad()
    def detokenize(self, tokens: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [−1, 1] from what :meth:`tokenize` gives."""
        h, w = tokens.shape[-2:]
        if self.quantise is not None:
            return self.decode(self.quantise.points(tokens.flatten(1)), None, (h, w)).clamp(-1, 1)
        z = tokens.flatten(2).transpose(1, 2)
        if self.config.noised == "raw":
            z = z * self.get_buffer("latent_std") + self.get_buffer("latent_mean")
        return self.decode(z, None, (h, w)).clamp(-1, 1)

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """``detokenize(tokenize(pixels))``."""
        return self.detokenize(self.tokenize(pixels))

    def _grid(self, pixels: Tensor) -> tuple[int, int]:
        h, w, p = *pixels.shape[-2:], self.config.patch
        if h % p or w % p:
            raise InputError(f"tokenizer: picture is {w}x{h}; both sides must be multiples of {p}")
        return h // p, w // p

    def _rotation(self, grid: tuple[int, int], keep: Tensor | None) -> Tensor:
        """(2, 1 or B, 1, n, K/2)."""
        c = self.config
        positions = grid_positions(grid).to(self.mask_token.device)
        positions = positions.unsqueeze(0) if keep is None else positions[keep]
        return axial_rotations(positions, axes_split(c.width // c.heads, 2), c.theta)


def kept_tokens(
    batch: int, tokens: int, ratio: float, generator: torch.Generator | None = None
) -> Tensor | None:
    """Which ⌈N·(1 − ratio)⌉ tokens each picture keeps, (B, n) ascending; None when ratio ≤ 0 (RAD, §3.3)."""
    if ratio <= 0:
        return None
    count = -int(-tokens * (1 - ratio) // 1)
    order = torch.rand(batch, tokens, generator=generator).argsort(1)
    return order[:, : max(count, 1)].sort(1).values
