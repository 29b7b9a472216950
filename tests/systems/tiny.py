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


def tiny_segmenter(folder: Path, *, arm: str = "static", seed: int = 0) -> Path:
    """Write a segmenter that knows nothing, but says it differently for different pictures; returns the folder."""
    import torch

    from lucida.systems.segment.task import SegmentTask

    torch.manual_seed(seed)
    network = {"width": 32, "layers": 1, "heads": 2, "hidden": 48, "head_layers": 1, "pixel": 8, "pixel_layers": 1}
    values = {"network": network, "arm": arm, "sight": {"side": 64, "stride": 4}, "bank": {"count": 1}, "probe": 0}
    task = SegmentTask(values, seed=seed)
    return task.export(task.module, folder, FACTS)


def tiny_tokenizer(folder: Path, *, seed: int = 0) -> Path:
    """Write a tokenizer that has learned nothing; returns the folder."""
    import torch

    from lucida.systems.tokenize.task import TokenizeTask

    torch.manual_seed(seed)
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "width": 32, "heads": 2, "hidden": 48, "channels": 6}
    network = {"side": 32, "patch": 8, **sizes}
    teacher = {"side": 32, "grid": 4, "render": 64, "channels": 8}
    task = TokenizeTask(
        {"network": network, "semantic": {}, "teacher": teacher, "bank": {"count": 1}, "probe": 0}, seed=seed
    )
    return task.export(task.module, folder, FACTS)


def tiny_generator(folder: Path, *, seed: int = 0) -> Path:
    """Write a generator that draws nonsense, with its tokenizer beside it; returns the folder."""
    import torch

    from lucida.systems.generate.task import GenerateTask

    tokenizer = tiny_tokenizer(folder.with_name(f"{folder.name}-tokenizer"))
    torch.manual_seed(seed)
    dit = {"width": 24, "layers": 1, "heads": 2, "hidden": 32}
    captions = {"width": 16, "layers": 1, "heads": 2, "hidden": 24}
    network = {"channels": 6, "grid": 4, "dit": dit, "captions": captions}
    values = {
        "network": network,
        "tokenizer": str(tokenizer),
        "teacher": {"side": 32, "grid": 4, "render": 64, "channels": 8},
        "bank": {"count": 8, "objects": [1, 2]},
        "probe": 0,
    }
    task = GenerateTask(values, seed=seed)
    return task.export(task.module, folder, FACTS)


TINY: dict[str, Callable[[Path], Path]] = {
    "describe": tiny_describer,
    "segment": tiny_segmenter,
    "tokenize": tiny_tokenizer,
    "generate": tiny_generator,
}
