"""GAR-Bench: multiple choice on regions (424 items), and captions of a relation between regions (97 and 107)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lucida.bench.judge import Judge
from lucida.bench.protocols.choices import LETTERS, KeyedQuestion, lettered, parse_choice, verdict
from lucida.bench.protocols.gar_items import GARBench, RegionItem, reply_status
from lucida.bench.protocols.typed import marked_relation, read_world, world_lexicon
from lucida.bench.records import Reply, Row, Score, replies_of
from lucida.metrics.matchers import normalise_text

RELEASED_END = "<|eot_id|>"  # the released run strips it from replies before it compares letters


class GARVQA(GARBench):
    """Multiple choice, scored on the letter: overall (micro average) and by type."""

    name = "gar-vqa"
    title = "GAR-Bench-VQA"
    file = "GAR-Bench-VQA.json"
    fields = ("question", "choices", "answer", "type")
    max_tokens = 64

    @classmethod
    def problem_of(cls, row: Any, seen: set[str]) -> str:
        """As in the base class; also choices that are not lettered in order, and an answer that is not offered."""
        problem = super().problem_of(row, seen)
        if problem:
            return problem
        choices = row["choices"]
        if not isinstance(choices, list) or not 2 <= len(choices) <= len(LETTERS):
            return f"choices are {choices!r}"
        if not all(
            isinstance(c, str) and c.startswith(f"{x}.") for x, c in zip(LETTERS, choices, strict=False)
        ):
            return "choices are not lettered in order"
        return (
            ""
            if row["answer"] in LETTERS[: len(choices)]
            else f"answer {row['answer']!r} is not one of the choices"
        )

    def prompt(self, item: RegionItem) -> str:
        """The question, its lettered choices, and how to reply."""
        choices = "\n".join(item.raw["choices"])
        return f"{item.raw['question']}\n{choices}\nReply with the letter of the right choice only."

    def meta(self, item: RegionItem) -> dict[str, Any]:
        """Type, number of regions; question and choices apart for systems that answer in words."""
        texts = [choice[2:].strip() for choice in item.raw["choices"]]
        return {
            "type": item.raw["type"], "regions": len(item.rles), "question": item.raw["question"], "choices": texts,
        }  # fmt: skip

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Per cent right: ``accuracy`` and one figure per type.

        A reply counts by its letter, alone or clearly marked, or by the exact words of one choice. A judge is asked
        only about what is left: other words, of which it may name the choice they mean. ``compat``: the reply must
        equal the letter, whatever its case; only the end token and outer spaces are stripped, as released, and no
        judge is asked.
        """
        asked = None if compat else judge
        rows = [self._row(item, replies.get(item.key), compat, asked) for item in self.items]
        summary = self._summary(rows, "accuracy")
        judged = self._summary(rows, "judged_accuracy") if asked is not None else None
        return self.make_score(rows, summary, compat=compat, judge=asked, judged=judged)

    def _summary(self, rows: Sequence[Row], name: str) -> dict[str, float]:
        summary = {"accuracy": 100 * sum(row.scores[name] for row in rows) / len(rows)}
        for kind in dict.fromkeys(item.raw["type"] for item in self.items):
            part = [row.scores[name] for row in rows if row.meta["type"] == kind]
            summary[str(kind)] = 100 * sum(part) / len(part)
        return summary

    def _row(self, item: RegionItem, reply: Reply | None, compat: bool, judge: Judge | None) -> Row:
        status, note = reply_status(reply)
        gold, letter, words = str(item.raw["answer"]), None, None
        if status == "ok" and reply is not None:
            if compat:
                said = reply.raw.strip().removesuffix(RELEASED_END)
                letter = said.upper() if len(said) == 1 and said.upper() in LETTERS else None
            else:
                texts = [choice[2:].strip() for choice in item.raw["choices"]]
                index = parse_choice(reply.raw, texts)
                letter = LETTERS[index] if index is not None else None
                if index is None and judge is not None:
                    meant = verdict(judge, self.question(item, reply.raw, texts))
                    words = LETTERS[meant] if meant is not None else None
            status = "ok" if letter is not None or words is not None else "unparsed" if judge is None else "refused"
        scores = {"accuracy": float(letter == gold)}
        if judge is not None:
            scores["judged_accuracy"] = float((letter or words) == gold)
        said_by = {"answer": letter or words, **({"by": "judge"} if words else {})}
        return Row(
            id=item.key, item=item.key, cluster=item.path, scores=scores, status=status,
            parsed=said_by if letter or words else None, gold={"answer": gold}, note=note,
            meta={"type": item.raw["type"], "regions": len(item.rles)},
        )  # fmt: skip

    def question(self, item: RegionItem, said: str, choices: Sequence[str]) -> KeyedQuestion:
        """Which choice a reply in other words means. Choices differ in meaning, so a sentence encoder may say, too."""
        listed = lettered(choices)
        return KeyedQuestion(
            key=item.key, options=tuple(LETTERS[: len(choices)]), choices=tuple(choices), texts=tuple(choices),
            about=said, rubric="gar-vqa-1",
            prompt="Somebody was asked a multiple-choice question and replied in other words. Which choice does the"
            f" reply mean?\nQuestion: {item.raw['question']}\nChoices:\n{listed}\nReply: {said}",
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """Always one letter, a random offered letter (seed 0), nothing at all, and the right letter."""
        offered = {item.key: LETTERS[: len(item.raw["choices"])] for item in self.items}
        rng = np.random.default_rng(0)
        texts = {f"always-{letter}": dict.fromkeys(offered, letter) for letter in "ABCD"}
        texts["random"] = {key: letters[int(rng.integers(len(letters)))] for key, letters in offered.items()}
        texts["empty"] = dict.fromkeys(offered, "")
        texts["oracle"] = {item.key: str(item.raw["answer"]) for item in self.items}
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}


class GARCaption(GARBench):
    """A relation between regions in words, scored right or wrong; typed matchers first, a judge second."""

    options: ClassVar[tuple[str, ...]] = ("True", "False")

    @abstractmethod
    def typed(self, item: RegionItem, text: str) -> bool | None:
        """What can be decided without a judge."""

    @abstractmethod
    def rubric(self, item: RegionItem, text: str) -> str:
        """The judge's prompt."""

    @abstractmethod
    def gold(self, item: RegionItem) -> str:
        """A right reply."""

    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Per cent right. Without a judge what the typed matchers leave open is ``refused`` and wrong.

        ``compat``: only the judge is asked, as released.
        """
        rows = [self._row(item, replies.get(item.key), compat, judge) for item in self.items]
        n = len(rows)
        summary = {"accuracy": 100 * sum(row.scores["accuracy"] for row in rows) / n}
        judged = {"accuracy": 100 * sum(row.scores["judged_accuracy"] for row in rows) / n} if judge else None
        open_rows = sum(row.status == "refused" for row in rows)
        (judged if judged is not None else summary)["decided"] = 100 * (n - open_rows) / n
        notes = [
            f"{open_rows} of {n} replies were not decided and count as wrong{'' if judge else ': no judge'}"
        ]
        return self.make_score(
            rows,
            summary,
            compat=compat,
            judge=judge,
            judged=judged,
            notes=notes if open_rows else [],
            rubric="gar-1",
        )

    def _row(self, item: RegionItem, reply: Reply | None, compat: bool, judge: Judge | None) -> Row:
        status, note = reply_status(reply)
        scores, parsed = {"accuracy": 0.0}, None
        if judge is not None:
            scores["judged_accuracy"] = 0.0
        if reply is not None and (status == "ok" or (status == "unparsed" and compat)):
            text = reply.raw.strip()
            found = self.typed(item, text) if text else None
            scores["accuracy"] = float(found is True)
            if judge is not None and (found is None or compat):
                question = KeyedQuestion(
                    key=item.key, prompt=self.rubric(item, text), options=self.options, about=text,
                    rubric="gar-1",
                )  # fmt: skip
                said = verdict(judge, question, compat=compat)
                found = None if said is None else said == 0
            if judge is not None:
                scores["judged_accuracy"] = float(found is True)
            status = "ok" if found is not None else "refused"
            parsed = {"answer": text, "right": found}
        return Row(
            id=item.key, item=item.key, cluster=item.path, scores=scores, parsed=parsed, status=status, note=note,
            meta={"regions": len(item.rles)}, gold={"answer": self.gold(item)},
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """Nothing at all, and the right words."""
        right = {item.key: self.gold(item) for item in self.items}
        texts = {"empty": dict.fromkeys(right, ""), "oracle": right}
        return {name: replies_of(answers, f"baseline:{name}") for name, answers in texts.items()}


class GARCaptionSimple(GARCaption):
    """A question about the relation of two or three regions, answered in a sentence that cites them."""

    name = "gar-caption-simple"
    title = "GAR-Bench-Cap (simple)"
    file = "GAR-Bench-Caption-Simple.json"
    fields = ("question", "answer")

    def prompt(self, item: RegionItem) -> str:
        """The official question."""
        return str(item.raw["question"])

    def meta(self, item: RegionItem) -> dict[str, Any]:
        """Number of regions; the question apart."""
        return {"regions": len(item.rles), "question": item.raw["question"]}

    def gold(self, item: RegionItem) -> str:
        """The official answer."""
        return str(item.raw["answer"])

    def typed(self, item: RegionItem, text: str) -> bool | None:
        """Right where it equals the answer (case, articles and punctuation apart).

        Where both answer and reply state one plain relation (left, right, above, below) of two marks, right or wrong.
        """
        gold = self.gold(item)
        if normalise_text(text) == normalise_text(gold):
            return True
        true, said = marked_relation(gold), marked_relation(text)
        return true == said if true is not None and said is not None and item.raw.get("world") else None

    def rubric(self, item: RegionItem, text: str) -> str:
        """Asks whether the reply means the same as the answer."""
        return (
            "A model was asked about marked regions of a picture. Decide whether its reply means the same as the right"
            f" answer.\nQuestion: {item.raw['question']}\nRight answer: {self.gold(item)}\nReply: {text}\n"
            "Say True if it does, False if it does not."
        )


class GARCaptionDetailed(GARCaption):
    """A description of the first region that must convey its relation to the second."""

    name = "gar-caption-detailed"
    title = "GAR-Bench-Cap (detailed)"
    file = "GAR-Bench-Caption-Detailed.json"
    fields = ("subject_name", "object_name", "predicate_name")
    task = "describe"

    def prompt(self, item: RegionItem) -> str:
        """Asks for the description and the relation."""
        return "Describe <Prompt0> in detail. Say how it relates to <Prompt1>."

    def gold(self, item: RegionItem) -> str:
        """Subject, predicate and object in one sentence."""
        return f"A {item.raw['subject_name']} {item.raw['predicate_name']} a {item.raw['object_name']}."

    def typed(self, item: RegionItem, text: str) -> bool | None:
        """On world-made items: whether the caption names the subject and states the relation; else undecided.

        Real relations ("looking at", "standing on") are beyond the reader, which must not guess at them.
        """
        if not item.raw.get("world"):
            return None
        read, words = read_world(text), world_lexicon()
        if read.noun is None:
            return None
        subject, other = (words.nouns.get(str(item.raw[f"{role}_name"])) for role in ("subject", "object"))
        return (read.noun, read.relation, read.other_noun) == (subject, item.raw["predicate_name"], other)

    def rubric(self, item: RegionItem, text: str) -> str:
        """Asks whether subject and relation are in the description."""
        return (
            "A model was asked to describe one marked region of a picture and its relation to another. Decide"
            f" whether the description tells of the {item.raw['subject_name']} and conveys that it is"
            f" {item.raw['predicate_name']} the {item.raw['object_name']}.\n"
            f"Description: {text}\nSay True if it does both, False if not."
        )
