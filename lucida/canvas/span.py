"""What a canvas is made of: spans, grouped into context, given parts and answers.

A span holds ids, and beside them continuous features, boxes and covers for tokens that stand for a part of the
picture. A canvas is an ordered list of spans and a visibility. Nothing here looks at strings, and nothing downstream
of compilation does either.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

import torch
from torch import Tensor

from lucida.canvas.plan import Plan

Visibility = Literal["strict", "twin", "block", "released", "full"]
FOLDABLE: tuple[Visibility, ...] = ("strict", "twin", "block")


class Role(IntEnum):
    """Who a token is, for the visibility tables of DESIGN section 4."""

    CONTEXT = 0
    GIVEN = 1
    ANSWER = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Span:
    """A run of n tokens.

    Attributes:
        role: context, given part of a group, or answer slots of a group.
        ids: (n,) int64. For an answer: the target in training; in decoding the initial state (mask, draft, ...).
        group: number of the group, from 0; ignored for the context.
        name: what guidance branches and recorders call this span.
        modality: which input projection ``features`` go through; None for plain tokens.
        features: (n, C) floats added to the tokens' embedding after projection, or None.
        boxes: (n, 4) normalised xyxy of the part of the picture each token stands for, or None.
        cover: (cells,) how much of each context token the span's region covers, in [0, 1], or None.
        position: "sequence" gives each token the next position; "stay" lets all share one.
        allowed: ids an answer slot may take, as ``Vocabulary.allowed`` spells it.
        plan: how answer slots are revealed.
        weight: loss weight.
    """

    role: Role
    ids: Tensor
    group: int = 0
    name: str = ""
    modality: str | None = None
    features: Tensor | None = None
    boxes: Tensor | None = None
    cover: Tensor | None = None
    position: Literal["sequence", "stay"] = "sequence"
    allowed: str = "text+end"
    plan: Plan = field(default_factory=Plan)
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.ids.dim() != 1 or self.ids.dtype != torch.long:
            shape = tuple(self.ids.shape)
            raise ValueError(f"span {self.name!r}: ids must be int64 (n,), got {self.ids.dtype} {shape}")
        n = len(self)
        for name in ("features", "boxes"):
            value = getattr(self, name)
            if value is not None and value.shape[0] != n:
                raise ValueError(f"span {self.name!r}: {name} has {value.shape[0]} rows for {n} ids")
        if (self.features is None) != (self.modality is None):
            raise ValueError(f"span {self.name!r}: features and modality go together")
        if self.cover is not None and (self.cover.dim() != 1 or self.role is Role.CONTEXT):
            raise ValueError(f"span {self.name!r}: a cover is (cells,) of a given part or an answer")

    def __len__(self) -> int:
        return int(self.ids.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Canvas:
    """An ordered list of spans and who sees whom.

    Context spans come first; the spans of one group are contiguous, its given part before its answers. ``keys`` names
    each group for sampling noise (a region's hash), so that noise never depends on a group's row.
    """

    spans: tuple[Span, ...]
    visibility: Visibility = "strict"
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        order = [(-1 if s.role is Role.CONTEXT else s.group, s.role) for s in self.spans]
        if order != sorted(order):
            raise ValueError("spans must be ordered: context, then each group's given part, then its answers")
        groups = sorted({s.group for s in self.spans if s.role is not Role.CONTEXT})
        if groups != list(range(len(groups))):
            raise ValueError(f"groups must be numbered 0, 1, ..., got {groups}")
        if self.keys and len(self.keys) != len(groups):
            raise ValueError(f"{len(self.keys)} keys for {len(groups)} groups")
        cells = sum(len(s) for s in self.context)
        for span in self.spans:
            if span.cover is not None and span.cover.shape[0] > cells:
                covered = span.cover.shape[0]
                raise ValueError(f"span {span.name!r}: cover of {covered} cells, the context has {cells} tokens")

    @property
    def groups(self) -> int:
        """Number of groups."""
        return 1 + max((s.group for s in self.spans if s.role is not Role.CONTEXT), default=-1)

    @property
    def context(self) -> tuple[Span, ...]:
        """Context spans."""
        return tuple(s for s in self.spans if s.role is Role.CONTEXT)

    def part(self, group: int, role: Role) -> tuple[Span, ...]:
        """The spans of one group with one role."""
        return tuple(s for s in self.spans if s.role is role and s.group == group)

    def key(self, group: int) -> str:
        """The name that keys a group's noise."""
        return self.keys[group] if self.keys else str(group)

    def without(self, names: Collection[str], null_id: int) -> Canvas:
        """A guidance branch: spans with these names lose their content (ids become ``null_id``, features and boxes go).

        Lengths and positions stay, so that the branch differs exactly where intended.
        """
        if not any(s.name in names for s in self.spans):
            raise ValueError(f"the canvas has no span named {' or '.join(sorted(names))}; nothing to drop")

        def blank(span: Span) -> Span:
            if span.name not in names:
                return span
            if span.role is Role.ANSWER:
                raise ValueError(f"answer span {span.name!r} cannot be dropped")
            ids = torch.full_like(span.ids, null_id)
            return replace(span, ids=ids, modality=None, features=None, boxes=None, cover=None)

        return replace(self, spans=tuple(blank(s) for s in self.spans))

    def with_answers(self, answers: Sequence[Tensor]) -> Canvas:
        """The same canvas with other ids in its answer spans (one tensor per answer span, in order)."""
        old = [s for s in self.spans if s.role is Role.ANSWER]
        if len(answers) != len(old):
            raise ValueError(f"{len(answers)} answers for {len(old)} answer spans")
        new = iter(replace(s, ids=ids) for s, ids in zip(old, answers, strict=True))
        spans = tuple(next(new) if s.role is Role.ANSWER else s for s in self.spans)
        return replace(self, spans=spans)
