"""Which keys and values a full cache keeps: window, InfiniPot-V, buckets, and the most distinct ones.

Shape legend: N batch dimensions, H heads, M queries, L candidates, R recent tokens, K head width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from lucida.nn.rotary import rotate, rotations
from lucida.watch.memory.kv import Kept, KvConfig, Policy


@dataclass(frozen=True)
class Window:
    """The newest: with the sinks, StreamingVLM's (2510.09608) cache."""

    name: ClassVar[str] = "window"

    def choose(self, old: Kept, recent: Kept, q: Tensor, count: int, config: KvConfig) -> Tensor:
        """The last ``count``."""
        return old.position.topk(count, dim=-1).indices


@dataclass(frozen=True)
class InfiniPotV:
    """2506.15745: half of the room to tokens unlike the recent frames (TaR), the rest by the norm of the value.

    TaR = −mean cosine between a key and the keys of the same patch in the recent frames.
    """

    name: ClassVar[str] = "infinipot-v"
    share: float = 0.5

    def choose(self, old: Kept, recent: Kept, q: Tensor, count: int, config: KvConfig) -> Tensor:
        """Both halves, per head."""
        patch = recent.position % config.frame
        keys, mine = F.normalize(recent.k, dim=-1), F.normalize(old.k, dim=-1)
        like = mine @ keys.transpose(-1, -2)  # (*N, H, L, R)
        same = (old.position % config.frame).unsqueeze(-1) == patch.unsqueeze(-2)
        tar = -(like * same).sum(dim=-1) / same.sum(dim=-1).clamp(min=1)
        forced = tar.topk(int(self.share * count), dim=-1).indices
        norm = old.v.norm(dim=-1).scatter(-1, forced, math.inf)
        return norm.topk(count, dim=-1).indices


@dataclass(frozen=True)
class Buckets:
    """LiveVLM's (2505.15269) position buckets: the best by attention, then the best while their bucket has room.

    Importance is the mean attention of the newest queries, the same for all heads of a layer.
    """

    name: ClassVar[str] = "buckets"
    buckets: int = 8
    first: float = 0.25  # share of the room that goes to the best wherever they lie

    def choose(self, old: Kept, recent: Kept, q: Tensor, count: int, config: KvConfig) -> Tensor:
        """Scores are below one, so adding one for room in the bucket and two for the best gives the order."""
        at = recent.position[..., -q.shape[-2] :]
        turned = rotate(q, rotations(at, config.width, config.theta).squeeze(-3))
        keys = rotate(old.k, rotations(old.position, config.width, config.theta).squeeze(-3))
        attention = (turned @ keys.transpose(-1, -2) * config.width**-0.5).softmax(dim=-1)
        score = attention.mean(dim=-2).mean(dim=-2, keepdim=True)  # (*N, 1, L)
        total = score.shape[-1]
        best = score.topk(int(self.first * count), dim=-1).indices
        size = math.ceil(total / self.buckets)
        room = math.ceil((count - best.shape[-1]) / self.buckets)
        others = score.scatter(-1, best, -1.0)
        inside = F.pad(others, (0, size * self.buckets - total), value=-2.0).unflatten(
            -1, (self.buckets, size)
        )
        rank = inside.argsort(dim=-1, descending=True).argsort(dim=-1).flatten(-2)[..., :total]
        order = (score + (rank < room)).scatter_add(-1, best, torch.full_like(best, 2, dtype=score.dtype))
        return order.topk(count, dim=-1).indices.expand(*old.k.shape[:-2], count)


@dataclass(frozen=True)
class Distinct:
    """Ours: the three-tier memory's rule on tokens. A token whose key and value another token also has goes first.

    Distance is that to the nearest other candidate that is *newer*, or recent, in keys and values each scaled to one on
    average; so of a run of like tokens the newest stays, and what happened once stays whatever its age.
    """

    name: ClassVar[str] = "distinct"

    def choose(self, old: Kept, recent: Kept, q: Tensor, count: int, config: KvConfig) -> Tensor:
        """The ``count`` tokens furthest from all newer ones, heads together."""
        both = old.with_(recent)
        x = torch.cat([part / part.norm(dim=-1).mean().clamp(min=1e-6) for part in (both.k, both.v)], dim=-1)
        x = x.transpose(-2, -3).flatten(-2)  # (*N, L + R, H * 2K)
        gap = torch.cdist(x[..., : old.count, :], x)
        older = torch.arange(old.count, device=x.device).unsqueeze(-1) >= torch.arange(
            both.count, device=x.device
        )
        nearest = gap.masked_fill(older, math.inf).amin(dim=-1)  # (*N, L)
        rows = nearest.topk(count, dim=-1).indices
        return rows.unsqueeze(-2).expand(*old.k.shape[:-2], count)


POLICIES: dict[str, Policy] = {
    policy.name: policy for policy in (Window(), InfiniPotV(), Buckets(), Distinct())
}
