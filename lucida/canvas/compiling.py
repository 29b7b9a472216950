"""From canvases to tensors: folded (groups in the batch over one shared context) or dense (one long sequence).

Folding is exact under ``strict``, ``twin`` and ``block``, because there the context never looks at a group and groups
never look at each other. ``released`` and ``full`` need the dense form, which also serves as the reference that the
folded form is tested against.

Shape legend: P pictures, G groups, C context tokens, R given tokens, A answer slots, L all tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lucida.canvas.plan import Plan
from lucida.canvas.span import FOLDABLE, Canvas, Role, Span, Visibility
from lucida.canvas.tokens import Tokens
from lucida.canvas.visibility import answer_rule, visible


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Where one answer span lies in the slots: ``length`` columns of row ``row`` from column ``start``.

    Attributes:
        row, start, length: the place.
        kind: index into the slots' ``plans``, ``allowed`` and ``weights``.
        key: the name of its group, for sampling noise.
        number: which of its group's answer spans it is, from 0.
    """

    row: int
    start: int
    length: int
    kind: int
    key: str
    number: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Slots:
    """The answer slots of a compiled canvas, one row per group (folded) or per canvas (dense).

    Attributes:
        ids: (rows, A) targets or initial states, padded with the mask id.
        valid: (rows, A) bool.
        span: (rows, A) index into ``plans``, ``allowed`` and ``weights``; 0 in padding.
        plans, allowed, weights: per distinct answer span kind.
        pieces: the answer spans, row by row.
        keys: one name per row.
    """

    ids: Tensor
    valid: Tensor
    span: Tensor
    plans: tuple[Plan, ...]
    allowed: tuple[str, ...]
    weights: tuple[float, ...]
    pieces: tuple[Piece, ...]
    keys: tuple[str, ...]

    @property
    def weight(self) -> Tensor:
        """(rows, A) loss weight per slot, 0 in padding."""
        return torch.tensor(self.weights)[self.span] * self.valid


@dataclass(frozen=True, kw_only=True, eq=False)
class Folded:
    """Canvases with a shared visibility, groups folded into the batch.

    ``answers`` has ids (P, G, A); rows of ``slots`` are the P*G groups in order. Pictures with fewer groups than G
    have rows without valid slots.
    """

    visibility: Visibility
    context: Tokens
    given: Tokens
    answers: Tokens
    slots: Slots
    allow_answers: Tensor | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense:
    """One canvas as one sequence of batch shape (1,).

    Attributes:
        allow: (L, L) bool, who sees whom.
        where: (A,) index of each answer slot in the sequence.
        column: (A,) index of each answer slot within its group.
        slots: all answer slots as one row.
    """

    visibility: Visibility
    tokens: Tokens
    allow: Tensor
    where: Tensor
    column: Tensor
    slots: Slots


def fold(canvases: Sequence[Canvas], *, mask: int) -> Folded:
    """Compile canvases of one foldable visibility; ``mask`` is the id that pads answer slots."""
    if not canvases:
        raise ValueError("no canvases to fold")
    visibility = canvases[0].visibility
    if visibility not in FOLDABLE or any(c.visibility != visibility for c in canvases):
        found = sorted({c.visibility for c in canvases})
        raise ValueError(f"only canvases of one visibility among {FOLDABLE} fold, got {found}")
    pictures, groups = len(canvases), max(c.groups for c in canvases)
    contexts = [c.context for c in canvases]
    given = [[c.part(g, Role.GIVEN) if g < c.groups else () for g in range(groups)] for c in canvases]
    answers = [[c.part(g, Role.ANSWER) if g < c.groups else () for g in range(groups)] for c in canvases]
    flat_given, flat_answers = [s for row in given for s in row], [s for row in answers for s in row]
    cells = max(_length(s) for s in contexts)

    context, ends = _pack(contexts, (pictures,), [0] * pictures, pad=mask, cells=0)
    given_starts = [ends[p] for p in range(pictures) for _ in range(groups)]
    given_tokens, given_ends = _pack(flat_given, (pictures, groups), given_starts, pad=mask, cells=cells)
    answer_tokens, _ = _pack(flat_answers, (pictures, groups), given_ends, pad=mask, cells=cells)
    keys = [c.key(g) if g < c.groups else "" for c in canvases for g in range(groups)]
    slots = _slots(flat_answers, keys, lambda row, span: keys[row], pad=mask)
    return Folded(
        visibility=visibility,
        context=context,
        given=given_tokens,
        answers=answer_tokens,
        slots=slots,
        allow_answers=_allow_answers(visibility, slots),
    )


def dense(canvas: Canvas, *, mask: int) -> Dense:
    """Compile one canvas of any visibility into one sequence of batch shape (1,).

    Positions are those of the folded form under the foldable visibilities (groups share them) and run on through the
    whole sequence under ``released`` and ``full``.
    """
    spans = canvas.spans
    role = torch.cat([torch.full((len(s),), int(s.role)) for s in spans])
    group = torch.cat([torch.full((len(s),), -1 if s.role is Role.CONTEXT else s.group) for s in spans])
    tokens, _ = _pack([spans], (1,), [0], pad=mask, cells=len(role))
    if canvas.visibility in FOLDABLE:
        positions, context_end = [], _end(canvas.context, 0)
        positions.append(_positions(canvas.context, 0))
        for g in range(canvas.groups):
            mine = canvas.part(g, Role.GIVEN) + canvas.part(g, Role.ANSWER)
            positions.append(_positions(mine, context_end))
        tokens = replace(tokens, positions=torch.cat(positions)[None])
    tokens = replace(tokens, cover_own=True)
    where = (role == Role.ANSWER).nonzero()[:, 0]
    column = torch.zeros_like(role)
    block = torch.zeros_like(role)
    for g in range(canvas.groups):
        mine = (role == Role.ANSWER) & (group == g)
        column[mine] = torch.arange(int(mine.sum()))
        if canvas.visibility == "block":
            block[mine] = column[mine] // _block_size({s.plan.block for s in canvas.part(g, Role.ANSWER)})
    answer_spans = tuple(s for s in spans if s.role is Role.ANSWER)
    return Dense(
        visibility=canvas.visibility,
        tokens=tokens,
        allow=visible(canvas.visibility, role, group, column, block),
        where=where,
        column=column[where],
        slots=_slots([answer_spans], [""], lambda _, span: canvas.key(span.group), pad=mask),
    )


def twin_inputs(ids: Tensor, start: int, column: Tensor | None = None) -> Tensor:
    """Shift answers right for a causal network: column j reads token j - 1, column 0 reads ``start``.

    Args:
        ids: (..., A).
        start: id of the start token.
        column: (A,) column of each slot when several groups lie in one row; None: one group per row.
    """
    shifted = torch.cat((torch.full_like(ids[..., :1], start), ids[..., :-1]), dim=-1)
    return shifted if column is None else torch.where(column == 0, start, shifted)


def _length(spans: Sequence[Span]) -> int:
    return sum(len(s) for s in spans)


def _end(spans: Sequence[Span], start: int) -> int:
    """First free position after spans that begin at ``start``."""
    return start + sum(len(s) if s.position == "sequence" else min(len(s), 1) for s in spans)


def _positions(spans: Sequence[Span], start: int) -> Tensor:
    parts = []
    for span in spans:
        if span.position == "sequence":
            parts.append(torch.arange(start, start + len(span)))
        else:
            parts.append(torch.full((len(span),), start))
        start = _end((span,), start)
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.long)


def _pack(
    rows: Sequence[Sequence[Span]], shape: tuple[int, ...], starts: Sequence[int], *, pad: int, cells: int
) -> tuple[Tokens, list[int]]:
    """Pad rows of spans to one length; also the first free position after each row. ``cells``: width of ``cover``."""
    width = max((_length(r) for r in rows), default=0)
    ids = torch.full((len(rows), width), pad)
    positions = torch.zeros(len(rows), width, dtype=torch.long)
    valid = torch.zeros(len(rows), width, dtype=torch.bool)
    any_box = any(s.boxes is not None for r in rows for s in r)
    any_cover = cells > 0 and any(s.cover is not None for r in rows for s in r)
    boxes = torch.zeros(len(rows), width, 4) if any_box else None
    boxed = torch.zeros(len(rows), width, dtype=torch.bool) if any_box else None
    cover = torch.zeros(len(rows), width, cells) if any_cover else None
    index: dict[str, list[Tensor]] = {}
    values: dict[str, list[Tensor]] = {}
    ends = []
    for r, (spans, start) in enumerate(zip(rows, starts, strict=True)):
        n = _length(spans)
        if n:
            torch.cat([s.ids for s in spans], out=ids[r, :n])
            positions[r, :n] = _positions(spans, start)
            valid[r, :n] = True
        at = 0
        for span in spans:
            stop = at + len(span)
            if span.boxes is not None and boxes is not None and boxed is not None:
                boxes[r, at:stop] = span.boxes
                boxed[r, at:stop] = True
            if span.cover is not None and cover is not None:
                cover[r, at:stop, : span.cover.shape[0]] = span.cover
            if span.features is not None and span.modality is not None:
                index.setdefault(span.modality, []).append(torch.arange(r * width + at, r * width + stop))
                values.setdefault(span.modality, []).append(span.features)
            at = stop
        ends.append(_end(spans, start))
    tokens = Tokens(
        ids=ids.view(*shape, width),
        positions=positions.view(*shape, width),
        valid=valid.view(*shape, width),
        boxes=None if boxes is None else boxes.view(*shape, width, 4),
        boxed=None if boxed is None else boxed.view(*shape, width),
        cover=None if cover is None else cover.view(*shape, width, cells),
        features={m: (torch.cat(index[m]), torch.cat(values[m]).float()) for m in index},
    )
    return tokens, ends


def _slots(
    rows: Sequence[Sequence[Span]], keys: Sequence[str], key: Callable[[int, Span], str], *, pad: int
) -> Slots:
    """``keys``: one per row; ``key``: the name of the group that a span of a row belongs to."""
    width = max((_length(r) for r in rows), default=0)
    ids = torch.full((len(rows), width), pad)
    valid = torch.zeros(len(rows), width, dtype=torch.bool)
    kind = torch.zeros(len(rows), width, dtype=torch.long)
    table: dict[tuple[str, Plan, str, float], int] = {}
    pieces: list[Piece] = []
    numbers: Counter[tuple[int, int]] = Counter()
    for r, spans in enumerate(rows):
        at = 0
        for span in spans:
            k = table.setdefault((span.name, span.plan, span.allowed, span.weight), len(table))
            stop = at + len(span)
            ids[r, at:stop], valid[r, at:stop], kind[r, at:stop] = span.ids, True, k
            number = numbers[r, span.group]
            pieces.append(Piece(row=r, start=at, length=len(span), kind=k, key=key(r, span), number=number))
            numbers[r, span.group] += 1
            at = stop
    kinds = list(table) or [("", Plan(), "text+end", 1.0)]
    return Slots(
        ids=ids,
        valid=valid,
        span=kind,
        plans=tuple(k[1] for k in kinds),
        allowed=tuple(k[2] for k in kinds),
        weights=tuple(k[3] for k in kinds),
        pieces=tuple(pieces),
        keys=tuple(keys),
    )


def _block_size(sizes: Collection[int]) -> int:
    if len(sizes) > 1:
        raise ValueError(f"answers that see each other in blocks need one block size, got {sorted(sizes)}")
    return next(iter(sizes), 1)


def _allow_answers(visibility: Visibility, slots: Slots) -> Tensor | None:
    """(A, A) rule among the slots of a group, or None where all see all."""
    if visibility == "strict":
        return None
    column = torch.arange(slots.ids.shape[1])
    size = _block_size({p.block for p in slots.plans}) if visibility == "block" else 1
    return answer_rule(visibility, column, column // size)
