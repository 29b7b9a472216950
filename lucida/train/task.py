"""What the loop asks of a thing that can be trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn


class Task(Protocol):
    """A training task.

    A batch is a pure function of (step, share), so a run resumes exactly without saving any data state, and several
    processes read disjoint shares of one global batch whatever their number.
    """

    module: nn.Module  # called as module(batch) -> (loss per row (B,), metrics); everything trainable is inside

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Make what training reads (feature banks, ...), once; safe when several processes call it."""
        ...

    def batch(self, step: int, rank: int, processes: int) -> Any:
        """This process's share of global batch ``step``."""
        ...

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Held-out measurements with the given weights."""
        ...

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write a model folder from the given weights; ``facts`` are numbers of the run for config and card."""
        ...


class TaskModule(nn.Module):
    """Base of task modules, for the type of ``forward``."""

    def forward(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        raise TypeError(f"{type(self).__name__} must define forward")
