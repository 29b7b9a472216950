"""Attention over several key segments that share different leading batch dimensions.

A canvas (DESIGN section 4) is read by three kinds of queries: the context reads itself, the given part of a group
reads context and itself, the answer slots of a group read context, given part and themselves. The context belongs
to the picture, the given part to the group, the slots to one noise draw of the group. Copying the context once per
group would cost memory and time in proportion to the number of groups, so keys are handed over as *segments* and
every segment keeps its own, shorter batch shape.

Shape legend: N = batch dimensions (picture, group, draw, ...), H heads, M queries, L keys, K head width, D = H*K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.nn.rotary import rotate

PLAIN_UP_TO = 640  # queries up to which a processor trains faster on plain products than on the fused kernel


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Keys and values that queries may look at.

    Attributes:
        k: (*N', H, L, K), where N' is a leading part of the queries' batch shape N.
        v: (*N', H, L, K).
        allow: bool, broadcastable to (*N, 1, M, L); ``None`` lets every query see every key.
        bias: float, broadcastable to (*N, H, M, L), added to the scaled scores.
    """

    k: Tensor
    v: Tensor
    allow: Tensor | None = None
    bias: Tensor | None = None


def attention_weights(q: Tensor, segments: Sequence[Segment]) -> Tensor:
    """softmax(q k^T / sqrt(K) + bias) over the concatenation of all segments.

    Args:
        q: (*N, H, M, K).
        segments: at least one. What a query without a visible key gets is finite and means nothing.

    Returns:
        (*N, H, M, sum of L)
    """
    *batch, heads, queries, width = q.shape
    q = q * width**-0.5
    scores = []
    for segment in segments:
        shared = segment.k.dim() - 3
        s = torch.matmul(fold_shared(q, shared), segment.k.transpose(-1, -2))
        s = unfold_shared(s, batch, shared, heads, queries)
        if segment.bias is not None:
            s = s + segment.bias.to(s.dtype)
        if segment.allow is not None:
            # Finite, so that padding without a single key to look at gives numbers and not NaN gradients.
            s = s.masked_fill(~segment.allow, torch.finfo(s.dtype).min)
        scores.append(s)
    joined = scores[0] if len(scores) == 1 else torch.cat(scores, dim=-1)
    return joined.softmax(dim=-1)


def attend(q: Tensor, segments: Sequence[Segment]) -> Tensor:
    """softmax(q k^T / sqrt(K) + bias) v over the concatenation of all segments.

    Args:
        q: (*N, H, M, K).
        segments: at least one. What a query without a visible key gets is finite and means nothing.

    Returns:
        (*N, H, M, K)
    """
    *batch, heads, queries, _ = q.shape
    weights = attention_weights(q, segments)
    out: Tensor | None = None
    for segment, w in zip(segments, weights.split([s.k.shape[-2] for s in segments], dim=-1), strict=True):
        shared = segment.k.dim() - 3
        part = unfold_shared(torch.matmul(fold_shared(w, shared), segment.v.to(w.dtype)), batch, shared, heads, queries)
        out = part if out is None else out + part
    assert out is not None
    return out


def attend_fused(q: Tensor, segment: Segment) -> Tensor:
    """As :func:`attend` to rounding, for one segment of the queries' own batch shape, by the library's kernel.

    The scores never exist as a whole, which is what makes it fast at many tokens. On a processor its backward pass is
    slow, though: 3 to 5 times the plain products at 64 tokens, still 1.3 times at 576.
    """
    if q.device.type == "cpu" and q.requires_grad and q.shape[-2] <= PLAIN_UP_TO:
        return attend(q, [segment])
    return functional.scaled_dot_product_attention(q, segment.k, segment.v, attn_mask=segment.allow)


def fold_shared(x: Tensor, shared: int) -> Tensor:
    """(*N', *S, H, M, X) -> (*N', H, S*M, X): the batch dimensions a segment does not have become queries."""
    extra = x.dim() - 3 - shared
    if extra == 0:
        return x
    head_axis = x.dim() - 3
    return x.movedim(head_axis, shared).flatten(shared + 1, shared + 1 + extra)


def unfold_shared(x: Tensor, batch: Sequence[int], shared: int, heads: int, queries: int) -> Tensor:
    """The inverse of :func:`fold_shared` for an output of shape (*N', H, S*M, X)."""
    if len(batch) == shared:
        return x
    x = x.reshape(*batch[:shared], heads, *batch[shared:], queries, x.shape[-1])
    return x.movedim(shared, len(batch))


class Attention(nn.Module):
    """Multi-head attention with rotary positions whose keys can be kept and read again.

    ``project`` gives rotated queries, keys and values; keys and values may be cached because nothing that a later
    token does can change them. ``forward`` attends from the queries to given segments and projects back.
    """

    def __init__(self, width: int, heads: int, *, fused: bool = False) -> None:
        """``fused``: use the library's kernel where there is one segment without a bias; equal to rounding only."""
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads, self.fused = heads, fused
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def project(self, x: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(*N, M, D) -> q, k, v, each (*N, H, M, K); ``rotation`` is from ``nn.rotary.rotations``."""
        *batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(*batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.movedim(-3, 0).transpose(-3, -2).unbind(0)
        return rotate(q, rotation), rotate(k, rotation), v

    def forward(self, q: Tensor, segments: Sequence[Segment]) -> Tensor:
        """(*N, H, M, K) -> (*N, M, D)."""
        if self.fused and len(segments) == 1 and segments[0].bias is None and segments[0].k.dim() == q.dim():
            return self.out(attend_fused(q, segments[0]).transpose(-3, -2).flatten(-2))
        return self.out(attend(q, segments).transpose(-3, -2).flatten(-2))
