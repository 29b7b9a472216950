"""Questions about a clip, each with its one right answer, when and where it is to be seen, and the way to it.

Only what is clear is asked: an event is named by words that fit no other event, neighbours in time are apart,
places are off the lines of the grid. "Never" is an answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lucida.world.clip_questions_asker import APART, Asker
from lucida.world.clip_records import EVENT_KINDS, ClipQuestion
from lucida.world.clips import Clip
from lucida.world.splits import generator


def clip_questions(clip: Clip, *, held_out: bool = False, limit: int | None = None) -> list[ClipQuestion]:
    """Every clear question about ``clip``, shuffled; or ``limit`` of them, each kind in turn.

    ``held_out`` asks in the wordings that training never shows.
    """
    rng = generator(clip.split, clip.seed, "clip questions", held_out)
    asked = Asker(clip, rng, held_out)
    found = [question for kind in _KINDS for question in kind(asked)]
    found = [found[int(i)] for i in rng.permutation(len(found))]
    if limit is None:
        return found
    turn: dict[str, int] = {}
    order = []
    for question in found:
        turn[question.kind] = turn.get(question.kind, 0) + 1
        order.append(turn[question.kind])
    return [found[int(i)] for i in np.argsort(order, kind="stable")[:limit]]


def _when(a: Asker) -> Iterator[ClipQuestion]:
    """When does it happen? Once: when. More often: the first and the last time."""
    texts = [event.text for event in a.clip.events]
    for text in dict.fromkeys(texts):
        indices = [i for i, other in enumerate(texts) if other == text]
        picks = {"": 1} if len(indices) == 1 else {" for the first time": 1, " for the last time": -1}
        for often, n in picks.items():
            index = indices[n if n < 0 else 0]
            trace = a.trace()
            value = trace.do("span", a.find(trace, index, n))
            yield a.ask("when", "span", trace, value, [a.cite(index)], often=often, **a.words(index))


def _never(a: Asker) -> Iterator[ClipQuestion]:
    """When does a thing do what it never does? One question per clip."""
    idle = [
        (thing, kind)
        for thing in a.clip.objects
        for kind in ("enter", "leave", "jump")
        if not any(event.kind == kind and event.subject == thing.index for event in a.clip.events)
    ]
    if not idle:
        return
    thing, kind = idle[int(a.rng.integers(len(idle)))]
    trace = a.trace()
    value = trace.do("pick", trace.do("events", kind, trace.do("thing", thing.phrase), None, None), 1)
    words = {"event": f"the {thing.phrase} {kind}s", "base": f"the {thing.phrase} {kind}"}
    yield a.ask("never", "none", trace, value, [], often="", **words)


def _neighbour(a: Asker, op: str, kind: str) -> Iterator[ClipQuestion]:
    """What happens next, or just before? Not asked when it is only the same thing going on."""
    events = a.clip.events
    for index in a.unique:
        trace = a.trace()
        there = trace.do(op, a.find(trace, index))
        if trace.value is None:
            continue
        found, edge = trace.value, events[index].t1 if op == "next" else events[index].t0
        mine = events[found].t0 if op == "next" else events[found].t1
        rivals = [e.t0 if op == "next" else e.t1 for i, e in enumerate(events) if i not in (index, found)]
        clear = all(abs(t - mine) >= APART and abs(t - edge) >= APART for t in rivals)
        if not clear or events[found].subject == events[index].subject:
            continue
        value = trace.do("say", there)
        yield a.ask(kind, "event", trace, value, [a.cite(index), a.cite(found)], **a.words(index))


def _count(a: Asker) -> Iterator[ClipQuestion]:
    """How many different things do it; how many times does one thing do it?"""
    for kind in ("enter", "leave", "jump", "change colour"):
        trace = a.trace()
        events = trace.do("events", kind, None, None, None)
        found = trace.value
        value = trace.do("count", trace.do("subjects", events))
        words = {"verb": kind}
        yield a.ask("how many", "number", trace, value, [a.cite(i) for i in found], **words)
    for thing in a.clip.objects:
        for kind in ("enter", "leave", "jump"):
            trace = a.trace()
            events = trace.do("events", kind, trace.do("thing", thing.phrase), None, None)
            if found := trace.value:
                value = trace.do("count", events)
                words = a.words(found[0])
                yield a.ask("how often", "number", trace, value, [a.cite(i) for i in found], **words)


def _colour(a: Asker) -> Iterator[ClipQuestion]:
    """What colour does it become; what colour was it before?"""
    for thing in a.clip.objects:
        trace = a.trace()
        events = trace.do("events", "change colour", trace.do("thing", thing.phrase), None, None)
        if len(trace.value) != 1:
            continue
        index = trace.value[0]
        event = trace.do("pick", events, 1)
        value = trace.do("shade", event)
        yield a.ask("becomes", "colour", trace, value, [a.cite(index)], thing=thing.phrase)
        t0 = a.clip.events[index].t0
        trace = a.trace()
        name = trace.do("thing", thing.phrase)
        t = trace.do("start", trace.do("pick", trace.do("events", "change colour", name, None, None), 1))
        value = trace.do("colour", name, t)
        cited = [a.cite(index), a.cite_thing(thing.index, t0, max(0.0, t0 - 0.5), t0)]
        yield a.ask("was", "colour", trace, value, cited, thing=thing.phrase)


def _at(a: Asker) -> Iterator[ClipQuestion]:
    """Where is one thing when another does something; what colour is it then?"""
    for index in a.unique:
        event = a.clip.events[index]
        for thing in a.clip.objects:
            if thing.index in (event.subject, event.other) or not a.steady(thing.index, event):
                continue
            ops = [("place", "where", "place")]
            if a.clip.scripts[thing.index].recolours:  # else it need not be looked for at that time
                ops.append(("colour", "which colour", "colour"))
            for op, kind, answer_type in ops:
                trace = a.trace()
                t = trace.do("middle", a.find(trace, index))
                middle = trace.value
                value = trace.do(op, trace.do("thing", thing.phrase), t)
                cited = [a.cite(index), a.cite_thing(thing.index, middle, event.t0, event.t1)]
                yield a.ask(kind, answer_type, trace, value, cited, thing=thing.phrase, **a.words(index))


def _who(a: Asker) -> Iterator[ClipQuestion]:
    """What is it that does this? Only one thing does."""
    for kind in EVENT_KINDS:
        for other in [None] if kind != "approach" else list(a.clip.objects):
            trace = a.trace()
            target = None if other is None else trace.do("thing", other.phrase)
            events = trace.do("events", kind, None, target, None)
            found = trace.value
            doers = trace.do("subjects", events)
            if len(trace.value) != 1:
                continue
            value = trace.do("name", trace.do("only", doers))
            verb = kind if other is None else f"approach the {other.phrase}"
            yield a.ask("who", "noun", trace, value, [a.cite(i) for i in found], verb=verb)


def _side(a: Asker) -> Iterator[ClipQuestion]:
    """Over which edge does it come or go?"""
    for index in a.unique:
        event = a.clip.events[index]
        if event.kind in ("enter", "leave"):
            trace = a.trace()
            value = trace.do("side", a.find(trace, index))
            way = "from" if event.kind == "enter" else "over"
            yield a.ask("side", "side", trace, value, [a.cite(index)], way=way, **a.words(index))


def _order(a: Asker) -> Iterator[ClipQuestion]:
    """Does this happen before that? As often yes as no; at most one question per event."""
    events, pool = a.clip.events, list(a.unique)
    for first, second in zip(pool[::2], pool[1::2], strict=False):
        if events[second].t0 - events[first].t1 < APART:
            continue
        pair = (first, second) if a.rng.random() < 0.5 else (second, first)
        trace = a.trace()
        value = trace.do("before", a.find(trace, pair[0]), a.find(trace, pair[1]))
        words = a.words(pair[0]) | {"other": events[pair[1]].text}
        yield a.ask("before", "yesno", trace, value, [a.cite(pair[0]), a.cite(pair[1])], **words)


def _present(a: Asker) -> Iterator[ClipQuestion]:
    """How many things are in the picture when something happens? Nothing may be half in it, or hidden."""
    for index in a.unique:
        event = a.clip.events[index]
        trace = a.trace()
        t = trace.do("middle", a.find(trace, index))
        middle = trace.value
        value = trace.do("count", trace.do("present", t))
        if event.kind not in ("jump", "change colour", "stop") or not a.all_clear(middle):
            continue
        cited = [a.cite_thing(i, middle, event.t0, event.t1) for i in trace.values[-2]]
        yield a.ask("present", "number", trace, value, cited, **a.words(index))


def _sound(a: Asker) -> Iterator[ClipQuestion]:
    """What is seen at the n-th tone? Only while tones can be counted by ear."""
    times = [cue.t for cue in a.clip.cues]
    if not 2 <= len(times) <= 8 or min(np.diff(times)) < APART:
        return
    n = 1 + int(a.rng.integers(len(times)))
    trace = a.trace()
    value = trace.do("say", trace.do("tone", n))
    ordinal = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")[n - 1]
    yield a.ask("tone", "event", trace, value, [a.cite(a.clip.cues[n - 1].event)], n=ordinal)
    trace = a.trace()
    value = trace.do("count", trace.do("tones"))
    yield a.ask("tones", "number", trace, value, [a.cite(cue.event) for cue in a.clip.cues])


_KINDS: tuple[Callable[[Asker], Iterator[ClipQuestion]], ...] = (
    _when, _never,
    lambda a: _neighbour(a, "next", "after"), lambda a: _neighbour(a, "previous", "just before"),
    _count, _colour, _at, _who, _side, _order, _present, _sound,
)  # fmt: skip
