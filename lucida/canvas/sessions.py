"""A session holds what a canvas network has already read and gives logits for the slots still open.

``FoldedSession`` reads context and given parts once and then only the slots; under ``twin`` and ``block`` it also
keeps the exact keys and values of finished columns. ``DenseSession`` reads the whole canvas at every pass, as the
visibilities ``released`` and ``full`` demand. The decode loop does not know which one it drives.

Shape legend: rows = groups (folded) or canvases (dense); A slots per row; V' allowed ids of the session.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from lucida.canvas.compiling import Dense, Folded, Slots, twin_inputs
from lucida.canvas.tokens import CanvasNetwork, Memory, Tokens
from lucida.canvas.vocabulary import Vocabulary


class Session(Protocol):
    """What the decode loop asks of a session."""

    slots: Slots
    allowed: Tensor  # (V',) ids in the order of the logits' last axis
    permitted: Tensor  # (kinds, V') bool: which of them each answer kind may take
    token_forwards: int  # tokens read so far
    cost: int  # network passes per call

    def logits(self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int) -> Tensor:
        """One forward pass.

        Args:
            ids: (rows, A) current contents of the slots.
            alive: (rows, A) bool, slots not yet cut off by an end token.
            active: (rows,) bool, rows still being written.
            first: every column before this one is final in every active row.
            stop: no logits are asked for from this column on (under ``strict`` the slots there are still read).

        Returns:
            (active rows, stop - first, V') float32.
        """
        ...


def _allowed(slots: Slots, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    sets = [vocabulary.allowed(kinds) for kinds in slots.allowed]
    union = torch.unique(torch.cat(sets))
    return union, torch.stack([torch.isin(union, s) for s in sets])


def read_context(network: CanvasNetwork, context: Tokens) -> Memory:
    """Read a context once; every later session over it may share the memory."""
    _, memory = network.read(context)
    return replace(memory, context=True)


class FoldedSession:
    """Decoding state of folded canvases: strict, twin or block."""

    cost = 1

    def __init__(
        self, network: CanvasNetwork, folded: Folded, vocabulary: Vocabulary, context: Memory | None = None
    ) -> None:
        """``context``: the memory of the same context from :func:`read_context`, when it was read before."""
        self.network, self.folded, self.slots = network, folded, folded.slots
        self.allowed, self.permitted = _allowed(folded.slots, vocabulary)
        self._start = vocabulary.start
        self._context = context or read_context(network, folded.context)
        _, self._given = network.read(folded.given, (self._context,))
        self._pictures, self._groups = folded.answers.ids.shape[:2]
        self._done: Memory | None = None  # finished columns (twin, block)
        self._rows: tuple[Tensor, Tensor, Tensor] | None = None
        self._active: Tensor | None = None
        self._given_active, self._done_active = self._given, self._done
        self.token_forwards = int(folded.given.valid.sum()) + (0 if context else int(folded.context.valid.sum()))

    def logits(self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int) -> Tensor:
        """One pass over the open columns of the active rows; see :class:`Session`."""
        causal = self.folded.visibility != "strict"
        begin = 0 if not causal or self._done is None else self._done.valid.shape[-1]
        picture, group, back = self._select(active)
        twin = self.folded.visibility == "twin"
        columns = slice(begin, stop) if causal else slice(0, int(alive.any(0).nonzero().max()) + 1)
        source = twin_inputs(ids, self._start) if twin else ids
        grid = (self._pictures, self._groups)
        tokens = _take(self.folded.answers, source.view(*grid, -1), alive.view(*grid, -1), picture, group, columns)
        rule = self.folded.allow_answers
        rule = None if rule is None else rule[columns, columns]
        past = [self._context, self._given_active]
        if self._done_active is not None:
            past.append(self._done_active)
        hidden, memory = self.network.read(tokens, past, rule)
        self.token_forwards += int(tokens.valid.sum())
        if causal:
            final = min(stop, first + 1 if twin else first)
            self._remember(memory, final - begin, picture, group)
        hidden = hidden.flatten(0, 1)[back]
        return self.network.logits(hidden[:, first - columns.start : stop - columns.start], self.allowed).float()

    def _select(self, active: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Index of the active groups as (P, G') picture and group numbers, and the rows back in order.

        A picture with fewer active groups than G' keeps some finished ones; those rows are computed and thrown away.
        """
        if self._rows is None or self._active is None or not torch.equal(active, self._active):
            grid = active.view(self._pictures, self._groups)
            width = max(int(grid.sum(1).max()), 1)
            order = torch.argsort(~grid, dim=1, stable=True)[:, :width]
            picture = torch.arange(self._pictures)[:, None].expand_as(order)
            kept = grid[picture, order].flatten()
            self._rows = (picture, order, kept.nonzero()[:, 0])
            self._active = active.clone()
            whole = width == self._groups and bool(grid.all())
            self._given_active = self._given if whole else self._given.gather((picture, order))
            self._done_active = self._done if whole or self._done is None else self._done.gather((picture, order))
        return self._rows

    def _remember(self, memory: Memory, columns: int, picture: Tensor, group: Tensor) -> None:
        """Keep the keys and values of ``columns`` newly finished columns for every row that was read."""
        if columns <= 0:
            return
        new = memory.columns(columns)
        self._done_active = new if self._done_active is None else self._done_active.extended(new)
        if self._done_active.valid.shape[:2] == (self._pictures, self._groups):
            self._done = self._done_active
            return
        # Rows that have left keep no memory: they never come back.
        shape = (self._pictures, self._groups)
        layers = []
        for k, v in self._done_active.layers:
            pair = []
            for x in (k, v):
                full = x.new_zeros(*shape, *x.shape[2:])
                full[picture, group] = x
                pair.append(full)
            layers.append((pair[0], pair[1]))
        valid = self._done_active.valid.new_zeros(*shape, self._done_active.valid.shape[-1])
        valid[picture, group] = self._done_active.valid
        self._done = Memory(layers=tuple(layers), valid=valid)


def _take(answers: Tokens, ids: Tensor, alive: Tensor, picture: Tensor, group: Tensor, columns: slice) -> Tokens:
    """The chosen groups and columns of the answer tokens with new ids."""
    pick = (picture, group, columns)
    if answers.boxes is not None or answers.features:
        raise ValueError("answer slots carry neither boxes nor features")
    return Tokens(
        ids=ids[pick],
        positions=answers.positions[pick],
        valid=alive[pick],
        cover=None if answers.cover is None else answers.cover[pick],
    )


class DenseSession:
    """Decoding state of one dense canvas, read whole at every pass."""

    cost = 1

    def __init__(self, network: CanvasNetwork, canvas: Dense, vocabulary: Vocabulary) -> None:
        self.network, self.canvas, self.slots = network, canvas, canvas.slots
        self.allowed, self.permitted = _allowed(canvas.slots, vocabulary)
        self._start = vocabulary.start
        self.token_forwards = 0

    def logits(self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int) -> Tensor:
        """One pass over the whole canvas; see :class:`Session`."""
        hidden = self.hidden(ids, alive)
        return self.network.logits(hidden[:, first:stop], self.allowed).float()

    def hidden(self, ids: Tensor, alive: Tensor) -> Tensor:
        """(1, A, D) hidden states of the answer slots for contents ``ids`` (1, A)."""
        tokens, where = self.canvas.tokens, self.canvas.where
        whole, valid = tokens.ids.clone(), tokens.valid.clone()
        whole[:, where] = self._inputs(ids)
        valid[:, where] = alive
        hidden, _ = self.network.read(replace(tokens, ids=whole, valid=valid), (), self.canvas.allow)
        self.token_forwards += int(valid.sum())
        return hidden[:, where]

    def _inputs(self, ids: Tensor) -> Tensor:
        return twin_inputs(ids, self._start, self.canvas.column) if self.canvas.visibility == "twin" else ids


class GuidedSession:
    """Classifier-free guidance: logits of the full canvas pushed away from those of a branch with spans dropped.

    logits = branch + scale * (full - branch); scale 1 is no guidance. Both sessions must have the same slots.
    """

    def __init__(self, full: Session, branch: Session, scale: float) -> None:
        if full.slots.ids.shape != branch.slots.ids.shape:
            raise ValueError("the guidance branch must keep the canvas' slots")
        self.full, self.branch, self.scale = full, branch, scale
        self.slots, self.allowed, self.permitted = full.slots, full.allowed, full.permitted
        self.cost = full.cost + branch.cost

    @property
    def token_forwards(self) -> int:
        """Tokens read by both branches."""
        return self.full.token_forwards + self.branch.token_forwards

    def logits(self, ids: Tensor, alive: Tensor, active: Tensor, first: int, stop: int) -> Tensor:
        """One pass of each branch; see :class:`Session`."""
        full = self.full.logits(ids, alive, active, first, stop)
        branch = self.branch.logits(ids, alive, active, first, stop)
        return branch + self.scale * (full - branch)
