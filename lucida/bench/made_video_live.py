"""World-made OVO-Bench and StreamingBench: questions in the midst of real H.264 videos, answered by what has been.

Of OVO-Bench's tasks OCR (there is no text in the world) and FPD (its future cannot be foreseen) are absent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.made_clips import Film, films, write_film
from lucida.bench.made_folder import new_folder, write_files
from lucida.bench.made_moments import UNABLE, Asked, Moment, moments
from lucida.bench.made_video import FPS, SECONDS, SIZE
from lucida.media.errors import InputError
from lucida.world.clip_questions import clip_questions
from lucida.world.clip_records import ClipQuestion, Event
from lucida.world.records import COLOURS

SIDES = ("left", "right", "top", "bottom")
AFTER = 2.0  # seconds after the evidence at which a question about the past is asked
REALTIME: dict[str, Callable[[Moment], Asked | None]] = {
    "ACR": Moment.doing, "ATR": Moment.colour, "STU": Moment.place, "OJR": Moment.thing,
}  # fmt: skip
STREAMED: dict[str, Callable[[Moment], Asked | None]] = {
    "Action Perception": Moment.doing, "Attribute Perception": Moment.colour, "Spatial Understanding": Moment.place,
    "Object Perception": Moment.thing, "Counting": Moment.count, "Event Understanding": Moment.last,
}  # fmt: skip


def make_ovo(
    target: Path, *, clips: int = 8, seed: int = 0, split: str = "test", size: tuple[int, int] = SIZE,
    seconds: float = SECONDS, fps: float = FPS,
) -> Path:  # fmt: skip
    """OVO-Bench from the world: ``ovo_bench_new.json`` and ``src_videos/``; up to one item a task and clip.

    Raises:
        InputError: numbers out of range, ``target`` exists, or it cannot be written.
    """
    rows: list[dict[str, Any]] = []
    with new_folder(target) as folder:
        for film in films(clips, seed=seed, split=split, size=size, seconds=seconds, fps=fps):
            write_film(film, folder / "src_videos" / "world")
            rng = np.random.default_rng([seed, film.clip.seed, 1])
            for row in (*_backward(film, rng), *_realtime(film, rng), *_forward(film)):
                rows.append({"id": len(rows), "video": f"world/{film.name}", **row})
        if not rows:
            raise InputError(
                f"clips is {clips}; nothing can be asked about them: ask for more or longer clips"
            )
        write_files(folder, {"ovo_bench_new.json": rows}, "ovo", seed=seed, split=split)
    return target


def _choice(task: str, time: float, asked: Asked) -> dict[str, Any]:
    return {"task": task, "realtime": time, "question": asked.question, "answer": asked.answer,
            "options": list(asked.options), "gt": asked.gold}  # fmt: skip


def _backward(film: Film, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """EPM: a detail of what is over; ASI: what came next or before; HLD: a detail of what never happens."""
    pools = {"side": SIDES, "colour": COLOURS}
    wanted = {"EPM": ("side", "becomes", "which colour"), "ASI": ("after", "just before")}
    for task, kinds in wanted.items():
        for question in (q for q in clip_questions(film.clip) if q.kind in kinds):
            moment = Moment(film, _time_after(film, question), rng)
            wrong = pools.get(question.answer_type) or moment.texts()
            asked = moment.ask(_sentence(question.text), question.answer, wrong)
            if asked is not None:
                yield _choice(task, moment.time, asked)
                break
    idle = [
        thing
        for thing in film.clip.objects
        if not any(e.kind == "enter" and e.subject == thing.index for e in film.clip.events)
    ]
    if idle:
        moment = Moment(film, film.clip.seconds, rng)
        asked = moment.ask(f"From which side did the {idle[0].phrase} enter?", UNABLE, SIDES)
        assert asked is not None  # there are always other sides
        yield _choice("HLD", moment.time, asked)


def _time_after(film: Film, question: ClipQuestion) -> float:
    end = max((one.t1 for one in question.evidence), default=0.0)
    return min(film.clip.seconds, round(end + AFTER, 1))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _realtime(film: Film, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for task, ask in REALTIME.items():
        for moment in moments(film, rng, step=0.25 if task == "ACR" else 1.0):
            if (asked := ask(moment)) is not None:
                yield _choice(task, moment.time, asked)
                break


def _forward(film: Film) -> Iterator[dict[str, Any]]:
    """REC: how often so far; SSR: is this step going on; CRR: has enough been shown to answer?"""
    clip = film.clip
    several = next((e for e in clip.events if len(film.named(e)) > 1), None)
    same = film.named(several) if several is not None else []
    ends = [round(min(e.t1 + 0.3, clip.seconds), 2) for e in same]
    counts = [{"realtime": t, "count": sum(e.t1 <= t for e in same)} for t in ends if not _under_way(same, t)]
    if several is not None and counts:
        yield {
            "task": "REC", "activity": several.text, "start_times": [round(e.t0, 2) for e in same],
            "end_times": [round(e.t1, 2) for e in same], "test_info": counts,
        }  # fmt: skip
    steps = [e for e in clip.events if len(film.named(e)) == 1 and e.t1 - e.t0 >= 0.4][:4]
    if len(steps) > 1:
        tests = []
        for k, step in enumerate(steps):
            tests.append({"realtime": round((step.t0 + step.t1) / 2 + 0.1, 2), "step": step.text, "type": 1})
            other = steps[k - 1]
            if other.t1 < step.t0 or other.t0 > step.t1:
                tests.append({**tests[-1], "step": other.text, "type": 0})
        yield {
            "task": "SSR", "tutorial": "a scene", "all_steps": [e.text for e in steps], "test_info": tests,
            "start_time": [round(e.t0, 2) for e in steps], "end_time": [round(e.t1, 2) for e in steps],
        }  # fmt: skip
    sides = [e for e in steps if e.kind in ("enter", "leave") and e.t0 >= 3]
    if sides:
        clue, way = sides[0], "From" if sides[0].kind == "enter" else "Over"
        ends = [min(clip.seconds, round(clue.t1 + wait, 2)) for wait in (0.5, 2.0, 4.0)]
        tests = [(round(clue.t0 - wait, 2), 0) for wait in (2.5, 1.0)] + [(t, 1) for t in dict.fromkeys(ends)]
        yield {
            "task": "CRR", "question": f"{way} which side does this happen: {clue.text}?", "answer": clue.detail,
            "ask_time": tests[0][0], "clue_time": round(clue.t1, 2),
            "test_info": [{"realtime": t, "type": kind} for t, kind in tests],
        }  # fmt: skip


def _under_way(events: Sequence[Event], t: float) -> bool:
    return any(e.t0 < t < e.t1 for e in events)


def make_streaming(
    target: Path, *, clips: int = 8, seed: int = 0, split: str = "test", size: tuple[int, int] = SIZE,
    seconds: float = SECONDS, fps: float = FPS,
) -> Path:  # fmt: skip
    """StreamingBench from the world: ``questions_real.json``, ``_omni``, ``_sqa``, ``_proactive`` and ``videos/``.

    Times are whole seconds, as officially; parts of which no clip has a clear case are left out.

    Raises:
        InputError: as :func:`make_ovo`.
    """
    parts: dict[str, list[Any]] = {"real": [], "omni": [], "sqa": [], "proactive": []}
    with new_folder(target) as folder:
        for film in films(clips, seed=seed, split=split, size=size, seconds=seconds, fps=fps):
            write_film(film, folder / "videos")
            rng = np.random.default_rng([seed, film.clip.seed, 2])
            for part, records in (("real", _real(film, rng)), ("omni", _omni(film, rng)), ("sqa", _chain(film, rng)),
                                  ("proactive", _proactive(film))):  # fmt: skip
                parts[part] += records
        files = {f"questions_{part}.json": records for part, records in parts.items() if records}
        if not files:
            raise InputError(
                f"clips is {clips}; nothing can be asked about them: ask for more or longer clips"
            )
        write_files(folder, files, "streaming", seed=seed, split=split)
    return target


def _stamp(t: float) -> str:
    whole = int(t)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _record(film: Film, suffix: str, *questions: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": f"[0:00:00 - {_stamp(film.clip.seconds)}]", "questions": list(questions),
        "video_categories": film.clip.background, "video_path": f"./videos/{Path(film.name).name}",
        "subset": suffix,
    }  # fmt: skip


def _streamed(task: str, moment: Moment, asked: Asked) -> dict[str, Any]:
    return {
        "task_type": task, "question": asked.question, "time_stamp": _stamp(moment.time),
        "answer": "ABCDEFGHIJ"[asked.gold], "options": list(asked.options), "required_ability": "working memory",
    }  # fmt: skip


def _real(film: Film, rng: np.random.Generator) -> list[Any]:
    found = []
    for task, ask in STREAMED.items():
        for moment in moments(film, rng):
            if (asked := ask(moment)) is not None:
                found.append(_streamed(task, moment, asked))
                break
    return [_record(film, "real", *found)] if found else []


def _omni(film: Film, rng: np.random.Generator) -> list[Any]:
    """What went with the last tone? Tones sound at the onset of events."""
    cues, events = film.clip.cues, film.clip.events
    for moment in moments(film, rng):
        heard = [cue for cue in cues if cue.t + 0.5 <= moment.seen]
        if (
            len(heard) < 2
            or heard[-1].t - heard[-2].t < 0.5
            or any(abs(c.t - moment.seen) < 0.5 for c in cues)
        ):
            continue
        asked = moment.ask("What happened at the last tone?", events[heard[-1].event].text, moment.texts())
        if asked is not None:
            return [_record(film, "omni", _streamed("Multimodal Alignment", moment, asked))]
    return []


def _chain(film: Film, rng: np.random.Generator) -> list[Any]:
    """A question, and one that can be understood only with the answer to the first."""
    ordered = sorted(moments(film, rng), key=lambda moment: moment.time)
    for first in ordered:
        asked = first.thing()
        later = [moment for moment in ordered if moment.time > first.time]
        for second in later if asked is not None else ():
            text = "In which part of the picture is the thing of the last question right now?"
            place = second.place(asked.answer, text) if asked is not None else None
            if asked is not None and place is not None:
                task = "Sequential Question Answering"
                return [[_record(film, "sqa", _streamed(task, first, asked)),
                         _record(film, "sqa", _streamed(task, second, place))]]  # fmt: skip
    return []


def _proactive(film: Film) -> list[Any]:
    """An output at the end of an event, set up to six seconds before; nothing told in these words comes between."""

    def clear(event: Event, since: float) -> bool:
        return not any(since <= e.t1 < event.t1 or e.t0 < since < e.t1 for e in film.named(event))

    for event in film.clip.events:
        moment = math.ceil(event.t1)
        begin = max(1, moment - 6)
        if moment + 5 <= film.clip.seconds and begin < event.t0 and clear(event, begin):
            noun = film.clip.objects[event.subject].noun
            return [_record(film, "proactive", {
                "task_type": "Proactive Output", "question": f'When {event.text}, output "{noun}".',
                "time_stamp": _stamp(begin), "ground_truth_time_stamp": _stamp(moment), "ground_truth_output": noun,
                "required_ability": "working memory",
            })]  # fmt: skip
    return []
