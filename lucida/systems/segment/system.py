"""The segmenter: the class of every pixel, how sure it is, and where no class fits.

>>> found = lucida.load("segment").segment("photo.jpg", steps=4)        # doctest: +SKIP
>>> found.labels.shape, found.names[found.labels[0, 0]]                  # doctest: +SKIP
((480, 640), 'plain ground')
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lucida.flow.codes import VOID, CodeConfig, make_codes
from lucida.flow.schedule import NoiseSchedule
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.pixel_field import PixelFieldConfig, Seen
from lucida.models.store import load_model_files
from lucida.models.tower import Tower, load_tower, to_pixels
from lucida.systems.segment.network import SegmentNetwork
from lucida.systems.segment.sampling import Decoded, classify, project, walk
from lucida.systems.segment.sight import SightConfig, field_picture, tower_cells
from lucida.systems.segment.tiles import Blend, crop, enlarged, starts, working_size
from lucida.train.plain import build

STEPS = 4
MOST_STEPS = 256
BATCH = 8  # squares looked at together
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """A segmented picture.

    Attributes:
        labels: (H, W) uint8 class numbers, 255 where no class fits (*unknown*).
        confidence: (H, W) float32, probability of the class; where unknown, that of the nearest.
        names: of the classes, by number. grounds: how many of them, the first, are ground and not things.
        scores: (h, w, N) float32 probabilities at the working size. passes: network evaluations per square.
        seconds: wall time. seed: of the noise.
    """

    image: Image
    labels: np.ndarray
    confidence: np.ndarray
    names: tuple[str, ...]
    grounds: int
    scores: np.ndarray
    passes: int
    seconds: float
    seed: int

    def present(self) -> list[tuple[str, Region, float]]:
        """(name, region, mean confidence) of every class there is, the largest first; *unknown* has confidence 0."""
        numbers, counts = np.unique(self.labels, return_counts=True)
        found = []
        for number in numbers[np.argsort(-counts, kind="stable")]:
            mask = self.labels == number
            if number == VOID:
                found.append((UNKNOWN, Region.from_mask(mask), 0.0))
            else:
                sure = float(self.confidence[mask].mean(dtype=np.float64))
                found.append((self.names[number], Region.from_mask(mask), min(sure, 1.0)))
        return found


class Segmenter:
    """A trained segmenter, flow or twin. Load one with ``lucida.load("segment")``."""

    def __init__(
        self,
        network: SegmentNetwork,
        codes: Tensor,
        tower: Tower,
        config: dict[str, Any],
        device: str = "cpu",
    ) -> None:
        self.network, self.codes, self.tower, self.config = network.eval(), codes, tower, config
        self.device = torch.device(device)
        self.name = str(config.get("name", "segment"))
        self.names: tuple[str, ...] = tuple(config["labels"])
        self.sight: SightConfig = build(SightConfig, config["sight"], "config: sight")
        self.schedule: NoiseSchedule = build(NoiseSchedule, config["schedule"], "config: schedule")

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Segmenter:
        """Read a model folder.

        Raises:
            InputError: files are missing, damaged, or do not belong together.
        """
        files = load_model_files(path)
        config = {**files.config, "name": Path(files.folder).name}
        try:
            network = SegmentNetwork(build(PixelFieldConfig, config["network"], "config: network"))
            network.load_state_dict(files.tensors)
            codes = make_codes(build(CodeConfig, config["codes"], "config: codes"))
            tower = load_tower(device, config.get("tower", "tower"))
            made = cls(network.float().to(device), codes.to(device), tower, config, device)
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(f"{files.folder}: not a segmenter: {str(error).splitlines()[0]}") from error
        if len(made.names) != len(codes):
            raise InputError(
                f"{files.folder}: not a segmenter: {len(made.names)} labels for {len(codes)} codes"
            )
        return made

    @property
    def flow(self) -> bool:
        """Whether it walks from noise; a twin needs one pass and no noise."""
        return self.config["arm"] not in ("twin", "metric")

    def look(self, image: Image | str | os.PathLike[str] | np.ndarray) -> Look:
        """See a picture once; it may then be segmented with several seeds or numbers of steps.

        Raises:
            InputError: not a picture, or far too long for its width.
        """
        return Look(self, Image.open(image))

    def segment(self, image: Image | str | os.PathLike[str] | np.ndarray, **options: Any) -> Segmentation:
        """``look`` and ``Look.segment`` in one."""
        return self.look(image).segment(**options)


class Look:
    """A picture that has been looked at: its squares have been through the tower and the trunk."""

    def __init__(self, segmenter: Segmenter, image: Image) -> None:
        self.segmenter, self.image = segmenter, image
        sight = segmenter.sight
        self.size = working_size(image.size, sight.side, sight.stride)
        self.places = [(y, x) for y in starts(self.size[0], sight.side, sight.stride)
                       for x in starts(self.size[1], sight.side, sight.stride)]  # fmt: skip

    @cached_property
    @torch.inference_mode()
    def _seen(self) -> list[tuple[Seen, Tensor]]:
        """Batches of squares after the trunk, and as the field sees them."""
        s, sight = self.segmenter, self.segmenter.sight
        pixels = self.image.resized(self.size).pixels
        found = []
        shown = s.config.get("condition", True)
        for start in range(0, len(self.places), BATCH):
            squares = [crop(pixels, y, x, sight.side) for y, x in self.places[start : start + BATCH]]
            cells = tower_cells(s.tower, to_pixels(np.stack(squares)).to(s.device), sight)
            small = to_pixels(np.stack([field_picture(one, sight.stride) for one in squares])).to(s.device)
            found.append((s.network.look(small * float(shown), cells * float(shown)), small))
        return found

    @torch.inference_mode()
    def segment(
        self, *, steps: int = STEPS, seed: int = 0, accumulate: bool = False, unknown: bool = True,
        on_square: Callable[[int, int], None] | None = None,
    ) -> Segmentation:  # fmt: skip
        """The class of every pixel.

        Args:
            steps: Euler steps from noise; a twin takes one pass whatever is said here.
            seed: of the noise; one noise lies under the whole picture, so that squares agree where they overlap.
            accumulate: average the probabilities of all steps instead of reading the last.
            unknown: label pixels 255 where no class fits, by the model's own threshold.
            on_square: told how many squares of how many are done.

        Raises:
            InputError: ``steps`` is out of range.
        """
        if not 1 <= steps <= MOST_STEPS:
            raise InputError(f"steps: want 1 to {MOST_STEPS}, got {steps}")
        begin = time.perf_counter()
        s, sight = self.segmenter, self.segmenter.sight
        size = (self.size[0] // sight.stride, self.size[1] // sight.stride)
        noise = torch.randn(*size, s.codes.shape[1], generator=torch.Generator().manual_seed(seed)).to(
            s.device
        )
        blend, passes, done = Blend(size, len(s.names) + 1, sight.field), 0, 0
        for seen, image in self._seen:
            places = [
                (y // sight.stride, x // sight.stride) for y, x in self.places[done : done + len(seen.tokens)]
            ]
            under = torch.stack([noise[y : y + sight.field, x : x + sight.field] for y, x in places])
            decoded = self._decode(seen, under, image, steps, accumulate)
            probability = decoded.probability if decoded.averaged is None else decoded.averaged
            both = torch.cat((probability, decoded.oddness.unsqueeze(-1)), -1).float().cpu()
            for (y, x), values in zip(places, both, strict=True):
                blend.add(y, x, values)
            passes, done = decoded.passes, done + len(places)
            if on_square is not None:
                on_square(done, len(self.places))
        labels, confidence, scores = self._read(blend.mean(), unknown)
        return Segmentation(
            image=self.image, labels=labels, confidence=confidence, names=s.names, grounds=int(s.config["grounds"]),
            scores=scores, passes=passes, seconds=time.perf_counter() - begin, seed=seed,
        )  # fmt: skip

    def _decode(self, seen: Seen, noise: Tensor, image: Tensor, steps: int, accumulate: bool) -> Decoded:
        s = self.segmenter
        shape = {"temperature": s.config["target"]["temperature"], "eps": s.config["target"]["eps"]}
        if s.config["arm"] == "twin":
            return classify(s.network, seen)
        if s.config["arm"] == "metric":
            return project(s.network, seen, s.codes, **shape)
        source = noise if s.config["source"] == "noise" else image.permute(0, 2, 3, 1)
        return walk(
            s.network, seen, source, s.codes, steps=steps, schedule=s.schedule, accumulate=accumulate, **shape
        )

    def _read(self, values: Tensor, unknown: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels and confidence at the picture's original size, and the probabilities at the working size."""
        size = self.image.original_size
        labels, confidence = np.zeros(size, np.uint8), np.zeros(size, np.float32)
        over = self.segmenter.config.get("unknown_over") if unknown else None
        for rows, part in enlarged(values, size):
            best, number = part[..., :-1].max(-1)
            if over is not None:
                number = number.masked_fill(part[..., -1] > over, VOID)
            labels[rows], confidence[rows] = number.numpy(), best.numpy()
        return labels, confidence, values[..., :-1].numpy()
