"""Tiny models for tests, randomly initialised, written by each system's own export path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LAYOUT = {"caption_slots": 8, "picture_slots": 10, "answer_slots": 6}
NETWORK = {"width": 32, "layers": 2, "heads": 2, "hidden": 64}
FACTS = {"steps": 0, "seconds": 0, "dtype": "float32", "probe": {}}


def tiny_describer(folder: Path, *, visibility: str = "strict", seed: int = 0) -> Path:
    """Write a describer that says nonsense, but different nonsense for different regions; returns the folder."""
    import torch

    from lucida.systems.describe.task import DescribeTask

    torch.manual_seed(seed)
    values = {
        "network": NETWORK,
        "layout": LAYOUT,
        "visibility": visibility,
        "bank": {"count": 1},
        "probe": 0,
    }
    task = DescribeTask(values, seed=seed)
    with torch.no_grad():  # as initialised, all regions look the same to it
        for parameter in task.module.parameters():
            parameter.mul_(4.0)
    return task.export(task.module, folder, FACTS)


TINY: dict[str, Callable[[Path], Path]] = {"describe": tiny_describer}
