"""Lucida's own systems under test. A picture is looked at once for all that is asked about it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lucida.bench.prepare import Prepared, Shows
from lucida.bench.protocols.gar_items import local_marks, prompt_marks
from lucida.bench.records import Reply
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.bench.models import ModelOptions

Entry = tuple[Prepared, list[Any]]  # a request with its regions at the picture's size
READING = 2  # how requests are put to the system; raise it when that changes, so that no cached reply is reused


class LucidaModel:
    """The describer (or its twin). Regions go in as masks, never drawn.

    Of one call, all requests to describe a region share a decode, and all questions share another; groups of a canvas
    do not see each other, so sharing changes cost, not answers. Whole pictures are captioned one by one.
    A request to describe tells of ``regions[0]``. Questions are asked as ``meta["question"]`` where the protocol
    gives one (lettered choices are not words the describer knows), with marks ``<Prompt0>`` as ``<1>`` and back.

    ``Reply.seconds`` is a reply's share of the wall time of its call, the look included. ``Reply.cost``: ``passes``,
    ``token_forwards`` and ``decode_seconds`` of the decode it came from, ``regions`` that shared it (questions count
    as regions), and ``look_seconds``, 0 where the picture had been looked at before.
    """

    shows: Shows = "nothing"
    batches = True
    concurrency = 1

    def __init__(self, name: str, options: ModelOptions) -> None:
        from lucida.models.store import read_config, resolve_weights
        from lucida.systems.registry import load

        folder = resolve_weights(name)
        config = read_config(folder)
        self.system = load(name, device=options.device)
        if not hasattr(self.system, "look"):
            raise InputError(f"--model {name}: the system {config.get('system')!r} does not look at pictures")
        self.options, self.name = options, str(getattr(self.system, "name", name))
        self.identity: Mapping[str, Any] = {
            "system": config.get("system"), "weights": config.get("weights_sha256"), "seed": options.seed,
            "style": options.style, "reading": READING,
        }  # fmt: skip
        self._last: tuple[str, Any] | None = None

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """One reply per request. A request that cannot be put to the system gets an error of its own."""
        pictures: dict[str, list[Prepared]] = {}
        for one in requests:
            pictures.setdefault(_picture(one), []).append(one)
        replies: dict[str, Reply] = {}
        for path, asked in pictures.items():
            replies |= self._picture(path, asked)
        return [replies[one.request.id] for one in requests]

    def forget(self) -> None:
        """Drop the look at the last picture, so that the next request pays for its own."""
        self._last = None

    def _picture(self, path: str, requests: Sequence[Prepared]) -> dict[str, Reply]:
        begin = time.perf_counter()
        replies: dict[str, Reply] = {}
        kinds: dict[Callable[..., list[Reply]], list[Entry]] = {}
        look = None
        for one in requests:
            try:
                media = [medium.kind for medium in one.request.media]
                if media != ["image"]:
                    raise InputError(f"{one.request.id}: {self.name} reads one picture, not {media}")
                look = look or self._look(path)
                entry = (one, _regions(one, look))
                self._question(one, len(entry[1]))
            except InputError as error:
                replies[one.request.id] = one.reply("", model=self.name, error=str(error))
                continue
            told = self._describe if entry[1] else self._caption
            kinds.setdefault(told if one.request.task == "describe" else self._ask, []).append(entry)
        looked = time.perf_counter() - begin
        for answer, entries in kinds.items():
            begin = time.perf_counter()
            found = answer(look, entries)
            seconds = (time.perf_counter() - begin + looked) / len(entries)
            for reply in found:
                cost = {**reply.cost, "look_seconds": looked}
                replies[reply.id] = replace(reply, seconds=seconds, cost=cost)
            looked = 0.0
        return replies

    def _look(self, path: str) -> Any:
        if self._last is None or self._last[0] != path:
            look = self.system.look(path)
            _ = look.context  # encoded now, so that what the look costs is not put down to the first decode
            self._last = (path, look)
        return self._last[1]

    def _describe(self, look: Any, entries: Sequence[Entry]) -> list[Reply]:
        told = look.describe([regions[0] for _, regions in entries], style=self.options.style, seed=self.options.seed)
        cost = _cost(told.passes, told.token_forwards, told.seconds, len(entries))
        return [
            one.reply(caption.text, model=self.name, tokens=len(words), cost=cost)
            for (one, _), caption, words in zip(entries, told.captions, told.words, strict=True)
        ]

    def _caption(self, look: Any, entries: Sequence[Entry]) -> list[Reply]:
        told = look.describe_picture(style=self.options.style, seed=self.options.seed)
        cost = _cost(told.passes, told.token_forwards, told.seconds, 1)
        text, tokens = told.captions[0].text, len(told.words[0])
        return [one.reply(text, model=self.name, tokens=tokens, cost=cost) for one, _ in entries]

    def _ask(self, look: Any, entries: Sequence[Entry]) -> list[Reply]:
        regions: list[Any] = []
        questions: list[str] = []
        cites: list[range] = []
        for one, own in entries:
            first = len(regions)
            regions += own
            # All regions of a request are given, cited or not: "which of the marked things" is about all of them.
            questions.append(_shifted(self._question(one, len(own)), first))
            cites.append(range(first, len(regions)))
        said = look.ask_all(questions, regions, cites=cites, seed=self.options.seed)
        cost = _cost(said.passes, said.token_forwards, said.seconds, len(entries))
        replies = []
        for (one, _), about, answer, words in zip(entries, cites, said.answers, said.words, strict=True):
            text = "" if answer.abstained else _shifted(answer.text, -min(about, default=0))
            if local_marks(one.prompt) != one.prompt:
                text = prompt_marks(text)
            replies.append(one.reply(text, model=self.name, tokens=len(words), cost=cost))
        return replies

    def _question(self, prepared: Prepared, regions: int) -> str:
        """What is asked, in the system's marks.

        Raises:
            InputError: there is nothing to ask, or it cites a region that is not given.
        """
        if prepared.request.task == "describe":
            return ""
        text = local_marks(str(prepared.request.meta.get("question") or prepared.prompt))
        if not text.strip():
            raise InputError(f"{prepared.request.id}: the question is empty")
        for number in re.findall(r"<(\d+)>", text):
            if not 1 <= int(number) <= regions:
                raise InputError(f"{prepared.request.id}: cites <{number}>, but has {regions} regions")
        return text


def _shifted(text: str, by: int) -> str:
    """``text`` with every mark ``<n>`` as ``<n + by>``: requests that share a decode share its list of regions."""
    return re.sub(r"<(\d+)>", lambda mark: f"<{int(mark.group(1)) + by}>", text)


def _cost(passes: int, forwards: int, seconds: float, regions: int) -> dict[str, float]:
    return {"passes": float(passes), "regions": float(regions), "decode_seconds": seconds,
            "token_forwards": float(forwards)}  # fmt: skip


def _picture(prepared: Prepared) -> str:
    media = prepared.request.media
    return str(prepared.data / media[0].path) if media else ""


def _regions(prepared: Prepared, look: Any) -> list[Any]:
    from lucida.media.region import Region

    regions = [Region.from_rle(rle, source=prepared.request.id) for rle in prepared.request.regions]
    return [region if region.size == look.image.size else region.resized(look.image.size) for region in regions]
