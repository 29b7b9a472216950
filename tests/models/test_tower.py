"""The tower: padding, geometry, folding, and what the shipped weights see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.models.convert_tower import EPSILON, LITE2, convert, measure_statistics, save_tower
from lucida.models.imagenet_names import basic_name
from lucida.models.tower import SameConv, Tower, TowerConfig, load_tower, same_padding, to_pixels
from lucida.nn.roi_align import fold

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = TowerConfig(
    stem=8, head=16, classes=5, stages=((1, 3, 2, 2, 8), (1, 5, 2, 2, 8), (1, 3, 2, 2, 8), (1, 3, 2, 1, 8))
)


@pytest.fixture(scope="module")
def tower() -> Tower:
    return load_tower()


def photo(name: str, size: tuple[int, int] | None = None) -> torch.Tensor:
    image = Image.open(EXAMPLES / f"{name}.jpg")
    return to_pixels((image.resized(size) if size else image).pixels)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1)),
        (225, 3, 2, (1, 1)),
        (56, 5, 2, (1, 2)),
        (57, 5, 2, (2, 2)),
        (7, 5, 1, (2, 2)),
        (1, 3, 2, (1, 1)),
    ],
)
def test_same_padding_by_hand(length: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(length, kernel, stride) == expected


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (17, 32), (33, 6)])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_same_conv_has_tensorflows_windows(size: tuple[int, int], kernel: int, stride: int) -> None:
    """Output ceil(n / s); window o starts at o·s - before, and what lies outside counts as zero."""
    convolution = SameConv(1, 1, kernel, stride)
    nn.init.ones_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
    x = torch.randn(1, 1, *size)
    found = convolution(x)[0, 0]
    assert tuple(found.shape) == tuple(-(-n // stride) for n in size)
    starts = [same_padding(n, kernel, stride)[0] for n in size]
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            top, left = i * stride - starts[0], j * stride - starts[1]
            window = x[0, 0, max(top, 0) : max(top + kernel, 0), max(left, 0) : max(left + kernel, 0)]
            assert torch.allclose(found[i, j], window.sum(), atol=1e-5)


def test_config_knows_its_maps() -> None:
    config = TowerConfig()
    assert (config.channels8, config.channels16, config.grid_channels) == (40, 112, 272)
    with pytest.raises(ValueError, match="stride 16"):
        _ = TowerConfig(stages=((1, 3, 2, 1, 8), (1, 3, 2, 1, 8))).channels16


def test_shapes_and_cells(tower: Tower) -> None:
    pixels = photo("pagoda", (192, 256))
    features = tower(pixels)
    assert features.stride8.shape == (1, 40, 24, 32) and features.stride16.shape == (1, 112, 12, 16)
    assert tower.grid(pixels).shape == (1, 272, 12, 16)
    assert torch.equal(features.cells[:, 112:], fold(features.stride8))
    assert features.replay(torch.tensor([[0.1, 0.1, 0.5, 0.9]] * 3)).shape == (3, 16, 272)
    assert tower.classify(pixels).shape == (1, 1000)
    assert tower(torch.zeros(1, 3, 37, 50)).stride8.shape == (1, 40, 5, 7)
    with pytest.raises(ValueError, match="multiples of 16"):
        tower.grid(torch.zeros(1, 3, 192, 200))


def test_frozen_fp32_and_differentiable_in_the_pixels(tower: Tower) -> None:
    assert not any(parameter.requires_grad for parameter in tower.parameters())
    pixels = torch.rand(1, 3, 64, 64).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        grid = tower.grid(pixels)
        assert grid.dtype == torch.float32 and tower.classify(pixels).dtype == torch.float32
    grid.square().sum().backward()
    assert pixels.grad is not None and pixels.grad.abs().sum() > 0


def test_batch_equals_singles(tower: Tower) -> None:
    pixels = torch.cat([photo(name, (96, 96)) for name in ("cat", "coffee", "dahlia")])
    together = tower.grid(pixels)
    for i in range(3):
        assert torch.allclose(together[i], tower.grid(pixels[i : i + 1])[0], atol=1e-4)


@pytest.mark.parametrize(("name", "expected"), [("cat", "cat"), ("coffee", "cup")])
def test_photographs_get_their_class(tower: Tower, name: str, expected: str) -> None:
    best = tower.classify(photo(name, (224, 224))).argmax().item()
    assert basic_name(int(best)) == expected


def test_features_have_about_unit_variance(tower: Tower) -> None:
    from lucida.world.scene import draw_scene

    scenes = np.stack([draw_scene(seed, split="val").pixels for seed in range(12)])
    grid = tower.grid(to_pixels(scenes))
    assert grid.mean((0, 2, 3)).abs().max() < 0.5
    assert grid.std((0, 2, 3)).min() > 0.6 and grid.std((0, 2, 3)).max() < 1.5


def test_features_lie_under_what_they_show(tower: Tower) -> None:
    """A patch pasted into a photograph changes the maps around its own centre: boxes read what they name."""
    generator = torch.Generator().manual_seed(0)
    picture, other = photo("pagoda", (256, 384)), photo("dahlia", (256, 384))
    off: dict[int, list[torch.Tensor]] = {8: [], 16: []}
    for _ in range(24):
        y, x = (int(torch.randint(64, high, (1,), generator=generator)) for high in (160, 288))
        changed = picture.clone()
        changed[..., y : y + 32, x : x + 32] = other[..., y : y + 32, x : x + 32]
        for stride, before, after in zip(off, tower.raw(picture), tower.raw(changed), strict=True):
            energy = (before - after).square().sum(1)[0]
            down, right = (torch.arange(n) * stride + stride / 2 for n in energy.shape)
            centre = torch.stack((energy.sum(1) @ down, energy.sum(0) @ right)) / energy.sum()
            off[stride].append(centre - torch.tensor([y + 16.0, x + 16.0]))
    assert torch.stack(off[8]).mean(0).abs().max() < 2
    assert torch.stack(off[16]).mean(0).abs().max() < 4


def published_like(tower: Tower) -> dict[str, torch.Tensor]:
    """A random checkpoint with the published names."""
    torch.manual_seed(1)
    state: dict[str, torch.Tensor] = {}

    def add(convolution: nn.Module, name: str, norm: str) -> None:
        shape = convolution.get_parameter("weight").shape
        state[f"{name}.weight"] = torch.randn(shape) * (2 / shape[1:].numel()) ** 0.5
        state[f"{norm}.weight"], state[f"{norm}.bias"] = torch.rand(shape[0]) + 0.5, torch.randn(shape[0])
        state[f"{norm}.running_mean"], state[f"{norm}.running_var"] = (
            torch.randn(shape[0]),
            torch.rand(shape[0]) + 0.5,
        )

    add(tower.stem, "_conv_stem", "_bn0")
    add(tower.head, "_conv_head", "_bn1")
    for i, block in enumerate(tower.blocks):
        for part, name, norm in (
            ("expand", "_expand_conv", "_bn0"),
            ("depthwise", "_depthwise_conv", "_bn1"),
        ):
            if getattr(block, part) is not None:
                add(getattr(block, part), f"_blocks.{i}.{name}", f"_blocks.{i}.{norm}")
        add(block.project, f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2")  # pyright: ignore
    state["_fc.weight"], state["_fc.bias"] = torch.randn(1000, 1280) * 0.01, torch.zeros(1000)
    return state


def test_lite2_is_known_by_its_blocks() -> None:
    """The second judge has the published size (6.1 M weights), and a checkpoint of it is told from Lite0's."""
    assert round(sum(p.numel() for p in Tower(LITE2).parameters()) / 1e6, 1) == 6.1
    converted = convert(published_like(Tower(LITE2)))
    assert converted.config == LITE2 and converted.embed(torch.zeros(1, 3, 32, 32)).shape == (1, 1280)
    assert convert(published_like(Tower())).config == TowerConfig()


def test_folding_equals_convolution_then_normalisation() -> None:
    state = published_like(Tower())
    converted = convert(state)
    x = torch.randn(1, 3, 32, 32)

    def norm(y: torch.Tensor, name: str) -> torch.Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(y, *parts, training=False, eps=EPSILON)

    stem = norm(F.conv2d(F.pad(x, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2), "_bn0")
    assert torch.allclose(converted.stem(x), stem, atol=1e-4)
    wide = F.relu6(stem)
    deep = norm(
        F.conv2d(wide, state["_blocks.0._depthwise_conv.weight"], padding=1, groups=32), "_blocks.0._bn1"
    )
    out = norm(F.conv2d(F.relu6(deep), state["_blocks.0._project_conv.weight"]), "_blocks.0._bn2")
    assert torch.allclose(converted.blocks[0](F.relu6(converted.stem(x))), out, atol=1e-4)


def test_wrong_checkpoint_is_one_clear_line() -> None:
    state = published_like(Tower())
    del state["_conv_head.weight"]
    with pytest.raises(InputError, match=r"_conv_head\.weight"):
        convert(state)


def test_save_and_load_round_trip(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = Tower(SMALL).eval()
    pictures = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(3)]
    measure_statistics(made, pictures)
    features = made(to_pixels(np.stack(pictures)))
    for part in (features.stride8, features.stride16):
        assert torch.allclose(part.mean((0, 2, 3)), torch.zeros(8), atol=1e-3)
        assert torch.allclose(part.var((0, 2, 3), correction=0), torch.ones(8), atol=1e-3)
    save_tower(made, tmp_path / "small", "# small\n\nA small tower.\n")
    loaded = load_tower(name=tmp_path / "small")
    assert loaded.config == SMALL
    assert torch.allclose(loaded.grid(to_pixels(pictures[0])), made.grid(to_pixels(pictures[0])), atol=0.05)
    with pytest.raises(InputError, match="no model named 'toewr'"):
        load_tower(name="toewr")
