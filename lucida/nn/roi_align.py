"""RoIAlign in plain PyTorch, and the geometry of feature replay.

A region is shown to the describer twice: as a mark on the picture and as k×k feature vectors read from under
its box ("replay", Grasp Any Region, arXiv 2510.18876; PerceptionDLM, arXiv 2606.19534). Both released code
bases scale the box twice, so that every region reads the top-left corner of the map; here the right geometry
is the default and the released ones are named (``compat``).

Bilinear interpolation is separable and so is the mean over a rectangular grid of sampling points. Averaged
RoIAlign (Mask R-CNN, arXiv 1703.06870) is therefore exactly ``W_y · F · W_xᵀ`` with one small weight matrix
per axis: two batched matmuls, differentiable in the features and in the boxes, no gather of corners, no
extension.

Shape letters: B pictures, C channels, H W map cells, N boxes, k output cells per side.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Box = tuple[float, float, float, float]
Compat = Literal["correct", "pdlm", "pdlm-train", "gar"]

# The factor that the released code applies a second time: torchvision's ``spatial_scale``, given although the
# box is already in cells. PerceptionDLM trains with 1/28 and runs with 1/32; GAR uses 1/28 for both.
SECOND_SCALE: dict[str, float] = {"correct": 1.0, "pdlm": 1 / 32, "pdlm-train": 1 / 28, "gar": 1 / 28}


def box_in_cells(boxes: Tensor, height: int, width: int, *, compat: Compat = "correct") -> Tensor:
    """Normalised xyxy ``boxes`` (N, 4) → coordinates of a (height, width) map, cell centres on integers.

    Raises:
        ValueError: ``compat`` is not a known geometry.
    """
    if compat not in SECOND_SCALE:
        raise ValueError(f"compat={compat!r} is not one of {', '.join(SECOND_SCALE)}")
    cells = boxes * boxes.new_tensor([width, height, width, height]) * SECOND_SCALE[compat]
    return cells - 0.5


def axis_weights(start: Tensor, stop: Tensor, length: int, bins: int, sampling: int) -> Tensor:
    """Weights (N, bins, length) of one axis: the mean of ``sampling`` linear interpolations in every bin.

    ``start`` and ``stop`` (N,) are in cells with cell centres on integers. As in the common implementation,
    a sample more than one cell outside the map counts as zero and one within that margin takes the border's
    value.
    """
    steps = (torch.arange(bins * sampling, device=start.device, dtype=start.dtype) + 0.5) / (bins * sampling)
    at = start[:, None] + (stop - start)[:, None] * steps  # (N, bins·sampling)
    inside = (at >= -1) & (at <= length)
    cells = torch.arange(length, device=start.device, dtype=start.dtype)
    hats = (1 - (at.clamp(0, length - 1)[..., None] - cells).abs()).clamp(min=0)  # (N, bins·sampling, length)
    hats = hats * inside[..., None]
    return hats.unflatten(1, (bins, sampling)).mean(2)


def roi_align(
    features: Tensor,
    boxes: Tensor,
    batch_index: Tensor | None = None,
    output: int | tuple[int, int] = 4,
    *,
    sampling: int = 2,
    aligned: bool = True,
    compat: Compat = "correct",
) -> Tensor:
    """Average-pooled RoIAlign.

    Args:
        features: (B, C, H, W).
        boxes: (N, 4) normalised xyxy, x1 and y1 exclusive edges, so (0, 0, 1, 1) is the whole picture.
        batch_index: (N,) integers, the picture of each box; may be left out for one picture.
        output: k, or (rows, columns).
        sampling: sample points per bin and axis.
        aligned: put cell centres on half integers (right). False is the older half-cell-off convention, with
            sizes of at least one cell.
        compat: box geometry, see the module text. Box edges are the caller's (``released_box``).

    Returns:
        (N, C, rows, columns) in the dtype of ``features``.

    Raises:
        ValueError: shapes do not fit, or ``sampling`` < 1.
    """
    if features.ndim != 4 or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"features {tuple(features.shape)} must be (B, C, H, W) and boxes {tuple(boxes.shape)} (N, 4)"
        )
    if sampling < 1:
        raise ValueError(f"sampling={sampling} must be at least 1")
    pictures, channels, height, width = features.shape
    if batch_index is None and pictures != 1:
        raise ValueError(f"batch_index is needed for {pictures} pictures")
    rows, columns = (output, output) if isinstance(output, int) else output
    x0, y0, x1, y1 = box_in_cells(boxes.float(), height, width, compat=compat).unbind(1)
    if not aligned:
        x0, y0, x1, y1 = x0 + 0.5, y0 + 0.5, x1 + 0.5, y1 + 0.5
        x1, y1 = torch.maximum(x1, x0 + 1), torch.maximum(y1, y0 + 1)
    weights_x = axis_weights(x0, x1, width, columns, sampling).to(features.dtype)  # (N, columns, W)
    weights_y = axis_weights(y0, y1, height, rows, sampling).to(features.dtype)  # (N, rows, H)
    if pictures == 1:  # one matmul for all boxes, and no copy of the map per box
        strips = features[0].reshape(channels * height, width) @ weights_x.flatten(0, 1).T  # (C·H, N·columns)
        strips = strips.view(channels, height, -1, columns).permute(2, 0, 1, 3)
    else:
        assert batch_index is not None
        strips = features[batch_index] @ weights_x.transpose(1, 2)[:, None]  # (N, C, H, columns)
    return weights_y[:, None] @ strips


def fold(stride8: Tensor) -> Tensor:
    """Move each 2×2 patch into channels: (B, C, 2h, 2w) → (B, 4C, h, w).

    Channel ``4 c + 2 dy + dx`` of the result is channel ``c`` at (2 i + dy, 2 j + dx).
    """
    batch, channels, height, width = stride8.shape
    patches = stride8.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return patches.permute(0, 1, 3, 5, 2, 4).reshape(batch, 4 * channels, height // 2, width // 2)


def replay(
    stride8: Tensor,
    stride16: Tensor,
    boxes: Tensor,
    batch_index: Tensor | None = None,
    k: int = 4,
    *,
    sampling: int = 2,
    compat: Compat = "correct",
) -> Tensor:
    """Replay tokens: ``stride16`` sampled k×k, ``stride8`` sampled 2k×2k and folded, side by side.

    Args:
        stride8: (B, C8, H/8, W/8). stride16: (B, C16, H/16, W/16). boxes: (N, 4) normalised xyxy.
        k: tokens per side.

    Returns:
        (N, k², C16 + 4·C8), row-major over the box, channels ordered as the tower's context cells.
    """
    coarse = roi_align(stride16, boxes, batch_index, k, sampling=sampling, compat=compat)
    fine = roi_align(stride8, boxes, batch_index, 2 * k, sampling=sampling, compat=compat)
    return torch.cat((coarse, fold(fine)), 1).flatten(2).transpose(1, 2)


def released_box(box: Box, size: tuple[int, int]) -> Box:
    """The box as released code takes it from a mask of ``size`` (height, width).

    x1, y1 are the *index* of the last pixel over the size, so the box is one pixel short.
    """
    height, width = size
    return box[0], box[1], box[2] - 1 / width, box[3] - 1 / height


def merge_tiles(
    tiles: Tensor, grid: tuple[int, int], *, compat: Compat = "correct", thumbnail: str = "last"
) -> Tensor:
    """Put the tiles of one picture back on one map (1, C, rows·h, columns·w).

    ``tiles`` (T, C, h, w) are row-major, with a thumbnail first or last when there is more than one.
    PerceptionDLM appends the thumbnail but its code drops the *first* tile, so the map is off by one and
    ends in the thumbnail; ``compat="pdlm"`` and ``"pdlm-train"`` reproduce that. GAR puts it first and
    drops the first: right.

    Raises:
        ValueError: the number of tiles does not fit ``grid`` (rows, columns).
    """
    rows, columns = grid
    if len(tiles) != rows * columns + (rows * columns > 1):
        raise ValueError(f"{len(tiles)} tiles do not fill a {rows}x{columns} grid with its thumbnail")
    if len(tiles) > 1:
        drop_first = compat != "correct" or thumbnail == "first"
        tiles = tiles[1:] if drop_first else tiles[:-1]
    _, channels, height, width = tiles.shape
    grid_of_tiles = tiles.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return grid_of_tiles.reshape(1, channels, rows * height, columns * width)
