"""The diffusion transformer behind every continuous generator: pictures, clips, edits (DiT, arXiv 2212.09748).

From day one it has what a video editor needs, so that there is no second network: patches over (t, h, w); positions
given as (t, y, x) that may be negative; modulation per token that can be zeroed; a context per block whose keys and
values are computed once; a source that is added in token space with a scale (LoomVideo, arXiv 2606.06042); and a wide
head that reads x_τ again under per-token modulation, for latents wider than the trunk likes (DDT, arXiv 2504.05741;
RAE, arXiv 2510.11690).

Shape legend: B batch, C latent channels, T H W latent sizes, M target tokens, D trunk width, W head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.nn.blocks import init_weights
from lucida.nn.modulation import SLOTS, LevelEmbedding, ModulatedBlock, modulate
from lucida.nn.places import grid_positions, patchify, unpatchify
from lucida.nn.rotary import axes_split, axial_rotations


@dataclass(frozen=True, kw_only=True)
class DiTConfig:
    """Size is configuration.

    Attributes:
        channels: latent channels C. patch: latent cells per token, (t, h, w).
        width, layers, heads, hidden: the trunk.
        context: width of context tokens; 0: no cross-attention.
        head_width, head_layers, head_heads: the wide head; 0 layers: a linear map from the trunk.
        source: whether there is an embedding for an aligned source latent; it starts at zero.
        theta: rotary base, of all three axes.
    """

    channels: int
    patch: tuple[int, int, int] = (1, 1, 1)
    width: int = 256
    layers: int = 6
    heads: int = 4
    hidden: int = 640
    context: int = 0
    head_width: int = 384
    head_layers: int = 0
    head_heads: int = 4
    source: bool = False
    theta: float = 1_000.0


@dataclass(frozen=True, eq=False)
class Context:
    """What blocks look at: per block keys and values, each (B, H, L, K), and which tokens are there (B, L)."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    valid: Tensor | None = None

    def repeat(self, times: int) -> Context:
        """Each row ``times`` times in a row."""
        layers = tuple((k.repeat_interleave(times, 0), v.repeat_interleave(times, 0)) for k, v in self.layers)
        return Context(layers, None if self.valid is None else self.valid.repeat_interleave(times, 0))


@dataclass(frozen=True, eq=False)
class Reference:
    """A clean latent that is looked at but not generated.

    Attributes:
        latent: (B, C, T', H', W'), its own sizes. offset: added to its (t, y, x) positions; LoomVideo's r-th reference
            lies at t = −10·r.
    """

    latent: Tensor
    offset: tuple[int, int, int] = (-10, 0, 0)


class DiT(nn.Module):
    """See the module docstring."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = c = config
        cells = c.channels * c.patch[0] * c.patch[1] * c.patch[2]
        self.embed = nn.Linear(cells, c.width)
        self.embed_source = nn.Linear(cells, c.width) if c.source else None
        self.level = LevelEmbedding(c.width)
        self.modulation = nn.Linear(c.width, SLOTS * c.width)
        self.blocks = nn.ModuleList(
            ModulatedBlock(c.width, c.heads, c.hidden, context=c.context) for _ in range(c.layers)
        )
        wide = c.head_width if c.head_layers else c.width
        self.norm = nn.RMSNorm(c.width, eps=1e-5)
        self.embed_head = nn.Linear(cells, wide) if c.head_layers else None
        self.modulation_head = nn.Linear(c.width, SLOTS * wide) if c.head_layers else None
        self.head = nn.ModuleList(ModulatedBlock(wide, c.head_heads, 2 * wide) for _ in range(c.head_layers))
        self.norm_out = nn.RMSNorm(wide, eps=1e-5, elementwise_affine=False)
        self.modulation_out = nn.Linear(c.width, 2 * wide)
        self.out = nn.Linear(wide, cells)
        self._initialise()

    def _initialise(self) -> None:
        init_weights(self, gain=1.0)
        for part in (self.blocks, self.head):
            init_weights(part)
            for block in part:
                assert isinstance(block, ModulatedBlock)
                block.reset_table()
        # Modulation and output whisper at first: the network begins as a plain transformer near zero velocity.
        for quiet in (self.modulation, self.modulation_head, self.modulation_out, self.out):
            if quiet is not None:
                init_weights(quiet, gain=0.1)
                nn.init.zeros_(quiet.bias)
        if self.embed_source is not None:
            nn.init.zeros_(self.embed_source.weight)
            nn.init.zeros_(self.embed_source.bias)

    @property
    def parameters_count(self) -> int:
        """Number of weights."""
        return sum(p.numel() for p in self.parameters())

    def remember(self, states: Tensor | Sequence[Tensor], valid: Tensor | None = None) -> Context:
        """Keys and values of a context, once for all steps.

        Args:
            states: (B, L, context) for all blocks; or one per layer of an encoder, of which the last as many as there
                are blocks are used, in order.
            valid: (B, L) bool.

        Raises:
            ValueError: the network has no context, or there are fewer states than blocks.
        """
        if not self.config.context:
            raise ValueError("this DiT has no context (config.context is 0)")
        count = len(self.blocks)
        chosen = [states] * count if isinstance(states, Tensor) else list(states)[-count:]
        if len(chosen) < count:
            raise ValueError(f"{len(chosen)} context states for {count} blocks; give one, or one per block")
        layers = []
        for block, state in zip(self.blocks, chosen, strict=True):
            assert isinstance(block, ModulatedBlock) and block.cross is not None
            layers.append(block.cross.remember(state))
        return Context(tuple(layers), valid)

    def forward(
        self,
        x: Tensor,
        level: Tensor,
        context: Context | None = None,
        *,
        positions: Tensor | None = None,
        modulated: Tensor | None = None,
        source: Tensor | None = None,
        source_scale: Tensor | None = None,
        references: Sequence[Reference] = (),
        tap: list[Tensor] | None = None,
    ) -> Tensor:
        """The velocity v_θ(x_τ, τ | context).

        Args:
            x: (B, C, T, H, W), or (B, C, H, W) for pictures.
            level: (B,) noise levels.
            context: from :meth:`remember`; None skips cross-attention.
            positions: (M, 3) or (B, M, 3) of the target's tokens as (t, y, x); by default its own grid from 0.
            modulated: (B, M) bool: tokens whose modulation is not zeroed; None: all. (References' always is.)
            source: a latent of x's shape, added in token space times ``source_scale`` (B,), by default the level.
            references: clean latents seen beside the target.
            tap: what the trunk made of the target's tokens, (B, M, D) and normed, is put here, for losses of its own.

        Returns:
            of x's shape, float32.
        """
        c = self.config
        flat = x.dim() == 4
        whole = x.unsqueeze(2) if flat else x
        sizes = whole.shape[2:]
        patches = patchify(whole, c.patch)
        tokens = self.embed(patches)
        if source is not None:
            tokens = tokens + self._source(source.unsqueeze(2) if flat else source, level, source_scale)
        count = tokens.shape[1]
        at = (
            grid_positions([n // p for n, p in zip(sizes, c.patch, strict=True)])
            if positions is None
            else positions
        )
        at = at.to(x.device)
        steer = self.level(level).unsqueeze(1)  # (B, 1, D)
        if modulated is not None:
            steer = steer * modulated.unsqueeze(-1)
        target_steer, target_at = steer, at
        if references:
            tokens, at, steer = self._with_references(tokens, at, steer, references)
        modulation = self.modulation(functional.silu(steer)) * (steer != 0).any(-1, keepdim=True)
        rotation = self._rotation(at, c.width // c.heads)
        for n, block in enumerate(self.blocks):
            memory = None if context is None else context.layers[n]
            valid = None if context is None else context.valid
            tokens = block(tokens, modulation, rotation, memory, valid)
        out = tokens[:, :count]
        normed = self.norm(out)
        if tap is not None:
            tap.append(normed)
        condition = functional.silu(target_steer + normed)
        if self.embed_head is not None and self.modulation_head is not None:
            out, per_token = self.embed_head(patches), self.modulation_head(condition)
            rotation = self._rotation(target_at, c.head_width // c.head_heads)
            for block in self.head:
                out = block(out, per_token, rotation)
        shift, scale = self.modulation_out(condition).chunk(2, dim=-1)
        made = self.out(modulate(self.norm_out(out), shift, scale)).float()
        velocity = unpatchify(made, c.patch, sizes)
        return velocity.squeeze(2) if flat else velocity

    def _source(self, source: Tensor, level: Tensor, scale: Tensor | None) -> Tensor:
        if self.embed_source is None:
            raise ValueError("this DiT has no source embedding (config.source is false)")
        amount = level if scale is None else scale
        return amount[:, None, None] * self.embed_source(patchify(source, self.config.patch))

    def _with_references(
        self, tokens: Tensor, at: Tensor, steer: Tensor, references: Sequence[Reference]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, positions and steering of the target with those of the references behind; theirs is zero."""
        c = self.config
        parts, places = [tokens], [at.expand(len(tokens), -1, -1) if at.dim() == 2 else at]
        for reference in references:
            parts.append(self.embed(patchify(reference.latent, c.patch)))
            shape = [n // p for n, p in zip(reference.latent.shape[2:], c.patch, strict=True)]
            own = grid_positions(shape, offset=reference.offset).to(at)
            places.append(own.expand(len(tokens), -1, -1))
        joined = torch.cat(parts, 1)
        silent = steer.new_zeros(len(joined), joined.shape[1] - tokens.shape[1], steer.shape[-1])
        return joined, torch.cat(places, 1), torch.cat((steer.expand(-1, tokens.shape[1], -1), silent), 1)

    def _rotation(self, positions: Tensor, width: int) -> Tensor:
        """(2, 1 or B, 1, M, K/2)."""
        batched = positions if positions.dim() == 3 else positions.unsqueeze(0)
        return axial_rotations(batched, axes_split(width, 3), self.config.theta)
