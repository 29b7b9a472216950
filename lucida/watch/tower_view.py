"""The vision tower as a watcher's eye: unit vectors for the memory, class probabilities for the bridge.

A frame is looked at as a whole and in the square crops that cover it (two for 16:9), because a thing that fills a
tenth of a wide frame is lost to a network trained on centred objects. A class counts with the best of its views.

The vector is the pooled embedding in the 256 leading directions of the classifier's (centred) rows: what the
classifier cannot tell apart is dropped, and a weighting of classes has a vector in the same space, so that a text
query can be compared with what is remembered (``query_vector``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import PIL.Image
import torch

from lucida.media.errors import InputError
from lucida.media.geometry import Box
from lucida.models.tower import Tower, load_tower, to_pixels
from lucida.watch.records import Seen

SIDE = 224  # what the published network was trained at
LOCATE_SIDE = 416  # longer side for localisation: cells of 32 pixels


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """How a frame is looked at."""

    dim: int = 256  # of the vectors
    crops: bool = True  # also the square crops that cover the frame
    zoom: bool = False  # also the crops of half that side: small things, at about four times the cost

    def __post_init__(self) -> None:
        if not 1 <= self.dim <= 999:
            raise InputError(f"dim is {self.dim}: want 1 to 999")


class TowerView:
    """A ``lucida.watch.protocols.Tower`` over EfficientNet-Lite0.

    Each frame is a batch of its own, so what it gives is the same to the last bit whatever is seen before, beside or
    after it.
    """

    def __init__(self, tower: Tower | None = None, config: ViewConfig | None = None) -> None:
        self.config = config or ViewConfig()
        self.tower = tower or load_tower()
        self._device = self.tower.classifier.weight.device

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self.config.dim

    @torch.inference_mode()
    def see(self, frames: Sequence[np.ndarray]) -> Seen:
        """(H, W, 3) uint8 frames, of any sizes -> vectors (n, dim) of length one and class probabilities (n, 1000)."""
        vectors = np.zeros((len(frames), self.dim), np.float32)
        classes = np.zeros((len(frames), self.tower.config.classes), np.float32)
        for number, frame in enumerate(frames):
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
                raise InputError(f"frame must be (H, W, 3) uint8, got {frame.shape} {frame.dtype}")
            boxes = view_boxes(frame.shape[0], frame.shape[1], crops=self.config.crops, zoom=self.config.zoom)
            views = to_pixels(np.stack([_squared(frame, box) for box in boxes])).to(self._device)
            embedded = self.tower.embed(views)  # (V, 1280)
            most = self.tower.classifier(embedded).double().softmax(1).amax(0).cpu().numpy()
            classes[number] = most / most.sum()
            vectors[number] = _unit(embedded.double().mean(0).cpu().numpy() @ self._directions)
        return Seen(vectors=vectors, classes=classes)

    def query_vector(self, weights: np.ndarray) -> np.ndarray:
        """(1000,) class weights -> (dim,) float32 unit vector whose dot product ranks frames by that class evidence."""
        rows = self._rows
        return _unit((weights @ (rows - rows.mean(0))) @ self._directions).astype(np.float32)

    @torch.inference_mode()
    def locate(self, frame: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(h, w) float32 in 0..1: where in the frame the evidence for (1000,) class ``weights`` comes from.

        The class activation map (Zhou et al., 1512.04150): pooling is a mean and the classifier linear, so the
        logit is exactly the mean of this map's cells. It is coarse (32 pixels of the longer side's 416) and
        finds the parts that tell a class, not outlines. Where nothing speaks for the class it is zero
        everywhere.
        """
        height, width = frame.shape[:2]
        scale = LOCATE_SIDE / max(height, width)
        size = (max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32))
        picture = np.asarray(PIL.Image.fromarray(frame).resize(size, PIL.Image.Resampling.BILINEAR))
        cells = self.tower.evidence(to_pixels(picture).to(self._device))[0]
        rows = self._rows
        direction = torch.from_numpy((weights @ (rows - rows.mean(0))).astype(np.float32)).to(self._device)
        heat = torch.einsum("chw,c->hw", cells, direction).clamp(min=0).cpu().numpy()
        return heat / heat.max() if heat.max() > 0 else heat

    @cached_property
    def _rows(self) -> np.ndarray:
        return self.tower.classifier.weight.detach().cpu().numpy().astype(np.float64)  # (1000, 1280)

    @cached_property
    def _directions(self) -> np.ndarray:
        """(1280, dim) orthonormal: leading right singular vectors of the centred rows, largest entry positive."""
        rows = self._rows - self._rows.mean(0)
        _, _, right = np.linalg.svd(rows, full_matrices=False)
        lead = right[: self.config.dim]
        signs = np.sign(lead[np.arange(len(lead)), np.abs(lead).argmax(1)])
        return (lead * signs[:, None]).T


def view_boxes(height: int, width: int, *, crops: bool, zoom: bool) -> list[tuple[int, int, int, int]]:
    """Pixel boxes (x0, y0, x1, y1) of the views: the whole frame, then square crops, evenly spread, that cover it."""
    boxes = [(0, 0, width, height)]
    short = min(height, width)
    sides = [short] * (crops and max(height, width) > 1.15 * short) + [max(short // 2, 1)] * zoom
    for side in sides:
        ys, xs = _starts(height, side), _starts(width, side)
        boxes += [(x, y, x + side, y + side) for y in ys for x in xs]
    return boxes


def heat_box(heat: np.ndarray, *, level: float = 0.5) -> Box | None:
    """Normalised xyxy box of the cells of ``locate`` at ``level`` of its peak or more that hang together with it."""
    if not heat.max() > 0:
        return None
    hot = heat >= level * heat.max()
    seen = np.zeros_like(hot)
    stack = [tuple(int(i) for i in np.unravel_index(heat.argmax(), heat.shape))]
    while stack:
        y, x = stack.pop()
        if 0 <= y < hot.shape[0] and 0 <= x < hot.shape[1] and hot[y, x] and not seen[y, x]:
            seen[y, x] = True
            stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    h, w = heat.shape
    return (columns[0] / w, rows[0] / h, (columns[-1] + 1) / w, (rows[-1] + 1) / h)


def _starts(length: int, side: int) -> list[int]:
    """Starts of the fewest squares of ``side`` that cover ``length``, evenly spread; a tenth may stay uncovered."""
    number = max(1, int(np.ceil(length / side - 0.1)))
    return (
        [round(i * (length - side) / max(number - 1, 1)) for i in range(number)]
        if number > 1
        else [(length - side) // 2]
    )


def _squared(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    picture = PIL.Image.fromarray(frame)
    return np.asarray(picture.resize((SIDE, SIDE), PIL.Image.Resampling.BILINEAR, box=box))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / max(float(np.linalg.norm(x)), 1e-12)
