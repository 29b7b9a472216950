"""A flow network whose image trunk runs once and whose head, a small neural field per patch, runs at every step.

The trunk is a transformer over patches of the picture. At each step and for each patch the head turns its token and
the noise level into the weights of a tiny network that maps every pixel of the patch, its state x_τ, a cosine basis of
its place and what is local in the picture, to a velocity (PixNerd, arXiv 2507.23268, §3.2; used for segmentation by
FlowSeg, arXiv 2603.19218, §3.4). With ``state`` 0 and ``outputs`` the number of classes, the same network is the
discriminative twin: one pass, cross-entropy.

Shape legend: B pictures, H W pixels, N patches, P pixels of a patch, p its side, D token width, w pixel width, S state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.nn.blocks import Block, init_weights
from lucida.nn.modulation import LevelEmbedding, ModulatedBlock
from lucida.nn.places import grid_positions, patchify, unpatchify
from lucida.nn.rotary import axes_split, axial_rotations

LEAST_LEVEL = 0.05  # division by smaller noise levels would let their error outweigh all others (JiT, arXiv 2511.13720)


@dataclass(frozen=True, kw_only=True)
class PixelFieldConfig:
    """Size is configuration.

    Attributes:
        state: channels of x_τ, the code width; 0: the twin, which has none.
        outputs: channels per pixel: the code width for a flow, the number of classes for the twin.
        patch: side of a patch in pixels.
        width, layers, heads, hidden: the trunk. head_layers: transformer blocks over tokens that also see x_τ, run at
            every step so that patches agree on one labelling; 0 makes pixels independent given the picture.
        pixel, pixel_layers, ratio: width, depth and hidden ratio of the neural field. waves: cosines per axis.
        detail: channels of the local features that two 3×3 convolutions read off the picture for the field.
        features: channels of a given feature grid (such as the tower's), one cell per patch; 0: none.
        prediction: what the head puts out, whatever is asked for. "data": x̂, made a velocity by (x_τ − x̂) / τ; the
            narrow field need not carry the noise through, and learns about as fast as the twin. "velocity": v itself.
    """

    state: int
    outputs: int
    patch: int = 8
    width: int = 192
    layers: int = 6
    heads: int = 4
    hidden: int = 512
    head_layers: int = 0
    pixel: int = 24
    pixel_layers: int = 2
    ratio: int = 2
    waves: int = 8
    detail: int = 12
    features: int = 0
    theta: float = 100.0
    prediction: Literal["velocity", "data"] = "velocity"


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture after the trunk: all that the head needs, at every step.

    Attributes:
        tokens: (B, N, D). local: (B, N, P, pixel) what the field knows of each pixel whatever the state.
        size: (H, W). rotation: of the patches, for ``head_layers``.
    """

    tokens: Tensor
    local: Tensor
    size: tuple[int, int]
    rotation: Tensor

    def repeat(self, times: int) -> Seen:
        """Each picture ``times`` times in a row, for several noise draws or levels over one look."""
        again = (self.tokens.repeat_interleave(times, 0), self.local.repeat_interleave(times, 0))
        return Seen(*again, self.size, self.rotation)


class PixelField(nn.Module):
    """See the module docstring. ``look`` once, then ``velocity`` per step."""

    def __init__(self, config: PixelFieldConfig) -> None:
        super().__init__()
        self.config = config
        c, pixels = config, config.patch**2
        self.detail = nn.Sequential(
            nn.Conv2d(3, c.detail, 3, padding=1), nn.SiLU(), nn.Conv2d(c.detail, c.detail, 3, padding=1)
        )
        self.embed = nn.Linear(3 * pixels, c.width)
        self.embed_detail = nn.Linear(c.detail * pixels, c.width, bias=False)
        self.embed_features = nn.Linear(c.features, c.width, bias=False) if c.features else None
        self.trunk = nn.ModuleList(Block(c.width, c.heads, c.hidden, fused=True) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.width, eps=1e-5)
        self.level = LevelEmbedding(c.width)
        self.embed_state = (
            nn.Linear(c.state * pixels, c.width, bias=False) if c.head_layers and c.state else None
        )
        self.modulation = nn.Linear(c.width, 6 * c.width, bias=False) if c.head_layers else None
        self.head = nn.ModuleList(ModulatedBlock(c.width, c.heads, c.hidden) for _ in range(c.head_layers))
        self.local = nn.Linear(3 + c.detail + c.waves**2, c.pixel)
        self.state = nn.Linear(c.state, c.pixel, bias=False) if c.state else None
        self.weights = nn.Linear(c.width, c.pixel_layers * 2 * c.ratio * c.pixel**2)
        self.norms = nn.ModuleList(nn.RMSNorm(c.pixel, eps=1e-5) for _ in range(c.pixel_layers + 1))
        self.out = nn.Linear(c.pixel, c.outputs)
        self.register_buffer("places", cosine_basis(c.patch, c.waves), persistent=False)  # (P, waves²)
        init_weights(self, gain=1.0)
        init_weights(self.trunk)
        init_weights(self.head)
        init_weights(self.out, gain=0.1)
        # Where the head puts out data, the state begins as a whisper: at high levels it is noise that would drown the
        # picture in a narrow field. A velocity, on the other hand, is mostly the state.
        for entry in (self.state, self.embed_state):
            if entry is not None and c.prediction == "data":
                init_weights(entry, gain=0.1)
        if self.modulation is not None:
            init_weights(self.modulation, gain=0.1)
        nn.init.zeros_(self.out.bias)
        for block in self.head:
            assert isinstance(block, ModulatedBlock)
            block.reset_table()

    def look(self, image: Tensor, features: Tensor | None = None) -> Seen:
        """Run the trunk.

        Args:
            image: (B, 3, H, W) in [−1, 1], H and W multiples of the patch.
            features: (B, F, H/p, W/p), when the configuration has ``features``.

        Raises:
            ValueError: sizes do not fit, or features are given (not given) against the configuration.
        """
        c = self.config
        if (features is not None) != (self.embed_features is not None):
            raise ValueError(
                f"features must be {'given' if c.features else 'left out'}: config.features={c.features}"
            )
        h, w = image.shape[-2:]
        patches = patchify(image, (c.patch, c.patch))  # (B, N, 3·P)
        detail = patchify(self.detail(image), (c.patch, c.patch))
        x = self.embed(patches) + self.embed_detail(detail)
        if features is not None and self.embed_features is not None:
            x = x + self.embed_features(features.flatten(2).transpose(1, 2))
        positions = grid_positions((h // c.patch, w // c.patch)).to(x.device)
        rotation = axial_rotations(positions, axes_split(c.width // c.heads, 2), c.theta).unsqueeze(1)
        for block in self.trunk:
            x, _ = block(x, rotation, ())
        by_pixel = [part.unflatten(-1, (-1, c.patch**2)).transpose(-1, -2) for part in (patches, detail)]
        places = self.get_buffer("places").expand(*x.shape[:2], -1, -1)
        local = self.local(torch.cat((*by_pixel, places), dim=-1))
        return Seen(self.norm(x), local, (h, w), rotation)

    def velocity(self, seen: Seen, state: Tensor | None, level: Tensor) -> Tensor:
        """The head: v_θ(x_τ, τ | picture), or the twin's logits.

        Args:
            seen: from :meth:`look`, B pictures.
            state: x_τ (B, H, W, S), channels last as codes are; None for the twin.
            level: (B,) noise levels; the twin wants zeros.

        Returns:
            (B, H, W, outputs) float32.
        """
        c = self.config
        if (state is None) != (c.state == 0):
            raise ValueError(f"state must be {'given' if c.state else 'None'}: config.state={c.state}")
        field = seen.local
        tokens = seen.tokens
        if state is not None:
            assert self.state is not None
            patches = patchify(state.permute(0, 3, 1, 2), (c.patch, c.patch))  # (B, N, S·P)
            field = field + self.state(patches.unflatten(-1, (c.state, -1)).transpose(-1, -2))
            if self.embed_state is not None:
                tokens = tokens + self.embed_state(patches)
        steer = self.level(level).unsqueeze(1)  # (B, 1, D)
        if self.modulation is not None:
            modulation = self.modulation(functional.silu(steer))
            for block in self.head:
                tokens = block(tokens, modulation, seen.rotation)
        out = self._field(field, functional.silu(tokens + steer))  # (B, N, P, outputs)
        h, w = seen.size
        flat = out.transpose(-1, -2).flatten(2)  # (B, N, outputs·P), channels slowest
        made = unpatchify(flat, (c.patch, c.patch), (h, w)).permute(0, 2, 3, 1).float()
        if state is None or c.prediction == "velocity":
            return made
        return (state.float() - made) / level.float().clamp(min=LEAST_LEVEL)[:, None, None, None]

    def forward(
        self, image: Tensor, state: Tensor | None, level: Tensor, features: Tensor | None = None
    ) -> Tensor:
        """``velocity`` after ``look``: (B, H, W, outputs)."""
        return self.velocity(self.look(image, features), state, level)

    def twin(self, image: Tensor, features: Tensor | None = None) -> Tensor:
        """Class logits (B, H, W, outputs) of the discriminative twin, in one pass."""
        return self(image, None, image.new_zeros(len(image)), features)

    def _field(self, x: Tensor, tokens: Tensor) -> Tensor:
        """The neural field: (B, N, P, w), (B, N, D) -> (B, N, P, outputs)."""
        c, lead = self.config, x.shape[:2]
        inner = c.pixel * c.ratio
        # Each patch's own matrices; every output unit has unit-length input weights, as in PixNerd.
        made = self.weights(tokens).reshape(-1, c.pixel_layers, 2, inner * c.pixel)
        x = x.flatten(0, 1)
        for layer in range(c.pixel_layers):
            up = functional.normalize(made[:, layer, 0].view(-1, c.pixel, inner), dim=1)
            down = functional.normalize(made[:, layer, 1].view(-1, inner, c.pixel), dim=1)
            x = x + torch.bmm(functional.silu(torch.bmm(self.norms[layer](x), up)), down)
        return self.out(self.norms[-1](x)).unflatten(0, lead)


def cosine_basis(side: int, waves: int) -> Tensor:
    """cos(π f_x u)·cos(π f_y v) / (1 + f_x·f_y) at pixel centres: (side², waves²), f = 0 .. waves − 1."""
    at = (torch.arange(side) + 0.5) / side
    axis = torch.cos(math.pi * at[:, None] * torch.arange(waves))  # (side, waves)
    f = torch.arange(waves)
    basis = axis[:, None, :, None] * axis[None, :, None, :] / (1 + f[:, None] * f[None, :])
    return basis.reshape(side * side, waves * waves)
