"""A session holds what a canvas network has already read and gives logits for the slots still open.

``FoldedSession`` reads context and given parts once and then only the slots; under ``twin`` and ``block`` it also
keeps the exact keys and values of finished columns. ``DenseSession`` reads the whole canvas at every pass, as the
visibilities ``released`` and ``full`` demand. The decode loop does not know which one it drives.

Shape legend: rows = groups (folded) or canvases (dense); A slots per row; V' allowed ids of the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from lucida.canvas.compiling import Dense, Folded, Slots, twin_inputs
from lucida.canvas.span import Visibility
from lucida.canvas.tokens import NOTHING, CanvasNetwork, Memory, Tokens, neighbours
from lucida.canvas.vocabulary import Vocabulary


def answer_neighbours(
    ids: Tensor, valid: Tensor, offsets: Sequence[int], visibility: Visibility, piece: Tensor | None = None
) -> Tensor:
    """:func:`neighbours` of answer slots; a twin's slots are not told of what comes after them.

    Args:
        ids: (*N, A) what the slots read (for a twin: shifted, see :func:`twin_inputs`). valid: (*N, A).
        piece: (A,) see :func:`neighbours`.

    Returns:
        (*N, A, W)
    """
    near = neighbours(ids, valid, offsets, piece)
    if visibility == "twin":
        near[..., [offset > 0 for offset in offsets]] = NOTHING
    return near


class Session(Protocol):
    """What the decode loop asks of a session."""

    slots: Slots
    allowed: Tensor  # (V',) ids in the order of the logits' last axis
    permitted: Tensor  # (kinds, V') bool: which of them each answer kind may take
    token_forwards: int  # tokens read so far
    cost: int  # network passes per call
    caches: bool  # finished columns are kept: an unfinished row had better be read with the others, even when idle

    def logits(
        self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int, wanted: Tensor | None = None
    ) -> Tensor:
        """One forward pass.

        Args:
            ids: (rows, A) current contents of the slots.
            alive: (rows, A) bool, slots not yet cut off by an end token.
            active: (rows,) bool, rows still being written.
            first: every column before this one is final in every active row.
            stop: no logits are asked for from this column on (slots there that others see are still read).
            wanted: (rows, A) bool, slots of active rows from ``first`` to ``stop`` whose logits are needed; None: all.

        Returns:
            (active rows, stop - first, V') float32, on the CPU; with ``wanted`` those slots only, (K, V') row by row.
        """
        ...


def allowed_ids(slots: Slots, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """The ids that any answer of the slots may take, sorted (V',), and which of them each kind may, (kinds, V')."""
    sets = [vocabulary.allowed(kinds) for kinds in slots.allowed]
    union = torch.unique(torch.cat(sets))
    return union, torch.stack([torch.isin(union, s) for s in sets])


def read_context(network: CanvasNetwork, context: Tokens) -> Memory:
    """Read a context once; every later session over it may share the memory."""
    _, memory = network.read(context)
    return replace(memory, context=True)


class FoldedSession:
    """Decoding state of folded canvases: strict, twin or block. One session serves one decode."""

    cost = 1

    def __init__(
        self, network: CanvasNetwork, folded: Folded, vocabulary: Vocabulary, context: Memory | None = None
    ) -> None:
        """``context``: the memory of the same context from :func:`read_context`, when it was read before."""
        if context is not None and context.valid.shape != folded.context.valid.shape:
            shapes = tuple(context.valid.shape), tuple(folded.context.valid.shape)
            raise ValueError(f"the memory of another context: its shape is {shapes[0]}, the canvas' {shapes[1]}")
        self.network, self.folded, self.slots = network, folded, folded.slots
        self.allowed, self.permitted = allowed_ids(folded.slots, vocabulary)
        self._start = vocabulary.start
        self._context = context or read_context(network, folded.context)
        _, self._given = network.read(folded.given, (self._context,))
        self._pictures, self._groups = folded.answers.ids.shape[:2]
        self.caches = folded.visibility != "strict"
        self._block = max((p.block for p in folded.slots.plans), default=1)
        self._active: Tensor | None = None
        self._picture = self._group = self._kept = torch.zeros(0, 0)
        self._given_active = self._given
        self._done: Memory | None = None  # finished columns of the active groups (twin, block)
        self.token_forwards = int(folded.given.valid.sum()) + (0 if context else int(folded.context.valid.sum()))

    def logits(
        self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int, wanted: Tensor | None = None
    ) -> Tensor:
        """One pass over the open columns of the active rows; see :class:`Session`."""
        self._select(active)
        begin, end, final = self._columns(alive[active], first, stop)
        columns = slice(begin, end)
        source = twin_inputs(ids, self._start) if self.folded.visibility == "twin" else ids
        grid = (self._pictures, self._groups)
        pick = (self._picture, self._group, columns)
        valid = alive.view(*grid, -1)[pick] & self._kept.unsqueeze(-1)
        tokens = _take(self.folded.answers, source.view(*grid, -1)[pick], valid, pick)
        if self.network.near:
            near = answer_neighbours(source, alive, self.network.near, self.folded.visibility)
            tokens = replace(tokens, near=near.view(*grid, *near.shape[1:])[pick])
        rule = self.folded.allow_answers
        past = [self._context, self._given_active] + ([] if self._done is None else [self._done])
        hidden, memory = self.network.read(tokens, past, None if rule is None else rule[columns, columns])
        self.token_forwards += int(valid.sum())
        if final > begin:
            new = memory.columns(final - begin)
            self._done = new if self._done is None else self._done.extended(new)
        asked = hidden[self._kept][:, first - begin : stop - begin]
        if wanted is not None:
            asked = asked[wanted[active, first:stop]]
        return self.network.logits(asked, self.allowed).float().cpu()

    def _columns(self, alive: Tensor, first: int, stop: int) -> tuple[int, int, int]:
        """Columns to read (begin, end), and where those end whose keys and values cannot change any more."""
        if self.folded.visibility == "strict":
            return 0, int(alive.any(dim=0).nonzero().max()) + 1, 0
        begin = 0 if self._done is None else self._done.valid.shape[-1]
        if self._done is not None and first < begin:  # column ``first`` was kept, but not written yet
            self._done, begin = self._done.columns(first), first
        if self.folded.visibility == "twin":
            # Column ``first`` reads the final token before it, and sees only such.
            return begin, stop, min(stop, first + 1)
        size = self._block
        return begin, min(-(-stop // size) * size, alive.shape[1]), first // size * size

    def _select(self, active: Tensor) -> None:
        """Turn to the active groups: (P, G') picture and group numbers, and bool, which are really active.

        A picture with fewer active groups than G' keeps some others; those rows are computed and thrown away.
        """
        if self._active is not None and torch.equal(active, self._active):
            return
        grid = active.view(self._pictures, self._groups)
        width = int(grid.sum(dim=1).max())
        group = torch.argsort((~grid).long(), dim=1, stable=True)[:, :width]
        picture = torch.arange(self._pictures).unsqueeze(1).expand_as(group)
        if self._active is not None and self._done is not None:
            if bool((active & ~self._active).any()):
                self._done = None  # a group came back: what the others finished meanwhile was not read for it
            else:
                seat = torch.zeros(grid.shape, dtype=torch.long)
                seat[self._picture, self._group] = torch.arange(self._group.shape[1]).expand_as(self._group)
                self._done = self._done.gather((picture, seat[picture, group]))
        everyone = width == self._groups and bool(grid.all())
        self._given_active = self._given if everyone else self._given.gather((picture, group))
        self._picture, self._group, self._kept = picture, group, grid[picture, group]
        self._active = active.clone()


def _take(answers: Tokens, ids: Tensor, valid: Tensor, pick: tuple[Tensor, Tensor, slice]) -> Tokens:
    """The picked groups and columns of the answer tokens, with new ids."""
    if answers.features:
        raise ValueError("folded answer slots carry no features")

    def of(x: Tensor | None) -> Tensor | None:
        return None if x is None else x[pick]

    return Tokens(
        ids=ids,
        positions=answers.positions[pick],
        valid=valid,
        boxes=of(answers.boxes),
        boxed=of(answers.boxed),
        cover=of(answers.cover),
    )


class DenseSession:
    """Decoding state of one dense canvas, read whole at every pass."""

    cost = 1
    caches = False

    def __init__(self, network: CanvasNetwork, canvas: Dense, vocabulary: Vocabulary) -> None:
        self.network, self.canvas, self.slots = network, canvas, canvas.slots
        self.allowed, self.permitted = allowed_ids(canvas.slots, vocabulary)
        self._start = vocabulary.start
        self.token_forwards = 0

    def logits(
        self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int, wanted: Tensor | None = None
    ) -> Tensor:
        """One pass over the whole canvas; see :class:`Session`."""
        hidden = self.hidden(ids, alive)[:, first:stop]
        if wanted is not None:
            hidden = hidden[wanted[:, first:stop].to(hidden.device)]
        return self.network.logits(hidden, self.allowed).float().cpu()

    def hidden(self, ids: Tensor, alive: Tensor) -> Tensor:
        """(1, A, D) hidden states of the answer slots for contents ``ids`` (1, A)."""
        tokens, where = self.canvas.tokens, self.canvas.where
        whole, valid = tokens.ids.clone(), tokens.valid.clone()
        whole[:, where] = inputs = self._inputs(ids)
        valid[:, where] = alive
        tokens = replace(tokens, ids=whole, valid=valid)
        if self.network.near:
            near = torch.full((*whole.shape, len(self.network.near)), NOTHING)
            piece = (self.canvas.column == 0).cumsum(dim=0)
            near[:, where] = answer_neighbours(inputs, alive, self.network.near, self.canvas.visibility, piece)
            tokens = replace(tokens, near=near)
        hidden, _ = self.network.read(tokens, (), self.canvas.allow)
        self.token_forwards += int(valid.sum())
        return hidden[:, where]

    def _inputs(self, ids: Tensor) -> Tensor:
        return twin_inputs(ids, self._start, self.canvas.column) if self.canvas.visibility == "twin" else ids


class GuidedSession:
    """Classifier-free guidance: logits of the full canvas pushed away from those of a branch with spans dropped.

    logits = branch + scale * (full - branch) (Ho and Salimans 2022, eq. 6, with scale = 1 + w), computed so that
    scale 1 is exactly no guidance. Both sessions must have the same slots.
    """

    def __init__(self, full: Session, branch: Session, scale: float) -> None:
        if full.slots.pieces != branch.slots.pieces or not torch.equal(full.allowed, branch.allowed):
            raise ValueError("the guidance branch must keep the canvas' slots")
        self.full, self.branch, self.scale = full, branch, scale
        self.slots, self.allowed, self.permitted = full.slots, full.allowed, full.permitted
        self.cost = full.cost + branch.cost
        self.caches = full.caches or branch.caches

    @property
    def token_forwards(self) -> int:
        """Tokens read by both branches."""
        return self.full.token_forwards + self.branch.token_forwards

    def logits(
        self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int, wanted: Tensor | None = None
    ) -> Tensor:
        """One pass of each branch; see :class:`Session`."""
        full = self.full.logits(ids, alive, active, first, stop, wanted)
        branch = self.branch.logits(ids, alive, active, first, stop, wanted)
        return full + (self.scale - 1) * (full - branch)
