"""From a picture and its regions to what the describer's canvas is given: tower cells, replay, covers, hints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.hints import Hint, region_hints
from lucida.models.name_head import NameHead
from lucida.models.tower import Tower, TowerFeatures, to_pixels
from lucida.systems.describe.layout import LayoutConfig, RegionFeatures


def fine_cover(mask: np.ndarray, grid: int) -> np.ndarray:
    """Share of each cell of a grid x grid raster that a mask covers: bool (H, W) -> float32 (grid*grid,)."""
    h, w = mask.shape
    if h % grid == 0 and w % grid == 0:
        return mask.reshape(grid, h // grid, grid, w // grid).mean(axis=(1, 3), dtype=np.float32).ravel()
    return Region.from_mask(mask).cover(grid, grid).ravel()


@torch.inference_mode()
def picture_features(image: Image, tower: Tower, config: LayoutConfig, device: torch.device) -> TowerFeatures:
    """Tower features of the picture stretched to the layout's square."""
    small = image.resized((config.side, config.side))
    return tower(to_pixels(small.pixels).to(device))


@torch.inference_mode()
def region_features(
    features: TowerFeatures,
    regions: Sequence[Region],
    config: LayoutConfig,
    hints: Sequence[Sequence[Hint]] | None = None,
) -> tuple[RegionFeatures, ...]:
    """What each region's group is given; ``hints`` from :func:`name_hints`, or None for none."""
    if not regions:
        return ()
    boxes = torch.tensor([r.box for r in regions], dtype=torch.float32)
    replay = features.replay(boxes.to(features.stride16.device), k=config.replay).float().cpu()
    given = hints if hints is not None else [()] * len(regions)
    return tuple(
        RegionFeatures(
            key=region.key,
            box=boxes[i],
            replay=replay[i],
            cover=torch.from_numpy(region.cover(config.cover, config.cover).ravel()),
            cells=torch.from_numpy(region.cover(config.cells, config.cells).ravel()),
            hints=tuple((h.name, h.probability) for h in given[i]),
        )
        for i, region in enumerate(regions)
    )


def name_hints(
    image: Image, regions: Sequence[Region], tower: Tower, k: int, head: NameHead | None = None
) -> list[list[Hint]]:
    """Class names of the regions' crops at the picture's own resolution."""
    return region_hints(image.pixels, list(regions), tower, k=k, head=head)
