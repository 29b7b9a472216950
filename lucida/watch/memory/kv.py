"""A memory made of a transformer's own keys and values, with a hard budget (facts 2.4 and 2.8 E).

Keys are stored as they are before rotation and rotated when read: a key that is rotated again and again in place
drifts, and only an un-rotated key can be given another position. Per layer: sinks (the first tokens), recent tokens,
and between them what a policy keeps. ReKV keeps everything in an archive that grows, and loads blocks when asked.

Shape legend: N batch dimensions, H heads, M new tokens, L kept tokens, K head width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.nn.rotary import rotate, rotations
from lucida.watch.records import Sizes

Positions = Literal["original", "consecutive"]


@dataclass(frozen=True, kw_only=True)
class KvConfig:
    """Sizes of a key/value memory.

    Attributes:
        layers, heads, width: of the model; ``width`` is K.
        tokens: kept per layer and head; None keeps all.
        frame: tokens per frame, which is also ReKV's block.
        sinks: first tokens that always stay. recent: share of ``tokens`` for the newest (InfiniPot-V: a quarter).
        positions: read keys at their own positions in the stream, or numbered on without gaps.
    """

    layers: int
    heads: int
    width: int
    frame: int
    tokens: int | None = None
    sinks: int = 0
    recent: float = 0.25
    positions: Positions = "original"
    theta: float = 10_000.0

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < self.sinks + self.newest + 1:
            raise InputError(
                f"tokens={self.tokens} leaves no room beside {self.sinks} sinks and {self.newest} recent ones"
            )

    @property
    def newest(self) -> int:
        """Recent tokens that always stay: whole frames, at least one."""
        return 0 if self.tokens is None else max(1, int(self.recent * self.tokens) // self.frame) * self.frame

    @property
    def token_bytes(self) -> int:
        """Of one token in all layers and heads: key and value in float32 and a position of 4 bytes."""
        return self.layers * self.heads * (8 * self.width + 4)

    @classmethod
    def within(cls, budget: int, *, layers: int, heads: int, width: int, **settings: Any) -> KvConfig:
        """As many tokens as fit into ``budget`` bytes. Raises InputError if that is too few to work."""
        per_token = cls(layers=layers, heads=heads, width=width, **settings).token_bytes
        return cls(layers=layers, heads=heads, width=width, tokens=max(budget // per_token, 0), **settings)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """k, v (*N, H, L, K), keys not rotated; position (*N, H, L) int32 in the stream."""

    k: Tensor
    v: Tensor
    position: Tensor

    @property
    def count(self) -> int:
        """L"""
        return self.k.shape[-2]

    def take(self, rows: Tensor) -> Kept:
        """(*N, H, n) row numbers, per head."""
        wide = rows.unsqueeze(-1).expand(*rows.shape, self.k.shape[-1])
        return Kept(
            k=self.k.gather(-2, wide), v=self.v.gather(-2, wide), position=self.position.gather(-1, rows)
        )

    def part(self, rows: slice) -> Kept:
        """A run of rows, the same for all heads."""
        return Kept(k=self.k[..., rows, :], v=self.v[..., rows, :], position=self.position[..., rows])

    def with_(self, *others: Kept) -> Kept:
        """Behind each other."""
        parts = [self, *others]
        return Kept(
            k=torch.cat([part.k for part in parts], dim=-2),
            v=torch.cat([part.v for part in parts], dim=-2),
            position=torch.cat([part.position for part in parts], dim=-1),
        )


class Policy(Protocol):
    """Which of the tokens between sinks and recent ones stay."""

    name: ClassVar[str]

    def choose(self, old: Kept, recent: Kept, q: Tensor, count: int, config: KvConfig) -> Tensor:
        """(*N, H, count) rows of ``old``, in any order; ``q`` (*N, H, M, K), not rotated, are the newest queries."""
        ...


class KvMemory:
    """Keys and values of a stream, one store per layer.

    Args:
        policy: what stays when ``config.tokens`` is exceeded; None evicts nothing (then ``blocks`` of a question's own
            choice can be read, ReKV).
    """

    def __init__(self, config: KvConfig, policy: Policy | None = None) -> None:
        if (config.tokens is None) != (policy is None):
            raise InputError("a policy needs a number of tokens to keep, and the other way round")
        self.config, self.policy = config, policy
        self.layers: list[Kept | None] = [None] * config.layers
        self._read = 0

    def write(self, layer: int, q: Tensor, k: Tensor, v: Tensor, position: Tensor) -> None:
        """New tokens q, k, v (*N, H, M, K), not rotated, at ``position`` (M,) in the stream; then evict."""
        new = Kept(k=k, v=v, position=position.to(torch.int32).expand(k.shape[:-1]))
        held = self.layers[layer]
        held = new if held is None else held.with_(new)
        limit, config = self.config.tokens, self.config
        if self.policy is not None and limit is not None and held.count > limit:
            sinks = held.part(slice(0, config.sinks))
            old = held.part(slice(config.sinks, held.count - config.newest))
            recent = held.part(slice(held.count - config.newest, None))
            rows = self.policy.choose(old, recent, q, limit - config.sinks - config.newest, config)
            held = sinks.with_(old.take(rows.sort(dim=-1).values), recent)
        self.layers[layer] = held

    def read(
        self, layer: int, q: Tensor, *, window: int | None = None, blocks: int | None = None
    ) -> Kept | None:
        """What the queries may look at, in the order of the stream, keys not rotated.

        Args:
            q: (*N, H, M, K), not rotated.
            window: only the newest tokens (and the sinks).
            blocks: besides the window, so many of the older frames, each layer its own: those whose mean key has the
                largest inner product with the mean query, heads concatenated (ReKV, 2503.00540).
        """
        held = self.layers[layer]
        if held is not None and window is not None and held.count > window + self.config.sinks:
            sinks = held.part(slice(0, self.config.sinks))
            old = held.part(slice(self.config.sinks, held.count - window))
            recent = held.part(slice(held.count - window, None))
            held = (
                sinks.with_(old.take(self._blocks(old, q, blocks)), recent) if blocks else sinks.with_(recent)
            )
        self._read += 0 if held is None else _bytes(held)
        return held

    def _blocks(self, old: Kept, q: Tensor, blocks: int) -> Tensor:
        frame = self.config.frame
        whole = old.count // frame  # an incomplete frame at the old end counts as one more block
        starts = torch.arange(0, old.count, frame)
        of = (torch.arange(old.count) // frame).to(q.device)
        means = torch.zeros(
            *old.k.shape[:-2], len(starts), old.k.shape[-1], dtype=old.k.dtype, device=q.device
        )
        means = means.index_add(-2, of, old.k) / torch.bincount(of, minlength=len(starts)).unsqueeze(-1)
        score = (means * q.mean(dim=-2, keepdim=True)).sum(dim=(-1, -3))  # (*N, blocks): heads together
        if blocks >= len(starts) or whole == 0:
            best = torch.arange(len(starts), device=q.device).expand(score.shape)
        else:
            best = score.topk(blocks, dim=-1).indices.sort(dim=-1).values
        rows = (best.unsqueeze(-1) * frame + torch.arange(frame, device=q.device)).flatten(-2)
        if (
            old.count % frame
        ):  # the short block repeats its last token only if it was chosen; keep rows inside
            rows = rows[..., : old.count] if blocks >= len(starts) else rows.clamp(max=old.count - 1)
        return rows.unsqueeze(-2).expand(*old.k.shape[:-2], rows.shape[-1])

    def sizes(self) -> Sizes:
        """Of one stream of the batch. Without a policy the store is an archive: it grows."""
        held = [layer for layer in self.layers if layer is not None]
        total = sum(map(_bytes, held))
        read, self._read = self._read, 0
        return Sizes(
            state=0 if self.policy is None else total, archive=total if self.policy is None else 0, read=read
        )


def _bytes(kept: Kept) -> int:
    heads = kept.k.shape[-3]
    return heads * kept.count * (2 * kept.k.shape[-1] * kept.k.element_size() + 4)


def turned(
    kept: Kept | None, q: Tensor, k: Tensor, position: Tensor, config: KvConfig
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Rotate new queries and keys (*N, H, M, K) and the kept keys, each exactly once.

    ``consecutive`` numbers the kept tokens 0 .. L-1 and the new ones after them.
    """
    count, new = 0 if kept is None else kept.count, position
    if config.positions == "consecutive":
        new = torch.arange(count, count + k.shape[-2], device=k.device)
    turn = rotations(new, config.width, config.theta)
    old = None
    if kept is not None:
        at = kept.position if config.positions == "original" else torch.arange(count, device=k.device)
        angles = rotations(at, config.width, config.theta)
        # A position per head already has the head axis that ``rotations`` adds for broadcasting.
        old = rotate(kept.k, angles.squeeze(-3) if config.positions == "original" else angles)
    return rotate(q, turn), rotate(k, turn), old
