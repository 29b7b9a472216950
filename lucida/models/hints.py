"""Class hints: what the tower's ImageNet head would call the crop of a region.

The describer is trained on the shipped world; these hints are how a real photograph gets its nouns. A hint
is advice and often wrong: ImageNet's 1,000 classes have dogs, cups and castles, but **no** person, face,
hand, sky, sea, cloud, tree, leaf, grass, road, floor, building, sign text, or plain "flower", so for those
the best class is a look-alike (an astronaut becomes her helmet). Probabilities of classes that share a
basic name are added (five cats make one "cat").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lucida.media.errors import InputError
from lucida.media.region import Region
from lucida.models.imagenet_names import basic_index, basic_names
from lucida.models.name_head import NameHead
from lucida.models.tower import Tower, to_pixels

SIDE = 224  # what the published network was trained at
BATCH, BATCH_CPU = 32, 8  # crops at once; a processor gains nothing from more, and they would be most of the memory
MARGIN = 0.15


@dataclass(frozen=True)
class Hint:
    """A name and the probability of all classes that share it, 0 to 1."""

    name: str
    probability: float


def region_hints(
    pixels: np.ndarray,
    regions: Sequence[Region],
    tower: Tower,
    k: int = 3,
    *,
    masked: bool = True,
    head: NameHead | None = None,
) -> list[list[Hint]]:
    """The ``k`` likeliest basic names for each region, best first.

    Args:
        pixels: (H, W, 3) uint8 RGB, the picture at its own resolution.
        regions: what to name; their masks must have the picture's size.
        tower: see ``load_tower``; the crops run on its device, a few at once.
        k: names per region.
        masked: look at each crop twice, as it is and with everything outside the mask in the picture's mean
            colour, and take the geometric mean: a name must fit both the thing and its surroundings. (Chosen
            among some twenty such rules on 14 regions of the example photographs, so they flatter it.)
        head: what it knows beside ImageNet is added (``NameHead.added``).

    Raises:
        InputError: a region is not of the picture's size.
    """
    if not regions:
        return []
    for region in regions:
        if region.size != pixels.shape[:2]:
            name = region.source or region.key
            raise InputError(f"region {name} is for a picture of {region.size}, not {pixels.shape[:2]}")
    ground = mean_colour(pixels)
    crops = [crop for region in regions for crop in region_crops(pixels, region, masked, ground)]
    by_name, embedding = named(crops, len(regions), tower)
    names = basic_names()
    if head is not None:
        by_name, names = head.added(by_name, embedding), head.names
    top = by_name.topk(min(k, by_name.shape[1]), dim=1)
    return [
        [Hint(names[i], round(p, 4)) for p, i in zip(values, indices, strict=True)]
        for values, indices in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]


@torch.no_grad()
def named(crops: Sequence[np.ndarray], things: int, tower: Tower) -> tuple[Tensor, Tensor]:
    """What the tower makes of each thing from its crops, as many for each.

    Returns:
        probabilities of ImageNet's basic names (things, names), the geometric mean over a thing's crops; and the mean
        embedding of its crops (things, width).
    """
    embedding = torch.cat([tower.embed(batch).float() for batch in _batches(crops, tower)])
    with torch.autocast(embedding.device.type, enabled=False):
        by_class = tower.classifier(embedding).softmax(1).cpu()
    by_name = by_class.new_zeros(len(crops), len(basic_names()))
    by_name.index_add_(1, torch.tensor(basic_index()), by_class)
    by_name = by_name.clamp(min=1e-12).log().unflatten(0, (things, -1)).mean(1).softmax(1)
    return by_name, embedding.cpu().unflatten(0, (things, -1)).mean(1)


def square_crop(
    pixels: np.ndarray,
    box: tuple[float, float, float, float],
    margin: float = MARGIN,
    *,
    mask: np.ndarray | None = None,
    ground: np.ndarray | None = None,
) -> np.ndarray:
    """The square around a normalised ``box`` with a margin, (SIDE, SIDE, 3) uint8.

    Its side is the box's longer side plus twice ``margin`` of it, so the proportions of the thing are kept.
    Where the square leaves the picture it is grey, which is about zero to the network. With a ``mask`` (H, W) bool
    and a ``ground`` (3,), what lies outside the mask is of that colour.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    half = max(x1 - x0, y1 - y0, 1.0) * (0.5 + margin)
    left, top = round((x0 + x1) / 2 - half), round((y0 + y1) / 2 - half)
    side = max(round(2 * half), 1)
    part = np.s_[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    inside = pixels[part]  # masked after it is cut: of a large picture with many regions this is most of the time
    if mask is not None and ground is not None:
        inside = np.where(mask[part][..., None], inside, ground)
    square = np.full((side, side, 3), 127, np.uint8)
    down, right = max(-top, 0), max(-left, 0)
    square[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
    return np.asarray(Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def mean_colour(pixels: np.ndarray) -> np.ndarray:
    """(3,) uint8."""
    return pixels.mean((0, 1)).astype(np.uint8)


def region_crops(
    pixels: np.ndarray, region: Region, masked: bool, ground: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """The crop of a region, and if ``masked`` the same with everything outside its mask in the mean colour.

    ``ground``: the picture's mean colour, if it is known already.
    """
    yield square_crop(pixels, region.box)
    if masked:
        ground = mean_colour(pixels) if ground is None else ground
        yield square_crop(pixels, region.box, mask=region.mask, ground=ground)


def _batches(crops: Sequence[np.ndarray], tower: Tower) -> Iterator[Tensor]:
    device = tower.classifier.weight.device
    size = BATCH_CPU if device.type == "cpu" else BATCH
    for start in range(0, len(crops), size):
        yield to_pixels(np.stack(crops[start : start + size])).to(device)
