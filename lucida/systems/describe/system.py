"""The describer: a picture is looked at once, then asked about as often as one likes.

>>> scene = lucida.load("describe").look("photo.jpg")        # doctest: +SKIP
>>> scene.describe([Region.from_box((.1, .2, .5, .9), scene.image.size)])[0].text   # doctest: +SKIP
'a large cat in the centre'
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lucida.canvas.compiling import fold
from lucida.canvas.decoding import Decoded, DecodeEvent, decode
from lucida.canvas.plan import Plan, causal_plan
from lucida.canvas.sessions import FoldedSession, read_context
from lucida.canvas.span import Canvas
from lucida.canvas.tokens import Memory
from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.records import Answer, Caption, Evidence
from lucida.media.region import Region
from lucida.models.canvas_transformer import CanvasTransformer, CanvasTransformerConfig
from lucida.models.store import load_model_files
from lucida.models.tower import Tower, TowerFeatures, load_tower
from lucida.systems.describe.features import name_hints, picture_features, region_features
from lucida.systems.describe.layout import REQUEST_PICTURE, REQUEST_REGION, Layout, LayoutConfig, Request
from lucida.systems.describe.proposals import propose_regions
from lucida.train.recipe import build

MOST_REGIONS = 64
DEFAULT_PLAN = Plan(steps=4)


@dataclass(frozen=True, kw_only=True, eq=False)
class Description(Sequence[Caption]):
    """Captions in the order of their regions, and what they cost.

    Attributes:
        captions: one per region.
        words: per caption, (piece, confidence, pass it was committed in).
        passes: forward passes of the decode (NFE). token_forwards: tokens read in all.
        seconds: wall time of hints, decode and, at the first call, reading the picture.
    """

    captions: tuple[Caption, ...]
    words: tuple[tuple[tuple[str, float, int], ...], ...]
    passes: int
    token_forwards: int
    seconds: float
    events: tuple[DecodeEvent, ...] = field(default=(), repr=False)

    def __getitem__(self, index: Any) -> Any:
        return self.captions[index]

    def __len__(self) -> int:
        return len(self.captions)

    def __iter__(self) -> Iterator[Caption]:
        return iter(self.captions)


class Describer:
    """A trained describer (or its twin). Load one with ``lucida.load("describe")``."""

    def __init__(
        self, network: CanvasTransformer, layout: Layout, tower: Tower, config: dict[str, Any], device: str = "cpu"
    ) -> None:
        self.network, self.layout, self.tower, self.config = network.eval(), layout, tower, config
        self.device = torch.device(device)
        self.name = str(config.get("name", "describe"))

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Describer:
        """Read a model folder.

        Raises:
            InputError: files are missing, damaged, or do not belong together.
        """
        files = load_model_files(path)
        config = files.config
        try:
            vocabulary = Vocabulary(build(VocabularyConfig, config["vocabulary"], "config: vocabulary"))
            layout = Layout(build(LayoutConfig, config["layout"], "config: layout"), vocabulary)
            network = CanvasTransformer(build(CanvasTransformerConfig, config["network"], "config: network"))
            network.load_state_dict(files.tensors)
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{files.folder}: not a describer: {str(error).splitlines()[0]}") from error
        config = {**config, "name": Path(files.folder).name}
        return cls(network.float().to(device), layout, load_tower(device, config.get("tower", "tower")), config, device)

    @property
    def twin(self) -> bool:
        """Whether this is the autoregressive twin."""
        return self.config["visibility"] == "twin"

    def look(self, image: Image | str | os.PathLike[str] | np.ndarray) -> Look:
        """See a picture once; everything asked about it later reuses what was seen."""
        if isinstance(image, np.ndarray):
            image = Image.from_array(image)
        elif not isinstance(image, Image):
            image = Image.open(image)
        return Look(self, image)


class Look:
    """A picture that has been looked at."""

    def __init__(self, describer: Describer, image: Image) -> None:
        self.describer, self.image = describer, image

    @cached_property
    def _features(self) -> TowerFeatures:
        d = self.describer
        return picture_features(self.image, d.tower, d.layout.config, d.device)

    @cached_property
    def _cells(self) -> torch.Tensor:
        return self._features.cells[0].flatten(1).T.float().cpu()

    @cached_property
    @torch.inference_mode()
    def _context(self) -> Memory:
        canvas = Canvas(spans=(self.describer.layout.context(self._cells),))
        return read_context(self.describer.network, fold([canvas], mask=self.describer.layout.vocabulary.mask).context)

    def regions(self) -> list[Region]:
        """Automatic regions: the parts of the picture that look like things, best first."""
        return propose_regions(self.image, self.describer.tower)

    def describe(
        self,
        regions: Sequence[Region] | None = None,
        *,
        style: int = 0,
        hints: bool = True,
        plan: Plan | None = None,
        seed: int = 0,
        on_event: Callable[[DecodeEvent], None] | None = None,
    ) -> Description:
        """Caption every region at once; without regions, the automatic ones.

        Args:
            regions: any number; every 64 share one decode.
            style: which way of phrasing, 0 to 5.
            hints: give each region the tower's class names.
            plan: how slots are revealed; by default four passes.
            seed: of sampling noise, for plans with a temperature.
            on_event: called after every pass.

        Raises:
            InputError: a region has another picture's size, or there are none.
        """
        begin = time.perf_counter()
        chosen = self.regions() if regions is None else list(regions)
        if not chosen:
            raise InputError(f"{self.image.source or 'picture'}: no regions found; give --boxes or --masks")
        self._check_sizes(chosen)
        captions: list[Caption] = []
        words: list[tuple[tuple[str, float, int], ...]] = []
        events: list[DecodeEvent] = []
        passes = tokens = 0
        for start in range(0, len(chosen), MOST_REGIONS):
            part = chosen[start : start + MOST_REGIONS]
            decoded = self._decode(self._region_requests(part, style, hints), plan, seed, events, on_event)
            passes, tokens = passes + decoded.passes, tokens + decoded.token_forwards
            for n, region in enumerate(part):
                text, confidence, pieces = self._read(decoded, n)
                captions.append(Caption(region, text, confidence, max((s for _, _, s in pieces), default=0)))
                words.append(pieces)
        seconds = time.perf_counter() - begin
        return Description(captions=tuple(captions), words=tuple(words), passes=passes, token_forwards=tokens,
                           seconds=seconds, events=tuple(events))  # fmt: skip

    def caption(self, *, style: int = 0, plan: Plan | None = None, seed: int = 0) -> Caption:
        """One sentence for the whole picture."""
        slots = self.describer.layout.config.picture_slots
        request = Request(text=REQUEST_PICTURE, regions=(), slots=slots, style=style)
        decoded = self._decode([request], plan or Plan(steps=8), seed, [], None)
        text, confidence, pieces = self._read(decoded, 0)
        return Caption(None, text, confidence, max((s for _, _, s in pieces), default=0))

    def ask(self, question: str, regions: Sequence[Region] = (), *, plan: Plan | None = None, seed: int = 0) -> Answer:
        """Answer a free question; ``<1>`` in it is the first region, ``<2>`` the second, and so on.

        Raises:
            InputError: no question, a cited region that is not given, or a region of another picture's size.
        """
        if not question.strip():
            raise InputError("question is empty")
        self._check_sizes(regions)
        for number in re.findall(r"<(\d+)>", question):
            if not 1 <= int(number) <= len(regions):
                raise InputError(f"question cites <{number}>, but there are {len(regions)} regions")
        d = self.describer
        cited = region_features(self._features, regions, d.layout.config)
        slots = d.layout.config.answer_slots
        request = Request(text=question.strip().lower(), regions=cited, slots=slots, allowed="text+region+end")
        decoded = self._decode([request], plan, seed, [], None)
        text, confidence, _ = self._read(decoded, 0)
        evidence = tuple(Evidence(f"<{n}>", region=r) for n, r in enumerate(regions, start=1))
        if not text:
            return Answer("no answer was written", confidence=confidence, abstained=True, inspected=("the picture",))
        return Answer(text, evidence=evidence, confidence=confidence)

    def _check_sizes(self, regions: Sequence[Region]) -> None:
        for n, region in enumerate(regions, start=1):
            if region.size != self.image.size:
                raise InputError(f"region {n} is for a {_by(region.size)} picture, this one is {_by(self.image.size)}")

    def _region_requests(self, regions: Sequence[Region], style: int, hints: bool) -> list[Request]:
        d = self.describer
        config = d.layout.config
        names = name_hints(self.image, regions, d.tower, config.hints) if hints and config.hints else None
        features = region_features(self._features, regions, config, names)
        return [Request(text=REQUEST_REGION, regions=(f,), slots=config.caption_slots, style=style) for f in features]

    def _decode(
        self, requests: Sequence[Request], plan: Plan | None, seed: int, events: list[DecodeEvent],
        on_event: Callable[[DecodeEvent], None] | None,
    ) -> Decoded:  # fmt: skip
        d = self.describer
        plan = causal_plan(max(r.slots for r in requests)) if d.twin else plan or DEFAULT_PLAN

        def seen(event: DecodeEvent) -> None:
            events.append(event)
            if on_event is not None:
                on_event(event)

        canvas = d.layout.canvas(self._cells, requests, visibility=d.config["visibility"], plan=plan)
        with torch.inference_mode():
            folded = fold([canvas], mask=d.layout.vocabulary.mask)
            session = FoldedSession(d.network, folded, d.layout.vocabulary, self._context)
        return decode(session, d.layout.vocabulary, seed=seed, on_event=seen)

    def _read(self, decoded: Decoded, row: int) -> tuple[str, float, tuple[tuple[str, float, int], ...]]:
        """Text of a row, its mean confidence, and (piece, confidence, pass from 1) per token."""
        v = self.describer.layout.vocabulary
        ids, sure, steps = decoded.ids[row], decoded.confidence[row], decoded.steps[row]
        pieces = tuple((v.token(i), c, s + 1) for i, c, s in zip(ids, sure, steps, strict=True))
        return v.decode(ids), float(np.mean(sure)) if sure else 0.0, pieces


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
