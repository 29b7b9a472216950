"""Lucida's own systems under test. A picture is looked at once for all requests of a group."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lucida.bench.prepare import Prepared, Shows
from lucida.bench.records import Reply
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.bench.models import ModelOptions


class LucidaModel:
    """The describer (or its twin): regions go in as masks, a group of region requests is one decode.

    Attributes:
        sees: pictures kept looked at, so that neighbouring requests on one picture share the encoder's pass.
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
            "style": options.style,
        }  # fmt: skip
        self._last: tuple[str, Any] | None = None

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """Region requests of one picture in one decode; questions one by one on the same look."""
        described = [one for one in requests if _is_region(one)]
        replies = self._describe(described) if described else {}
        for one in requests:
            if not _is_region(one):
                replies[one.request.id] = self._ask(one)
        return [replies[one.request.id] for one in requests]

    def _look(self, prepared: Prepared) -> Any:
        request = prepared.request
        if len(request.media) != 1 or request.media[0].kind != "image":
            raise InputError(f"{request.id}: {self.name} reads one picture, not {[m.kind for m in request.media]}")
        path = str(prepared.data / request.media[0].path)
        if self._last is None or self._last[0] != path:
            self._last = (path, self.system.look(path))
        return self._last[1]

    def _describe(self, requests: Sequence[Prepared]) -> dict[str, Reply]:
        look = self._look(requests[0])
        regions = [_regions(one, look)[0] for one in requests]
        begin = time.perf_counter()
        told = look.describe(regions, style=self.options.style, seed=self.options.seed)
        seconds = time.perf_counter() - begin
        shared = {
            "passes": float(told.passes), "regions": float(len(regions)), "decode_seconds": seconds,
            "token_forwards": float(told.token_forwards),
        }  # fmt: skip
        return {
            one.request.id: one.reply(
                caption.text, model=self.name, seconds=seconds / len(regions), tokens=len(words), cost=shared
            )
            for one, caption, words in zip(requests, told.captions, told.words, strict=True)
        }

    def _ask(self, prepared: Prepared) -> Reply:
        look = self._look(prepared)
        begin = time.perf_counter()
        if prepared.request.task == "describe":
            text = look.caption(style=self.options.style, seed=self.options.seed).text
        else:
            answer = look.ask(prepared.prompt, _regions(prepared, look), seed=self.options.seed)
            text = "" if answer.abstained else answer.text
        seconds = time.perf_counter() - begin
        return prepared.reply(text, model=self.name, seconds=seconds)


def _is_region(prepared: Prepared) -> bool:
    request = prepared.request
    return request.task == "describe" and len(request.regions) == 1


def _regions(prepared: Prepared, look: Any) -> list[Any]:
    from lucida.media.region import Region

    regions = [Region.from_rle(rle, source=prepared.request.id) for rle in prepared.request.regions]
    return [region if region.size == look.image.size else region.resized(look.image.size) for region in regions]
