"""Answers with evidence on clips whose truth is known: how often right and where, at what cost, and how honestly.

python -m benchmarks.ask [--clips 4] [--seeds 3] [--questions 10] [--seconds 12] [--budgets 64 32 48 96]
    [--claim evidence|confidence|both]

Right is the typed match of the answer; "and shown" asks besides that the spans it cites overlap the true evidence with
a tIoU of at least 0.5 (spans united; questions whose answer is that something never happens have none). Questions about
sound are left out. Arms, all with the same tracker, event head, describer and question rules:

  search n   a coarse pass of n/2 frames, but of at least 8/3 a second, which is what following things needs (so that
             search 32 of twelve seconds is uniform 32); then looks where most is open, at most n frames in all
  uniform n  n frames evenly spread
  last n     the last n frames
  dense      every frame looked at

Each question begins from the coarse pass alone, which is counted in its frames; nothing that was looked at for another
question helps. Answers are not withheld for little confidence here, in no arm: confidence is capped by how closely an
event was looked at, and evenly spread frames would lose right answers by that alone.

Then honesty, for the search at the first budget: the frames of the true evidence are taken out of the film and the
questions that were answered right are asked again; confidence must fall. The risk–coverage curve answers the surest
questions first.
"""

from __future__ import annotations

import argparse
import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lucida.cli.ask_parts import RegionDescriber
from lucida.metrics.geometry import spans_iou, temporal_iou
from lucida.metrics.matchers import match_answer, match_span, match_text
from lucida.metrics.parsing import parse_span
from lucida.train.claims import Number, measured, report
from lucida.watch.events.head import load_events
from lucida.watch.reason.findings import Findings
from lucida.watch.reason.searching import Searcher
from lucida.watch.reason.tools import Ledger, Tools
from lucida.watch.reason.watching import Watched, watch
from lucida.world.clip_questions import clip_questions
from lucida.world.clip_records import ClipQuestion
from lucida.world.clips import draw_clip
from lucida.world.footage import ClipFootage
from lucida.world.language import lexicon

FULL = 12.0
COARSE, RATE = 0.5, 8 / 3  # of the coarse pass: share of the budget, and least frames a second


def right(question: ClipQuestion, findings: Findings) -> bool:
    """Whether the answer is the right one; a withheld answer is not."""
    if findings.withheld:
        return False
    text, truth = findings.text, question.answer
    if question.answer_type == "span":
        span = parse_span(truth)
        return span is not None and match_span(text, span).ok
    if question.answer_type in ("none", "event", "side", "place"):
        kind = {"event": match_text, "none": match_text, "side": match_text, "place": match_text}[
            question.answer_type
        ]
        return kind(text, truth).ok
    return match_answer(question.answer_type, text, truth, lexicon=lexicon()).ok


def shown(question: ClipQuestion, findings: Findings) -> bool:
    """Whether the cited spans are the true evidence."""
    if not question.evidence:
        return True
    cited = [(e.t0, e.t1) for e in findings.evidence if e.t0 is not None and e.t1 is not None]
    truth = [(e.t0, e.t1) for e in question.evidence]
    if len(truth) == len(cited) == 1:
        return float(temporal_iou(cited[0], truth[0])) >= 0.5
    return bool(cited) and spans_iou(cited, truth) >= 0.5


def seen_by(footage: ClipFootage, times: Sequence[float], describer: RegionDescriber) -> Watched:
    """The pass over just these frames."""
    return watch(footage.at(times), footage.size, describer, rate=len(times) / footage.duration)


def even(times: np.ndarray, count: int) -> list[float]:
    """``count`` of the times, at the middles of equal parts."""
    return times[np.unique(((np.arange(count) + 0.5) * len(times) / count).astype(int))].tolist()


def ask(
    footage: ClipFootage, watched: Watched, question: str, budget: int, describer: RegionDescriber
) -> tuple[Findings, int]:
    """One question to a film of which only ``watched`` is known; (findings, frames inspected, the pass included)."""
    known = copy.deepcopy(watched)
    ledger = Ledger(budget=max(budget, len(known.times)))
    ledger.seen |= {round(t, 6) for t in known.times}
    tools = Tools(footage, ledger, describer=describer, zooms=known.zooms)
    found = Searcher(known, tools, HEAD, least=0.0, making_sure=1.0).reason(question)
    return found, ledger.frames


HEAD = load_events()


@dataclass
class Row:
    """One question's outcome in one arm."""

    kind: str
    right: bool
    shown: bool
    confidence: float
    frames: int


def main() -> None:
    """Run the arms, print tables, report the numbers of one claim or of both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=4, help="per seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=10, help="per clip, each kind in turn")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument(
        "--budgets", type=int, nargs="+", default=[64, 32, 48, 96], help="the first is the main one"
    )
    parser.add_argument("--split", default="test")
    parser.add_argument("--first", type=int, default=0, help="seed of the first clip")
    parser.add_argument("--claim", choices=("evidence", "confidence", "both"), default="both")
    parser.add_argument("--verbose", action="store_true", help="show each question that went wrong")
    options = parser.parse_args()
    describer, main_budget = RegionDescriber(), options.budgets[0]
    rows: dict[str, list[list[Row]]] = defaultdict(lambda: [[] for _ in range(options.seeds)])
    before: list[float] = []
    after: list[float] = []
    for lot in range(options.seeds):
        for n in range(lot * options.clips, (lot + 1) * options.clips):
            clip = draw_clip(options.first + n, split=options.split, seconds=options.seconds, fps=FULL)
            footage = ClipFootage(clip)
            asked = [q for q in clip_questions(clip) if q.answer_type and not q.kind.startswith("tone")]
            asked = _in_turn(asked, options.questions)
            for arm, times, budget in _arms(footage, options.budgets, options.claim):
                watched = seen_by(footage, times, describer)
                for question in asked:
                    found, frames = ask(footage, watched, question.text, budget, describer)
                    ok = right(question, found)
                    row = Row(
                        question.kind, ok, ok and shown(question, found), found.confidence or 0.0, frames
                    )
                    rows[arm][lot].append(row)
                    if options.verbose and not row.shown:
                        print(f"{arm} {clip.seed}: {question.text} [{question.answer}] -> {found.text}")
                    asks_again = arm == f"search {main_budget}" and options.claim != "evidence"
                    if asks_again and row.shown and question.evidence:
                        gone = ClipFootage(clip, [(e.t0 - 0.1, e.t1 + 0.1) for e in question.evidence])
                        without = seen_by(gone, even(gone.times, len(times)), describer)
                        before.append(row.confidence)
                        after.append(
                            ask(gone, without, question.text, budget, describer)[0].confidence or 0.0
                        )
    numbers: dict[str, Number | float] = {}
    for arm, lots in rows.items():
        numbers |= _told(arm, arm.removesuffix(f" {main_budget}").replace(" ", ""), lots)
        if options.verbose:
            _by_kind(lots)
    if before:
        numbers |= _honesty(np.array(before), np.array(after))
    numbers |= _risk([row for lot in rows[f"search {main_budget}"] for row in lot])
    report(numbers)


def _arms(footage: ClipFootage, budgets: Sequence[int], claim: str) -> list[tuple[str, list[float], int]]:
    """(name, times of the pass, frames allowed) of each arm."""
    main_budget, times = budgets[0], footage.times
    least = round(RATE * footage.duration)
    found = [(f"search {n}", even(times, min(n, max(least, round(COARSE * n)))), n) for n in budgets]
    if claim == "confidence":
        return found[:1]
    found += [(f"uniform {n}", even(times, n), n) for n in budgets]
    return [
        *found,
        (f"last {main_budget}", times[-main_budget:].tolist(), main_budget),
        ("dense", times.tolist(), 0),
    ]


def _in_turn(questions: list[ClipQuestion], limit: int) -> list[ClipQuestion]:
    """``limit`` questions, each kind in turn."""
    turn: dict[str, int] = defaultdict(int)
    order = []
    for question in questions:
        order.append(turn[question.kind])
        turn[question.kind] += 1
    return [questions[int(i)] for i in np.argsort(order, kind="stable")[:limit]]


def _told(arm: str, key: str, lots: list[list[Row]]) -> dict[str, Number | float]:
    """Means by seed, printed as a row."""
    means = {
        "right": measured([float(np.mean([row.right for row in lot])) for lot in lots]),
        "right_and_shown": measured([float(np.mean([row.shown for row in lot])) for lot in lots]),
        "frames": measured([float(np.mean([row.frames for row in lot])) for lot in lots]),
    }
    count = sum(map(len, lots))
    print(
        f"{arm:>10}  {'  '.join(f'{name} {value.value:.3f}' for name, value in means.items())}  ({count} questions)"
    )
    return {f"{key}/{name}": value for name, value in means.items()}


def _by_kind(lots: list[list[Row]]) -> None:
    kinds: dict[str, list[Row]] = defaultdict(list)
    for lot in lots:
        for row in lot:
            kinds[row.kind].append(row)
    for kind, found in sorted(kinds.items()):
        ok, cited, frames = (
            np.mean([getattr(r, name) for r in found]) for name in ("right", "shown", "frames")
        )
        print(f"  {kind:>13} right {ok:.2f} and shown {cited:.2f} frames {frames:.0f} of {len(found)}")


def _honesty(before: np.ndarray, after: np.ndarray) -> dict[str, Number | float]:
    fell = float((after < before - 0.05).mean())
    print(
        f"evidence taken out: confidence {before.mean():.3f} -> {after.mean():.3f}; fell in {fell:.3f} of {len(before)}"
    )
    return {
        "confidence/with_evidence": float(before.mean()), "confidence/without": float(after.mean()),
        "confidence/share_that_fell": Number(value=fell, n=len(before)),
    }  # fmt: skip


def _risk(rows: list[Row]) -> dict[str, Number | float]:
    """Error among the surest 50 %, 80 % and all questions, and the area under the risk–coverage curve."""
    order = np.argsort([-row.confidence for row in rows], kind="stable")
    wrong = np.array([not rows[int(i)].right for i in order], float)
    risk = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    at = {share: float(risk[max(0, round(share * len(risk)) - 1)]) for share in (0.5, 0.8, 1.0)}
    print(
        "risk at coverage "
        + ", ".join(f"{s:.0%}: {r:.3f}" for s, r in at.items())
        + f"; area {risk.mean():.3f}"
    )
    return {
        "risk/at_50": at[0.5],
        "risk/at_80": at[0.8],
        "risk/at_100": at[1.0],
        "risk/area": float(risk.mean()),
    }


if __name__ == "__main__":
    main()
