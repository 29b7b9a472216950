"""One picture looked at and put into words, with everything that happened on the way kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lucida.canvas.decoding import Decoded, DecodeEvent
from lucida.canvas.plan import Plan
from lucida.cli.describe_words import Piece, as_lists
from lucida.media.document import result_document
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.records import Answer, Caption, Evidence
from lucida.media.region import Region
from lucida.systems.describe.features import region_features
from lucida.systems.describe.layout import Request
from lucida.systems.describe.system import MOST_REGIONS, Describer, Look

NO_REGIONS = "no regions stood out, so only the whole picture is described"
PICTURE = "picture"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How pictures are described: see ``lucida describe --help``. ``plan`` None: the describer's own."""

    question: str | None = None
    style: int = 0
    plan: Plan | None = None
    seed: int = 0
    hints: bool = True


@dataclass(frozen=True, eq=False)
class Film:
    """Every pass of one decode. ``labels`` name its rows: region numbers, "picture", or the question's number."""

    labels: tuple[str, ...]
    events: list[DecodeEvent]


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What was said of a picture.

    Attributes:
        image: the picture as it was read.
        regions: those that were described or asked about, of ``image.original_size``. labels: the user's, or "".
        results: captions and answers, of ``image.original_size``. pieces: per result.
        films: one per decode. passes: of the network, in all. token_forwards: tokens read. seconds: wall clock.
        note: something the user should know, or "".
    """

    image: Image
    regions: tuple[Region, ...]
    labels: tuple[str, ...]
    results: tuple[Caption | Answer, ...]
    pieces: tuple[tuple[Piece, ...], ...]
    films: tuple[Film, ...]
    passes: int
    token_forwards: int
    seconds: float
    note: str = ""

    def document(self, *, path: str, model: str, wishes: Wishes) -> dict[str, Any]:
        """The ``lucida/1`` document, with the pieces of every result and the question."""
        document = result_document(
            self.results, size=self.image.original_size, image=path, nfe=self.passes, seconds=round(self.seconds, 4),
            model=model, seed=wishes.seed,
        )  # fmt: skip
        for entry, pieces in zip(document["results"], self.pieces, strict=True):
            entry["words"] = as_lists(pieces)
        document["token_forwards"] = self.token_forwards
        if wishes.question is not None:
            document["question"] = wishes.question
        if self.note:
            document["note"] = self.note
        return document


@dataclass(eq=False)
class _Watch:
    """What a watched look collects."""

    on_pass: Callable[[Film, DecodeEvent], None] | None
    upcoming: list[str] = field(default_factory=list)
    films: list[Film] = field(default_factory=list)
    decodes: list[Decoded] = field(default_factory=list)


class WatchedLook(Look):
    """A look that keeps every decode, shows every pass, and answers many questions in one decode."""

    def __init__(
        self, describer: Describer, image: Image, on_pass: Callable[[Film, DecodeEvent], None] | None = None
    ) -> None:
        super().__init__(describer, image)
        self.watch = _Watch(on_pass)

    def expect(self, labels: Sequence[str]) -> None:
        """Name the rows of the decodes that follow."""
        self.watch.upcoming = list(labels)

    def answers(
        self, asked: Sequence[tuple[str, Sequence[int]]], regions: Sequence[Region], wishes: Wishes
    ) -> list[tuple[Answer, tuple[Piece, ...]]]:
        """Answer questions, up to 64 in one decode, each about the regions that its numbers (from 0) choose.

        Markers in a question and its answer are those of the whole list: ``<3>`` is ``regions[2]``. Inside, a group
        numbers what it cites from ``<1>``, as in training.
        """
        layout = self.describer.layout
        features = region_features(self._features, regions, layout.config)
        told: list[tuple[Answer, tuple[Piece, ...]]] = []
        for start in range(0, len(asked), MOST_REGIONS):
            part = asked[start : start + MOST_REGIONS]
            requests = [
                Request(text=local(text, cites).strip().lower(), regions=tuple(features[i] for i in cites),
                        slots=layout.config.answer_slots, allowed="text+region+end")
                for text, cites in part
            ]  # fmt: skip
            decoded = self._decode(requests, wishes.plan, wishes.seed, [], None)
            for row, (_, cites) in enumerate(part):
                text, confidence, pieces = self._read(decoded, row)
                pieces = tuple((whole(piece, cites), sure, passed) for piece, sure, passed in pieces)
                told.append((self._answer(whole(text, cites), confidence, cites, regions), pieces))
        return told

    @staticmethod
    def _answer(text: str, confidence: float, cites: Sequence[int], regions: Sequence[Region]) -> Answer:
        evidence = tuple(Evidence(f"<{i + 1}>", region=regions[i]) for i in cites)
        if text:
            return Answer(text, evidence=evidence, confidence=confidence)
        inspected = tuple(f"region {i + 1}" for i in cites) or ("the picture",)
        return Answer("no answer was written", evidence, confidence, abstained=True, inspected=inspected)

    def said_of_picture(self, wishes: Wishes) -> tuple[Caption, tuple[Piece, ...]]:
        """The whole-picture caption and its pieces."""
        self.expect([PICTURE])
        caption = self.caption(style=wishes.style, plan=wishes.plan, seed=wishes.seed)
        return caption, self._read(self.watch.decodes[-1], 0)[2]

    def _decode(
        self, requests: Sequence[Request], plan: Plan | None, seed: int, events: list[DecodeEvent],
        on_event: Callable[[DecodeEvent], None] | None,
    ) -> Decoded:  # fmt: skip
        watch = self.watch
        labels, watch.upcoming = watch.upcoming[: len(requests)], watch.upcoming[len(requests) :]
        film = Film(tuple(labels or [""] * len(requests)), [])
        watch.films.append(film)

        def seen(event: DecodeEvent) -> None:
            film.events.append(event)
            if on_event is not None:
                on_event(event)
            if watch.on_pass is not None:
                watch.on_pass(film, event)

        decoded = super()._decode(requests, plan, seed, events, seen)
        watch.decodes.append(decoded)
        return decoded


def cited(question: str, regions: int) -> tuple[int, ...]:
    """The regions (from 0) that a question cites, in the order it first names them.

    Raises:
        InputError: it names a region that is not there, or more than fit one group.
    """
    found = dict.fromkeys(re.findall(r"<(\d+)>", question))
    there = {0: "no regions are given (--masks, --boxes, --coco)", 1: "there is 1 region"}
    for text in found:
        if len(text) > 9 or not 1 <= int(text) <= regions:
            raise InputError(
                f"--question cites <{text}>, but {there.get(regions, f'there are {regions} regions')}"
            )
    numbers = list(dict.fromkeys(map(int, found)))
    if len(numbers) > MOST_REGIONS:
        raise InputError(f"--question cites {len(numbers)} regions; at most {MOST_REGIONS} fit one question")
    return tuple(number - 1 for number in numbers)


def local(text: str, cites: Sequence[int]) -> str:
    """``text`` with the markers of the whole list replaced by those inside its group."""
    place = {f"<{i + 1}>": f"<{n}>" for n, i in enumerate(cites, start=1)}
    return re.sub(r"<\d+>", lambda found: place.get(found.group(), found.group()), text)


def whole(text: str, cites: Sequence[int]) -> str:
    """The other way round: ``text`` of a group with the markers of the whole list."""
    place = {f"<{n}>": f"<{i + 1}>" for n, i in enumerate(cites, start=1)}
    return re.sub(r"<\d+>", lambda found: place.get(found.group(), found.group()), text)


def tell(
    describer: Describer, image: Image, regions: Sequence[Region] | None, labels: Sequence[str], wishes: Wishes,
    on_pass: Callable[[Film, DecodeEvent], None] | None = None,
) -> Told:  # fmt: skip
    """Describe a picture, or answer the question about it.

    Args:
        regions: of the picture's original size; None: find them, and caption the whole picture too.
        labels: what the user calls the regions, "" where nothing.
    """
    begin = time.perf_counter()
    look = WatchedLook(describer, image, on_pass)
    results: list[Caption | Answer] = []
    pieces: list[tuple[Piece, ...]] = []
    note = ""
    chosen = list(regions) if regions is not None else []
    seen = [region.resized(image.size) for region in chosen]  # a huge picture was reduced on reading
    if wishes.question is not None:
        cites = cited(wishes.question, len(chosen))
        asked = (
            [(wishes.question, cites)]
            if cites or not chosen
            else [(wishes.question, (i,)) for i in range(len(chosen))]
        )
        look.expect(["answer"] if cites or not chosen else [str(i + 1) for i in range(len(chosen))])
        for answer, said in look.answers(asked, seen, wishes):
            results.append(_at_original(answer, chosen))
            pieces.append(said)
    else:
        if regions is None:
            caption, said = look.said_of_picture(wishes)
            results.append(caption)
            pieces.append(said)
            seen = look.regions()
            chosen = [region.resized(image.original_size) for region in seen]
            note = "" if seen else NO_REGIONS
        if seen:
            look.expect([str(n) for n in range(1, len(seen) + 1)])
            described = look.describe(
                seen, style=wishes.style, hints=wishes.hints, plan=wishes.plan, seed=wishes.seed
            )
            for region, caption, said in zip(chosen, described.captions, described.words, strict=True):
                results.append(Caption(region, caption.text, caption.confidence, caption.steps))
                pieces.append(said)
    watch = look.watch
    return Told(
        image=image, regions=tuple(chosen), labels=tuple(labels) if labels else ("",) * len(chosen),
        results=tuple(results), pieces=tuple(pieces), films=tuple(watch.films),
        passes=sum(d.passes for d in watch.decodes), token_forwards=sum(d.token_forwards for d in watch.decodes),
        seconds=time.perf_counter() - begin, note=note,
    )  # fmt: skip


def _at_original(answer: Answer, regions: Sequence[Region]) -> Answer:
    """The answer with its evidence at the picture's original size."""
    evidence = tuple(Evidence(e.label, region=regions[int(e.label[1:-1]) - 1]) for e in answer.evidence)
    return Answer(answer.text, evidence, answer.confidence, answer.abstained, answer.inspected)
