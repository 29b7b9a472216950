"""Descriptions of masks, scored by multiple-choice questions: what DLC-Bench and ParaDLC-Bench share.

Every mask has positive questions (values 1, 0.5, 0, -1) and negative ones (1, 0, -1). A judge reads the description
and picks a choice; a recognition question comes first, and where the thing was not recognised a value v counts
min(0, v). A mask's score is the mean of its values; a benchmark's is the mean over masks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucida.bench.judge import Judge
from lucida.bench.protocol import Protocol
from lucida.bench.protocols.choices import LETTERS, KeyedQuestion, RecordedVerdicts, gate, lettered, verdict
from lucida.bench.protocols.pictures import caption_file, load_json_or_none
from lucida.bench.protocols.typed import decide, recognised
from lucida.bench.records import MediaRef, Reply, Request, Row, Score, Status, replies_of
from lucida.media.errors import InputError

KINDS = ("positive", "negative")
RUBRIC = "dlc-1"
REQUEST = "Describe the marked region in detail."
_ASK = (
    "Below is somebody's description of one thing in a picture, then a question about the description with lettered"
    " choices. Judge by the description alone; wording need not match exactly, take the choice that comes closest."
    " Reply with one letter.\n\nDescription: {description}\n\n{question}\n{choices}"
)
Choices = tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class MaskQuestion:
    """One multiple-choice question about a description."""

    text: str
    choices: Choices
    kind: str  # one of KINDS
    subtype: str = ""
    check: Mapping[str, Any] | None = None

    @property
    def counts_for(self) -> tuple[str, ...]:
        """The scores of a mask that the question takes part in."""
        return (self.kind, *((self.subtype.replace(" ", "_"),) if self.subtype else ()), "score")


@dataclass(frozen=True, kw_only=True)
class MaskItem:
    """One mask with its questions. ``rle`` is at picture size."""

    key: str
    picture: str
    path: str
    rle: Mapping[str, Any]
    noun: str
    questions: tuple[MaskQuestion, ...]
    truth: str = ""  # a true caption, where the data has one


@dataclass(frozen=True)
class Verdict:
    """What was decided about one description; ``None`` marks what nobody decided."""

    recognised: bool | None
    picks: tuple[int | None, ...]


def read_questions(key: str, raw: Any, problems: list[str]) -> tuple[MaskQuestion, ...]:
    """The questions of one mask; those that are malformed are named in ``problems`` and left out."""
    found = []
    for n, item in enumerate(raw if isinstance(raw, list) else [raw]):
        try:
            choices = tuple((str(text), _finite(value)) for text, value in item["choices"])
            question = MaskQuestion(
                text=str(item["question"]), choices=choices, kind=str(item["type"]),
                subtype=str(item.get("subtype", "")), check=item.get("check"),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(
                f"qa.json: {key}[{n}]: malformed question ({type(error).__name__}: {error}); left out"
            )
            continue
        if question.kind not in KINDS or not 2 <= len(choices) <= 5:
            problems.append(
                f"qa.json: {key}[{n}]: type {question.kind!r} with {len(choices)} choices; left out"
            )
            continue
        found.append(question)
    return tuple(found)


def mask_scores(item: MaskItem, found: Verdict, *, compat: bool = False) -> dict[str, float]:
    """``positive``, ``negative`` (means of the mask's values of that kind), its subtypes, and ``score`` (of all).

    A kind without questions takes no part; under ``compat`` a mask without positive questions has ``positive`` 0,
    as in the released ParaDLC scorer (12 of its 299 masks, which holds the best possible figure at 96.0).
    An undecided question is worth 0.
    """
    values: dict[str, list[float]] = {}
    for question, pick in zip(item.questions, found.picks, strict=True):
        value = gate(0.0 if pick is None else question.choices[pick][1], found.recognised)
        for name in question.counts_for:
            values.setdefault(name, []).append(value)
    scores = {name: sum(part) / len(part) for name, part in values.items()}
    if compat:
        scores.setdefault("positive", 0.0)
    return scores


def zero_scores(item: MaskItem) -> dict[str, float]:
    """The scores of a mask without a description."""
    return {name: 0.0 for question in item.questions for name in question.counts_for}


def summarise(rows: Sequence[Mapping[str, float]], prefix: str = "") -> dict[str, float]:
    """Per cent, as means over masks: ``positive``, ``negative``, ``mean`` of the two, ``per_mask``, and the subtypes.

    ``mean`` is what the released scorers print and what is compared; ``per_mask`` (the mean of ``score``) is the other
    aggregation that published tables mix with it. Both always stand side by side under their own names.
    """

    def mean(name: str) -> float:
        values = [row[prefix + name] for row in rows if prefix + name in row]
        return 100 * sum(values) / len(values) if values else 0.0

    found = {"positive": mean("positive"), "negative": mean("negative")}
    found |= {"mean": (found["positive"] + found["negative"]) / 2, "per_mask": mean("score")}
    names = {name.removeprefix(prefix) for row in rows for name in row if name.startswith(prefix)}
    plain = {name for name in names if not name.startswith("judged_")} - {*KINDS, "score"}
    return found | {name: mean(name) for name in sorted(plain)}


class MaskBench(Protocol):
    """A benchmark of :class:`MaskItem`. Subclasses read the files and word the recognition question."""

    headline = "mean"
    parser = "1"
    recognition = "Could what is described be a {noun}, or a similar kind of thing?"

    def __init__(
        self, items: Sequence[MaskItem], problems: Sequence[str], sources: Sequence[Path], data: Path
    ) -> None:
        if not items:
            raise InputError(f"--data {data}: no mask with questions could be read")
        self.items, self.problems, self.sources, self.data = (
            tuple(items),
            tuple(problems),
            tuple(sources),
            data,
        )
        self._regions = Counter(item.picture for item in items)

    def meta(self, item: MaskItem) -> dict[str, Any]:
        """Breakdown keys: class, regions asked for in the picture, share of the picture that the mask covers."""
        share = _area(item.rle) / (item.rle["size"][0] * item.rle["size"][1])
        cover = "under 1 %" if share < 0.01 else "1 to 5 %" if share < 0.05 else "over 5 %"
        return {"class": item.noun, "regions": self._regions[item.picture], "cover": cover}

    def group(self, item: MaskItem) -> str:
        """Which decode ``item`` may share; empty: its own."""
        return ""

    def requests(self) -> Sequence[Request]:
        """One request per mask, those of a picture side by side."""
        return [
            Request(
                id=item.key, item=item.key, cluster=item.picture, prompt=REQUEST, task="describe",
                media=(MediaRef(path=item.path, kind="image"),), regions=(item.rle,), group=self.group(item),
                meta=self.meta(item), max_tokens=512,
            )
            for item in self.items
        ]  # fmt: skip

    def judge_question(self, item: MaskItem, n: int | None, description: str) -> KeyedQuestion:
        """Question ``n`` of a mask as the judge sees it; ``None`` is the recognition question."""
        if n is None:
            text, choices = self.recognition.format(noun=item.noun), ("Yes", "No")
        else:
            question = item.questions[n]
            text, choices = question.text, tuple(choice for choice, _ in question.choices)
        return KeyedQuestion(
            key=f"{item.key}/{'recognition' if n is None else n}", rubric=RUBRIC, about=description,
            options=tuple(LETTERS[: len(choices)]), choices=choices,
            prompt=_ASK.format(description=description, question=text, choices=lettered(choices)),
        )  # fmt: skip

    def typed(self, item: MaskItem, description: str) -> Verdict:
        """What the reader alone can decide: nothing, unless the questions carry checks."""
        checks = any(question.check is not None for question in item.questions)
        return Verdict(
            recognised(item.noun, description) if checks else None,
            tuple(decide(question.check, description) for question in item.questions),
        )

    def judged(
        self, item: MaskItem, description: str, typed: Verdict, judge: Judge | None, compat: bool
    ) -> Verdict:
        """The judge's verdicts; what ``typed`` has decided is not asked again (under ``compat`` all is asked)."""
        if judge is None:
            return typed
        known, picks = typed.recognised, list(typed.picks)
        if known is None or compat:
            said = verdict(judge, self.judge_question(item, None, description), compat=compat)
            known = None if said is None else said == 0
        for n, pick in enumerate(picks):
            if pick is None or compat:
                picks[n] = verdict(judge, self.judge_question(item, n, description), compat=compat)
        return Verdict(known, tuple(picks))

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Per cent by :func:`summarise`; ``judged`` with a judge. See the class for what is asked.

        ``compat``: missing descriptions are left out of the means instead of scoring 0; a mask without positive
        questions scores 0 on them; empty descriptions are judged like others; verdicts are read by the released
        cascade.
        """
        found = [self._row(item, replies.get(item.key), compat, judge) for item in self.items]
        rows = [row for row, _ in found]
        scored = [row.scores for row in rows]
        decided = sum(count for _, count in found)
        total = sum(len(item.questions) + 1 for item in self.items)
        summary = summarise(scored)
        judged = summarise(scored, "judged_") if judge is not None else None
        used = judged if judged is not None else summary
        used["decided"] = 100 * decided / total
        notes = list(self.notes())
        if decided < total:
            notes.append(
                f"{total - decided} of {total} verdicts are open and count 0{'' if judge else ': no judge'}"
            )
        summary |= self.costs(replies)
        return self.make_score(
            rows, summary, compat=compat, judge=judge, judged=judged, ceilings=self.ceilings(compat), notes=notes,
            rubric=RUBRIC, questions=total - len(self.items),
        )  # fmt: skip

    def _row(self, item: MaskItem, reply: Reply | None, compat: bool, judge: Judge | None) -> tuple[Row, int]:
        """The row of a mask, and how many of its verdicts stand (all of them where there is nothing to decide)."""
        status: Status = "ok"
        text = reply.raw.strip() if reply is not None else ""
        scores: dict[str, float] = {}
        count, parsed, note = len(item.questions) + 1, None, ""
        if reply is None or reply.error is not None:
            status = "missing" if reply is None else "error"
            note = reply.error or "" if reply is not None else ""
        elif not text and not compat:
            status, note = "unparsed", "empty description"
        if status == "ok":
            typed = self.typed(item, text)
            final = self.judged(item, text, typed, judge, compat)
            scores = mask_scores(item, typed, compat=compat)
            count = sum(pick is not None for pick in final.picks) + (final.recognised is not None)
            if judge is not None:
                scores |= {f"judged_{k}": v for k, v in mask_scores(item, final, compat=compat).items()}
            if count <= len(item.questions):
                # With a judge it refused; without one the typed matchers found nothing that they could read.
                status = (
                    "refused"
                    if judge is not None or all(q.check is None for q in item.questions)
                    else "unparsed"
                )
                note = f"{len(item.questions) + 1 - count} verdicts open"
            parsed = {"answer": text, "recognised": final.recognised, "picks": list(final.picks)}
        elif not compat:  # as released, a missing description is in no mean
            zero = zero_scores(item)
            scores = zero | ({f"judged_{k}": v for k, v in zero.items()} if judge is not None else {})
        row = Row(
            id=item.key, item=item.key, cluster=item.picture, scores=scores, parsed=parsed, status=status,
            meta=self.meta(item), note=note,
            gold={"answer": item.truth or item.noun, "boxes": [[None, list(_box(item.rle))]]},
        )  # fmt: skip
        return row, count

    @classmethod
    def composed(cls, means: Mapping[str, Any]) -> Mapping[str, Any]:
        """``mean`` of positive and negative."""
        found = [means[kind] for kind in KINDS if kind in means]
        return {"mean": sum(found) / 2} if found else {}

    def ceilings(self, compat: bool) -> dict[str, float]:
        """What a perfect description would get: the best choice of every question."""
        rows = []
        for item in self.items:
            values = [[value for _, value in question.choices] for question in item.questions]
            picks = tuple(row.index(max(row)) for row in values)
            rows.append(mask_scores(item, Verdict(True, picks), compat=compat))
        return summarise(rows)

    def costs(self, replies: Mapping[str, Reply]) -> dict[str, float]:
        """Measured costs to print beside the quality."""
        return {}

    def notes(self) -> Sequence[str]:
        """Warnings about the data."""
        return ()

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """``empty`` (0), ``class-name`` (the recognition question and nothing else) and, where the data has true
        captions, ``oracle`` (every positive and negative right)."""
        texts = {
            "empty": {item.key: "" for item in self.items},
            "oracle-class-name": {item.key: f"a {item.noun}" for item in self.items},
        }
        if all(item.truth for item in self.items):
            texts["oracle"] = {item.key: item.truth for item in self.items}
        return {name: replies_of(captions, f"baseline:{name}") for name, captions in texts.items()}

    def read_predictions(self, path: Path) -> tuple[dict[str, Reply], list[str]]:
        """Also the official flat file {key: caption} and evaluation files {key: {"pred": caption, …}}."""
        texts = caption_file(load_json_or_none(path))
        if texts is not None and set(texts) & {item.key for item in self.items}:
            return replies_of(texts, path.stem), []
        return super().read_predictions(path)

    def read_verdicts(self, path: Path) -> RecordedVerdicts:
        """A judge that repeats the verdicts of a released evaluation file.

        Raises:
            InputError: not such a file.
        """
        document = load_json_or_none(path)
        if not isinstance(document, dict):
            raise InputError(f"{path}: not an evaluation file: want a JSON object by mask")
        raw: dict[str, str] = {}
        problems: list[str] = []
        for item in self.items:
            entry = document.get(item.key)
            responses = entry.get("response") if isinstance(entry, Mapping) else None
            if not isinstance(responses, list) or len(responses) != len(item.questions) + 1:
                problems.append(f"{path.name}: {item.key}: no {len(item.questions) + 1} responses")
                continue
            raw[f"{item.key}/recognition"] = str(responses[0])
            raw |= {f"{item.key}/{n}": str(text) for n, text in enumerate(responses[1:])}
        if not raw:
            raise InputError(f"{path}: holds no verdicts on these masks")
        return RecordedVerdicts(raw, name=f"recorded:{path.name}", problems=tuple(problems))


def _box(rle: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Normalised xyxy of a run-length mask, without decoding it."""
    from pycocotools import mask as coco

    x, y, w, h = (
        float(v) for v in coco.toBbox({"size": list(rle["size"]), "counts": rle["counts"].encode()})
    )
    height, width = rle["size"]
    return x / width, y / height, (x + w) / width, (y + h) / height


def _area(rle: Mapping[str, Any]) -> int:
    from pycocotools import mask as coco

    return int(coco.area({"size": list(rle["size"]), "counts": rle["counts"].encode()}))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"value {value!r}")
    return number
