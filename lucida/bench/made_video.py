"""World-made VideoZeroBench, V-STaR and temporal grounding: official files, real H.264 videos, exact evidence.

Deterministic by seed. What the world does not have (text in the picture, speech, real actions) is not asked.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.made_clips import Film, ceil_at, films, hundredths, spans, write_film
from lucida.bench.made_folder import new_folder, write_files
from lucida.media.errors import InputError
from lucida.world.clip_questions import clip_questions
from lucida.world.clip_questions_wording import base_form
from lucida.world.clip_records import ClipQuestion, Event

SIZE, SECONDS, FPS = (128, 128), 20.0, 8.0
FORMATS = {
    "number": "Answer with a number.", "colour": "Answer with one colour.", "noun": "Answer with its name.",
    "place": "Answer with a place on a grid of three by three, such as top left, right or centre.",
    "yesno": "Answer yes or no.", "side": "Answer left, right, top or bottom.",
    "event": "Answer with a sentence such as: the fox enters.", "none": "Answer with the second, or never.",
}  # fmt: skip
ABILITIES = {
    "how many": ("counting", "event perception"), "how often": ("counting", "action recognition"),
    "present": ("counting", "small-object perception"), "becomes": ("event perception",),
    "was": ("event perception", "multi-segment dependency"), "which colour": ("event perception", "object tracking"),
    "where": ("spatial orientation discrimination", "object tracking"),
    "side": ("spatial orientation discrimination",), "who": ("action recognition",),
    "after": ("multi-segment dependency",), "just before": ("multi-segment dependency",),
    "before": ("multi-segment dependency", "event perception"), "never": ("event perception",),
    "tone": ("audio perception",), "tones": ("audio perception", "counting"),
}  # fmt: skip
_VERBS = {"change colour": "changes colour", "approach": "goes up to another thing"}
WITHOUT_BOXES = ("how often", "tone", "tones")  # heard or counted: annotated in time only
WITHOUT_WINDOWS = ("present",)  # about one moment: annotated by the boxes of that moment only


def make_videozero(
    target: Path, *, clips: int = 8, per_clip: int = 5, seed: int = 0, split: str = "test",
    size: tuple[int, int] = SIZE, seconds: float = SECONDS, fps: float = FPS,
) -> Path:  # fmt: skip
    """VideoZeroBench from the world: ``VideoZeroBench_world.tsv`` and ``.json`` with the same rows, ``videos/``.

    As in the official set some questions have no windows, some no boxes and some neither, so that the ceilings of
    levels 4 and 5 are below 100.

    Args:
        clips: videos. per_clip: most questions about each; kinds take turns from clip to clip.
        seed: of the first clip. size: (height, width) of the videos.

    Raises:
        InputError: numbers out of range, ``target`` exists, or it cannot be written.
    """
    rows: list[dict[str, Any]] = []
    with new_folder(target) as folder:
        for k, film in enumerate(films(clips, seed=seed, split=split, size=size, seconds=seconds, fps=fps)):
            write_film(film, folder / "videos")
            for question in _picked(film, k * per_clip, per_clip):
                rows.append(_videozero_row(film, question, len(rows), k))
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), delimiter="\t")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: json.dumps(v) if isinstance(v, list) else v for key, v in row.items()})
        files = {"VideoZeroBench_world.tsv": table.getvalue(), "VideoZeroBench_world.json": rows}
        write_files(folder, files, "videozero", seed=seed, split=split)
    return target


def _picked(film: Film, turn: int, count: int) -> list[ClipQuestion]:
    """Up to ``count`` questions, one of each kind, beginning with kind number ``turn``; times are never the answer."""
    by_kind: dict[str, ClipQuestion] = {}
    for question in clip_questions(film.clip):
        if question.answer_type in FORMATS:
            by_kind.setdefault(question.kind, question)
    kinds = [kind for kind in ABILITIES if kind in by_kind]
    return [by_kind[kinds[(turn + i) % len(kinds)]] for i in range(min(count, len(kinds)))]


def _videozero_row(film: Film, question: ClipQuestion, number: int, video: int) -> dict[str, Any]:
    windows = [] if question.kind in WITHOUT_WINDOWS else spans(question.evidence)
    boxes = [] if question.kind in WITHOUT_BOXES else film.cited(question.evidence)
    length = sum(b - a for a, b in windows)
    span = "single-frame" if length < 0.5 else "short-term" if len(windows) == 1 else "long-range"
    text = question.text[:1].upper() + question.text[1:]
    return {
        "question_id": number, "video": film.name, "video_id": video, "duration": film.clip.seconds,
        "category": film.clip.background, "language": "en", "question": f"{text} {FORMATS[question.answer_type]}",
        "answer": question.answer, "evidence_windows": [{"start": a, "end": b} for a, b in windows],
        "evidence_boxes": [{"time": ceil_at(t), "box": hundredths(box)} for t, box in boxes],
        "evidence_span": span, "annotation_capabilities": list(ABILITIES[question.kind]),
    }  # fmt: skip


def make_vstar(
    target: Path, *, clips: int = 8, per_clip: int = 3, seed: int = 0, split: str = "test",
    size: tuple[int, int] = SIZE, seconds: float = SECONDS, fps: float = FPS,
) -> Path:  # fmt: skip
    """V-STaR from the world: ``V_STaR_test.json`` and ``videos/``; boxes in native pixels at whole seconds.

    An item is an event with at least one whole second in it and words that fit no other event of its clip.

    Raises:
        InputError: as :func:`make_videozero`; no clip has such an event.
    """
    rows: list[dict[str, Any]] = []
    with new_folder(target) as folder:
        for film in films(clips, seed=seed, split=split, size=size, seconds=seconds, fps=fps):
            write_film(film, folder / "videos")
            found = [row for event in film.clip.events if (row := _vstar_row(film, event)) is not None]
            order = np.random.default_rng([seed, film.clip.seed]).permutation(len(found))[:per_clip]
            rows += [found[int(i)] for i in sorted(order)]
        if not rows:
            raise InputError(
                f"clips is {clips}; no event lasts over a whole second: ask for more or longer clips"
            )
        write_files(folder, {"V_STaR_test.json": rows}, "vstar", seed=seed, split=split)
    return target


def _vstar_row(film: Film, event: Event) -> dict[str, Any] | None:
    clip, (height, width) = film.clip, film.clip.size
    whole = range(math.ceil(event.t0), math.floor(event.t1) + 1)
    same = [other for other in clip.events if other.kind == event.kind]
    clear = all(other is event or abs(other.t0 - event.t0) >= 0.25 for other in same)
    boxes = []
    for second in whole:
        frame = film.frame(second)
        if (box := clip.box(event.subject, film.times[frame])) is not None:
            x0, y0, x1, y1 = (v * s for v, s in zip(box, (width, height) * 2, strict=True))
            boxes.append(
                {"timestamp": second, "frame_index": frame, "xmin": x0, "ymin": y0, "xmax": x1, "ymax": y1}
            )
    if not boxes or len(boxes) < len(whole) or not clear or len(film.named(event)) > 1:
        return None
    thing, n = clip.objects[event.subject], same.index(event)
    nth = ("first", "second", "third", "fourth", "fifth")[n] if n < 5 else f"{n + 1}th"
    start, end = round(event.t0, 2), round(event.t1, 2)
    return {
        "vid": Path(film.name).stem, "domain": clip.background, "fps": float(clip.fps), "width": width,
        "height": height, "frame_count": len(film.times),
        "question": f"What is it that {_VERBS.get(event.kind, f'{event.kind}s')} the {nth} time that anything does?",
        "chain": f"From {start:.2f} s to {end:.2f} s {event.text}; it is the {nth} time.", "object": thing.phrase,
        "answer": thing.phrase, "temporal_question": f"When does {base_form(clip.objects, event)}?",
        "timestamps": [start, end], "bboxes": boxes,
        "spatial_question": f"Where is the {thing.phrase} while {event.text}?",
        "spatial_question_2": f"Find when {event.text}. Where is the {thing.phrase} then?",
    }  # fmt: skip


def make_grounding(
    target: Path, *, clips: int = 8, seed: int = 0, split: str = "test", size: tuple[int, int] = SIZE,
    seconds: float = SECONDS, fps: float = FPS,
) -> Path:  # fmt: skip
    """Temporal grounding from the world in three published forms over the same ``videos/``.

    ``highlight_world.jsonl`` (QVHighlights: every window of a query) is read by default; what happens once is also in
    ``charades/charades_sta_test.txt`` and ``tvgbench/tvgbench.json``, for the option ``file``.

    Raises:
        InputError: as :func:`make_videozero`.
    """
    highlights: list[str] = []
    charades: list[str] = []
    tvgbench: list[dict[str, Any]] = []
    with new_folder(target) as folder:
        for film in films(clips, seed=seed, split=split, size=size, seconds=seconds, fps=fps):
            write_film(film, folder / "videos")
            stem, length = Path(film.name).stem, film.clip.seconds
            for text in dict.fromkeys(event.text for event in film.clip.events):
                windows = [hundredths((e.t0, e.t1), 2) for e in film.clip.events if e.text == text]
                highlights.append(json.dumps({
                    "qid": len(highlights), "query": text, "duration": length, "vid": stem, "relevant_windows": windows,
                }))  # fmt: skip
                if len(windows) == 1:
                    (a, b), name = windows[0], film.name
                    charades.append(f"{stem} {a} {b}##{text}.")
                    tvgbench.append({
                        "qid": f"w{len(tvgbench)}", "path": name, "question": text, "answer": f"{a}-{b}",
                        "duration": length, "dataset_name": "world",
                    })  # fmt: skip
        files = {
            "highlight_world.jsonl": "\n".join(highlights) + "\n",
            "charades/charades_sta_test.txt": "\n".join(charades) + "\n", "tvgbench/tvgbench.json": tvgbench,
        }  # fmt: skip
        write_files(folder, files, "grounding", seed=seed, split=split)
    return target
