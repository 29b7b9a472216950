"""``lucida ask``: questions about a film, answered with when and where."""

from __future__ import annotations

import json as json_module
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.media.records import Evidence
    from lucida.media.video import Video
    from lucida.watch.reason.findings import Findings
    from lucida.watch.reason.searching import Searcher
    from lucida.watch.reason.tools import Ledger


def ask(
    video: str,
    *questions: str,
    index: bool = False,
    frames: int = 240,
    fps: float = 3.0,
    model: str = "describe",
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Ask about a film.

    When, where, how many, what colour, what comes before or after.

    The film is looked through a few times a second; then, for the question, closely
    where something changes. The answer comes with spans, boxes and a confidence that
    cannot exceed what was looked at; or it is withheld, with what was inspected.

    stdout has a line per question: the confidence, the answer, its evidence. The
    folder written has answer.json, sheet.png (key frames with boxes) and
    timeline.png; with several questions, answer-2.json and so on.

    Args:
        video: a video file.
        questions: in plain words, such as "when does the cat enter?".
        index: keep what was found (see: lucida index), and use what is kept.
        frames: at most so many frames for close looks, all questions together.
        fps: frames a second of the first look.
        model: the describer that names things.
        out: the folder to write; default: a new one under runs/ask.
        json: print one JSON document per question and line; write nothing without --out.

    Examples:
        lucida ask film.mp4 "when does the cat enter?"
        lucida ask film.mp4 "how many things leave?" "what happens after the cat enters?" --index
        lucida ask film.mp4 "is there a dog?" --json
    """
    from lucida.watch.reason.question import understand

    if not questions:
        raise InputError('no question: lucida ask VIDEO "when does the cat enter?"')
    if not (math.isfinite(fps) and 0.2 <= fps <= 30):
        raise InputError(f"--fps {fps}: want 0.2 to 30")
    if frames < 0:
        raise InputError(f"--frames {frames}: want at least 0")
    asked = [understand(question) for question in questions]

    from lucida.cli.ask_parts import RegionDescriber, Words, how, keep, located, say, watched_of
    from lucida.cli.results import default_folder
    from lucida.media.video import Video
    from lucida.watch.events.head import load_events
    from lucida.watch.index import index_path
    from lucida.watch.reason.searching import Searcher
    from lucida.watch.reason.tools import Ledger, Tools

    with Video(video) as film:
        begin = time.perf_counter()
        words = Words()
        watched, cached = watched_of(video, film, fps, model, words, use_index=index, say=say)
        ledger = Ledger(budget=len(watched.times) + len(watched.closer) + frames)
        ledger.seen |= {round(t, 6) for t in (*watched.times, *watched.closer)}
        tools = Tools(film, ledger, memory=watched.memory, describer=RegionDescriber(model), query=words.query,
                      zooms=watched.zooms)  # fmt: skip
        searcher = Searcher(watched, tools, load_events(), alike=words.alike)
        folder = out if out is not None else None if json else default_folder("ask")
        before = len(ledger.seen), len(watched.zooms)
        for number, question in enumerate(asked, start=1):
            findings = located(searcher.reason(question), film, watched.zooms, words)
            document = _document(video, film, findings, ledger, cached, time.perf_counter() - begin, model)
            _print(document, as_json=json)
            if folder is not None:
                _write(folder, "" if number == 1 else f"-{number}", document, findings, searcher)
        if index and before != (len(ledger.seen), len(watched.zooms)):
            keep(index_path(video, how(fps, model)), watched, video)
    if folder is not None:
        say(f"written to {folder}")
    return 0


def _document(
    path: str, film: Video, findings: Findings, ledger: Ledger, cached: bool, seconds: float, model: str
) -> dict[str, Any]:
    from lucida.media.document import result_document
    from lucida.watch.reason.findings import answer

    result = answer(findings)
    document = result_document([result], size=film.size, video=path, seconds=round(seconds, 3), model=model)
    trace = [
        {
            "tool": s.tool,
            "args": dict(s.args),
            "frames": s.frames,
            "pixels": s.pixels,
            "observation": s.observation,
        }
        for s in findings.steps
    ]
    doubt = {"doubt": findings.doubt} if findings.doubt else {}
    return {
        **document, **doubt, "question": findings.question, "from_index": cached,
        "frames": {"this_question": findings.frames, "inspected": ledger.frames}, "trace": trace,
    }  # fmt: skip


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    write = sys.stdout.write
    if as_json:
        write(json_module.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
        return
    result = document["results"][0]
    if result.get("abstained"):
        write(f"   -  no answer: {result['text']}\n")
        for line in result["inspected"]:
            write(f"      inspected {line}\n")
    else:
        write(f"{result['confidence']:.2f}  {result['text']}\n")
        if "doubt" in document:
            write(f"      but {document['doubt']}\n")
    for item in result["evidence"][:6]:
        span = item.get("t")
        if span:
            write(f"      {span[0]:.2f}-{span[1]:.2f} s  {item['label']}\n")
    sys.stdout.flush()


def _write(
    folder: Path, suffix: str, document: dict[str, Any], findings: Findings, searcher: Searcher
) -> None:
    from lucida.media.files import atomic_write
    from lucida.watch.reason.picture import evidence_sheet, timeline

    text = json_module.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    atomic_write(folder / f"answer{suffix}.json", text)
    sheet = evidence_sheet(_moments(findings.evidence, searcher))
    if sheet is not None:
        sheet.save(folder / f"sheet{suffix}.png")
    footage, watched = searcher.tools.footage, searcher.watched
    close = sorted(span for spans in watched.close.values() for span in spans)
    said = (
        "no answer: " + findings.text if findings.withheld else f"{findings.text} ({findings.confidence:.2f})"
    )
    picture = timeline(
        searcher.cast, findings.evidence, (footage.first_t, footage.duration), searcher.refiner.times, close,
        f"{findings.question}  {said}",
    )  # fmt: skip
    picture.save(folder / f"timeline{suffix}.png")


def _moments(evidence: Sequence[Evidence], searcher: Searcher) -> list[tuple[float, Evidence, Any]]:
    """Key times with their pictures: what an index kept where it kept one, else the film's."""
    from lucida.watch.reason.picture import key_times

    times = key_times(evidence)
    frames = searcher.tools.footage.at([t for t, _ in times]) if times else []
    return [(t, item, frame.pixels) for (t, item), frame in zip(times, frames, strict=True)]
