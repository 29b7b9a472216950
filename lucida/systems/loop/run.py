"""Look at a picture that was drawn, or any other, with the eyes of the other systems, and hold it against a prompt.

Segment, describe every thing found, caption the whole, ask what the prompt's facts imply, score. The systems judge
each other: a low score blames the drawer or the reader. Only a true picture of the prompt (or a network that is no
part of the loop) tells which, so :func:`inspect` takes any picture.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lucida.media.image import Image
from lucida.media.records import Caption
from lucida.media.region import Region
from lucida.metrics.reader import read_caption
from lucida.systems.generate.prompts import Prompt
from lucida.systems.loop.checks import Check, by_answer, by_caption, by_captions, by_things, found_in
from lucida.systems.loop.facts import Question, questions_of
from lucida.systems.segment.proposals import MOST, parts
from lucida.world.language_lexicon import lexicon

if TYPE_CHECKING:
    from lucida.models.dense_judge import DenseJudge
    from lucida.systems.describe.look import Look
    from lucida.systems.describe.system import Describer
    from lucida.systems.segment.system import Segmentation, Segmenter


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A question, and what was answered; None: it could not be asked."""

    question: Question
    asked: str
    text: str | None
    confidence: float
    check: Check


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """What was found in one picture.

    Attributes:
        segmentation: None without a segmenter. names: the class of each region, "" where nobody says.
        captions: of the regions. whole: of the picture. caption_f1: of ``whole`` over the prompt's things.
        seconds: by stage.
    """

    prompt: Prompt
    segmentation: Segmentation | None
    names: tuple[str, ...]
    captions: tuple[Caption, ...]
    whole: Caption
    caption_f1: float
    replies: tuple[Reply, ...]
    checks: tuple[Check, ...]
    seconds: dict[str, float]

    @property
    def regions(self) -> list[Region]:
        """Those that were described."""
        return [caption.region for caption in self.captions if caption.region is not None]


def inspect(
    image: Image, prompt: Prompt, *, segmenter: Segmenter | None, describer: Describer, steps: int = 4,
    judge: DenseJudge | None = None,
) -> Inspection:  # fmt: skip
    """See, describe, ask and score one picture.

    Args:
        segmenter: None: the describer proposes its own regions, and there is no class map.
        steps: of the segmenter.
        judge: a network that is no part of the loop; its checks have the witness "judge".
    """
    words, seconds, checks = lexicon(), {}, []
    begin = time.perf_counter()
    found = segmenter.segment(image, steps=steps) if segmenter is not None else None
    named = parts(found)[:MOST] if found is not None else []
    if found is not None and segmenter is not None:
        things = found_in([(p.name, None) for p in named], [p.region for p in named])
        known = segmenter.names[found.grounds :]
        checks += by_things(prompt, things, "map", known=known, colours=False)
    seconds["segment"] = time.perf_counter() - begin
    begin = time.perf_counter()
    look = describer.look(image)
    regions = [part.region.resized(image.size) for part in named] or look.regions()
    classes = [part.name for part in named] or [""] * len(regions)
    captions = tuple(look.describe(regions)) if regions else ()
    whole = look.caption()
    texts = [caption.text for caption in captions]
    checks += by_captions(prompt, texts, regions, words)
    more, f1 = by_caption(prompt, whole.text, words)
    seconds["describe"] = time.perf_counter() - begin
    begin = time.perf_counter()
    replies = _ask(look, prompt, regions, classes, texts)
    seconds["ask"] = time.perf_counter() - begin
    checks += [*more, *(reply.check for reply in replies)]
    if judge is not None:
        from lucida.systems.generate.judging import judge_pictures

        checks += by_things(
            prompt, judge_pictures([image], judge).things[0], "judge", known=judge.config.nouns
        )
    return Inspection(
        prompt=prompt, segmentation=found, names=tuple(classes), captions=captions, whole=whole, caption_f1=f1,
        replies=tuple(replies), checks=tuple(checks), seconds=seconds,
    )  # fmt: skip


def _ask(
    look: Look, prompt: Prompt, regions: Sequence[Region], classes: Sequence[str], texts: Sequence[str]
) -> list[Reply]:
    """All questions in one decode. A question about two things cites the regions that are called so."""
    words, questions = lexicon(), questions_of(prompt)
    said = [read_caption(text, words).noun for text in texts]

    def region_of(noun: str) -> int | None:
        """By the class map, else by the captions; the largest."""
        for names in (classes, said):
            same = [i for i, name in enumerate(names) if name == noun]
            if same:
                return max(same, key=lambda i: regions[i].area)
        return None

    wording: list[str | None] = []
    for question in questions:
        cited = [region_of(noun) for noun in question.cites]
        if None in cited or len(set(cited)) < len(cited):
            wording.append(None)
            continue
        text = re.sub(r"<(\d+)>", r"<{\1}>", question.text)
        wording.append(text.format(0, *(int(at) + 1 for at in cited if at is not None)))
    able = [text for text in wording if text is not None]
    answers = iter(look.ask_all(able, regions) if able else ())
    replies = []
    for question, text in zip(questions, wording, strict=True):
        answer = next(answers) if text is not None else None
        told = None if answer is None else "" if answer.abstained else answer.text
        replies.append(Reply(
            question=question, asked=text or question.text, text=told,
            confidence=(answer.confidence or 0.0) if answer is not None else 0.0,
            check=by_answer(question, told, words),
        ))  # fmt: skip
    return replies
