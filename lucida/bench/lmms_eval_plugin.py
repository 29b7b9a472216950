"""What lmms-eval calls when it runs our protocols, and the entry point by which it learns of them.

    export LUCIDA_BENCH_DATA=/data/benchmarks      # one folder per protocol: dlc, paradlc, gar, videozero, …
    lmms-eval --tasks lucida_dlc --model …

or, without the variable, ``lucida bench lend --data /data/benchmarks --out tasks`` and ``--include_path tasks``.
Scores are those of ``lucida bench score`` without a judge; a request that was not asked (``--limit``) scores 0.
Requests that depend on earlier replies are left out. lmms-eval is imported by :func:`register` only. It asks for av<16,
Lucida for av>=18: install it first, Lucida second (or with ``--no-deps``); what is used of it here needs no av.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from lucida.bench.cache import Cache
from lucida.bench.frames import FrameStore
from lucida.bench.prepare import Prepared, prepare
from lucida.bench.protocol import Protocol, load_protocol
from lucida.bench.records import Reply, Request
from lucida.media.errors import InputError

__all__ = ["aggregate", "doc_to_messages", "doc_to_text", "doc_to_visual", "process_results"]
DATA = "LUCIDA_BENCH_DATA"
Doc = Mapping[str, str]  # a line of the requests file: id, protocol, data


@lru_cache(maxsize=8)
def _bench(protocol: str, data: str) -> tuple[Protocol, dict[str, Request], tuple[str, ...]]:
    """The protocol, its requests by id, and the names of its figures."""
    found = load_protocol(protocol, data)
    return found, {request.id: request for request in found.requests()}, tuple(found.score({}).summary)


@lru_cache(maxsize=1)
def _frames() -> FrameStore:
    return FrameStore(Cache())


def _request(doc: Doc) -> Request:
    _, requests, _ = _bench(doc["protocol"], doc["data"])
    if doc["id"] not in requests:
        raise InputError(f"{doc['protocol']}: no request {doc['id']!r} in {doc['data']}; lend the tasks again")
    return requests[doc["id"]]


def _prepared(doc: Doc) -> Prepared:
    protocol, _, _ = _bench(doc["protocol"], doc["data"])
    return prepare(_request(doc), protocol.data, _frames(), "outlined")


def doc_to_visual(doc: Doc, *_: Any) -> list[Any]:
    """The pictures and frames as RGB pictures, in order, regions outlined and numbered."""
    from lucida.media.image import Image

    return [Image.open(jpeg).to_pil() for medium in _prepared(doc).shown for jpeg in medium.encoded()]


def doc_to_text(doc: Doc, *_: Any) -> str:
    """The prompt; only where it speaks of the frames are they looked for."""
    prompt = _request(doc).prompt
    return _prepared(doc).prompt if "{{" in prompt else prompt


def doc_to_messages(doc: Doc, *_: Any) -> list[dict[str, Any]]:
    """The chat: system line, then pictures and frames (each after its time), then the prompt."""
    prepared = _prepared(doc)
    times = [f"<{t:.2f} seconds>" if film else "" for film, t in _stamps(prepared)]
    content: list[dict[str, Any]] = []
    for stamp, picture in zip(times, doc_to_visual(doc), strict=True):
        content += [{"type": "text", "text": stamp}] if stamp else []
        content.append({"type": "image", "url": picture})
    content.append({"type": "text", "text": prepared.prompt})
    system = prepared.request.system
    first = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
    return [*first, {"role": "user", "content": content}]


def _stamps(prepared: Prepared) -> list[tuple[bool, float]]:
    """For each picture shown: whether it has a time, and which."""
    found: list[tuple[bool, float]] = []
    for medium in prepared.shown:
        found += [(True, t) for t in medium.times] if medium.times else [(False, 0.0)] * len(medium.files)
    return found


def process_results(doc: Doc, results: Sequence[str], **more: Any) -> dict[str, dict[str, Any]]:
    """The reply, once for each figure; :func:`aggregate` scores all of them together."""
    _, _, names = _bench(doc["protocol"], doc["data"])
    said = results[0] if results else ""
    return {name: {**doc, "metric": name, "raw": said if isinstance(said, str) else str(said)} for name in names}


def aggregate(items: Sequence[Mapping[str, Any]], **more: Any) -> float:
    """One figure of the protocol's summary, in its published unit."""
    first = items[0]
    said = tuple((str(item["id"]), str(item["raw"])) for item in items)
    return float(_summary(str(first["protocol"]), str(first["data"]), said).get(str(first["metric"]), 0.0))


@lru_cache(maxsize=8)
def _summary(protocol: str, data: str, said: tuple[tuple[str, str], ...]) -> Mapping[str, float]:
    bench, _, _ = _bench(protocol, data)
    replies: dict[str, Reply] = {}
    for name, raw in said:
        # What was shown goes with the reply: boxes in pixels are pixels of these frames.
        shown = _prepared({"id": name, "protocol": protocol, "data": data})
        replies[name] = replace(shown.reply(raw, model="lmms-eval"), id=name)
    return bench.score(replies).summary


def register() -> list[Any]:
    """Entry point of the group ``lmms_eval.models``, the only one that lmms-eval reads. Gives no models.

    lmms-eval has no entry point for tasks. While its models are registered this makes the task index include ours, if
    ``LUCIDA_BENCH_DATA`` is set. Where its inside has changed, a warning names the way that always works.
    """
    if not os.environ.get(DATA):
        return []
    try:
        folder = lent_folder(Path(os.environ[DATA]))
        from lmms_eval.tasks import TaskManager  # pyright: ignore[reportMissingImports]

        include(TaskManager, str(folder))
    except Exception as error:  # never in the way of an evaluation that does not want our tasks
        logging.getLogger(__name__).warning(
            "Lucida's tasks are not lent: %s (or: lucida bench lend --data DIR --out tasks, and --include_path tasks)",
            error,
        )
    return []


def lent_folder(data: Path) -> Path:
    """The tasks for ``data``, written to Lucida's cache folder."""
    from lucida.bench.cache import digest
    from lucida.bench.lend import lend
    from lucida.media import settings

    return lend(data, settings.cache_dir() / "lmms-eval" / digest(str(data.absolute()))).folder


def include(manager: Any, folder: str) -> None:
    """Make every new ``manager`` (lmms-eval's ``TaskManager``) look into ``folder`` too."""
    original = manager.initialize_tasks

    def initialize_tasks(self: Any, include_path: Any = None, **more: Any) -> Any:
        paths = [include_path] if isinstance(include_path, str) else list(include_path or ())
        return original(self, include_path=[*paths, folder], **more)

    manager.initialize_tasks = initialize_tasks
