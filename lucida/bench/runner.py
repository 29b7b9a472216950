"""Running a protocol against a model: prepare ahead, call concurrently, log at once, resume by replaying the log."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lucida.bench.cache import Cache
from lucida.bench.frames import FrameStore
from lucida.bench.models.base import Model, Unavailable
from lucida.bench.prepare import Prepared, prepare
from lucida.bench.protocol import Protocol
from lucida.bench.records import Reply, Request
from lucida.bench.store import RunStore
from lucida.media.errors import InputError

DECODERS = 2  # threads that prepare requests ahead
AHEAD = 2  # requests prepared ahead, for each that may be under way
PATIENCE = 20  # calls in a row that find the model unreachable


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run.

    Attributes:
        limit: only the first so many items. shard: (index, count): only the clusters of this share; they go round
            the shares in their order, so that a video is decoded by one process and the shares are even.
        retry_errors: ask again what ended in an error before.
    """

    limit: int | None = None
    shard: tuple[int, int] | None = None
    retry_errors: bool = True


@dataclass(kw_only=True)
class RunResult:
    """What a run did.

    Attributes:
        replies: by request id, of all requests of this run, in their order.
        asked: put to the model now. replayed: found in the run's log. cached: found in the cache.
        errors: replies with an error. problems: one line each.
        decodes: videos opened for decoding. seconds: wall time.
    """

    folder: Path
    replies: dict[str, Reply] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    asked: int = 0
    replayed: int = 0
    cached: int = 0
    errors: int = 0
    decodes: int = 0
    seconds: float = 0.0


Say = Callable[[int, int, RunResult], None]  # done, all, result so far
Batch = tuple[Request, ...]


def run(
    protocol: Protocol,
    model: Model,
    out: str | Path,
    *,
    cache: Cache | None = None,
    options: RunOptions | None = None,
    config: Mapping[str, Any] | None = None,
    say: Say | None = None,
) -> RunResult:
    """Get a reply to every request of ``protocol``, in the run folder ``out``; a second call carries on.

    Args:
        config: further entries of ``run.json``.
        say: told about progress.

    Raises:
        InputError: the folder belongs to another run, or the model stays unreachable (what came back is kept).
    """
    options, cache = options or RunOptions(), cache or Cache()
    begin = time.perf_counter()
    result = RunResult(folder=Path(out))
    facts = {
        "schema": "lucida-bench/1", "protocol": protocol.name, "model": model.name, "revision": protocol.revision,
        "data": str(protocol.data.absolute()), "identity": dict(model.identity), **(config or {}),
    }  # fmt: skip
    with RunStore(result.folder, facts) as store:
        engine = _Engine(protocol, model, cache, store, result, options, say)
        result.problems += [*store.problems, *getattr(model, "problems", ())]
        engine.answer(protocol.requests())
        engine.answer(protocol.follow_ups(dict(result.replies)))
        result.decodes = engine.frames.decodes
    result.errors = sum(reply.error is not None for reply in result.replies.values())
    result.seconds = time.perf_counter() - begin
    return result


class _Engine:
    def __init__(
        self, protocol: Protocol, model: Model, cache: Cache, store: RunStore, result: RunResult, options: RunOptions,
        say: Say | None,
    ) -> None:  # fmt: skip
        self.protocol, self.model, self.cache, self.store = protocol, model, cache, store
        self.result, self.options, self.say = result, options, say
        self.frames = FrameStore(cache)
        self._unreachable = 0
        self._places: dict[str, int] = {}  # clusters by number: they go round the shards

    def answer(self, requests: Sequence[Request]) -> None:
        """Fill ``result.replies`` with an answer to each request, in their order."""
        if not self._places:
            self._places = {name: n for n, name in enumerate(dict.fromkeys(one.cluster for one in requests))}
        chosen = self._chosen(requests)
        before = len(self.result.replies)
        found: dict[str, Reply] = {}
        total = before + len(chosen)

        def take(entries: Sequence[tuple[Request, Reply]]) -> None:
            found.update({request.id: reply for request, reply in entries})
            if self.say is not None:
                self.say(before + len(found), total, self.result)

        self._work(self._unanswered(chosen, take), take)
        self.result.replies.update({request.id: found[request.id] for request in chosen if request.id in found})

    def _chosen(self, requests: Sequence[Request]) -> list[Request]:
        limit, shard = self.options.limit, self.options.shard
        chosen: dict[str, Request] = {}
        items: set[str] = set()
        for request in requests:
            if shard is not None and self._places.get(request.cluster, shard[0]) % shard[1] != shard[0]:
                continue
            if limit is not None and request.item not in items and len(items) >= limit:
                continue
            items.add(request.item)
            if request.id in chosen or request.id in self.result.replies:
                self.result.problems.append(f"request id {request.id!r} twice; the first is asked")
                continue
            chosen[request.id] = request
        return list(chosen.values())

    def _unanswered(
        self, chosen: Sequence[Request], take: Callable[[Sequence[tuple[Request, Reply]]], None]
    ) -> Iterator[tuple[Batch, dict[str, str]]]:
        """Batches that nothing answers yet, with their keys by id; the others are taken on the way."""
        for batch in self._batches(chosen):
            keys = {one.id: self._key(one, batch if len(batch) > 1 else ()) for one in batch}
            known = {one.id: self.store.replies.get(keys[one.id]) for one in batch}
            if all(reply is not None and self._keep(reply) for reply in known.values()):
                self.result.replayed += len(batch)
                entries = [(one, _named(reply, one)) for one in batch if (reply := known[one.id]) is not None]
                # Another request that asks the same, or the same id with other options, came last: the log, read
                # alone, must give this run's score.
                new = [(keys[one.id], reply) for one, reply in entries if self.store.said.get(one.id) != keys[one.id]]
                if new:
                    self.store.append(new)
                take(entries)
                continue
            kept = {one.id: self.cache.get(keys[one.id]) for one in batch}
            if all(reply is not None for reply in kept.values()):
                self.result.cached += len(batch)
                entries = [(one, _named(reply, one)) for one in batch if (reply := kept[one.id]) is not None]
                self.store.append((keys[one.id], reply) for one, reply in entries)
                take(entries)
                continue
            yield batch, keys

    def _key(self, request: Request, siblings: Batch) -> str:
        # A table of replies by id may answer the same question twice, and differently.
        own = {"id": request.id} if getattr(self.model, "by_id", False) else {}
        return self.cache.request_key(request, self.protocol.data, {**self.model.identity, **own}, siblings)

    def _keep(self, reply: Reply) -> bool:
        return reply.error is None or not self.options.retry_errors

    def _batches(self, chosen: Sequence[Request]) -> Iterator[Batch]:
        groups: dict[str, list[Request]] = {}
        for request in chosen:
            if request.group and self.model.batches:
                groups.setdefault(request.group, []).append(request)
        for request in chosen:
            if not (request.group and self.model.batches):
                yield (request,)
            elif request.group in groups:
                yield tuple(groups.pop(request.group))

    def _work(
        self,
        pending: Iterable[tuple[Batch, dict[str, str]]],
        take: Callable[[Sequence[tuple[Request, Reply]]], None],
    ) -> None:
        done: queue.SimpleQueue[tuple[Batch, list[Reply], bool, BaseException | None]] = queue.SimpleQueue()
        window = self.model.concurrency * (1 + AHEAD)  # bounds memory: batches under way or prepared
        flying = 0
        callers = ThreadPoolExecutor(self.model.concurrency, thread_name_prefix="model")
        decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="frames")

        def answered(batch: Batch, keys: dict[str, str], ready: list[Prepared | Reply]) -> None:
            # Logged before this thread asks anything else: a kill loses what is in flight, and no more.
            try:
                replies, reached = self._call(ready)
                self._log(batch, keys, replies)
            except BaseException as error:  # a full disk; the run ends with it
                done.put((batch, [], True, error))
            else:
                done.put((batch, replies, reached, None))

        def prepared(batch: Batch, keys: dict[str, str], future: Future[list[Prepared | Reply]]) -> None:
            if not future.cancelled():
                ready = future.result()
                try:
                    callers.submit(answered, batch, keys, ready)
                except RuntimeError:  # shutting down
                    return

        def collect() -> None:
            nonlocal flying
            batch, replies, reached, error = done.get()
            flying -= 1
            if error is not None:
                raise error
            self.result.asked += len(batch)
            take(list(zip(batch, replies, strict=True)))
            self._unreachable = 0 if reached else self._unreachable + len(batch)
            if self._unreachable >= max(PATIENCE, 2 * self.model.concurrency):
                raise InputError(f"{replies[0].error}; given up after {self._unreachable} tries, run again to carry on")

        try:
            for batch, keys in pending:
                while flying >= window:
                    collect()
                flying += 1
                future = decoders.submit(self._prepare, batch)
                future.add_done_callback(lambda f, b=batch, k=keys: prepared(b, k, f))
            while flying:
                collect()
        finally:
            decoders.shutdown(cancel_futures=True)
            callers.shutdown(cancel_futures=True)

    def _prepare(self, batch: Batch) -> list[Prepared | Reply]:
        ready: list[Prepared | Reply] = []
        for request in batch:
            try:
                ready.append(prepare(request, self.protocol.data, self.frames, self.model.shows))
            except Exception as error:  # one bad file must not end the run
                ready.append(Reply(id=request.id, raw="", error=f"media: {_line(error)}", model=self.model.name))
        return ready

    def _call(self, ready: list[Prepared | Reply]) -> tuple[list[Reply], bool]:
        """Replies in order, and whether the model could be reached."""
        asked = [one for one in ready if isinstance(one, Prepared)]
        reached, replies = True, {}
        if asked:
            try:
                answers = self.model.generate(asked)
                if len(answers) != len(asked):
                    raise ValueError(f"{len(answers)} replies to {len(asked)} requests")
                for one, answer in zip(asked, answers, strict=True):
                    replies[one.request.id] = _named(answer, one.request)
            except Exception as error:  # a model of the user's own may raise anything
                reached = not isinstance(error, Unavailable)
                for one in asked:
                    replies[one.request.id] = one.reply("", model=self.model.name, error=_line(error))
        return [one if isinstance(one, Reply) else replies[one.request.id] for one in ready], reached

    def _log(self, batch: Batch, keys: dict[str, str], replies: list[Reply]) -> None:
        new = [(keys[one.id], reply) for one, reply in zip(batch, replies, strict=True)]
        self.store.append(new)
        for key, reply in new:
            self.cache.put(key, reply)


def _named(reply: Reply, request: Request) -> Reply:
    from dataclasses import replace

    if not isinstance(reply, Reply) or not isinstance(reply.raw, str):
        raise TypeError(f"want a Reply with text, got {type(reply).__name__}")
    return reply if reply.id == request.id else replace(reply, id=request.id)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())[:500]
    known = isinstance(error, (InputError, Unavailable))
    return text if known and text else f"{type(error).__name__}: {text}"
