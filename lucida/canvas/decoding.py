"""The one decode loop: masks in, answers out, whatever the visibility, the plans or the session.

At every pass the loop asks the session for logits, chooses a token for each open slot, and commits as many as the
plan's law allows (``writing``). It counts forward passes and tokens read, emits one event per pass, and can record
the trajectory with the log-probability of every committed token.

Shape legend: rows = groups or canvases, A slots per row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from lucida.canvas.compiling import Slots
from lucida.canvas.sampling import guess
from lucida.canvas.sessions import Session
from lucida.canvas.trajectory import Move, Trajectory
from lucida.canvas.vocabulary import Vocabulary
from lucida.canvas.writing import Writing


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodeEvent:
    """The canvas after one pass. All tensors are (rows, A) snapshots.

    Attributes:
        step: place on the clock, from 0. passes: network passes so far (two per step under guidance).
        ids: contents; open slots hold the mask id, slots that were cut off the end id.
        guesses: what the network would have written in each slot open before this pass (mask id where not asked).
        confidence: probability of the committed token or the guess; 0 where it was given or not asked.
        committed: bool, slots with a token (final, unless the plan is revisable). new: bool, committed in this pass.
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
        ids: per row, the ids of its answers, each up to and without its end token.
        confidence: per row, the probability each of these ids was committed with; 0 where it was given.
        steps: per row, the pass (from 0) at which each id was committed; -1 where it was given.
        lengths: per row, how many of these ids belong to each of its answer spans.
        passes: network passes (NFE), reading the context and the given parts not counted.
        token_forwards: tokens read in all, context and given parts included.
        trajectory: every commitment with its log-probability, when asked for.
    """

    ids: list[list[int]]
    confidence: list[list[float]]
    steps: list[list[int]]
    lengths: list[list[int]]
    passes: int
    token_forwards: int
    trajectory: Trajectory | None

    def answers(self, row: int) -> list[list[int]]:
        """The ids of a row, one list per answer span: dense canvases and groups with several answers have more."""
        rest = iter(self.ids[row])
        return [list(islice(rest, n)) for n in self.lengths[row]]


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

    Slots that do not hold the mask id at the start are given and stay untouched; under a revisable plan they are a
    draft. Sampling noise depends on ``seed`` and a group's key only, never on its row or on its neighbours.

    Args:
        session: a fresh one; a session serves one decode.
        seed: of the sampling noise, for plans with a temperature.
        on_event: called after every pass.
        record: keep the trajectory.
    """
    slots = session.slots
    ends = session.permitted[:, session.allowed == vocabulary.end].any(dim=1)
    state = Writing(slots, ends, mask=vocabulary.mask, end=vocabulary.end)
    moves: list[Move] = []
    passes = 0
    for step in range(max((p.last + 1 for p in slots.plans), default=0)):
        asked = state.asked(step)
        if not bool(asked.any()):
            if not bool(state.unsettled(step).any()):
                break
            continue
        read = asked | state.begun(step) if session.caches else asked
        active = state.spread(read, False).any(dim=1)
        first, stop = _columns(state, asked, active, step)
        before, alive = state.spread(state.ids, vocabulary.mask), state.spread(state.alive, False)
        # Open slots beside the asked ones are guessed too where that is free: observers show them.
        wanted = (asked | (state.open & state.alive)) & active[state.row]
        wanted &= (state.column >= first) & (state.column < stop)
        needed = state.spread(wanted, False)
        logits = session.logits(before, alive, active, first, stop, needed)
        passes += session.cost
        if state.scattered:  # the lines' slots do not follow each other as those of the rows do
            place = needed.flatten().cumsum(dim=0) - 1
            logits = logits[place[state.row[wanted] * needed.shape[1] + state.column[wanted]]]
        guesses = guess(logits, session, state, wanted, seed=seed, step=step)
        new, logprob = state.write(step, asked, guesses)
        if record:
            moves.append(Move(
                before=before, alive=alive, active=active, first=first, stop=stop, new=state.spread(new, False),
                ids=state.spread(torch.where(new, state.ids, vocabulary.mask), vocabulary.mask),
                logprob=state.spread(logprob, 0.0),
            ))  # fmt: skip
        if on_event is not None:
            shown = torch.where(state.open & state.alive, guesses.confidence, state.confidence)
            on_event(DecodeEvent(
                step=step, passes=passes, ids=state.spread(state.ids, vocabulary.mask),
                guesses=state.spread(guesses.ids, vocabulary.mask), confidence=state.spread(shown, 0.0),
                committed=state.spread(state.alive & ~state.open, False), new=state.spread(new, False),
                alive=state.spread(state.alive, False),
            ))  # fmt: skip
    assert not bool((state.open & state.alive).any()), "a plan left slots masked"
    trajectory = Trajectory(moves=tuple(moves)) if record else None
    return _result(state, slots, passes, session.token_forwards, trajectory)


def _columns(state: Writing, asked: Tensor, active: Tensor, step: int) -> tuple[int, int]:
    """First column that is not final in every active row, and the end of the columns that are asked for."""
    undecided = state.unsettled(step) & active[state.row]
    return int(state.column[undecided].min()), int(state.column[asked].max()) + 1


def _result(
    state: Writing, slots: Slots, passes: int, token_forwards: int, trajectory: Trajectory | None
) -> Decoded:
    """Read the answers out of the rows, span by span, leaving out end tokens and what was cut off."""
    rows = range(slots.ids.shape[0])
    kept = state.spread(state.alive & (state.ids != state.end), False)
    lengths: list[list[int]] = [[] for _ in rows]
    for p in slots.pieces:
        lengths[p.row].append(int(kept[p.row, p.start : p.start + p.length].sum()))

    def read(values: Tensor) -> list[list]:
        spread = state.spread(values, 0)
        return [spread[r][kept[r]].tolist() for r in rows]

    return Decoded(
        ids=read(state.ids),
        confidence=read(state.confidence),
        steps=read(state.step),
        lengths=lengths,
        passes=passes,
        token_forwards=token_forwards,
        trajectory=trajectory,
    )
