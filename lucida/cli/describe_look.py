"""One picture looked at and put into words, with everything that happened on the way kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lucida.canvas.plan import Plan
from lucida.cli.describe_words import as_lists
from lucida.media.document import result_document
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.records import Answer, Caption, Evidence
from lucida.media.region import Region
from lucida.systems.describe import markers
from lucida.systems.describe.look import OnPass
from lucida.systems.describe.records import Answers, Cost, Description, Film, Piece
from lucida.systems.describe.system import Describer

NO_REGIONS = "no regions stood out, so only the whole picture is described"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How pictures are described: see ``lucida describe --help``. ``plan`` None: the describer's own."""

    question: str | None = None
    style: int = 0
    plan: Plan | None = None
    seed: int = 0
    hints: bool = True


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


def cited(question: str, regions: int) -> tuple[int, ...]:
    """The regions (from 0) that ``--question`` cites, in the order it first names them.

    Raises:
        InputError: it names a region that is not there, or more than fit one group.
    """
    try:
        return markers.cited(question, regions)
    except InputError as error:
        where = "no regions are given (--masks, --boxes, --coco)"
        raise InputError(f"--{error}".replace("there are no regions", where)) from None


def tell(
    describer: Describer, image: Image, regions: Sequence[Region] | None, labels: Sequence[str], wishes: Wishes,
    on_pass: OnPass | None = None, *, filming: bool = False,
) -> Told:  # fmt: skip
    """Describe a picture, or answer the question about it.

    Args:
        regions: of the picture's original size; None: find them, and caption the whole picture too.
        labels: what the user calls the regions, "" where nothing.
        on_pass: called after every pass. filming: keep every pass, also where nobody watches.
    """
    begin = time.perf_counter()
    look = describer.look(image)
    look.watch, look.filming = on_pass, filming
    chosen = list(regions) if regions is not None else []
    seen = [region.resized(image.size) for region in chosen]  # a huge picture was reduced on reading
    note = ""
    settings: dict[str, Any] = {"plan": wishes.plan, "seed": wishes.seed}
    said: list[Cost] = []
    if wishes.question is not None:
        one = not chosen or bool(cited(wishes.question, len(chosen)))
        ask = look.ask_all([wishes.question], seen, **settings) if one else None
        said.append(ask or look.ask_each(wishes.question, seen, **settings))
    else:
        if regions is None:
            said.append(look.describe_picture(style=wishes.style, **settings))
            seen = look.regions()
            chosen = [region.resized(image.original_size) for region in seen]
            note = "" if seen else NO_REGIONS
        if seen:
            said.append(look.describe(seen, style=wishes.style, hints=wishes.hints, **settings))
    results: list[Caption | Answer] = []
    pieces: list[tuple[Piece, ...]] = []
    for part in said:
        if isinstance(part, Answers):
            results += [_at_original(answer, chosen) for answer in part]
            pieces += part.words
        elif isinstance(part, Description):
            results += [
                _whole_size(caption, region) for caption, region in zip(part, _of(part, chosen), strict=True)
            ]
            pieces += part.words
    return Told(
        image=image, regions=tuple(chosen), labels=tuple(labels) if labels else ("",) * len(chosen),
        results=tuple(results), pieces=tuple(pieces), films=tuple(film for part in said for film in part.films),
        passes=sum(part.passes for part in said), token_forwards=sum(part.token_forwards for part in said),
        seconds=time.perf_counter() - begin, note=note,
    )  # fmt: skip


def _of(description: Description, regions: Sequence[Region]) -> Sequence[Region | None]:
    """The regions of a description at the picture's original size; None for the whole picture."""
    return [None] if description[0].region is None else regions


def _whole_size(caption: Caption, region: Region | None) -> Caption:
    return Caption(region, caption.text, caption.confidence, caption.steps)


def _at_original(answer: Answer, regions: Sequence[Region]) -> Answer:
    """The answer with its evidence at the picture's original size."""
    evidence = tuple(Evidence(e.label, region=regions[int(e.label[1:-1]) - 1]) for e in answer.evidence)
    return replace(answer, evidence=evidence)
