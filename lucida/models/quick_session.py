"""Decoding over :class:`~lucida.models.quick_canvas.QuickCanvas`: a session for the decode loop, and a loop for twins.

``QuickSession`` answers like ``canvas.sessions.FoldedSession`` and is what users' decodes run on. ``write_causally`` is
the autoregressive twin's own loop (one token of every unfinished group per step), with nothing in it that only
parallel plans need: the rival is to be as fast as it can be.

Shape legend: P pictures, G groups, rows = P*G, A slots, V' allowed ids.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lucida.canvas.compiling import Folded, twin_inputs
from lucida.canvas.decoding import Decoded
from lucida.canvas.plan import causal_plan
from lucida.canvas.sessions import allowed_ids, answer_neighbours, read_context
from lucida.canvas.tokens import Memory
from lucida.canvas.vocabulary import Vocabulary
from lucida.models.quick_canvas import QuickCanvas


class QuickSession:
    """Decoding state of folded canvases (strict, twin or block). One session serves one decode."""

    cost = 1

    @torch.inference_mode()
    def __init__(
        self, network: QuickCanvas, folded: Folded, vocabulary: Vocabulary, context: Memory | None = None
    ) -> None:
        """``context``: the memory of the same context from ``canvas.sessions.read_context`` by the same network."""
        if context is not None and context.valid.shape != folded.context.valid.shape:
            shapes = tuple(context.valid.shape), tuple(folded.context.valid.shape)
            raise ValueError(
                f"the memory of another context: its shape is {shapes[0]}, the canvas' {shapes[1]}"
            )
        self.network, self.folded, self.slots = network, folded, folded.slots
        self.allowed, self.permitted = allowed_ids(folded.slots, vocabulary)
        self._start = vocabulary.start
        self._context = context or read_context(network, folded.context)
        _, self._given = network.read(folded.given, (self._context,))
        self._head = network.head(self.allowed)
        self.caches = folded.visibility != "strict"
        self._block = max((p.block for p in folded.slots.plans), default=1)
        self._begin_anew()
        self.token_forwards = int(folded.given.valid.sum()) + (
            0 if context else int(folded.context.valid.sum())
        )

    def _begin_anew(self) -> None:
        pictures, groups = self._grid = self.folded.answers.ids.shape[:2]
        self._reading = self.network.reading(self._context, self._given, self.folded.answers)
        self._picture = torch.arange(pictures).unsqueeze(1).expand(pictures, groups)
        self._group = torch.arange(groups).expand(pictures, groups)
        self._active = torch.ones(pictures * groups, dtype=torch.bool)
        self._kept = self._active.view(pictures, groups)
        self._done = 0  # columns whose keys and values cannot change any more

    @torch.inference_mode()
    def logits(
        self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int, wanted: Tensor | None = None
    ) -> Tensor:
        """One pass over the open columns of the active rows; see ``canvas.sessions.Session``."""
        self.keep(active)
        visibility, slots, size = self.folded.visibility, ids.shape[1], self._block
        if visibility == "strict":
            begin, end, self._done = 0, int(alive[active].any(dim=0).nonzero().max()) + 1, 0
        else:
            begin = min(self._done, first)
            end = stop if visibility == "twin" else min(-(-stop // size) * size, slots)
            # A causal column ``first`` reads the final token before it, and sees only such.
            self._done = min(stop, first + 1) if visibility == "twin" else first // size * size
        source = twin_inputs(ids, self._start) if visibility == "twin" else ids
        seen, asked = self._of(alive)[..., :end], None
        if wanted is None:
            asked = torch.zeros((*self._group.shape, end - begin), dtype=torch.bool)
            asked[..., first - begin : stop - begin] = True
            asked &= self._kept.unsqueeze(-1)
        else:
            asked = self._of(wanted)[..., begin:end]
        rule, near = self.folded.allow_answers, None
        if self.network.near:
            beside = answer_neighbours(source, alive, self.network.near, visibility)
            near = beside.view(*self._grid, *beside.shape[1:])[self._picture, self._group][:, :, begin:end]
            near = near.to(self.network.device)
        hidden = self._reading.read(
            self._of(source)[..., begin:end].to(self.network.device),
            begin,
            end,
            None if bool(seen.all()) else seen.to(self.network.device),
            None if rule is None else rule[begin:end, :end],
            None if bool(asked.all()) else asked.flatten().nonzero()[:, 0].to(self.network.device),
            near,
        )
        self.token_forwards += int(alive[active, begin:end].sum())
        out = functional.linear(hidden, self._head).float().cpu()
        return out if wanted is not None else out.view(-1, stop - first, out.shape[-1])

    def next_token(self, inputs: Tensor, column: int) -> Tensor:
        """Logits (active rows, V') of a causal network for one column.

        Args:
            inputs: (rows, A) what each column reads: the start token, then the tokens so far, shifted right.
        """
        grid = self._of(inputs)
        near = None
        if self.network.near:
            beside = [column + o if o <= 0 and column + o >= 0 else -1 for o in self.network.near]
            near = torch.stack(
                [grid[..., c] if c >= 0 else torch.full_like(self._group, -1) for c in beside], dim=-1
            )
            near = near.unsqueeze(2).to(self.network.device)
        wanted = None
        if not bool(self._kept.all()):
            wanted = self._kept.flatten().nonzero()[:, 0].to(self.network.device)
        tokens = grid[..., column : column + 1].to(self.network.device)
        hidden = self._reading.read(tokens, column, column + 1, wanted=wanted, near=near)
        self.token_forwards += hidden.shape[0]
        return functional.linear(hidden, self._head).float().cpu()

    def keep(self, active: Tensor) -> None:
        """Turn to the active groups; (rows,) bool.

        A picture with fewer active groups than another keeps some more; those are computed and thrown away.
        """
        if torch.equal(active, self._active):
            return
        if bool((active & ~self._active).any()):
            self._begin_anew()  # a group came back: what the others finished meanwhile was not read for it
        grid = active.view(self._grid)
        width = int(grid.sum(dim=1).max())
        group = torch.argsort((~grid).long(), dim=1, stable=True)[:, :width]
        picture = torch.arange(self._grid[0]).unsqueeze(1).expand_as(group)
        seat = torch.zeros(self._grid, dtype=torch.long)
        seat[self._picture, self._group] = torch.arange(self._group.shape[1]).expand_as(self._group)
        self._reading.keep(picture, seat[picture, group])
        self._picture, self._group, self._kept = picture, group, grid[picture, group]
        self._active = active.clone()

    def _of(self, x: Tensor) -> Tensor:
        """(rows, A) -> (P, G', A): the groups being read."""
        return x.view(*self._grid, -1)[self._picture, self._group]


def is_causal(folded: Folded) -> bool:
    """Whether the canvases are greedy left-to-right answers of a causal network, one answer per group."""
    plain = causal_plan(folded.slots.ids.shape[1])
    pieces = folded.slots.pieces
    return (
        folded.visibility == "twin"
        and all(p == plain for p in folded.slots.plans)
        and len(folded.slots.allowed) == 1
        and len({p.row for p in pieces}) == len(pieces)
    )


@torch.inference_mode()
def write_causally(session: QuickSession, vocabulary: Vocabulary) -> Decoded:
    """Write canvases of which :func:`is_causal` holds: what ``canvas.decoding.decode`` does, word by word.

    A row leaves at its end token or when its slots are full; given tokens are not looked for, all slots must be open.
    """
    rows = session.slots.ids.shape[0]
    room = session.slots.valid.sum(dim=1)
    ids: list[list[int]] = [[] for _ in range(rows)]
    sure: list[list[float]] = [[] for _ in range(rows)]
    active = room > 0
    inputs = torch.full((rows, session.slots.ids.shape[1] + 1), vocabulary.start)
    column = 0
    while bool(active.any()):
        session.keep(active)
        mine = active.nonzero()[:, 0]
        logits = session.next_token(inputs, column)
        best, place = logits.max(dim=1)
        confidence = (best - logits.logsumexp(dim=1)).exp().tolist()
        column += 1
        inputs[mine, column] = chosen = session.allowed[place]
        for row, token, share in zip(mine.tolist(), chosen.tolist(), confidence, strict=True):
            if token != vocabulary.end:
                ids[row].append(token)
                sure[row].append(share)
        active = active & (inputs[:, column] != vocabulary.end) & (room > column)
    return Decoded(
        ids=ids,
        confidence=sure,
        steps=[list(range(len(line))) for line in ids],
        lengths=[[len(line)] if n else [] for line, n in zip(ids, room.tolist(), strict=True)],
        passes=column,
        token_forwards=session.token_forwards,
        trajectory=None,
    )
