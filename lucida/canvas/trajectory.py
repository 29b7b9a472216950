"""A recorded decode: every commitment, and its exact log-probability under any network.

Training on a model's own decodes (distillation along the trajectory, ParaRL, diffu-GRPO) needs the probability of
what was done, at the states in which it was done: the sum over commitments of log p(token | canvas before it). Which
slots were committed is taken as given. That is the whole probability of the decode where the choice of slots does not
depend on what was drawn (left to right, or all at once); under confidence order and for a tail of end tokens it is the
usual surrogate, because the surest of several drawn tokens are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lucida.canvas.sessions import Session


@dataclass(frozen=True, kw_only=True, eq=False)
class Move:
    """One pass. Tensors are (rows, A) unless stated.

    Attributes:
        before: contents the network saw. alive: slots not cut off then. active: (rows,) rows that were read.
        first, stop: columns that were asked for.
        new: slots committed and not cut off in the same pass. ids: what they became (mask id elsewhere).
        logprob: log-probability of each commitment under the law it was drawn from (0 where greedy or not new).
    """

    before: Tensor
    alive: Tensor
    active: Tensor
    first: int
    stop: int
    new: Tensor
    ids: Tensor
    logprob: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """All passes of one decode, in order."""

    moves: tuple[Move, ...]

    @property
    def logprob(self) -> Tensor:
        """(rows,) summed log-probability as recorded while decoding."""
        return torch.stack([m.logprob.sum(dim=1) for m in self.moves]).sum(dim=0)


def replay_logprob(trajectory: Trajectory, session: Session) -> Tensor:
    """Log-probability of a trajectory under a fresh session: (rows,), differentiable in the network.

    Equal to ``trajectory.logprob`` when the network is the one that decoded and every temperature is above 0.
    """
    slots = session.slots
    total = torch.zeros(slots.ids.shape[0])
    temperature = torch.tensor([p.temperature if p.temperature > 0 else 1.0 for p in slots.plans])
    for move in trajectory.moves:
        logits = session.logits(move.before, move.alive, move.active, move.first, move.stop)
        kind = slots.span[move.active, move.first : move.stop]
        if len(slots.plans) > 1:
            logits = logits.masked_fill(~session.permitted[kind], float("-inf"))
        logprobs = torch.log_softmax(logits / temperature[kind].unsqueeze(-1), dim=-1)
        new = move.new[move.active, move.first : move.stop]
        ids = move.ids[move.active, move.first : move.stop]
        place = torch.searchsorted(session.allowed, torch.where(new, ids, session.allowed[0]))
        chosen = logprobs.gather(-1, place.unsqueeze(-1))[..., 0]
        rows = move.active.nonzero()[:, 0]
        total = total.index_add(0, rows, torch.where(new, chosen, 0.0).sum(dim=1))
    return total
