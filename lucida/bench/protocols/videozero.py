"""VideoZeroBench: 500 questions on long videos at five levels, from told evidence to evidence of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.films import (
    Prompts,
    find_file,
    find_video,
    frame_plan,
    mean,
)
from lucida.bench.protocols.videozero_items import Item, read_items
from lucida.bench.protocols.videozero_oracles import baselines
from lucida.bench.protocols.videozero_rows import PASS, Scorer
from lucida.bench.records import FramePlan, MediaRef, Reply, Request, Row, Score
from lucida.media.errors import InputError

PATTERNS = ("VideoZeroBench*.tsv", "VideoZeroBench*.json")
SYSTEM = "You answer questions about a video from what it shows, in exactly the format that is asked for."
PROMPTS = {
    "sampling": "The video is {{duration}} seconds long; {{frames}} of its frames are shown, evenly spaced.\n",
    "windows": "What matters happens here: {{windows}}.\n",
    "boxes": "Look here: {{boxes}}.\n",
    "answer en": "Question: {{question}}\nReply with the final answer only.",
    "answer cn": "问题:{{question}}\n请只回答最终答案。",
    "level4": "Question: {{question}}\nDo not answer it. Say when the video shows what is needed to answer it: at "
    "most 20 stretches, each as: From <X seconds> to <Y seconds>.",
    "level5": "Question: {{question}}\nDo not answer it. Say where the video shows what is needed to answer it, "
    "at each of these seconds: {{key_times}}.\nReply with a JSON list only, one entry for each second: "
    '[{"time": 1.00, "bbox_2d": [[x1, y1, x2, y2], ...]}, ...]. {{unit}}',
}
UNIT_WORDS = {
    "thousand": "Coordinates run from 0 to 1000 in both directions.",
    "normalised": "Coordinates run from 0 to 1 in both directions.",
    "pixels": "Coordinates are pixels of the frames as shown.",
}


class VideoZeroBench(Protocol):
    """Five calls a question: 1 windows and boxes told, 2 windows told, 3 the question alone, 4 when, 5 where.

    ``level4`` and ``level5`` are the share of *all* questions where the answer of level 3 is right and the evidence
    passes (IoU above 0.3); questions without windows or boxes can never pass, so the ceilings are below 100 and are
    reported. Rows are questions at levels.
    """

    name = "videozero"
    title = "VideoZeroBench"
    licence = "CC BY-NC-ND 4.0"
    headline = "level3"

    def __init__(self, items: Sequence[Item], *, unit: str, rescored: bool) -> None:
        self.items, self.unit, self.rescored = items, unit, rescored

    @classmethod
    def load(
        cls, data: Path, *, frames: Any = 384, height: Any = 128, unit: str = "thousand", rescored: Any = False,
        show_evidence: Any = False, prompts: str | None = None, **options: Any,
    ) -> Self:  # fmt: skip
        """Read ``VideoZeroBench*.tsv`` (or ``.json``) and find the videos.

        Args:
            frames: uniform frames of the whole video; 0 asks blind. height: of the frames in pixels.
            unit: of boxes, as the prompt of level 5 asks: ``thousand``, ``normalised`` or ``pixels``.
            rescored: with ``compat``, behave as the released scorer does on a saved file: no unit is set, all boxes
                are thrown away.
            show_evidence: put frames of the true windows among those of levels 1 and 2. The released runs only tell.
            prompts: JSON object of templates instead of ours.

        Raises:
            InputError: another folder, an unknown option, no usable item.
        """
        cls.only_known(options)
        if unit not in UNIT_WORDS:
            raise InputError(f"unit is {unit!r}, want one of {', '.join(UNIT_WORDS)}")
        path = find_file(data, PATTERNS, cls.title)
        problems: list[str] = []
        items = sorted(read_items(path, problems), key=lambda item: item.video)
        plan, words = frame_plan(frames, height=height), Prompts(PROMPTS, prompts)
        requests = [
            request
            for item in items
            for request in _requests(
                item, find_video(data, item.video, ("videos", "compressed", ".")), plan, words,
                UNIT_WORDS[unit], flag("show_evidence", show_evidence),
            )
        ]  # fmt: skip
        protocol = cls(items, unit=unit, rescored=flag("rescored", rescored))
        return protocol.loaded(data, [path], requests, problems, words.wording)

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """The published figures in per cent, and how level 4 compares with independence of answer and evidence.

        Without ``compat`` answers are matched by type, times and boxes read in any clear form, boxes matched one to
        one, and nothing is read from an empty reply. No judge is needed; one given is not asked.
        """
        scorer = Scorer(replies, compat=compat, unit=None if compat and self.rescored else self.unit)
        rows = [row for item in self.items for row in scorer.rows(item)]
        summary = {
            name: mean(_values(rows, name)) for name in ("level1", "level2", "level3", "tiou", "level4")
        }
        summary |= {name: mean(_values(rows, name)) for name in ("viou", "level5")}
        n = len(self.items)
        timed, placed = (
            [item for item in self.items if getattr(item, name)] for name in ("windows", "boxes")
        )
        passes = sum(value > PASS for value in _values(rows, "tiou")) / n
        summary["level4 if independent"] = summary["level3"] * passes
        if summary["level4 if independent"] > 0:
            summary["level4 lift"] = summary["level4"] / summary["level4 if independent"]
        both = [item for item in timed if item.boxes]
        ceilings = {"level4": 100 * len(timed) / n, "level5": 100 * len(both) / n}
        notes = [
            f"level 4 can reach {ceilings['level4']:.1f} and level 5 {ceilings['level5']:.1f}: {n - len(timed)} of {n} "
            f"questions have no window, {n - len(placed)} no box"
        ]
        if compat and self.rescored:
            notes.append("rescored: as released, every box of a saved file is thrown away")
        return self.make_score(
            rows, summary, compat=compat, n=n, ceilings=ceilings, notes=notes, wording=self.wording, unit=self.unit,
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """Whole video and whole frame, the commonest answer, silence; and the oracles."""
        return baselines(self.items, self.unit)


def _values(rows: Sequence[Row], name: str) -> list[float]:
    return [row.scores[name] for row in rows if name in row.scores]


def flag(name: str, value: Any) -> bool:
    """An option that is true or false, in words or not.

    Raises:
        InputError: neither.
    """
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if str(value).lower() not in known:
        raise InputError(f"{name} is {value!r}, want true or false")
    return known[str(value).lower()]


def _requests(
    item: Item, video: str, plan: FramePlan, words: Prompts, unit: str, show: bool
) -> list[Request]:
    windows = "; ".join(f"From <{a:.2f} seconds> to <{b:.2f} seconds>" for a, b in item.windows)
    boxes = "; ".join(
        f"Time=<{time:.2f}>, Normalized Box=[{', '.join(str(int(1000 * v)) for v in box)}]"
        for time, box in item.boxes
    )
    middles = tuple((a + b) / 2 for a, b in item.windows)
    levels = {
        1: (("windows",) if windows else ()) + (("boxes",) if boxes else ()),
        2: ("windows",) if windows else (), 3: (), 4: (), 5: (),
    }  # fmt: skip
    answer = "answer cn" if item.language == "cn" else "answer en"
    found = []
    for level, hints in levels.items():
        if (level == 4 and not item.windows) or (level == 5 and not item.boxes):
            continue
        times = item.key_times if level == 5 else middles if show and level < 3 else ()
        blind = plan.kind == "none"
        last = words.fill(
            answer if level < 4 else f"level{level}", question=item.question, unit=unit,
            key_times=", ".join(f"{time:.2f}" for time in item.key_times),
        )  # fmt: skip
        told = [words.fill(name, windows=windows, boxes=boxes) for name in hints]
        found.append(Request(
            id=f"{item.id}/level{level}", item=item.id, cluster=item.video, system=SYSTEM,
            prompt=("" if blind else words.fill("sampling")) + "".join(told) + last,
            media=() if blind else (MediaRef(path=video, kind="video"),),
            frames=plan if blind or not times else replace(plan, times=tuple(times)), max_tokens=1024,
            meta=meta_of(item, level),
        ))  # fmt: skip
    return found


def meta_of(item: Item, level: int) -> dict[str, Any]:
    """Breakdown keys of a question at a level."""
    return {
        "level": level, "domain": item.domain, "ability": list(item.abilities), "evidence": item.span,
        "language": item.language, "question": item.question,
    }  # fmt: skip
