"""Automatic regions for the describer: the things of a class map, each connected part one region, the best first.

Where weights called ``segment`` are installed and say that they propose (their config's ``proposes``), ``lucida
describe`` takes its regions from here, and with ``--propose NAME`` from any segmenter; see ``Describer.proposer``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.flow.codes import VOID
from lucida.media.components import label_mask
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.store import known, read_config
from lucida.systems.segment.system import UNKNOWN, Segmentation, Segmenter

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A connected part of a class. ``name``: of the class, or "unknown". ``confidence``: mean over its pixels."""

    name: str
    region: Region
    confidence: float


def things(found: Segmentation) -> list[Region]:
    """The regions of :func:`parts`."""
    return [part.region for part in parts(found)]


def parts(found: Segmentation) -> list[Part]:
    """Connected parts of every class that is no ground, by confidence and size; unknown parts count as things."""
    ranked: list[tuple[float, Part]] = []
    for number in np.unique(found.labels):
        if number < found.grounds:
            continue
        name = UNKNOWN if number == VOID else found.names[number]
        labelled, count = label_mask(found.labels == number)
        for part in range(count):
            mask = labelled == part
            share = float(mask.mean())
            sure = SURE if number == VOID else float(found.confidence[mask].mean(dtype=np.float64))
            if share >= LEAST and sure >= SURE:
                region = Region.from_mask(mask, source="automatic region")
                ranked.append(
                    (-sure * share**0.25, Part(name=name, region=region, confidence=min(sure, 1.0)))
                )
    return [part for _, part in sorted(ranked, key=lambda pair: pair[0])]


def installed_proposer(device: str | None = None) -> SegmentProposer | None:
    """The proposer of the installed weights; None where there are none or they do not propose."""
    from lucida.systems.registry import load

    folder = next((folder for name, _, folder in known() if name == NAME), None)
    if folder is None or not read_config(folder).get("proposes"):
        return None
    return SegmentProposer(load(NAME, device=device))


def proposer_of(who: str, device: str | None = None) -> SegmentProposer | None:
    """Who finds regions: "auto" (see :func:`installed_proposer`), "own" (None: the describer itself), or a segmenter.

    Raises:
        InputError: no such model.
    """
    from lucida.systems.registry import load

    if who == "own":
        return None
    return installed_proposer(device) if who == "auto" else SegmentProposer(load(who, device=device))
