"""The number format is measured, and the reason said."""

from __future__ import annotations

import pytest
import torch

from lucida.media.errors import InputError
from lucida.train import dtype
from lucida.train.dtype import choose_dtype, matmul_rate


@pytest.mark.parametrize(
    ("bf16", "autocast", "reason"),
    [
        (520.0, torch.bfloat16, "bf16: matmul 260 GFLOP/s in fp32, 520 in bf16 (2.0x)"),
        (330.0, None, "fp32: matmul 260 GFLOP/s in fp32, 330 in bf16 (1.3x)"),  # 1.27: not worth it
        (26.0, None, "fp32: matmul 260 GFLOP/s in fp32, 26 in bf16 (0.1x)"),
    ],
)
def test_auto(monkeypatch: pytest.MonkeyPatch, bf16: float, autocast: torch.dtype | None, reason: str) -> None:
    rates = {torch.float32: 260.0, torch.bfloat16: bf16}
    monkeypatch.setattr(dtype, "matmul_rate", lambda kind, device: rates[kind])
    choice = choose_dtype()
    assert (choice.autocast, choice.reason) == (autocast, reason)
    assert choice.rates == {"fp32": 260.0, "bf16": bf16}


def test_the_wish_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtype, "matmul_rate", None)  # nothing is measured
    assert choose_dtype("bf16").autocast is torch.bfloat16
    assert choose_dtype("fp32").autocast is None
    assert choose_dtype("fp32").reason == "fp32 as asked"


def test_another_wish() -> None:
    with pytest.raises(InputError, match="dtype must be auto, bf16 or fp32, got 'fp16'"):
        choose_dtype("fp16")


def test_a_rate_is_measured() -> None:
    assert matmul_rate(torch.float32, torch.device("cpu"), seconds=0.01, side=64) > 0
