"""From logits to a guess per open slot, with noise that knows only what it is noise for.

Gumbel noise is drawn from a generator seeded by (seed, key of the group, number of the answer span in its group,
pass), for exactly the span's slots and the span's allowed ids. So neither a row's number, nor padding, nor what else
is decoded beside it can change what is drawn.

Shape legend: S answer spans, W slots; K slots that are guessed; V' allowed ids of the session, V'' of one span.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from lucida.canvas.compiling import Piece
from lucida.canvas.sessions import Session
from lucida.canvas.writing import Guesses, Writing


def guess(
    logits: Tensor,
    session: Session,
    state: Writing,
    wanted: Tensor,
    *,
    seed: int,
    step: int,
) -> Guesses:
    """Choose an id for every wanted slot: the likeliest one, or one drawn at the plan's temperature.

    Args:
        logits: (K, V'), of the wanted slots, line by line.
        wanted: (S, W) bool.
    """
    kind = state.kind.unsqueeze(1).expand_as(wanted)[wanted]
    chosen = _permitted(logits, session, kind)  # (K, V')
    heat = torch.tensor([p.temperature for p in state.plans])[kind].unsqueeze(1)
    end_at = (session.allowed == state.end).nonzero()[:, 0]
    nothing = torch.zeros(len(kind))
    if bool((heat > 0).any()):
        logprobs = torch.log_softmax(chosen, dim=-1)
        law = torch.where(heat > 0, torch.log_softmax(chosen / torch.where(heat > 0, heat, 1.0), dim=-1), 0.0)
        scores = torch.where(heat > 0, law + _noise(session, state, wanted, seed, step), logprobs)
        choice = scores.argmax(dim=-1, keepdim=True)
        confidence, logprob = logprobs.gather(1, choice)[:, 0].exp(), law.gather(1, choice)[:, 0]
        end = logprobs[:, end_at[0]].exp() if len(end_at) else nothing
        end_logprob = law[:, end_at[0]] if len(end_at) else nothing
        picked = choice[:, 0]
    else:  # the table of log-probabilities is not needed, and with thousands of ids it is most of the work here
        best, picked = chosen.max(dim=-1)
        total = chosen.logsumexp(dim=-1)
        confidence, logprob = (best - total).exp(), nothing
        end, end_logprob = (chosen[:, end_at[0]] - total).exp() if len(end_at) else nothing, nothing

    def spread(values: Tensor, fill: float) -> Tensor:
        return torch.full(wanted.shape, fill, dtype=values.dtype).masked_scatter(wanted, values)

    return Guesses(
        ids=spread(session.allowed[picked], state.mask),
        confidence=spread(confidence, 0.0),
        logprob=spread(logprob, 0.0),
        end=spread(end, 0.0),
        end_logprob=spread(end_logprob, 0.0),
    )


def _permitted(logits: Tensor, session: Session, kind: Tensor) -> Tensor:
    """Logits (..., V') with what an answer kind (...) may not take at minus infinity."""
    if bool(session.permitted.all()):
        return logits
    return logits.masked_fill(~session.permitted[kind], float("-inf"))


def _noise(session: Session, state: Writing, wanted: Tensor, seed: int, step: int) -> Tensor:
    """(K, V') Gumbel noise of the wanted slots; zero for spans that are written greedily."""
    out = []
    for line, mine in zip(state.lines, wanted, strict=True):
        if not bool(mine.any()):
            continue
        permitted = session.permitted[line[0].kind]
        noise = torch.zeros(len(mine), len(permitted))
        if state.plans[line[0].kind].temperature > 0:
            drawn = [gumbel(p, int(permitted.sum()), seed, step) for p in line]
            noise[: sum(p.length for p in line), permitted] = torch.cat(drawn)
        out.append(noise[mine])
    return torch.cat(out)


def gumbel(piece: Piece, ids: int, seed: int, step: int) -> Tensor:
    """(slots of the span, ids) standard Gumbel noise."""
    name = f"{seed}/{piece.key}/{piece.number}/{step}"
    digest = hashlib.blake2b(name.encode(), digest_size=7).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
    u = torch.rand(piece.length, ids, generator=generator).clamp_(1e-20, 1 - 1e-7)
    return -torch.log(-torch.log(u))
