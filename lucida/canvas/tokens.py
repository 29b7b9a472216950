"""What a canvas network reads and keeps: batches of tokens, and the memory of tokens already read.

Shape legend: N batch dimensions, M tokens, C feature channels, D width, H heads, L remembered tokens, K head width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """A padded batch of tokens.

    Attributes:
        ids: (*N, M) int64.
        positions: (*N, M) int64 rotary positions.
        valid: (*N, M) bool; padding is never seen by anyone.
        boxes: (*N, M, 4) normalised xyxy, zeros where ``boxed`` is false; None when no token has one.
        boxed: (*N, M) bool, or None with ``boxes``.
        features: modality -> (index (K,) into the flattened (*N, M), values (K, C)).
        cover: (*N, M, L0), how much each token's region covers each context token; None for no bias.
        cover_own: the L0 columns of ``cover`` are these very tokens (dense canvases), not a remembered context.
        embeddings: (*N, M, D) used instead of the table's rows for ``ids`` (straight-through paths), or None.
        near: (*N, M, W) ids of the slots beside each token, -1 for none (see :func:`neighbours`), or None.
    """

    ids: Tensor
    positions: Tensor
    valid: Tensor
    boxes: Tensor | None = None
    boxed: Tensor | None = None
    features: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    cover: Tensor | None = None
    cover_own: bool = False
    embeddings: Tensor | None = None
    near: Tensor | None = None

    def with_ids(self, ids: Tensor) -> Tokens:
        """The same tokens with other ids of the same shape."""
        return replace(self, ids=ids)

    def to(self, device: torch.device) -> Tokens:
        """The same tokens on a device."""
        if self.ids.device == device:
            return self
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {name: v.to(device) for name, v in values.items() if isinstance(v, Tensor)}
        features = {m: (index.to(device), x.to(device)) for m, (index, x) in self.features.items()}
        return replace(self, **moved, features=features)


@dataclass(frozen=True, kw_only=True, eq=False)
class Memory:
    """Keys and values of tokens already read, per layer, each (*N', H, L, K).

    Attributes:
        layers: (k, v) per layer.
        valid: (*N', L) bool.
        context: these are the tokens that ``Tokens.cover`` speaks of.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    valid: Tensor
    context: bool = False

    def gather(self, index: tuple[Tensor, ...]) -> Memory:
        """Index the batch dimensions, for example to drop finished groups."""
        return replace(self, layers=tuple((k[index], v[index]) for k, v in self.layers), valid=self.valid[index])

    def columns(self, stop: int) -> Memory:
        """The first ``stop`` tokens."""
        layers = tuple((k[..., :stop, :], v[..., :stop, :]) for k, v in self.layers)
        return replace(self, layers=layers, valid=self.valid[..., :stop])

    def extended(self, other: Memory) -> Memory:
        """These tokens followed by others of the same batch: how a finished span becomes given."""
        layers = tuple(
            (torch.cat((k, k2), dim=-2), torch.cat((v, v2), dim=-2))
            for (k, v), (k2, v2) in zip(self.layers, other.layers, strict=True)
        )
        return replace(self, layers=layers, valid=torch.cat((self.valid, other.valid), dim=-1))


NOTHING = -1  # in ``Tokens.near``: no slot there


def neighbours(ids: Tensor, valid: Tensor, offsets: Sequence[int], piece: Tensor | None = None) -> Tensor:
    """What stands beside each slot.

    Args:
        ids: (*N, A) contents of whole rows of slots. valid: (*N, A) bool.
        offsets: distances, negative to the left.
        piece: (A,) number of the piece each column belongs to, where a row holds several; they are not neighbours.

    Returns:
        (*N, A, W) ids at column + offset, ``NOTHING`` where that lies outside, in another piece, or is not valid.
    """
    seen = torch.where(valid, ids, NOTHING)
    own = torch.arange(ids.shape[-1], device=ids.device).unsqueeze(-1)
    column = own + torch.tensor(list(offsets), device=ids.device)
    inside = (column >= 0) & (column < ids.shape[-1])
    column = column.clamp(0, ids.shape[-1] - 1)
    if piece is not None:
        inside &= piece[column] == piece[own]
    return torch.where(inside, seen[..., column], NOTHING)


class CanvasNetwork(Protocol):
    """What the canvas engine asks of a network."""

    @property
    def near(self) -> tuple[int, ...]:
        """Which neighbours of a slot it wants to be told of (``Tokens.near``), as offsets; empty: none."""
        ...

    def read(
        self, tokens: Tokens, past: Sequence[Memory] = (), allow_own: Tensor | None = None
    ) -> tuple[Tensor, Memory]:
        """Hidden states (*N, M, D) of tokens that see ``past`` and, under ``allow_own`` (M, M), each other."""
        ...

    def logits(self, hidden: Tensor, allowed: Tensor) -> Tensor:
        """(*N, M, D) and ids (V',) -> (*N, M, V')."""
        ...
