"""Questions about a scene, each with one right answer, its evidence and its derivation.

One function per kind, in :data:`KINDS`; a kind yields nothing where the scene has no clear case of it. Answers
of yes/no kinds are balanced: a kind speaks only where both answers could be asked for, and a coin decides which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from lucida.media.errors import InputError
from lucida.world import questions_regions as regions
from lucida.world import questions_things as things
from lucida.world.questions_trace import replay
from lucida.world.questions_wording import word_question
from lucida.world.records import Question, Scene

__all__ = ["KINDS", "questions", "replay"]

Maker = Callable[[Scene, np.random.Generator], Question | None]

KINDS: dict[str, Maker] = {
    "relation": regions.relation,
    "relation yes/no": regions.relation_yesno,
    "compare": regions.compare,
    "attribute": regions.attribute,
    "attribute yes/no": regions.attribute_yesno,
    "composition": regions.composition,
    "same": regions.same,
    "count": things.count,
    "existence": things.existence,
    "refer": things.referred,
}


def questions(
    scene: Scene,
    seed: int | np.random.Generator,
    *,
    kinds: Iterable[str] | None = None,
    per_kind: int = 2,
    held_out: bool = False,
) -> list[Question]:
    """Up to ``per_kind`` different questions of each kind. Deterministic in its arguments.

    ``held_out`` asks in the wordings that training never shows.

    Raises:
        InputError: a name in ``kinds`` is not in :data:`KINDS`.
    """
    rng = np.random.default_rng(seed)
    chosen = tuple(KINDS) if kinds is None else tuple(kinds)
    found: list[Question] = []
    for kind in chosen:
        if kind not in KINDS:
            raise InputError(f"kinds: {kind!r} is not one of {', '.join(KINDS)}")
        seen: set[tuple[str, tuple[int, ...]]] = set()
        for _ in range(per_kind):
            question = KINDS[kind](scene, rng)
            if question is None or (question.text, question.cites) in seen:
                continue
            seen.add((question.text, question.cites))
            found.append(replace(question, text=word_question(question.text, rng, held_out=held_out)))
    return found
