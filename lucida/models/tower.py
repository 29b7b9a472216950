"""The vision tower: EfficientNet-Lite0 with ImageNet weights, frozen.

Mobile inverted-bottleneck network (EfficientNet, arXiv 1905.11946) in its "Lite" form: ReLU6, no
squeeze-and-excite, stem and head not scaled. Batch normalisation is folded into the convolutions when the
weights are converted (``convert_tower.py``), so what runs is convolution, bias, clamp.
``weights/tower/card.md`` names the source.

Padding is TensorFlow's SAME: output ceil(n / stride), and when the padding is odd the extra cell goes right
and below. On paper that puts a stride-16 map 7.5 pixels off its cells; the learned kernels undo most of it
(``tests/models/test_tower.py`` holds how much, on photographs), so boxes are sampled at nominal cells.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lucida.media.errors import InputError
from lucida.models.store import load_model_files, resolve_weights
from lucida.nn.roi_align import Compat, fold, replay


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """The block table as data. A stage is (repeats, kernel, stride of the first, expansion, channels)."""

    stem: int = 32
    head: int = 1280
    classes: int = 1000
    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )

    @property
    def channels8(self) -> int:
        """Channels of the last stride-8 map."""
        return self._last_at(8)[1]

    @property
    def channels16(self) -> int:
        """Channels of the last stride-16 map."""
        return self._last_at(16)[1]

    @property
    def grid_channels(self) -> int:
        """Channels of a context cell: stride 16 plus the folded 2×2 of stride 8 (272 for Lite0)."""
        return self.channels16 + 4 * self.channels8

    def _last_at(self, stride: int) -> tuple[int, int]:
        """(number of blocks run, channels) at the end of the last stage with this total stride."""
        total, blocks, found = 2, 0, None
        for repeats, _, step, _, channels in self.stages:
            total, blocks = total * step, blocks + repeats
            if total == stride:
                found = (blocks, channels)
        if found is None:
            raise ValueError(f"stages={self.stages} has no map of stride {stride}")
        return found


@dataclass(frozen=True)
class TowerFeatures:
    """What the tower saw, each channel at about zero mean and unit variance (statistics in the weights)."""

    stride8: Tensor  # (B, 40, H/8, W/8)
    stride16: Tensor  # (B, 112, H/16, W/16)

    @property
    def cells(self) -> Tensor:
        """Context cells (B, 272, H/16, W/16).

        The 112 stride-16 channels first; then channel ``112 + 4 c + 2 dy + dx`` is stride-8 channel ``c`` at
        (2 i + dy, 2 j + dx), see ``fold``.
        """
        return torch.cat((self.stride16, fold(self.stride8)), 1)

    def replay(
        self, boxes: Tensor, batch_index: Tensor | None = None, k: int = 4, *, compat: Compat = "correct"
    ) -> Tensor:
        """Replay tokens (N, k², 272) of normalised xyxy ``boxes`` (N, 4), channels ordered as ``cells``."""
        return replay(self.stride8, self.stride16, boxes, batch_index, k, compat=compat)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding for any input size."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        # With stride 1 the padding is symmetric and the convolution does it without a copy.
        super().__init__(inputs, outputs, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) → (B, outputs, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            top, bottom = same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
            left, right = same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
            input = F.pad(input, (left, right, top, bottom))
        return super().forward(input)


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after) of TensorFlow's SAME rule: the odd one goes after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class Block(nn.Module):
    """Inverted bottleneck: expand 1×1, depthwise k×k, project 1×1 without activation; residual if it fits."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = SameConv(inputs, wide) if expansion > 1 else None
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide)
        self.project = SameConv(wide, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, ceil(H / stride), ceil(W / stride))."""
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.residual else y


class Tower(nn.Module):
    """EfficientNet-Lite. Pixels are (B, 3, H, W) RGB in [-1, 1]; everything runs in fp32 also under autocast.

    Weights are frozen after ``load_tower`` but gradients reach the pixels, so the features can serve as a
    loss.
    """

    def __init__(self, config: TowerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TowerConfig()
        self.stem = SameConv(3, config.stem, 3, 2)
        blocks, inputs = [], config.stem
        for repeats, kernel, stride, expansion, outputs in config.stages:
            for repeat in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if repeat == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = SameConv(inputs, config.head)
        self.classifier = nn.Linear(config.head, config.classes)
        for stride, channels in ((8, config.channels8), (16, config.channels16)):
            self.register_buffer(f"mean{stride}", torch.zeros(channels))
            self.register_buffer(f"std{stride}", torch.ones(channels))

    def forward(self, pixels: Tensor) -> TowerFeatures:
        """Normalised stride-8 and stride-16 features; blocks after stride 16 are not run. Any H, W ≥ 1."""
        stride8, stride16 = self.raw(pixels)
        return TowerFeatures(self._normalised(stride8, 8), self._normalised(stride16, 16))

    def grid(self, pixels: Tensor) -> Tensor:
        """Context cells (B, 272, H/16, W/16), see ``TowerFeatures.cells``.

        Raises:
            ValueError: H or W is not a multiple of 16.
        """
        if pixels.shape[-2] % 16 or pixels.shape[-1] % 16:
            raise ValueError(f"pixels {tuple(pixels.shape)}: height and width must be multiples of 16")
        return self(pixels).cells

    def raw(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The stride-8 and stride-16 maps before normalisation."""
        with torch.autocast(pixels.device.type, enabled=False):
            end8, end16 = self.config._last_at(8)[0], self.config._last_at(16)[0]
            stride8 = self._run(self._enter(pixels), 0, end8)
            return stride8, self._run(stride8, end8, end16)

    def deepest(self, seen: TowerFeatures) -> Tensor:
        """The last block's map (B, 320, h, w) of stride 32, going on from what :meth:`forward` saw."""
        with torch.autocast(seen.stride16.device.type, enabled=False):
            x = seen.stride16 * self.get_buffer("std16")[:, None, None] + self.get_buffer("mean16")[:, None, None]
            return self._run(x, self.config._last_at(16)[0], len(self.blocks))

    def evidence(self, pixels: Tensor) -> Tensor:
        """What is pooled for the classifier, still in place: (B, 1280, h, w), stride 32."""
        with torch.autocast(pixels.device.type, enabled=False):
            x = self._run(self._enter(pixels), 0, len(self.blocks))
            return F.relu6(self.head(x), inplace=True)

    def embed(self, pixels: Tensor) -> Tensor:
        """Pooled embedding (B, 1280), the input of the classifier."""
        return self.evidence(pixels).mean((2, 3))

    def classify(self, pixels: Tensor) -> Tensor:
        """ImageNet logits (B, 1000) in ILSVRC order; best at 224×224 (``imagenet_names`` names them)."""
        with torch.autocast(pixels.device.type, enabled=False):
            return self.classifier(self.embed(pixels))

    def _enter(self, pixels: Tensor) -> Tensor:
        # The published network saw (byte - 127) / 128; ours is byte / 127.5 - 1.
        x = (pixels.float() * 127.5 + 0.5) / 128
        return F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)), inplace=True)

    def _run(self, x: Tensor, start: int, stop: int) -> Tensor:
        for index in range(start, stop):
            x = self.blocks[index](x)
        return x

    def _normalised(self, x: Tensor, stride: int) -> Tensor:
        mean, std = self.get_buffer(f"mean{stride}"), self.get_buffer(f"std{stride}")
        return (x - mean[:, None, None]) / std[:, None, None]


def to_pixels(picture: np.ndarray) -> Tensor:
    """(H, W, 3) or (B, H, W, 3) uint8 RGB → (B, 3, H, W) float in [-1, 1]."""
    batch = torch.tensor(picture).reshape(-1, *picture.shape[-3:])
    return batch.permute(0, 3, 1, 2).float() / 127.5 - 1


def read_config(data: Mapping[str, Any]) -> TowerConfig:
    """A ``TowerConfig`` from plain JSON data (what ``dataclasses.asdict`` gives)."""
    return TowerConfig(**{**data, "stages": tuple(tuple(row) for row in data["stages"])})


def load_tower(device: str | torch.device = "cpu", name: str | os.PathLike[str] = "tower") -> Tower:
    """A tower by model name or folder: frozen, eval, channels-last, fp32 though stored in fp16.

    Raises:
        InputError: there is no such model, or its files do not belong together.
    """
    files = load_model_files(resolve_weights(name))
    try:
        tower = Tower(read_config(files.config["model"]))
        tower.load_state_dict(files.tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{files.folder}: not a tower: {str(error).splitlines()[0]}") from error
    tower.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return tower.eval().requires_grad_(False)
