"""A picture that has been looked at: encoded once, then described and asked about as often as one likes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from lucida.canvas.decoding import Decoded, DecodeEvent
from lucida.canvas.plan import Plan
from lucida.canvas.tokens import Memory
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.records import Answer, Caption, Evidence
from lucida.media.region import Region
from lucida.models.hints import Hint
from lucida.models.tower import TowerFeatures
from lucida.systems.describe.features import name_hints, picture_features, region_features
from lucida.systems.describe.layout import REQUEST_PICTURE, REQUEST_REGION, Request
from lucida.systems.describe.markers import MOST_REGIONS, about, cited, local, whole
from lucida.systems.describe.naming import believe_hints
from lucida.systems.describe.proposals import propose_regions
from lucida.systems.describe.records import Answers, Description, Film, Piece
from lucida.systems.describe.released import with_geometry
from lucida.world.questions_reasons import split_reason

if TYPE_CHECKING:
    from lucida.systems.describe.system import Describer

OnEvent = Callable[[DecodeEvent], None]
OnPass = Callable[[Film, DecodeEvent], None]
PICTURE_PLAN = Plan(steps=8)
PICTURE, ANSWER = "picture", "answer"  # labels of rows that are not about one region


class Look:
    """A picture and what was seen of it.

    Attributes:
        watch: called after every pass of every decode with the film so far; None: nobody watches.
        filming: keep every pass of every decode (descriptions then have ``films``).
    """

    def __init__(self, describer: Describer, image: Image) -> None:
        self.describer, self.image = describer, image
        self.watch: OnPass | None = None
        self.filming = False
        self._seen: TowerFeatures | None = None
        self._grid: torch.Tensor | None = None
        self._contexts: dict[torch.dtype, Memory] = {}
        self._names: dict[str, list[Hint]] = {}

    # -- what was seen --------------------------------------------------------------------------------------------

    @property
    def _features(self) -> TowerFeatures:
        if self._seen is None:
            d = self.describer
            self._seen = picture_features(self.image, d.tower, d.layout.config, d.device)
        return self._seen

    @property
    def cells(self) -> torch.Tensor:
        """(cells, channels) float32 of the picture."""
        if self._grid is None:
            self._grid = self._features.cells[0].flatten(1).T.float().cpu()
        return self._grid

    @property
    def context(self) -> Memory:
        """The picture as the network has read it, read when first wanted and kept per number format."""
        dtype = self.describer.quick.dtype
        if dtype not in self._contexts:
            self._contexts[dtype] = self.describer.read_picture(self.cells)
        return self._contexts[dtype]

    def regions(self) -> list[Region]:
        """Automatic regions: the parts of the picture that look like things, best first."""
        proposer = self.describer.proposer
        found = proposer.propose(self.image) if proposer is not None else []
        return found or propose_regions(self.image, self.describer.tower)

    # -- what is said ---------------------------------------------------------------------------------------------

    def describe(
        self,
        regions: Sequence[Region] | None = None,
        *,
        style: int = 0,
        hints: bool = True,
        plan: Plan | None = None,
        seed: int = 0,
        on_event: OnEvent | None = None,
    ) -> Description:
        """Caption every region at once; without regions, the automatic ones.

        Args:
            regions: any number; every 64 share one decode.
            style: which way of phrasing, 0 to 5.
            hints: give each region the tower's class names, and believe those it is sure of (``naming.SURE``).
            plan: how slots are revealed; by default as the model's recipe chose.
            seed: of sampling noise, for plans with a temperature.
            on_event: called after every pass.

        Raises:
            InputError: a region has another picture's size, or there are none.
        """
        begin = time.perf_counter()
        chosen = self.regions() if regions is None else list(regions)
        if not chosen:
            raise InputError(f"{self.image.source or 'picture'}: no regions found; give --boxes or --masks")
        self.check_sizes(chosen)
        requests = self.region_requests(chosen, style, hints)
        labels = [str(n) for n in range(1, len(chosen) + 1)]
        said, passes, tokens, films = self._say(requests, labels, plan, seed, on_event)
        said = believe_hints(said, requests, self.describer.known_names)
        return described(chosen, said, passes, tokens, time.perf_counter() - begin, films)

    def describe_picture(
        self, *, style: int = 0, plan: Plan | None = None, seed: int = 0, on_event: OnEvent | None = None
    ) -> Description:
        """One sentence for the whole picture, as a description of one caption."""
        begin = time.perf_counter()
        slots = self.describer.layout.config.picture_slots
        request = Request(text=REQUEST_PICTURE, regions=(), slots=slots, style=style)
        said, passes, tokens, films = self._say([request], [PICTURE], plan or PICTURE_PLAN, seed, on_event)
        return described([None], said, passes, tokens, time.perf_counter() - begin, films)

    def caption(
        self, *, style: int = 0, plan: Plan | None = None, seed: int = 0, on_event: OnEvent | None = None
    ) -> Caption:
        """One sentence for the whole picture."""
        return self.describe_picture(style=style, plan=plan, seed=seed, on_event=on_event)[0]

    def ask(
        self,
        question: str,
        regions: Sequence[Region] = (),
        *,
        plan: Plan | None = None,
        seed: int = 0,
        on_event: OnEvent | None = None,
    ) -> Answer:
        """Answer one free question; ``<1>`` in it is the first region, ``<2>`` the second, and so on.

        A question that cites no region is about all the given ones (or, with none, the picture).

        Raises:
            InputError: no question, a cited region that is not given, or a region of another picture's size.
        """
        cites = cited(question, len(regions)) or tuple(range(len(regions)))
        return self._ask([(question, cites)], [ANSWER], regions, plan, seed, on_event)[0]

    def ask_each(
        self,
        question: str,
        regions: Sequence[Region],
        *,
        plan: Plan | None = None,
        seed: int = 0,
        on_event: OnEvent | None = None,
    ) -> Answers:
        """One answer per region to one question, which may call its region ``<1>``; all in one decode.

        Raises:
            InputError: no question, no regions, it cites more than ``<1>``, or a region of another picture's size.
        """
        if not regions:
            raise InputError("a question to each region needs regions")
        cited(question, 1)
        labels = [str(n) for n in range(1, len(regions) + 1)]
        asked = [(question.replace("<1>", f"<{i + 1}>"), (i,)) for i in range(len(regions))]
        return self._ask(asked, labels, regions, plan, seed, on_event)

    def ask_all(
        self,
        questions: Sequence[str],
        regions: Sequence[Region] = (),
        *,
        cites: Sequence[Sequence[int]] | None = None,
        plan: Plan | None = None,
        seed: int = 0,
        on_event: OnEvent | None = None,
    ) -> Answers:
        """Answer many questions in one decode, each about the regions that it cites (none: about the picture).

        Args:
            cites: what each question is about instead, as numbers of regions from 0; at least what it cites.

        Raises:
            InputError: no question, one that is empty or cites a region that is not given, or ``cites`` that are not
                one list per question or leave out what it cites.
        """
        if not questions:
            raise InputError("no questions to answer")
        if cites is not None and len(cites) != len(questions):
            raise InputError(f"{len(cites)} lists of cited regions for {len(questions)} questions")
        given = cites or [None] * len(questions)
        asked = [(q, about(q, len(regions), wanted)) for q, wanted in zip(questions, given, strict=True)]
        labels = [ANSWER] if len(asked) == 1 else [f"q{n}" for n in range(1, len(asked) + 1)]
        return self._ask(asked, labels, regions, plan, seed, on_event)

    # -- how ------------------------------------------------------------------------------------------------------

    def _ask(
        self, asked: Sequence[tuple[str, Sequence[int]]], labels: Sequence[str], regions: Sequence[Region],
        plan: Plan | None, seed: int, on_event: OnEvent | None,
    ) -> Answers:  # fmt: skip
        begin = time.perf_counter()
        self.check_sizes(regions)
        layout = self.describer.layout
        features = region_features(self._features, regions, layout.config)
        requests = [
            Request(text=local(text, cites).strip().lower(), regions=tuple(features[i] for i in cites),
                    slots=layout.config.answer_slots, allowed="text+region+end")
            for text, cites in asked
        ]  # fmt: skip
        said, passes, tokens, films = self._say(requests, labels, plan, seed, on_event)
        answers, words = [], []
        for (text, confidence, pieces), (_, cites) in zip(said, asked, strict=True):
            answers.append(_answer(whole(text, cites), confidence, cites, regions))
            words.append(tuple((whole(piece, cites), sure, passed) for piece, sure, passed in pieces))
        seconds = time.perf_counter() - begin
        return Answers(answers=tuple(answers), words=tuple(words), passes=passes, token_forwards=tokens,
                       seconds=seconds, films=films)  # fmt: skip

    def _say(
        self, requests: Sequence[Request], labels: Sequence[str], plan: Plan | None, seed: int,
        on_event: OnEvent | None,
    ) -> tuple[list[tuple[str, float, tuple[Piece, ...]]], int, int, tuple[Film, ...]]:  # fmt: skip
        """Fill requests, 64 to a decode: (text, confidence, pieces) of each, passes, tokens read, films."""
        said, films = [], []
        passes = tokens = 0
        for start in range(0, len(requests), MOST_REGIONS):
            part = slice(start, start + MOST_REGIONS)
            film = Film(tuple(labels[part]))
            watched = on_event is not None or self.watch is not None or self.filming
            see = self._seeing(film, on_event) if watched else None
            decoded = self._decode(requests[part], plan, seed, film.events, see)
            passes, tokens = passes + decoded.passes, tokens + decoded.token_forwards
            said += [self._read(decoded, row) for row in range(len(requests[part]))]
            films += [film] if film.events else []
        return said, passes, tokens, tuple(films)

    def _seeing(self, film: Film, on_event: OnEvent | None) -> OnEvent:
        def see(event: DecodeEvent) -> None:
            if on_event is not None:
                on_event(event)
            if self.watch is not None:
                self.watch(film, event)

        return see

    def _decode(
        self, requests: Sequence[Request], plan: Plan | None, seed: int, events: list[DecodeEvent],
        on_event: OnEvent | None,
    ) -> Decoded:  # fmt: skip
        """One decode over this picture. Events are collected only where somebody wants them: they cost time."""

        def seen(event: DecodeEvent) -> None:
            events.append(event)
            if on_event is not None:
                on_event(event)

        watched = seen if on_event is not None else None
        return self.describer.write([self.cells], [requests], plan, seed, watched, lambda: self.context)

    def _read(self, decoded: Decoded, row: int) -> tuple[str, float, tuple[Piece, ...]]:
        """Text of a row, its mean confidence, and (piece, confidence, pass from 1) per token."""
        return self.describer.read_row(decoded, row)

    def check_sizes(self, regions: Sequence[Region]) -> None:
        """Refuse regions of another picture.

        Raises:
            InputError: a region has another picture's size.
        """
        for n, region in enumerate(regions, start=1):
            if region.size != self.image.size:
                raise InputError(
                    f"region {n} is for a {_by(region.size)} picture, this one is {_by(self.image.size)}"
                )

    def region_requests(self, regions: Sequence[Region], style: int, hints: bool) -> list[Request]:
        """What the network is asked to caption each region, all features at hand."""
        d = self.describer
        config = d.layout.config
        asked = hints and config.hints
        names = self._hints(regions) if asked else None
        features = region_features(self._features, regions, config, names)
        features = with_geometry(
            self._features, features, regions, config.replay, d.config.get("geometry", "correct")
        )
        return [
            Request(text=REQUEST_REGION, regions=(f,), slots=config.caption_slots, style=style)
            for f in features
        ]

    def _hints(self, regions: Sequence[Region]) -> list[list[Hint]]:
        """What the tower calls each region; of all that is done for a region the dearest, so it is done once."""
        d = self.describer
        new = list({r.key: r for r in regions if r.key not in self._names}.values())
        found = name_hints(self.image, new, d.tower, d.layout.config.hints, d.names)
        self._names |= {region.key: hints for region, hints in zip(new, found, strict=True)}
        return [self._names[region.key] for region in regions]


def described(
    regions: Sequence[Region | None],
    said: Sequence[tuple[str, float, tuple[Piece, ...]]],
    passes: int,
    tokens: int,
    seconds: float,
    films: tuple[Film, ...] = (),
) -> Description:
    """Captions from texts, confidences and pieces, with what they cost."""
    captions = tuple(
        Caption(region, text, confidence, max((s for _, _, s in pieces), default=0))
        for region, (text, confidence, pieces) in zip(regions, said, strict=True)
    )
    return Description(captions=captions, words=tuple(pieces for _, _, pieces in said), passes=passes,
                       token_forwards=tokens, seconds=seconds, films=films)  # fmt: skip


def _answer(text: str, confidence: float, cites: Sequence[int], regions: Sequence[Region]) -> Answer:
    evidence = tuple(Evidence(f"<{i + 1}>", region=regions[i]) for i in cites)
    ground, answer = split_reason(text)
    if answer:
        return Answer(answer, evidence=evidence, confidence=confidence, reason=ground)
    inspected = tuple(f"region {i + 1}" for i in cites) or ("the picture",)
    return Answer("no answer was written", evidence, confidence, abstained=True, inspected=inspected)


def mean(values: Sequence[float]) -> float:
    """Mean, 0 of nothing."""
    return float(np.mean(values)) if values else 0.0


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
