"""Cross-entropy of a linear read-out over many words, without going over the table of scores more often than needed.

At a few thousand words the scores are larger than all activations of a small network, and scaling, converting, taking
logarithms and filling gradients each go over them once. Here the gradient by the scores, softmax minus one-hot, is made
in the forward pass in place of the scores, and kept in the precision of the products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _LinearEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, table: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        h, w = hidden.to(dtype), table.to(dtype)
        with torch.autocast(kind, enabled=False):
            scores = h @ w.t()
            scores = scores.float() if dtype.itemsize < 4 else scores
            logs = scores.log_softmax(dim=1)
            column = target.unsqueeze(1)
            entropy = -logs.gather(1, column).squeeze(1)
            guess = logs.argmax(dim=1)
            slope = logs.exp_()
            slope.scatter_add_(1, column, slope.new_full(column.shape, -1.0))
            ctx.save_for_backward(h, w, slope.to(dtype))
        ctx.dtypes = hidden.dtype, table.dtype
        ctx.mark_non_differentiable(guess)
        return entropy, guess

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        h, w, slope = ctx.saved_tensors
        rows = upstream[0].unsqueeze(1)
        by_hidden = (slope @ w).to(ctx.dtypes[0]) * rows
        by_table = slope.t() @ (h * rows).to(h.dtype)
        return by_hidden, by_table.to(ctx.dtypes[1]), None


def linear_entropy(hidden: Tensor, table: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of ``softmax(hidden @ table.T)`` at ``target``, and the likeliest row of the table.

    Args:
        hidden: (N, D). table: (V, D). target: (N,) rows of the table.

    Returns:
        (N,) nats, differentiable by ``hidden`` and ``table``; and (N,) long. Under autocast the products are of its
        type, and so is the gradient by the scores; the logarithms are float32 at least.
    """
    entropy, guess = _LinearEntropy.apply(hidden, table, target)
    return entropy, guess
