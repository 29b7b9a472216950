"""What a search comes to: the trace with its answer or the reason why there is none, and the answer to hand on."""

from __future__ import annotations

from dataclasses import dataclass

from lucida.media.records import Answer, Evidence
from lucida.watch.reason.refining import Seen
from lucida.watch.records import Trace

Result = tuple[str, list[Evidence], float, bool]  # text, evidence, confidence, whether it is withheld


@dataclass(frozen=True, kw_only=True)
class Findings(Trace):
    """A trace that has come to an end: ``text`` is the answer, or the reason why there is none (``withheld``).

    ``doubt``: what could not be looked into, "" if nothing.
    """

    text: str = ""
    withheld: bool = False
    doubt: str = ""


def nothing(why: str) -> Result:
    """No answer, for this reason."""
    return why, [], 0.0, True


def span_text(event: Seen) -> str:
    """ "3.05-3.51 s"."""
    return f"{event.t0:.2f}-{event.t1:.2f} s"


def away(span: tuple[float, float], t: float) -> float:
    """Seconds from ``t`` to a span; 0 inside it."""
    return max(0.0, span[0] - t, t - span[1])


def answer(findings: Findings) -> Answer:
    """Eq. (4): the findings as an answer; what is withheld leaves as an abstention that says what was inspected."""
    return Answer(
        findings.text, evidence=findings.evidence, confidence=findings.confidence, abstained=findings.withheld,
        inspected=findings.inspected,
    )  # fmt: skip
