"""A training task of a few parameters, for tests of the loop: fast, deterministic, and awkward on purpose.

It has dropout (random numbers outside the batch), a buffer that moves, and a part that is used at every other step
only (parameters without gradients), and it can be slow (to be killed in the middle) or break (to diverge).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lucida.models.store import save_model
from lucida.train.recipe import build
from lucida.train.task import TaskModule

RECIPE = """
task: tests.train.toy:ToyTask
run: {steps: 40, schedule: {peak: 0.01, warmup: 5, decay: 10}, ema: 0.9, log_steps: 1, probe_steps: 15, save_steps: 7,
      dtype: fp32}
"""


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    """``rows`` of a global batch; ``pause`` seconds per step; ``nan_at`` a step whose loss is not a number."""

    rows: int = 8
    dropout: float = 0.2
    pause: float = 0.0
    nan_at: int = -1


class ToyModule(TaskModule):
    """Guesses the sum of four numbers."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 1))
        self.sometimes = nn.Linear(4, 1)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error per row (B,)."""
        self.get_buffer("calls").add_(1)
        x = batch["x"]  # (B, 4)
        guess = self.body(x)[:, 0]
        if batch["step"] % 2:
            guess = guess + self.sometimes(x)[:, 0]
        loss = (guess - x.sum(dim=1)) ** 2
        return loss * batch["factor"], {"largest": loss.detach().mean()}


class ToyTask:
    """See ``lucida.train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config: ToyConfig = build(ToyConfig, values, "recipe")
        self.module, self.seed = ToyModule(self.config.dropout), seed

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Nothing to make."""
        progress("nothing to prepare")

    def batch(self, step: int, rank: int, processes: int) -> dict[str, Any]:
        """This process's rows of the step."""
        time.sleep(self.config.pause)
        rows = self.config.rows // processes
        x = torch.randn(self.config.rows, 4, generator=torch.Generator().manual_seed(1000 * self.seed + step))
        factor = float("nan") if step == self.config.nan_at else 1.0
        return {"x": x[rank * rows : (rank + 1) * rows], "step": step, "factor": factor}

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Size of the averaged weights; says in which process it was asked."""
        assert int(os.environ.get("RANK", "0")) == 0
        return {"weights": float(sum(p.detach().abs().sum() for p in module.parameters()))}

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the averaged weights."""
        return save_model(folder, module.state_dict(), {"system": "toy", "trained": facts}, "A toy.\n")
