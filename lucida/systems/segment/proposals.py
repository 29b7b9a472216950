"""Automatic regions for the describer: the things of a class map, each connected part one region, the best first.

Where weights called ``segment`` are installed and say that they propose (their config's ``proposes``), ``lucida
describe`` takes its regions from here; see ``systems.describe.system.Proposer``.
"""

from __future__ import annotations

import numpy as np

from lucida.flow.codes import VOID
from lucida.media.components import label_mask
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.store import known, read_config
from lucida.systems.segment.system import Segmentation, Segmenter

NAME = "segment"
MOST, LEAST, SURE = 8, 0.003, 0.5  # regions; share of the picture; mean confidence that a part must have


class SegmentProposer:
    """Regions from a segmenter. The same picture gives the same regions."""

    def __init__(self, segmenter: Segmenter, *, regions: int = MOST, steps: int = 4) -> None:
        self.segmenter, self.regions, self.steps = segmenter, regions, steps

    def propose(self, image: Image) -> list[Region]:
        """Up to ``regions`` things of ``image``, of its size, the best first; none where all is ground."""
        found = self.segmenter.segment(image, steps=self.steps)
        return [region.resized(image.size) for region in things(found)][: self.regions]


def things(found: Segmentation) -> list[Region]:
    """Connected parts of every class that is no ground, by confidence and size; unknown parts count as things."""
    ranked: list[tuple[float, Region]] = []
    for number in np.unique(found.labels):
        if number < found.grounds:
            continue
        parts, count = label_mask(found.labels == number)
        for part in range(count):
            mask = parts == part
            share = float(mask.mean())
            sure = SURE if number == VOID else float(found.confidence[mask].mean(dtype=np.float64))
            if share >= LEAST and sure >= SURE:
                ranked.append((-sure * share**0.25, Region.from_mask(mask, source="automatic region")))
    return [region for _, region in sorted(ranked, key=lambda pair: pair[0])]


def installed_proposer(device: str | None = None) -> SegmentProposer | None:
    """The proposer of the installed weights; None where there are none or they do not propose."""
    from lucida.systems.registry import load

    folder = next((folder for name, _, folder in known() if name == NAME), None)
    if folder is None or not read_config(folder).get("proposes"):
        return None
    return SegmentProposer(load(NAME, device=device))
