"""The fused read-out is the plain one, in value and gradient."""

from __future__ import annotations

import torch
from torch import nn

from lucida.nn.linear_entropy import linear_entropy


def plain(hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(hidden @ table.t(), target, reduction="none")


def drawn(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 12, generator=generator, dtype=dtype).requires_grad_()
    table = torch.randn(30, 12, generator=generator, dtype=dtype).requires_grad_()
    return hidden, table, torch.randint(30, (7,), generator=generator)


def test_value_guess_and_gradients() -> None:
    hidden, table, target = drawn(torch.float64)
    entropy, guess = linear_entropy(hidden, table, target)
    assert torch.allclose(entropy, plain(hidden, table, target))
    assert (guess == (hidden @ table.t()).argmax(1)).all()
    assert torch.autograd.gradcheck(lambda h, t: linear_entropy(h, t, target)[0], (hidden, table))


def test_half_precision_is_close() -> None:
    hidden, table, target = drawn(torch.float32)
    weight = torch.linspace(0.1, 2, 7)
    with torch.autocast("cpu", torch.bfloat16):
        entropy, _ = linear_entropy(hidden, table, target)
    assert entropy.dtype == torch.float32
    (entropy * weight).sum().backward()
    found = hidden.grad, table.grad
    hidden.grad = table.grad = None
    (plain(hidden, table, target) * weight).sum().backward()
    for half, whole in zip(found, (hidden.grad, table.grad), strict=True):
        assert half is not None and whole is not None
        assert half.dtype == torch.float32 and (half - whole).norm() < 0.02 * whole.norm()


def test_a_hopeless_score_stays_finite() -> None:
    hidden, table = torch.tensor([[200.0]]), torch.tensor([[1.0], [-1.0]])
    entropy, _ = linear_entropy(hidden, table, torch.tensor([1]))
    assert float(entropy) == 400.0


def test_no_rows() -> None:
    entropy, guess = linear_entropy(torch.zeros(0, 4), torch.zeros(3, 4), torch.zeros(0, dtype=torch.long))
    assert entropy.shape == guess.shape == (0,)
