"""A request made ready for a model: frames on the disk, prompt filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lucida.bench.frames import FrameStore, Shown
from lucida.bench.records import Reply, Request

Shows = Literal["outlined", "plain", "nothing"]
"""How a model sees media: regions outlined and numbered in the picture, media as they are (the model takes regions by
other means), or not at all (replies from a file)."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a model gets.

    Attributes:
        request: as the protocol wrote it. prompt: with the placeholders filled.
        shown: one per medium, empty where the model sees none. data: the folder media paths are relative to.
    """

    request: Request
    prompt: str
    shown: tuple[Shown, ...]
    data: Path

    @property
    def frame_times(self) -> tuple[float, ...]:
        """Seconds of all video frames shown, in order."""
        return tuple(t for medium in self.shown for t in medium.times)

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """(height, width) of the first medium as it is shown."""
        return self.shown[0].size if self.shown else None

    def reply(
        self, raw: str, *, model: str, seconds: float | None = None, tokens: int | None = None,
        error: str | None = None, unit: str = "", cost: Mapping[str, float] | None = None,
    ) -> Reply:  # fmt: skip
        """A reply to this request that remembers what was shown."""
        return Reply(
            id=self.request.id, raw=raw, seconds=seconds, tokens=tokens, error=error, model=model, unit=unit,
            frame_times=self.frame_times, frame_size=self.frame_size, cost=dict(cost or {}),
        )  # fmt: skip


def prepare(request: Request, data: Path, frames: FrameStore, shows: Shows) -> Prepared:
    """Decode or find what ``request`` shows, and fill its prompt.

    Raises:
        InputError: a medium is missing or cannot be decoded; the message names it.
    """
    shown: tuple[Shown, ...] = ()
    if shows != "nothing":
        regions = tuple(request.regions) if shows == "outlined" else ()
        shown = tuple(
            frames.show(data, ref, request.frames, regions if n == 0 and ref.kind == "image" else ())
            for n, ref in enumerate(request.media)
        )
    return Prepared(request=request, prompt=filled(request.prompt, shown), shown=shown, data=data)


def filled(prompt: str, shown: tuple[Shown, ...]) -> str:
    """``prompt`` with ``{{duration}}``, ``{{frames}}`` and ``{{times}}`` replaced."""
    films = [medium for medium in shown if medium.kind == "video"]
    values = {
        "{{duration}}": f"{sum(film.duration or 0.0 for film in films):.3f}",
        "{{frames}}": str(sum(len(film.files) for film in films)),
        "{{times}}": ", ".join(f"{t:.2f}" for film in films for t in film.times),
    }
    for name, value in values.items():
        prompt = prompt.replace(name, value)
    return prompt
