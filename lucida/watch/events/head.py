"""The event head: a small convolution over a trail's kinematics that says which event each moment belongs to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lucida.media.errors import InputError
from lucida.models.store import load_model_files, resolve_weights
from lucida.watch.events.kinematics import RATE, SIGNALS
from lucida.world.clip_records import EVENT_KINDS

# What a stretch of one kind must reach to be an event: a probability somewhere, and seconds. A thing that passes a
# second one looks for a moment as if it approached it, one that is half hidden as if its colour changed; neither lasts.
# Chosen on forty clips of the split "val".
REACH = {"enter": 0.5, "leave": 0.5, "jump": 0.6, "approach": 0.7, "stop": 0.6, "change colour": 0.7}
LEAST = {"enter": 0.2, "leave": 0.12, "jump": 0.4, "approach": 0.35, "stop": 0.12, "change colour": 0.25}


@dataclass(frozen=True, kw_only=True)
class EventHeadConfig:
    """``width``: channels; ``dilations``: of the convolutions, five taps each (±14 steps, 1.2 s, as given)."""

    width: int = 48
    dilations: tuple[int, ...] = (1, 2, 4)
    kinds: tuple[str, ...] = EVENT_KINDS
    signals: tuple[str, ...] = SIGNALS


class EventHead(nn.Module):
    """(B, n, signals) -> logits (B, n, kinds): is this moment inside such an event? Kinds may overlap."""

    def __init__(self, config: EventHeadConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EventHeadConfig()
        layers: list[nn.Module] = []
        inputs = len(config.signals)
        for dilation in config.dilations:
            layers += [nn.Conv1d(inputs, config.width, 5, padding=2 * dilation, dilation=dilation), nn.GELU()]
            inputs = config.width
        self.layers = nn.Sequential(*layers, nn.Conv1d(inputs, len(config.kinds), 1))

    def forward(self, signals: Tensor) -> Tensor:
        """(B, n, signals) float32 -> (B, n, kinds)."""
        return self.layers(signals.transpose(1, 2)).transpose(1, 2)

    @torch.inference_mode()
    def probabilities(self, signals: np.ndarray) -> np.ndarray:
        """(n, signals) of one trail -> (n, kinds) in 0..1."""
        return self(torch.from_numpy(signals)[None])[0].sigmoid().numpy()


@dataclass(frozen=True, kw_only=True)
class Run:
    """A stretch of one kind: seconds, and the head's mean probability over its surer half."""

    kind: str
    t0: float
    t1: float
    score: float


def runs(
    probabilities: np.ndarray,
    grid: np.ndarray,
    kinds: Sequence[str],
    *,
    high: float | None = None,
    low: float = 0.35,
) -> list[Run]:
    """Stretches above ``low`` that reach ``REACH`` somewhere and last ``LEAST`` seconds, each kind by itself.

    Ends lie where the probability crosses ``low`` between two grid steps.

    Args:
        high: to be reached instead, by stretches of at least 0.12 s.
    """
    found = []
    for k, kind in enumerate(kinds):
        p = probabilities[:, k]
        reach, least = (REACH[kind], LEAST[kind]) if high is None else (high, 0.12)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (p >= low).astype(np.int8), [0]])))
        for a, b in zip(edges[::2], edges[1::2], strict=True):  # steps a..b-1
            if p[a:b].max() < reach:
                continue
            t0 = grid[a] - (_crossing(float(p[a - 1]), float(p[a]), low) / RATE if a else 0.0)
            t1 = grid[b - 1] + (_crossing(float(p[b]), float(p[b - 1]), low) / RATE if b < len(p) else 0.0)
            if t1 - t0 >= least:
                score = float(np.sort(p[a:b])[(b - a) // 2 :].mean())
                found.append(Run(kind=kind, t0=float(t0), t1=float(t1), score=score))
    return found


def _crossing(below: float, above: float, level: float) -> float:
    """Share of a step from ``above`` back to where the line to ``below`` meets ``level``."""
    return (above - level) / max(1e-9, above - below)


def config_of(data: dict[str, Any]) -> EventHeadConfig:
    """The config from plain JSON data."""
    return EventHeadConfig(
        width=int(data["width"]), dilations=tuple(data["dilations"]), kinds=tuple(data["kinds"]),
        signals=tuple(data["signals"]),
    )  # fmt: skip


def plain(config: EventHeadConfig) -> dict[str, Any]:
    """The config as JSON data."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(config).items()}


def load_events(name: str | os.PathLike[str] = "events") -> EventHead:
    """The trained head by model name or folder.

    Raises:
        InputError: no such model, or it was trained on other signals than this version computes.
    """
    files = load_model_files(resolve_weights(name))
    try:
        config = config_of(files.config["head"])
        head = EventHead(config)
        head.load_state_dict({key: value.float() for key, value in files.tensors.items()})
    except (KeyError, RuntimeError, TypeError) as error:
        raise InputError(f"{files.folder}: not an event head: {str(error).splitlines()[0]}") from error
    if config.signals != SIGNALS:
        raise InputError(f"{files.folder}: trained on other signals than this version computes")
    return head.eval()
