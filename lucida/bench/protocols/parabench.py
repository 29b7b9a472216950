"""ParaBench: thinking in words and drawing at once (MMaDA-Parallel): 200 edits and 100 generations, six columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from lucida.bench.judge import Judge, Question
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.choices import verdict
from lucida.bench.protocols.parabench_items import (
    FILES,
    DrawItem,
    Drawn,
    read_drawn,
    read_item,
    read_pixels,
    read_rows,
    same_pixels,
)
from lucida.bench.protocols.typed import world_lexicon
from lucida.bench.records import MediaRef, Reply, Request, Row, Score, Status
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.metrics.reader import read_scene, score_scene

MARKS = ("1", "2", "3", "4", "5")
RIGHT, WRONG = 0.8, 0.4  # marks 4 and 5 are right, 1 and 2 wrong
FAILURES = (("propagation", "image_alignment", False), ("decoupling", "output_alignment", True))
RUBRIC = "parabench-1"
RUBRICS: dict[str, tuple[tuple[str, ...], str]] = {
    "text_quality": ((), "Is the reasoning clear, complete, free of contradiction, and brief?"),
    "text_alignment": (
        ("input",),
        "Does the reasoning speak of the right things and of the change that is asked for, with nothing left out"
        " or made up? Style does not matter.",
    ),
    "image_quality": (
        ("output",),
        "Is the picture well made: structure, natural look, texture, composition, colour, no artefacts?",
    ),
    "image_alignment": (
        ("input", "output"),
        "Does the output picture show exactly what the instruction asks for? Other changes do not matter here.",
    ),
    "image_consistency": (
        ("input", "output"),
        "Is everything that was not asked to change still as it was? 5: all; 4: tiny changes; 3: one; 2: two or"
        " more; 1: most of it changed.",
    ),
    "output_alignment": (
        ("input", "output"),
        "Do the claims of the reasoning hold in the output picture? 5: all; 4: one small miss; 3: some; 2: several"
        " misses; 1: none holds.",
    ),
}
COLUMNS = tuple(RUBRICS)  # in the paper's order
_ASK = "Instruction: {instruction}\nReasoning: {text}\nPictures: {pictures}.\n{ask}\nGive a mark from 1 (worst) to 5."


class ParaBench(Protocol):
    """Six columns in per cent, and ``overall``, their plain mean.

    The release has no scorer; the paper's judge (GPT-4.1) gives marks from 1 to 5, here times 20. Without a judge only
    what can be decided exactly counts: on world-made items words are read back into things, and pictures are compared
    with the true result; the rest is 0 and ``decided`` says how much that is. ``propagation`` is how often the picture
    is wrong where the words are, ``decoupling`` how often it contradicts words that are right: the paper's one name
    for two failures. A reply is words alone, or ``{"text": …, "image": FILE}``.
    """

    name = "parabench"
    title = "ParaBench"
    licence = "see the data's own page"
    headline = "overall"

    items: tuple[DrawItem, ...] = ()

    @classmethod
    def load(
        cls, data: Path, *, id: str = "id", category: str = "category", instruction: str = "instruction",
        image: str = "image", **options: Any,
    ) -> Self:  # fmt: skip
        """Read ``ParaBench.jsonl`` (or ``.json``): one object per task.

        Args:
            id, category, instruction, image: names of its fields, where they are called otherwise. Edits have an
                ``image``, a path in the data folder; tasks without one are of the category ``generation``.

        Raises:
            InputError: no such file, nothing in it can be asked, or an unknown option.
        """
        cls.only_known(options)
        path = next((data / name for name in FILES if (data / name).is_file()), None)
        if path is None:
            raise InputError(f"--data {data}: not {cls.title}: no {FILES[0]} or {FILES[1]}")
        names = {"id": id, "category": category, "instruction": instruction, "image": image}
        found, problems, items = cls(), [], {}
        for number, row in enumerate(read_rows(path), start=1):
            item = read_item(row, names, number)
            if isinstance(item, str) or item.key in items:
                why = item if isinstance(item, str) else f"id {item.key!r} again"
                problems.append(f"{path.name} row {number}: {why}; left out")
                continue
            items[item.key] = item
        found.items, found.data = tuple(items.values()), data
        requests = [
            Request(
                id=item.key, item=item.key, cluster=item.image or item.key, prompt=item.instruction,
                media=(MediaRef(path=item.image, kind="image"),) if item.image else (),
                meta={"category": item.category, "edit": item.edit}, max_tokens=1024,
            )
            for item in found.items
        ]  # fmt: skip
        return found.loaded(data, [path], requests, problems)

    def score(self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None) -> Score:
        """All columns; ``judged`` with a judge. There is no released scorer, so ``compat`` changes nothing."""
        rows = [self._row(item, replies.get(item.key), judge) for item in self.items]
        summary = self._summary(rows, "")
        judged = self._summary(rows, "judged_") if judge is not None else None
        cells = sum(name.removeprefix("judged_") in COLUMNS for row in rows for name in row.scores)
        cells = cells // 2 if judge is not None else cells
        open_cells = sum(len(row.parsed["open"]) for row in rows if row.parsed)
        used = judged if judged is not None else summary
        used["decided"] = 100 * (1 - open_cells / cells) if cells else 0.0
        notes = [f"{open_cells} of {cells} marks are open and count 0"] if open_cells else []
        return self.make_score(
            rows, summary, compat=compat, judge=judge, judged=judged, notes=notes, rubric=RUBRIC, marks="1-5 times 20"
        )

    def _summary(self, rows: Sequence[Row], prefix: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for name in COLUMNS:
            values = [row.scores[prefix + name] for row in rows if prefix + name in row.scores]
            found[name] = 100 * float(np.mean(values)) if values else 0.0
        found = {"overall": float(np.mean(list(found.values()))), **found}
        decided = [row for row in rows if row.status == "ok"]
        for name, column, right in FAILURES:
            text = prefix + "text_alignment"
            of = [r for r in decided if (r.scores[text] >= RIGHT if right else r.scores[text] <= WRONG)]
            if of:
                found[name] = 100 * sum(r.scores[prefix + column] <= WRONG for r in of) / len(of)
        return found

    @classmethod
    def composed(cls, means: Mapping[str, Any]) -> Mapping[str, Any]:
        """``overall``, the mean of all columns; one that no task has counts 0, as in the summary."""
        found = [means[name] for name in COLUMNS if name in means]
        return {"overall": sum(found) / len(COLUMNS)} if found else {}

    def _row(self, item: DrawItem, reply: Reply | None, judge: Judge | None) -> Row:
        columns = [name for name in COLUMNS if item.edit or name != "image_consistency"]
        status: Status = "missing" if reply is None else "error" if reply.error is not None else "ok"
        scores = dict.fromkeys(columns, 0.0) | (dict.fromkeys((f"judged_{n}" for n in columns), 0.0) if judge else {})
        parsed, note = None, (reply.error or "") if reply is not None else ""
        if reply is not None and status == "ok":
            drawn, open_columns = read_drawn(reply.raw, self.data), []
            typed, note = self._typed(item, drawn)
            for name in columns:
                value = typed.get(name)
                scores[name] = value or 0.0
                if value is None and judge is not None:
                    value = self._judged(item, drawn, name, judge)
                if judge is not None:
                    scores[f"judged_{name}"] = value or 0.0
                open_columns += [name] if value is None else []
            parsed = {"answer": drawn.text, "image": str(drawn.image or ""), "open": open_columns}
            status = "unparsed" if not drawn.text and drawn.image is None else "refused" if open_columns else "ok"
        return Row(
            id=item.key, item=item.key, cluster=item.image or item.key, scores=scores, parsed=parsed, status=status,
            gold={"answer": item.truth or item.instruction}, meta={"category": item.category}, note=note,
        )  # fmt: skip

    def _typed(self, item: DrawItem, drawn: Drawn) -> tuple[dict[str, float], str]:
        """What is decided without a judge, in 0..1, and a note. What is not there is worth 0; the rest stays open."""
        found: dict[str, float] = {}
        if not drawn.text:
            found |= {"text_quality": 0.0, "text_alignment": 0.0, "output_alignment": 0.0}
        elif item.things:
            read = read_scene(drawn.text.rstrip(".").lower(), world_lexicon())
            found["text_alignment"] = score_scene(read, item.things)["f1"]
            if read.grammar_ok:
                found["text_quality"] = 1.0
        output, note = read_pixels(drawn.image)
        if output is None:
            found |= dict.fromkeys(("image_quality", "image_alignment", "image_consistency", "output_alignment"), 0.0)
            return found, note
        if item.result:
            true = Image.open(self.data / item.result).pixels
            same = same_pixels(output, true)
            changed = Image.open(self.data / item.mask).pixels[..., 0] > 127 if item.mask else np.ones(same.shape, bool)
            if item.edit:
                found["image_alignment"] = float(same[changed].mean()) if changed.any() else 1.0
                kept = ~changed if not changed.all() else changed  # where all may change, all of it is determined
                found["image_consistency"] = float(same[kept].mean())
            if same.all():  # the true picture, whatever else it might have been
                found |= {"image_quality": 1.0, "image_alignment": 1.0}
                if "text_alignment" in found:
                    found["output_alignment"] = found["text_alignment"]
        return found, note

    def _judged(self, item: DrawItem, drawn: Drawn, name: str, judge: Judge) -> float | None:
        wanted, ask = RUBRICS[name]
        at = {"input": self.data / item.image if item.image else None, "output": drawn.image}
        if any((path := at[kind]) is not None and not path.is_file() for kind in wanted):
            return None  # a judge that sees less than the column is about would judge something else
        shown = [kind for kind in wanted if at[kind] is not None]
        prompt = _ASK.format(
            instruction=item.instruction, text=drawn.text or "(none)", ask=ask,
            pictures=" and ".join(f"the {kind} picture" for kind in shown) or "none",
        )  # fmt: skip
        images = tuple(path for path in (at[kind] for kind in wanted) if path is not None)
        question = Question(prompt=prompt, options=MARKS, about=drawn.text, rubric=RUBRIC, images=images)
        mark = verdict(judge, question)
        return None if mark is None else (mark + 1) / len(MARKS)

    def read_predictions(self, path: Path) -> tuple[dict[str, Reply], list[str]]:
        """Also JSON (lines) of objects with ``id``, ``text`` and ``image``, a path relative to the file's folder."""
        rows = read_rows(path) if path.is_file() else []
        if not any(isinstance(row, dict) and "image" in row for row in rows):
            return super().read_predictions(path)
        replies: dict[str, Reply] = {}
        problems: list[str] = []
        for number, row in enumerate(rows, start=1):
            key = str(row.get("id", "")) if isinstance(row, dict) else ""
            if not key or key in replies:
                problems.append(f"{path.name} row {number}: no id of its own; left out")
                continue
            image = str((path.parent / str(row["image"])).absolute()) if row.get("image") else ""
            said = {"text": str(row.get("text") or ""), "image": image}
            replies[key] = Reply(id=key, raw=json.dumps(said), model=path.stem)
        return replies, problems

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """Nothing at all, the input picture as it is, and, on world-made data, the truth."""
        said = {"empty": dict.fromkeys((item.key for item in self.items), "")}
        said["copy"] = {item.key: json.dumps({"text": item.instruction, "image": item.image}) for item in self.items}
        if all(item.result for item in self.items):
            said["oracle"] = {i.key: json.dumps({"text": i.truth, "image": i.result}) for i in self.items}
        return {
            name: {key: Reply(id=key, raw=raw, model=f"baseline:{name}") for key, raw in texts.items()}
            for name, texts in said.items()
        }
