"""An OpenAI-compatible endpoint under test: pictures and frames travel as data URLs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lucida.bench.models.chat import Chat
from lucida.bench.models.wire import Wire
from lucida.bench.prepare import Prepared, Shows
from lucida.bench.records import Reply

if TYPE_CHECKING:
    from lucida.bench.models import ModelOptions


class EndpointModel:
    """A served model. Regions are outlined and numbered in the picture, because the wire has no masks."""

    shows: Shows = "outlined"
    batches = False

    def __init__(self, target: str, options: ModelOptions) -> None:
        self.chat = Chat(target, options)
        self.options = options
        self.wire = Wire(stamps=options.stamps)
        self.name = self.chat.name
        self.concurrency = options.concurrency
        self.identity: Mapping[str, Any] = {
            "endpoint": self.chat.url, "model": self.chat.name, "temperature": options.temperature,
            "seed": options.seed, "stamps": options.stamps, "shows": self.shows,
        }  # fmt: skip

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """One call per request."""
        return [self._one(prepared) for prepared in requests]

    def _one(self, prepared: Prepared) -> Reply:
        messages = self.wire.chat(prepared)
        begin = time.perf_counter()
        completion = self.chat.complete(messages, max_tokens=prepared.request.max_tokens)
        seconds = time.perf_counter() - begin
        choice = completion.choices[0] if completion.choices else None
        if choice is None:
            return prepared.reply("", model=self.name, seconds=seconds, error="the endpoint sent no choice")
        cost: dict[str, float] = {"cut": 1.0} if choice.finish_reason == "length" else {}
        usage = completion.usage
        if usage is not None and usage.prompt_tokens is not None:
            cost["prompt_tokens"] = float(usage.prompt_tokens)
        tokens = usage.completion_tokens if usage is not None else None
        return prepared.reply(
            choice.message.content or "", model=completion.model or self.name, seconds=seconds, tokens=tokens, cost=cost
        )
