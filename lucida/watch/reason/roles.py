"""The search behind the survey's interfaces: a ``Reasoner`` (eq. 3) and an ``Answerer`` (eq. 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lucida.media.errors import InputError
from lucida.media.records import Answer
from lucida.watch.events.head import EventHead
from lucida.watch.protocols import Describer, Memory
from lucida.watch.reason.cast import Alike
from lucida.watch.reason.findings import Findings, answer
from lucida.watch.reason.searching import Searcher
from lucida.watch.reason.tools import Footage, Ledger, Tools
from lucida.watch.reason.watching import Watched
from lucida.watch.records import Trace

TOOLS = ("overview", "seek", "crop", "glance", "zoom", "recall")


class SearchReasoner:
    """Budgeted evidence search over one film.

    Args:
        watched: the coarse pass. footage: the film. head: the event head. describer: names for boxes.
        alike, query: see ``Searcher`` and ``Tools``.
    """

    def __init__(
        self, watched: Watched, footage: Footage, head: EventHead, *, describer: Describer | None = None,
        alike: Alike | None = None, query: Callable[[str], tuple[np.ndarray, np.ndarray] | None] | None = None,
    ) -> None:  # fmt: skip
        self.watched, self.footage, self.head = watched, footage, head
        self.describer, self.alike, self.query = describer, alike, query

    def reason(self, question: Any, memory: Memory, tools: Mapping[str, Any], budget: int) -> Findings:
        """Search for the answer.

        Args:
            question: text or a ``Question``. memory: what ``seek`` reads.
            tools: by name, instead of our own of that name. budget: frames beyond those of the coarse pass.

        Raises:
            InputError: a tool of another name, or a question without a known form.
        """
        ledger = Ledger(budget=len(self.watched.times) + len(self.watched.closer) + budget)
        ledger.seen |= {round(t, 6) for t in (*self.watched.times, *self.watched.closer)}
        own = Tools(self.footage, ledger, memory=memory, describer=self.describer, query=self.query,
                    zooms=self.watched.zooms)  # fmt: skip
        for name, tool in tools.items():
            if name not in TOOLS:
                raise InputError(f"tool {name!r}: want one of {', '.join(TOOLS)}")
            setattr(own, name, tool)
        return Searcher(self.watched, own, self.head, alike=self.alike).reason(question)


class FindingsAnswerer:
    """Findings to an answer or an abstention."""

    def answer(self, trace: Trace) -> Answer:
        """Eq. (4).

        Raises:
            InputError: a trace that has no answer in it.
        """
        if not isinstance(trace, Findings):
            raise InputError(f"trace of {trace.question!r}: has no answer in it (want Findings)")
        return answer(trace)
