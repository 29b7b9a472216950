"""The answer spans of a canvas while they are written: which slots a pass may write, and which it reveals.

Every rule here is about one answer span: its law's quota, its blocks, its end token, its tail. So the slots, which a
session sees as rows (groups, or whole canvases) are laid out here with one line per answer span, and where they lie
in the rows does not matter.

Shape legend: S answer spans (lines), W slots of the longest one; rows x A: the slots as a session sees them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lucida.canvas.compiling import Piece, Slots
from lucida.canvas.plan import Plan


@dataclass(frozen=True, kw_only=True, eq=False)
class Guesses:
    """What the network would write, per slot (S, W).

    Attributes:
        ids: the chosen id; the mask id where no logits were asked for.
        confidence: its probability. logprob: its log-probability under the law it was drawn from, 0 where greedy.
        end: probability of the end token. end_logprob: like ``logprob``, had the end token been drawn.
    """

    ids: Tensor
    confidence: Tensor
    logprob: Tensor
    end: Tensor
    end_logprob: Tensor


class Writing:
    """The state of one decode. All tensors are (S, W) unless stated.

    Attributes:
        lines: the pieces of each line; one, except under a pooled plan.
        row, column: where each slot lies in the rows. real: bool, not padding. kind: (S,) index into the plans.
        ids: contents. alive: bool, not cut off by an end token. open: bool, to be written.
        initial: bool, slots the plan writes. tail: bool, cut off as a tail.
        scattered: lines and rows order the slots differently (pooled plans).
        confidence: probability of what was committed. step: pass of the commitment, -1 before.
    """

    def __init__(self, slots: Slots, ends: Tensor, *, mask: int, end: int) -> None:
        """``ends``: (kinds,) bool, which answer spans may hold the end token."""
        self.slots, self.plans, self.mask, self.end = slots, slots.plans, mask, end
        self.lines = _lines(slots, ends)
        width = max((sum(p.length for p in line) for line in self.lines), default=0)
        shape = (len(self.lines), width)
        self.row, self.column = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        self.real = torch.zeros(shape, dtype=torch.bool)
        for s, line in enumerate(self.lines):
            columns = torch.cat([torch.arange(p.start, p.start + p.length) for p in line])
            self.row[s], self.column[s, : len(columns)], self.real[s, : len(columns)] = line[0].row, columns, True
        self.kind = torch.tensor([line[0].kind for line in self.lines], dtype=torch.long)
        flat = (self.row * slots.ids.shape[1] + self.column)[self.real]
        self.scattered = bool((flat[1:] < flat[:-1]).any())
        self._ends = ends[self.kind].unsqueeze(1)
        self._revisable = torch.tensor([p.revisable for p in self.plans])[self.kind].unsqueeze(1)
        self._first = torch.tensor([p.first for p in self.plans])[self.kind].unsqueeze(1)
        self._last = torch.tensor([p.last for p in self.plans])[self.kind].unsqueeze(1)
        self.ids = torch.where(self.real, slots.ids[self.row, self.column], mask)
        self.alive = self.real.clone()
        self.open = self.real & (self.ids == mask)
        self.initial = self.open | (self.real & self._revisable)
        self.tail = torch.zeros(shape, dtype=torch.bool)
        self.confidence = torch.zeros(shape)
        self.step = torch.full(shape, -1)
        self._cut_after_end(0)

    def spread(self, values: Tensor, fill: float | bool) -> Tensor:
        """(S, W) -> (rows, A), ``fill`` where there is no slot."""
        out = values.new_full(self.slots.ids.shape, fill)
        out[self.row[self.real], self.column[self.real]] = values[self.real]
        return out

    def unsettled(self, step: int) -> Tensor:
        """(S, W) bool: slots whose contents may still change in pass ``step`` or later."""
        return self.alive & (self.open | (self.initial & self._revisable & (step <= self._last)))

    def begun(self, step: int) -> Tensor:
        """(S, W) bool: unsettled slots whose window has begun."""
        return self.unsettled(step) & (step >= self._first)

    def asked(self, step: int) -> Tensor:
        """(S, W) bool: slots that may be written in this pass, by window, law and order."""
        asked = torch.zeros_like(self.open)
        for k, plan in enumerate(self.plans):
            mine = self.kind == k
            if not plan.first <= step <= plan.last or not bool(mine.any()):
                continue
            ready = self.alive[mine] & (self.initial if plan.revisable else self.open)[mine]
            if not plan.revisable and step < plan.last:
                # The leftmost blocks that the quota needs; the leftmost one where confidence decides.
                size = max(ready.shape[1], 1) if _runs(plan) else _block(plan, ready.shape[1])
                column = torch.arange(ready.shape[1]).expand_as(ready)
                before = (ready.cumsum(dim=1) - ready.long()).gather(1, column // size * size)
                quota = self._quota(plan, mine, step)
                ready = ready & (before < (1 if quota is None else quota.unsqueeze(1)))
            asked[mine] = ready
        return asked

    def write(self, step: int, asked: Tensor, guesses: Guesses) -> tuple[Tensor, Tensor]:
        """Commit what this pass reveals.

        Returns:
            the newly committed slots that were not cut off in the same pass, and their log-probabilities (0 elsewhere).
        """
        tail = self._cut_tail(asked, guesses)
        self._cut_after_end(step)
        new = tail.clone()
        for k, plan in enumerate(self.plans):
            mine = self.kind == k
            if not plan.first <= step <= plan.last or not bool(mine.any()):
                continue
            if plan.revisable:
                new[mine] = self._revise(plan, mine, asked[mine] & self.alive[mine], guesses, step)
            else:
                ready = asked[mine] & self.alive[mine] & self.open[mine]
                new[mine] |= self._reveal(plan, mine, ready, guesses, step)
        self.step[new] = step
        self._cut_after_end(step)
        new &= self.alive
        return new, torch.where(new, torch.where(tail, guesses.end_logprob, guesses.logprob), 0.0)

    def _quota(self, plan: Plan, mine: Tensor, step: int) -> Tensor | None:
        """(lines,) slots that a counting law still owes after this pass; None where confidence decides."""
        slots = (self.initial & self.alive & ~self.tail)[mine]
        done = (slots & ~self.open[mine]).sum(dim=1)
        owed = [plan.revealed_after(step, n) for n in slots.sum(dim=1).tolist()]
        counts = [n for n in owed if n is not None]
        return torch.tensor(counts) - done if len(counts) == len(owed) else None

    def _reveal(self, plan: Plan, mine: Tensor, ready: Tensor, guesses: Guesses, step: int) -> Tensor:
        """Commit this pass's share of the ready slots: leftmost blocks first, surest first inside a block."""
        confidence = guesses.confidence[mine]
        by_confidence = torch.where(ready, confidence, -1.0).argsort(dim=1, descending=True, stable=True)
        block = torch.arange(ready.shape[1]) // _block(plan, ready.shape[1])
        lane = torch.where(ready, block, ready.shape[1]).gather(1, by_confidence)
        rank = by_confidence.gather(1, lane.argsort(dim=1, stable=True)).argsort(dim=1)  # 0 = first to be revealed
        quota = self._quota(plan, mine, step)
        if step >= plan.last:
            quota = ready.sum(dim=1)
        elif _runs(plan):
            unsure = ready & (confidence < plan.threshold)
            quota = (ready & (unsure.cumsum(dim=1) == 0)).sum(dim=1).clamp_min(1)
        elif plan.law == "threshold":
            quota = (ready & (confidence >= plan.threshold)).sum(dim=1).clamp_min(1)
        elif plan.law == "factor":
            k = torch.arange(1, ready.shape[1] + 1)
            surest = torch.where(ready, confidence, -1.0).sort(dim=1, descending=True).values
            holds = ((k + 1) * (1 - surest) < plan.factor) & (surest >= 0)
            quota = torch.where(holds, k, 0).amax(dim=1).clamp_min(1)
        assert quota is not None
        new = ready & (rank < quota.unsqueeze(1))
        self._commit(mine, new, guesses)
        return new

    def _revise(self, plan: Plan, mine: Tensor, ready: Tensor, guesses: Guesses, step: int) -> Tensor:
        """Write every open slot, then mask the least sure again, committed ones included (PerceptionDLM's release)."""
        keep = torch.tensor([plan.revealed_after(step, n) for n in ready.sum(dim=1).tolist()])
        order = torch.where(ready, guesses.confidence[mine], -1.0).argsort(dim=1, descending=True, stable=True)
        kept = ready & (order.argsort(dim=1) < keep.unsqueeze(1))
        new = kept & self.open[mine]
        self._commit(mine, new, guesses)
        again = ready & ~kept
        self.ids[mine] = torch.where(again, self.mask, self.ids[mine])
        self.confidence[mine] = torch.where(again, 0.0, self.confidence[mine])
        self.open[mine] |= again
        return new

    def _commit(self, mine: Tensor, new: Tensor, guesses: Guesses) -> None:
        self.ids[mine] = torch.where(new, guesses.ids[mine], self.ids[mine])
        self.confidence[mine] = torch.where(new, guesses.confidence[mine], self.confidence[mine])
        self.open[mine] &= ~new

    def _cut_tail(self, asked: Tensor, guesses: Guesses) -> Tensor:
        """Commit the run of surely-end slots at an answer's end in one go: they must not eat the reveal quota."""
        never = [p.revisable or (p.order == "left-to-right" and not _runs(p)) for p in self.plans]
        sure = torch.tensor([2.0 if no else p.tail for no, p in zip(never, self.plans, strict=True)])
        likely = asked & self._ends & (guesses.end >= sure[self.kind].unsqueeze(1))
        ending = likely | ~self.alive | (self._ends & (self.ids == self.end) & ~self.open)
        tail = ending.flip(1).long().cumprod(dim=1).flip(1).bool() & likely & self.alive & self.open
        self.ids = torch.where(tail, self.end, self.ids)
        self.confidence = torch.where(tail, guesses.end, self.confidence)
        self.open = self.open & ~tail
        self.tail = self.tail | tail
        return tail

    def _cut_after_end(self, step: int) -> None:
        """A committed end token ends its answer: every slot behind it leaves the canvas and holds an end token too."""
        settled = ~self._revisable | (step >= self._last)
        ended = (self.ids == self.end) & ~self.open & self.alive & self._ends & settled
        behind = (ended.long().cumsum(dim=1) - ended.long() > 0) & self.real
        self.alive = self.alive & ~behind
        self.ids = torch.where(behind, self.end, self.ids)


def _block(plan: Plan, width: int) -> int:
    """Slots that the plan's order treats alike: one, a block, or all."""
    return {"left-to-right": 1, "block": plan.block, "confidence": max(width, 1)}[plan.order]


def _runs(plan: Plan) -> bool:
    """Whether a pass reveals a run of slots whose length confidence decides."""
    return plan.order == "left-to-right" and plan.law == "threshold"


def _lines(slots: Slots, ends: Tensor) -> list[list[Piece]]:
    """The answer spans, those of one row and one pooled plan together."""
    lines: dict[tuple[int, int, int], list[Piece]] = {}
    for n, piece in enumerate(slots.pieces):
        pooled = slots.plans[piece.kind].pooled
        if pooled and bool(ends[piece.kind]):
            raise ValueError(f"a pooled plan cannot write answers that may end: {slots.allowed[piece.kind]!r}")
        lines.setdefault((piece.row, piece.kind, -1 if pooled else n), []).append(piece)
    return list(lines.values())
