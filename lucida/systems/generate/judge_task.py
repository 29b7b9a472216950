"""Training the judge: noun and colour of every cell, on true renderings, slightly noised."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.media import settings
from lucida.models.dense_judge import DenseJudge, JudgeConfig
from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig
from lucida.systems.tokenize.teacher import TeacherConfig
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.train.shares import share_of
from lucida.train.start import start_from
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS

CELL = 4
BACKGROUND = 0.2  # loss weight of empty cells
WHOLE = 14  # the last diagonal of an 8x8 block's cosines


@dataclass(frozen=True, kw_only=True)
class JudgeTaskConfig:
    """Settings of a judge recipe.

    Attributes:
        blur: most noise mixed into pictures.
        spoil: share of pictures whose 8x8 blocks lose their fine detail, and share of pictures that are made smaller
            and larger again: what tokenizers and generators do to pictures should not keep it from seeing shapes.
        start: a judge to go on from; "": none.
    """

    side: int = 64
    width: int = 32
    bank: SceneBankConfig = SceneBankConfig(objects=(1, 5))
    render: int = 256
    rows: int = 48
    blur: float = 0.15
    spoil: float = 0.0
    start: str = ""
    probe: int = 200


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures (B, 3, S, S), noun and colour classes (B, g, g)."""

    pixels: Tensor
    nouns: Tensor
    colours: Tensor


class JudgeModule(nn.Module):
    """Network and loss."""

    def __init__(self, network: DenseJudge) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of nouns and colours per picture (B,), and the share of filled cells named right."""
        seen = self.network(batch.pixels)
        weight = torch.where(batch.nouns > 0, 1.0, BACKGROUND)
        losses = torch.zeros(len(weight), device=weight.device)
        for logits, wanted in ((seen.nouns, batch.nouns), (seen.colours, batch.colours)):
            each = functional.cross_entropy(logits.float(), wanted, reduction="none") * weight
            losses = losses + each.flatten(1).sum(1) / weight.flatten(1).sum(1)
        filled = batch.nouns > 0
        right = (seen.nouns.argmax(1) == batch.nouns)[filled].float().mean()
        coloured = filled & (batch.colours > 0)
        tinted = (seen.colours.argmax(1) == batch.colours)[coloured].float().mean()
        return losses, {"noun": right.detach(), "colour": tinted.detach()}


class JudgeTask:
    """See ``train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config = config = build(JudgeTaskConfig, values, "recipe")
        self.seed = seed
        nouns = tuple(sorted(set(noun_table().values())))
        self.words = {noun: i + 1 for i, noun in enumerate(nouns)}
        self.judge = JudgeConfig(nouns=nouns, colours=COLOURS, side=config.side, width=config.width)
        judge = DenseJudge(self.judge)
        if config.start:
            start_from(judge, config.start)
        self.module = JudgeModule(judge)
        teacher = TeacherConfig(side=config.side, grid=config.side // CELL, render=config.render, channels=1)
        home = settings.cache_dir() / "banks"
        self.bank = SceneBank(home, config.bank, teacher)
        held_out = SceneBankConfig(split="val", count=max(config.probe, 1), objects=config.bank.objects)
        self.held_out = SceneBank(home, held_out, teacher)

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the scene banks."""
        self.bank.build(progress)
        self.held_out.build(progress)

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """This process's share of the step."""
        rng = np.random.default_rng((self.seed, step))
        rows = self.config.rows
        numbers, flips = rng.integers(0, len(self.bank), rows), rng.random(rows) < 0.5
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        share = share_of(rows, rank, processes)
        whole = self._rows(self.bank, numbers[share].tolist())
        turned = torch.from_numpy(flips[share])
        side = self.config.side
        noise = torch.randn(rows, 3, side, side, generator=generator)[share]
        amount = torch.rand(rows, generator=generator)[share] * self.config.blur
        pixels = _mirrored(whole.pixels, turned)
        if self.config.spoil:
            side = self.config.side
            kept, sizes = rng.integers(2, 10, rows), rng.integers(side * 3 // 8, side, rows)
            spared = rng.random((2, rows)) >= self.config.spoil
            kept[spared[0]], sizes[spared[1]] = WHOLE, side
            pixels = spoiled(pixels, kept[share], sizes[share])
        return Batch(
            pixels + amount[:, None, None, None] * noise,
            _mirrored(whole.nouns, turned),
            _mirrored(whole.colours, turned),
        )

    def _rows(self, bank: SceneBank, numbers: list[int]) -> Batch:
        rows, grid = bank.rows(numbers), self.config.side // CELL
        nouns, colours = torch.zeros_like(rows.owner), torch.zeros_like(rows.owner)
        for i, number in enumerate(numbers):
            for thing in bank.scene(number).objects:
                cells = rows.owner[i] == thing.index + 1
                nouns[i][cells] = self.words[thing.noun]
                colours[i][cells] = COLOURS.index(thing.colour) + 1 if thing.colour in COLOURS else 0
        return Batch(rows.pixels, nouns.unflatten(1, (grid, grid)), colours.unflatten(1, (grid, grid)))

    @torch.no_grad()
    def probe(self, module: nn.Module) -> dict[str, float]:
        """Share of held-out cells whose noun and colour are right."""
        assert isinstance(module, JudgeModule)
        if not self.config.probe:
            return {}
        module = copy.deepcopy(module).cpu().eval()
        found: dict[str, list[float]] = {}
        for start in range(0, len(self.held_out), 50):
            batch = self._rows(self.held_out, list(range(start, min(start + 50, len(self.held_out)))))
            for name, value in module(batch)[1].items():
                found.setdefault(name, []).append(float(value))
        return {name: round(float(np.nanmean(values)), 4) for name, values in found.items()}

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the model folder: a part, which no system runs."""
        assert isinstance(module, JudgeModule)
        return export_model(folder, module.network, {"judge": asdict(self.judge)}, self._card, facts)

    def _card(self, config: dict[str, Any]) -> str:
        trained = config["trained"]
        return f"""# judge

Names the thing and its colour in each cell of a {self.config.side} px picture, to score generators with.

A convolutional network trained on {self.config.bank.count} composed scenes of OpenMoji 17.0.0 artwork (CC BY-SA 4.0,
"All emojis designed by OpenMoji") and on nothing else; it is no system's teacher. Held out: {trained["probe"]}.
"""


@lru_cache
def _cosines(n: int) -> Tensor:
    """(n, n): row k is the k-th cosine of an orthonormal DCT."""
    k, i = torch.arange(n).unsqueeze(1), torch.arange(n)
    basis = torch.cos(math.pi * k * (2 * i + 1) / (2 * n)) * (2 / n) ** 0.5
    basis[0] /= 2**0.5
    return basis


def spoiled(pixels: Tensor, kept: np.ndarray, sizes: np.ndarray) -> Tensor:
    """Pictures (B, 3, S, S) without some of their detail.

    Args:
        kept: (B,) of the cosines of each 8x8 block the diagonals up to this one stay; 14: all.
        sizes: (B,) pixels per side to which a picture is made smaller, and large again; S: not.
    """
    made, side = pixels.clone(), pixels.shape[-1]
    basis = _cosines(8)
    diagonal = torch.arange(8).unsqueeze(1) + torch.arange(8)
    for n, (most, size) in enumerate(zip(kept.tolist(), sizes.tolist(), strict=True)):
        if most < WHOLE:
            blocks = made[n].unflatten(1, (-1, 8)).unflatten(3, (-1, 8)).transpose(2, 3)
            low = basis.T @ ((basis @ blocks @ basis.T) * (diagonal <= most)) @ basis
            made[n] = low.transpose(2, 3).flatten(3).flatten(1, 2)
        if size < side:
            small = functional.interpolate(
                made[n : n + 1], size=(size, size), mode="bilinear", antialias=True
            )
            made[n] = functional.interpolate(small, size=(side, side), mode="bilinear")[0]
    return made


def _mirrored(x: Tensor, turned: Tensor) -> Tensor:
    return torch.where(turned.view(-1, *([1] * (x.dim() - 1))), x.flip(-1), x)
