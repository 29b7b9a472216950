"""Training the event head: a recipe's task (``lucida train events``). One core, about two minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.train.task import TaskModule
from lucida.watch.events.examples import Example, make_examples
from lucida.watch.events.head import EventHead, EventHeadConfig, plain


@dataclass(frozen=True, kw_only=True)
class EventTaskConfig:
    """Settings of an events recipe. ``clips`` to learn from, each seen ``variants`` ways; ``probe``: held-out clips."""

    width: int = 48
    clips: int = 160
    variants: int = 4
    rows: int = 64
    probe: int = 12


@dataclass(frozen=True, eq=False)
class Batch:
    """Signals (B, n, s), labels (B, n, kinds), inside (B, n): 0 where a row is padding."""

    signals: Tensor
    labels: Tensor
    inside: Tensor


class EventModule(TaskModule):
    """The head and its loss."""

    def __init__(self, head: EventHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per row (B,), and the share of moments that are right in every kind."""
        logits = self.head(batch.signals)
        each = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none").sum(-1)
        loss = (each * batch.inside).sum(1) / batch.inside.sum(1)
        right = ((logits > 0) == (batch.labels > 0.5)).all(-1)
        return loss, {"right": (right * batch.inside).sum() / batch.inside.sum()}


def padded(examples: list[Example]) -> Batch:
    """Examples as one batch, each filled up with nothing to the length of the longest."""
    longest = max(len(e.signals) for e in examples)
    signals = np.zeros((len(examples), longest, examples[0].signals.shape[1]), np.float32)
    labels = np.zeros((len(examples), longest, examples[0].labels.shape[1]), np.float32)
    inside = np.zeros((len(examples), longest), np.float32)
    for row, example in enumerate(examples):
        n = len(example.signals)
        signals[row, :n], labels[row, :n], inside[row, :n] = example.signals, example.labels, 1
    return Batch(torch.from_numpy(signals), torch.from_numpy(labels), torch.from_numpy(inside))


class EventTask:
    """See ``lucida.train.task.Task``."""

    def __init__(self, settings: dict[str, Any], *, seed: int = 0) -> None:
        self.config = build(EventTaskConfig, settings, "events recipe")
        self.seed = seed
        self.module: nn.Module = EventModule(EventHead(EventHeadConfig(width=self.config.width)))
        self._train: list[Example] = []
        self._probe: list[Example] = []

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Draw and watch the clips, once per process."""
        if not self._train:
            progress(f"watching {self.config.clips} clips")
            self._train = make_examples(self.config.clips, variants=self.config.variants)
            self._probe = make_examples(self.config.probe, split="val", variants=2)

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """Rows drawn anew at every step."""
        rng = np.random.default_rng([self.seed, step])
        picks = rng.integers(len(self._train), size=self.config.rows)[rank::processes]
        return padded([self._train[int(i)] for i in picks])

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Loss and share of right moments on held-out clips."""
        with torch.inference_mode():
            loss, logged = module(padded(self._probe))
        return {"loss": float(loss.mean()), "right": float(logged["right"])}

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """The head in fp16 with its card."""
        head = module.head
        assert isinstance(head, EventHead)
        return export_model(
            folder, head, {"head": plain(head.config)}, lambda whole: card_text(whole, self.config), facts
        )


def card_text(config: dict[str, Any], task: EventTaskConfig) -> str:
    """Markdown; its first plain line says what the model does."""
    trained = config["trained"]
    probe = ", ".join(f"{name} {value:.3f}" for name, value in sorted(trained.get("probe", {}).items()))
    return f"""# events

Says which of six things a followed object is doing at each moment: {", ".join(config["head"]["kinds"])}.

| | |
|---|---|
| network | {len(config["head"]["dilations"])} dilated convolutions of width {config["head"]["width"]} over time, fp16 |
| input | {len(config["head"]["signals"])} signals of a trail at 12 steps a second (lucida/watch/events/kinematics.py) |
| trained | {trained.get("steps")} steps, {trained.get("seconds")} s, on {task.clips} clips seen {task.variants} ways |
| held-out, while training | {probe} |
| measured | docs/claims.md, watch-events |

## Sources

Clips of the shipped world (OpenMoji 17.0.0 artwork, CC BY-SA 4.0), world {config["world"]}. It sees positions, sizes
and mean colours only, never pixels, and cannot reproduce artwork.

## Limits

It knows the motions of that world: even speeds, jumps of about two thirds of a second, a still camera. Nothing outside
the six kinds is recognised. Its probabilities are not calibrated on real footage.
"""
