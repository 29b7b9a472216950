"""RoIAlign against cells computed by hand, and against its own definition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lucida.nn.roi_align import axis_weights, box_in_cells, fold, merge_tiles, released_box, replay, roi_align

HALF = torch.tensor([[0.5, 0.5, 1.0, 1.0]])


def ramps(height: int, width: int) -> Tensor:
    """(1, 2, H, W): x and y of every cell centre, in cells from the map's left and top edge."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack((x, y))[None]


@pytest.mark.parametrize(
    ("compat", "width", "height", "cells"),
    [
        # The facts on the released code: PerceptionDLM's 48x32 map, GAR's 64x48 map, box (.5, .5, 1, 1).
        ("correct", 48, 32, (23.5, 15.5, 47.5, 31.5)),
        ("pdlm", 48, 32, (0.25, 0.0, 1.0, 0.5)),
        ("pdlm-train", 48, 32, (24 / 28 - 0.5, 16 / 28 - 0.5, 48 / 28 - 0.5, 32 / 28 - 0.5)),
        ("correct", 64, 48, (31.5, 23.5, 63.5, 47.5)),
        ("gar", 64, 48, (0.64, 0.36, 1.79, 1.21)),
    ],
)
def test_box_geometry(compat, width: int, height: int, cells: tuple[float, ...]) -> None:
    found = box_in_cells(HALF, height, width, compat=compat)[0]
    assert torch.allclose(found, torch.tensor(cells), atol=0.005)


def test_released_geometry_reads_the_top_left_corner() -> None:
    # 48x32 map, f = x: columns of box (.5, .5, 1, 1) sample 0.25 + 0.75 * {1, 3, 5, 7} / 8, centres at +0.5.
    found = roi_align(ramps(32, 48), HALF, output=4, sampling=1, compat="pdlm")
    expected = 0.5 + 0.25 + 0.75 * torch.tensor([1.0, 3.0, 5.0, 7.0]) / 8
    assert torch.allclose(found[0, 0], expected.expand(4, 4), atol=1e-6)
    right = roi_align(ramps(32, 48), HALF, output=4, sampling=1)
    assert torch.allclose(right[0, 0], torch.tensor([27.0, 33.0, 39.0, 45.0]).expand(4, 4), atol=1e-5)


def test_unknown_geometry_is_named() -> None:
    with pytest.raises(Exception, match="dam"):
        roi_align(ramps(4, 4), HALF, compat="dam")  # pyright: ignore[reportArgumentType]


@given(
    st.tuples(*[st.floats(0.15, 0.85)] * 4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(8, 14),
    st.integers(8, 14),
)
@settings(max_examples=60, deadline=None)
def test_a_ramp_returns_bin_centres(corners, k: int, sampling: int, height: int, width: int) -> None:
    """Bilinear interpolation is exact on linear maps: away from the border each bin gives its centre."""
    x0, x1 = sorted(corners[:2])
    y0, y1 = sorted(corners[2:])
    found = roi_align(ramps(height, width), torch.tensor([[x0, y0, x1, y1]]), output=k, sampling=sampling)[0]
    centres = (torch.arange(k) + 0.5) / k
    assert torch.allclose(found[0], ((x0 + (x1 - x0) * centres) * width).expand(k, k), atol=1e-4)
    assert torch.allclose(found[1], ((y0 + (y1 - y0) * centres) * height)[:, None].expand(k, k), atol=1e-4)


def by_grid_sample(features: Tensor, boxes: Tensor, index: Tensor, k: int, sampling: int) -> Tensor:
    """The same from PyTorch's bilinear sampler: inside the picture its border padding is RoIAlign's clamp."""
    steps = (torch.arange(k * sampling) + 0.5) / (k * sampling)
    x = boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * steps
    y = boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * steps
    grid = torch.stack(
        (x[:, None].expand(-1, k * sampling, -1), y[:, :, None].expand(-1, -1, k * sampling)), -1
    )
    found = F.grid_sample(features[index], grid * 2 - 1, padding_mode="border", align_corners=False)
    return F.avg_pool2d(found, sampling)


@pytest.mark.parametrize("pictures", [1, 3])
def test_equals_a_bilinear_sampler(pictures: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(pictures, 5, 9, 13)
    corners = torch.rand(20, 2, 2).sort(1).values
    boxes = corners.flatten(1)
    index = torch.randint(pictures, (20,))
    for k, sampling in ((1, 1), (4, 2), (7, 3)):
        found = roi_align(features, boxes, index, k, sampling=sampling)
        assert torch.allclose(found, by_grid_sample(features, boxes, index, k, sampling), atol=1e-5)


def test_one_picture_and_many_agree() -> None:
    features, boxes = torch.randn(2, 3, 6, 6), torch.tensor([[0.1, 0.2, 0.7, 0.9], [0.0, 0.0, 1.0, 1.0]])
    both = roi_align(features, boxes, torch.tensor([0, 1]), (2, 3))
    assert both.shape == (2, 3, 2, 3)
    for i in range(2):
        alone = roi_align(features[i : i + 1], boxes[i : i + 1], output=(2, 3))
        assert torch.allclose(both[i : i + 1], alone, atol=1e-6)
    with pytest.raises(ValueError, match="batch_index"):
        roi_align(features, boxes)


def test_gradients_reach_features_and_boxes() -> None:
    features = torch.randn(1, 2, 5, 6, dtype=torch.double, requires_grad=True)
    boxes = torch.tensor([[0.21, 0.13, 0.77, 0.83]], dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: roi_align(f, boxes.detach(), output=2), features)
    roi_align(features, boxes, output=2).square().sum().backward()
    assert boxes.grad is not None and boxes.grad.abs().min() > 0


def test_outside_samples_are_zero_and_border_samples_clamped() -> None:
    # samples at -2.5, -1.5, -0.5 and 0.5
    weights = axis_weights(torch.tensor([-3.0]), torch.tensor([1.0]), 4, 4, 1)[0]
    assert torch.equal(weights, torch.tensor([[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0]]))


def test_unaligned_boxes_have_at_least_one_cell() -> None:
    tiny = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    # cells 4..5 are read as indices: their middle is index 4.5, where the ramp is 5.0
    found = roi_align(ramps(8, 8), tiny, output=1, aligned=False)
    assert torch.allclose(found[0, :, 0, 0], torch.tensor([5.0, 5.0]))


def test_fold_order() -> None:
    x = torch.arange(2 * 4 * 6).view(1, 2, 4, 6).float()
    folded = fold(x)
    for channel in range(2):
        for dy in range(2):
            for dx in range(2):
                assert torch.equal(folded[:, 4 * channel + 2 * dy + dx], x[:, channel, dy::2, dx::2])


def test_replay_of_the_whole_picture_is_the_cells() -> None:
    """With one bin per cell and one sample per bin, replay of (0, 0, 1, 1) is the context cells."""
    stride8, stride16 = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2)
    tokens = replay(stride8, stride16, whole, torch.tensor([0, 1]), 4, sampling=1)
    cells = torch.cat((stride16, fold(stride8)), 1).flatten(2).transpose(1, 2)
    assert tokens.shape == (2, 16, 17)
    assert torch.allclose(tokens, cells, atol=1e-6)


def test_no_boxes() -> None:
    tokens = replay(torch.randn(1, 3, 8, 8), torch.randn(1, 5, 4, 4), torch.zeros(0, 4), k=2)
    assert tokens.shape == (0, 4, 17)


def test_released_box_is_one_pixel_short() -> None:
    assert released_box((0.0, 0.5, 1.0, 1.0), (10, 20)) == (0.0, 0.5, 0.95, 0.9)


def test_merge_tiles() -> None:
    tiles = torch.stack([torch.full((1, 2, 2), float(i)) for i in range(3)])  # two tiles and a thumbnail
    assert merge_tiles(tiles, (1, 2))[0, 0, 0].tolist() == [0, 0, 1, 1]
    assert merge_tiles(tiles, (2, 1))[0, 0, :, 0].tolist() == [0, 0, 1, 1]
    assert merge_tiles(tiles, (1, 2), compat="pdlm")[0, 0, 0].tolist() == [1, 1, 2, 2]  # tile 0 lost
    assert merge_tiles(tiles, (1, 2), compat="gar", thumbnail="first")[0, 0, 0].tolist() == [1, 1, 2, 2]
    assert merge_tiles(tiles[:1], (1, 1), compat="pdlm")[0, 0, 0].tolist() == [0, 0]  # one tile: unaffected
    with pytest.raises(ValueError, match="2x2"):
        merge_tiles(tiles, (2, 2))
