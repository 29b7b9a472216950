"""The steps of a clip question's derivation: operations on the clip's records, run when built and run again.

Things and events are indices; ``None`` is "any" among arguments and "there is none" among values.

=====================================  =======================================================================
thing(phrase)                          the thing one calls that
events(kind, subject, other, detail)   events that fit, in order of onset
pick(events, n)                        the n-th of them, from the end when negative
next(event), previous(event)           the first to begin after it is over; the last over before it begins
tone(n), tones()                       the event of the n-th tone; those of all tones, in order of time
subjects(events), only(things)         who does it, each named once; the one there is
count(list)                            how many
span(event), start(event), middle(event)   (t0, t1); t0; the time half way
colour(thing, t), place(thing, t)      its colour's name; where on a 3 x 3 grid its centre is
present(t)                             the things of which anything is inside the picture
name(thing), say(event), side(event), shade(event)   words: its phrase; its sentence; the edge; the new colour
before(event, event)                   whether the first is over when the second begins
answer(value)                          the value in words
=====================================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from lucida.world.audio import Cue
from lucida.world.clip_records import ClipObject, ClipQuestion, Event, Step
from lucida.world.motion import Script, outside
from lucida.world.scene import place_word


class Records(Protocol):
    """What a derivation may look at: the records of a clip, never its pixels."""

    @property
    def objects(self) -> tuple[ClipObject, ...]: ...
    @property
    def scripts(self) -> tuple[Script, ...]: ...
    @property
    def events(self) -> tuple[Event, ...]: ...
    @property
    def cues(self) -> tuple[Cue, ...]: ...
    @property
    def size(self) -> tuple[int, int]: ...


class ReplayError(ValueError):
    """A step of a derivation does not follow from the records."""


def span_text(t0: float, t1: float) -> str:
    """A span as an answer, seconds to the hundredth: "2.10-2.83"."""
    return f"{t0:.2f}-{t1:.2f}"


def run(clip: Records, op: str, args: tuple[Any, ...]) -> Any:
    """The value of one operation. ``args`` are plain values (no ``$`` left)."""
    return _OPS[op](clip, *args)


def replay(clip: Records, question: ClipQuestion) -> str:
    """Recompute every step from the records and return the last one's value, the answer.

    Raises:
        ReplayError: a step's stored value is not what its operation gives.
    """
    values: list[Any] = []
    for number, step in enumerate(question.derivation):
        value = run(clip, step.op, resolve(values, step.args))
        if value != step.value:
            raise ReplayError(
                f"step {number} ({step.op}) of {question.text!r} gives {value!r}, not {step.value!r}"
            )
        values.append(value)
    if not values or values[-1] != question.answer:
        raise ReplayError(
            f"the derivation of {question.text!r} does not end in its answer {question.answer!r}"
        )
    return values[-1]


def resolve(values: list[Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments with every ``"$n"`` replaced by the value of step n."""
    return tuple(
        values[int(arg[1:])] if isinstance(arg, str) and arg.startswith("$") else arg for arg in args
    )


class Trace:
    """A derivation being built: ``do`` runs a step and returns its ``$`` name and value."""

    def __init__(self, clip: Records) -> None:
        self.clip, self.steps, self.values = clip, [], []
        self.steps: list[Step]
        self.values: list[Any]

    def do(self, op: str, *args: Any) -> str:
        """Run a step; the name by which later steps refer to its value."""
        real = resolve(self.values, args)
        value = run(self.clip, op, real)
        self.steps.append(Step(op=op, args=args, value=value, text=_words(self.clip, op, real, value)))
        self.values.append(value)
        return f"${len(self.values) - 1}"

    @property
    def value(self) -> Any:
        """The value of the last step."""
        return self.values[-1]


def _events(
    clip: Records, kind: str | None, subject: int | None, other: int | None, detail: str | None
) -> tuple:
    return tuple(
        index
        for index, event in enumerate(clip.events)
        if (kind is None or event.kind == kind)
        and (subject is None or event.subject == subject)
        and (other is None or event.other == other)
        and (detail is None or event.detail == detail)
    )


def _thing(clip: Records, phrase: str) -> int | None:
    found = [thing.index for thing in clip.objects if thing.phrase == phrase]
    return found[0] if len(found) == 1 else None


def _next(clip: Records, event: int) -> int | None:
    later = [i for i, other in enumerate(clip.events) if other.t0 >= clip.events[event].t1]
    return min(later, key=lambda i: clip.events[i].t0, default=None)


def _previous(clip: Records, event: int) -> int | None:
    earlier = [i for i, other in enumerate(clip.events) if other.t1 <= clip.events[event].t0]
    return max(earlier, key=lambda i: clip.events[i].t1, default=None)


def _subjects(clip: Records, events: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({clip.events[i].subject for i in events}))


def _present(clip: Records, t: float) -> tuple[int, ...]:
    return tuple(
        thing.index
        for thing, script in zip(clip.objects, clip.scripts, strict=True)
        if outside(script.at(t), thing.extent, clip.size) is None
    )


def _place(clip: Records, thing: int, t: float) -> str:
    (x, y), (height, width) = clip.scripts[thing].at(t), clip.size
    return place_word((x / width, y / height))


def _answer(clip: Records, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple) and len(value) == 2:
        return span_text(*value)
    return "never" if value is None or value == () else str(value)


def _pick(clip: Records, events: tuple[int, ...], n: int) -> int | None:
    return events[n if n < 0 else n - 1] if len(events) >= abs(n) else None


_OPS: dict[str, Callable[..., Any]] = {
    "thing": _thing,
    "events": _events,
    "pick": _pick,
    "next": _next,
    "previous": _previous,
    "tone": lambda clip, n: clip.cues[n - 1].event,
    "tones": lambda clip: tuple(cue.event for cue in clip.cues),
    "subjects": _subjects,
    "only": lambda clip, things: things[0] if len(things) == 1 else None,
    "count": lambda clip, items: len(items),
    "span": lambda clip, event: None if event is None else (clip.events[event].t0, clip.events[event].t1),
    "middle": lambda clip, event: (clip.events[event].t0 + clip.events[event].t1) / 2,
    "start": lambda clip, event: clip.events[event].t0,
    "colour": lambda clip, thing, t: clip.scripts[thing].paint(t).word,
    "place": _place,
    "present": _present,
    "name": lambda clip, thing: clip.objects[thing].phrase,
    "say": lambda clip, event: clip.events[event].text,
    "side": lambda clip, event: clip.events[event].detail,
    "shade": lambda clip, event: clip.events[event].detail,
    "before": lambda clip, first, second: clip.events[first].t1 <= clip.events[second].t0,
    "answer": _answer,
}


def _words(clip: Records, op: str, args: tuple[Any, ...], value: Any) -> str:
    """One step in plain words: what a model that reasons aloud is trained to say."""
    things, events = clip.objects, clip.events

    def told(index: int) -> str:
        return f"{events[index].text} ({span_text(events[index].t0, events[index].t1)} s)"

    match op:
        case "thing":
            return f"look for the {args[0]}" + ("" if value is not None else ": there is none")
        case "events" | "tones":
            return "; ".join(told(i) for i in value) or "that never happens"
        case "pick" | "next" | "previous" | "tone":
            return "nothing" if value is None else told(value)
        case "subjects" | "present":
            return ", ".join(f"the {things[i].phrase}" for i in value) or "nothing"
        case "only":
            return f"it is the {things[value].phrase}"
        case "colour":
            return f"at {args[1]:.2f} s the {things[args[0]].phrase} is {value}"
        case "place":
            return f"at {args[1]:.2f} s the {things[args[0]].phrase} is at the {value}"
        case "middle" | "start":
            return f"look at {value:.2f} s"
        case "before":
            return f"{told(args[0])} {'comes' if value else 'does not come'} before {told(args[1])}"
        case "span":
            return "never" if value is None else f"from {value[0]:.2f} s to {value[1]:.2f} s"
    return str(value)
