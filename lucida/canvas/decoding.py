"""The one decode loop: masks in, answers out, whatever the visibility, the plans or the session.

At every pass the loop asks the session for logits, chooses a token for each open slot, and commits as many as the
plan's law allows, surest first. It counts forward passes and tokens read, emits one event per pass, and can record
the trajectory with the exact log-probability of every committed token.

Shape legend: rows = groups or canvases, A slots per row, V' allowed ids, c columns asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lucida.canvas.compiling import Slots
from lucida.canvas.plan import Plan
from lucida.canvas.sessions import Session
from lucida.canvas.trajectory import Move, Trajectory
from lucida.canvas.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodeEvent:
    """The canvas after one pass. All tensors are (rows, A) snapshots.

    Attributes:
        step: pass number from 0. passes: network passes so far (two per step under guidance).
        ids: contents; open slots hold the mask id.
        guesses: what the network would write in each open slot (mask id where it was not asked).
        confidence: probability of the committed token or the guess, 0 where never asked.
        committed: bool, slots that are final. new: bool, slots committed in this pass.
        alive: bool, slots not cut off by an end token.
    """

    step: int
    passes: int
    ids: Tensor
    guesses: Tensor
    confidence: Tensor
    committed: Tensor
    new: Tensor
    alive: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """A finished canvas.

    Attributes:
        ids: per row, the answer's ids up to and without the end token.
        confidence: per row, the probability each of these ids was committed with.
        steps: per row, the pass (from 0) at which each id was committed.
        passes: network passes (NFE), reading the context and the given parts not counted.
        token_forwards: tokens read in all, context and given parts included.
        trajectory: every commitment with its log-probability, when asked for.
    """

    ids: list[list[int]]
    confidence: list[list[float]]
    steps: list[list[int]]
    passes: int
    token_forwards: int
    trajectory: Trajectory | None


class _State:
    """Mutable working tensors of one decode."""

    def __init__(self, slots: Slots, vocabulary: Vocabulary) -> None:
        self.ids = slots.ids.clone()
        self.alive = slots.valid.clone()
        self.open = slots.valid & (slots.ids == vocabulary.mask)
        self.confidence = torch.zeros(slots.ids.shape)
        self.step = torch.full(slots.ids.shape, -1)
        self.initial = self.open.clone()


@torch.inference_mode()
def decode(
    session: Session,
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
    on_event: Callable[[DecodeEvent], None] | None = None,
    record: bool = False,
) -> Decoded:
    """Fill every open slot of the session's canvas.

    Slots that do not hold the mask id at the start are given and stay untouched (unless their plan is revisable).
    Sampling noise depends on ``seed`` and a row's key only, never on the row's number or on its neighbours.
    """
    slots = session.slots
    state = _State(slots, vocabulary)
    noise = [_generator(seed, key) for key in slots.keys] if any(p.temperature > 0 for p in slots.plans) else None
    moves: list[Move] = []
    end_at = (session.allowed == vocabulary.end).nonzero()
    end_index = int(end_at[0, 0]) if len(end_at) else None
    passes = 0
    for step in range(max((p.last + 1 for p in slots.plans), default=0)):
        asked = _asked(state, slots, step)
        active = asked.any(dim=1)
        if not bool(active.any()):
            if not bool((state.open & state.alive).any()):
                break
            continue
        first, stop = _columns(state, slots, asked, active)
        before, alive = state.ids.clone(), state.alive.clone()
        logits = session.logits(state.ids, state.alive, active, first, stop)
        passes += session.cost
        picked = _pick(logits, session, slots, active, first, stop, noise)
        guesses, confidence, logprob, end_probability = _scatter(picked, state, active, first, stop, vocabulary, end_index)
        new = _cut_tail(state, slots, asked, end_probability, vocabulary) if end_index is not None else asked & False
        for kind, plan in enumerate(slots.plans):
            mine = (slots.span == kind) & slots.valid
            if plan.first <= step <= plan.last:
                new |= _reveal(state, plan, mine, asked & mine & state.alive, guesses, confidence, step, vocabulary)
        state.step[new] = step
        if end_index is not None:
            _cut_after_end(state, vocabulary)
        if record:
            new_ids = torch.where(new, state.ids, vocabulary.mask)
            moves.append(Move(before=before, alive=alive, active=active, first=first, stop=stop, new=new, ids=new_ids,
                              logprob=torch.where(new, logprob, 0.0)))  # fmt: skip
        if on_event is not None:
            committed = state.alive & ~state.open
            shown = torch.where(state.open, confidence, state.confidence)
            on_event(DecodeEvent(step=step, passes=passes, ids=state.ids.clone(), guesses=guesses, confidence=shown,
                                 committed=committed, new=new & state.alive, alive=state.alive.clone()))  # fmt: skip
    assert not bool((state.open & state.alive).any()), "a plan left slots masked"
    trajectory = Trajectory(moves=tuple(moves)) if record else None
    return _result(state, slots, vocabulary, passes, session.token_forwards, trajectory)


def _generator(seed: int, key: str) -> torch.Generator:
    digest = hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=7).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


def _asked(state: _State, slots: Slots, step: int) -> Tensor:
    """(rows, A) bool: slots that may be written in this pass, by window and order."""
    asked = torch.zeros_like(state.open)
    for kind, plan in enumerate(slots.plans):
        if not plan.first <= step <= plan.last:
            continue
        mine = (slots.span == kind) & state.alive & (state.initial if plan.revisable else state.open)
        if plan.order == "block":
            column = torch.arange(mine.shape[1]).expand_as(mine)
            leftmost = torch.where(mine, column, mine.shape[1]).amin(dim=1, keepdim=True)
            mine = mine & (column // plan.block == leftmost // plan.block)
        elif plan.order == "left-to-right" and step < plan.last:
            mine = mine & (mine.cumsum(dim=1) <= _quota(state, plan, slots.span == kind, step).unsqueeze(1))
        asked |= mine
    return asked


def _quota(state: _State, plan: Plan, mine: Tensor, step: int) -> Tensor:
    """(rows,) slots that a counting law still owes after this pass; 1 where confidence decides."""
    slots = state.initial & mine & state.alive
    done = (slots & ~state.open).sum(dim=1)
    owed = [plan.revealed_after(step, n) for n in slots.sum(dim=1).tolist()]
    return torch.tensor([1 + d if n is None else n for n, d in zip(owed, done.tolist(), strict=True)]) - done


def _columns(state: _State, slots: Slots, asked: Tensor, active: Tensor) -> tuple[int, int]:
    """First column that is not final in every active row, and the end of the columns that are asked for."""
    column = torch.arange(asked.shape[1])
    undecided = (state.open & state.alive)[active] | asked[active]
    first = int(torch.where(undecided, column, asked.shape[1]).min())
    stop = int(torch.where(asked[active], column, -1).max()) + 1
    blocks = {p.block for p in slots.plans if p.order == "block"}
    if blocks:
        size = max(blocks)
        first, stop = first // size * size, min(-(-stop // size) * size, asked.shape[1])
    return first, stop


@dataclass(frozen=True, kw_only=True, eq=False)
class _Picked:
    """Per active row and asked column: the chosen id, its probability, its log-probability, the end's probability."""

    ids: Tensor
    probability: Tensor
    logprob: Tensor
    end: Tensor


def _pick(
    logits: Tensor, session: Session, slots: Slots, active: Tensor, first: int, stop: int,
    noise: list[torch.Generator] | None,
) -> _Picked:  # fmt: skip
    """Choose a token per slot. ``logits``: (active rows, c, V'). Log-probabilities are those of the sampling law."""
    kind = slots.span[active, first:stop]
    if len(slots.plans) > 1:
        logits = logits.masked_fill(~session.permitted[kind], float("-inf"))
    temperature = torch.tensor([p.temperature for p in slots.plans])[kind].unsqueeze(-1)  # (rows, c, 1)
    logprobs = torch.log_softmax(logits, dim=-1)
    scores, law = logprobs, logprobs
    if noise is not None:
        law = torch.log_softmax(torch.where(temperature > 0, logits / temperature.clamp_min(1e-6), logits), dim=-1)
        drawn = [_gumbel(noise[int(r)], slots.ids.shape[1], logits.shape[-1]) for r in active.nonzero()[:, 0]]
        gumbel = torch.stack(drawn)[:, first:stop]
        scores = torch.where(temperature > 0, law + gumbel, logprobs)
    choice = scores.argmax(dim=-1, keepdim=True)
    greedy = temperature[..., 0] == 0
    chosen_law = law.gather(-1, choice)[..., 0]
    return _Picked(
        ids=session.allowed[choice[..., 0]],
        probability=logprobs.gather(-1, choice)[..., 0].exp(),
        logprob=torch.where(greedy, torch.zeros_like(chosen_law), chosen_law),
        end=logprobs.exp(),
    )


def _gumbel(generator: torch.Generator, slots: int, ids: int) -> Tensor:
    """Standard Gumbel noise for a whole row, so that it does not depend on which columns are asked for."""
    u = torch.rand(slots, ids, generator=generator).clamp_(1e-20, 1 - 1e-7)
    return -torch.log(-torch.log(u))


def _scatter(
    picked: _Picked, state: _State, active: Tensor, first: int, stop: int, vocabulary: Vocabulary, end_index: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Spread the picked columns over (rows, A): guesses, their probability, log-probability, the end's probability."""
    guesses = torch.full_like(state.ids, vocabulary.mask)
    confidence = torch.zeros(state.ids.shape)
    logprob = torch.zeros(state.ids.shape)
    end = torch.zeros(state.ids.shape)
    rows = active.nonzero()[:, 0]
    guesses[rows, first:stop] = picked.ids
    confidence[rows, first:stop] = picked.probability
    logprob[rows, first:stop] = picked.logprob
    if end_index is not None:
        end[rows, first:stop] = picked.end[..., end_index]
    return guesses, confidence, logprob, end


def _reveal(
    state: _State, plan: Plan, mine: Tensor, asked: Tensor, guesses: Tensor, confidence: Tensor, step: int,
    vocabulary: Vocabulary,
) -> Tensor:  # fmt: skip
    """Commit this pass's share of one plan's slots in every row; returns the newly committed slots."""
    if plan.revisable:
        return _revise(state, plan, asked, guesses, confidence, step, vocabulary)
    score = torch.where(asked, confidence, -1.0)
    if plan.order == "left-to-right":
        score = torch.where(asked, torch.arange(asked.shape[1], 0, -1).float(), -1.0)
    rank = torch.argsort(torch.argsort(score, dim=1, descending=True, stable=True), dim=1)  # 0 = surest
    if step >= plan.last:
        quota = asked.sum(dim=1)
    elif plan.law == "threshold":
        quota = (asked & (confidence >= plan.threshold)).sum(dim=1).clamp_min(1)
    elif plan.law == "factor":
        k = torch.arange(1, asked.shape[1] + 1)
        surest = score.sort(dim=1, descending=True).values
        holds = ((k + 1) * (1 - surest) < plan.factor) & (surest >= 0)
        quota = torch.where(holds, k, 0).amax(dim=1).clamp_min(1)
    else:
        quota = _quota(state, plan, mine, step)
    chosen = asked & (rank < quota.clamp_min(0).unsqueeze(1))
    state.ids = torch.where(chosen, guesses, state.ids)
    state.confidence = torch.where(chosen, confidence, state.confidence)
    state.open = state.open & ~chosen
    return chosen


def _revise(
    state: _State, plan: Plan, asked: Tensor, guesses: Tensor, confidence: Tensor, step: int, vocabulary: Vocabulary
) -> Tensor:
    """Write every masked slot, then mask the least sure again, committed ones included (PerceptionDLM's release)."""
    filled = torch.where(state.open & asked, guesses, state.ids)
    total = asked.sum(dim=1)
    keep = torch.tensor([plan.revealed_after(step, int(n)) or 0 for n in total])
    rank = torch.argsort(torch.argsort(torch.where(asked, confidence, -1.0), dim=1, descending=True, stable=True), dim=1)
    kept = asked & (rank < keep.unsqueeze(1))
    new = kept & state.open
    state.ids = torch.where(asked & ~kept, vocabulary.mask, torch.where(kept, filled, state.ids))
    state.confidence = torch.where(kept, confidence, state.confidence)
    state.open = torch.where(asked, ~kept, state.open)
    return new


def _cut_tail(state: _State, slots: Slots, asked: Tensor, end: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Commit the run of surely-end slots at a row's end in one go: tail slots must not eat the reveal quota."""
    tail = torch.tensor([p.tail for p in slots.plans])[slots.span]
    eligible = torch.tensor([p.order != "left-to-right" and not p.revisable for p in slots.plans])[slots.span]
    sure = (asked & eligible & (end >= tail)) | ~state.alive | (state.ids == vocabulary.end)
    run = sure.flip(1).long().cumprod(dim=1).flip(1).bool() & asked & state.alive
    state.ids = torch.where(run, vocabulary.end, state.ids)
    state.confidence = torch.where(run, end, state.confidence)
    state.open = state.open & ~run
    return run


def _cut_after_end(state: _State, vocabulary: Vocabulary) -> None:
    """A committed end token ends its answer: every slot behind it leaves the canvas."""
    ended = (state.ids == vocabulary.end) & ~state.open & state.alive
    behind = (ended.long().cumsum(dim=1) - ended.long()) > 0
    state.alive = state.alive & ~behind


def _result(
    state: _State, slots: Slots, vocabulary: Vocabulary, passes: int, token_forwards: int, trajectory: Trajectory | None
) -> Decoded:
    ids, confidence, steps = [], [], []
    for r in range(state.ids.shape[0]):
        keep = state.alive[r] & (state.ids[r] != vocabulary.end)
        ids.append(state.ids[r][keep].tolist())
        confidence.append(state.confidence[r][keep].tolist())
        steps.append(state.step[r][keep].tolist())
    return Decoded(ids=ids, confidence=confidence, steps=steps, passes=passes, token_forwards=token_forwards,
                   trajectory=trajectory)  # fmt: skip
