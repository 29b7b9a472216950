"""Which number format to train in, decided by a one-second measurement and said aloud."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DtypeChoice:
    """The chosen autocast type (None: plain fp32), matmul rates in GFLOP/s, and the reason in words."""

    autocast: torch.dtype | None
    rates: dict[str, float]
    reason: str


def matmul_rate(dtype: torch.dtype, device: torch.device, seconds: float = 0.4, side: int = 1024) -> float:
    """GFLOP/s of a square matrix product."""
    a = torch.randn(side, side, device=device).to(dtype)
    b = torch.randn(side, side, device=device).to(dtype)

    def run() -> None:
        torch.matmul(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    for _ in range(2):
        run()
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        run()
        done += 1
    return 2 * side**3 * done / (time.perf_counter() - begin) / 1e9


def choose_dtype(wish: str = "auto", device: torch.device | str = "cpu") -> DtypeChoice:
    """bf16 where a matrix product is at least 1.3 times faster in it, else fp32.

    Args:
        wish: "auto", "bf16" or "fp32"; the last two are taken as they are.

    Raises:
        InputError: another wish.
    """
    device = torch.device(device)
    if wish in ("bf16", "fp32"):
        return DtypeChoice(autocast=torch.bfloat16 if wish == "bf16" else None, rates={}, reason=f"{wish} as asked")
    if wish != "auto":
        raise InputError(f"dtype must be auto, bf16 or fp32, got {wish!r}")
    rates = {n: matmul_rate(d, device) for n, d in (("fp32", torch.float32), ("bf16", torch.bfloat16))}
    gain = rates["bf16"] / rates["fp32"]
    words = f"matmul {rates['fp32']:.0f} GFLOP/s in fp32, {rates['bf16']:.0f} in bf16 ({gain:.1f}x)"
    if gain >= 1.3:
        return DtypeChoice(autocast=torch.bfloat16, rates=rates, reason=f"bf16: {words}")
    return DtypeChoice(autocast=None, rates=rates, reason=f"fp32: {words}")
