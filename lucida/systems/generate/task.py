"""Training the generator: flow matching on a tokenizer's latents, with prompts that are true of the scene.

One noise schedule for training and sampling, whose shift is the tokenizer's own (DESIGN §5).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.flow.path import mix, velocity
from lucida.flow.schedule import NoiseSchedule, ShiftRule, shift_of
from lucida.flow.targets import velocity_loss
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.systems.generate.latents import caption_ids, check_tokenizer, encode_bank
from lucida.systems.generate.network import Painter, PainterConfig
from lucida.systems.generate.prompts import draw_prompt
from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig
from lucida.systems.tokenize.teacher import TeacherConfig
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.train.shares import share_of


@dataclass(frozen=True, kw_only=True)
class TimeConfig:
    """Noise levels: the base law, and the shift by rule (``base`` 0: tokens times 4, as the tokenizer's)."""

    law: Literal["uniform", "logit_normal"] = "uniform"
    rule: ShiftRule = "root"
    base: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """Settings of a generate recipe.

    Attributes:
        network: sizes. tokenizer: name of the model whose latents are drawn.
        bank: scenes; few and large things are easier to draw. teacher: side and grid must be the tokenizer's.
        drop: share of prompts replaced by the empty one, for classifier-free guidance.
        rows: pictures per step, all processes together. probe: held-out scenes.
    """

    network: PainterConfig = PainterConfig()
    tokenizer: str = "tokenize"
    bank: SceneBankConfig = SceneBankConfig(objects=(1, 3))
    teacher: TeacherConfig = TeacherConfig()
    vocabulary: VocabularyConfig = VocabularyConfig()
    time: TimeConfig = TimeConfig()
    drop: float = 0.1
    rows: int = 64
    probe: int = 200


@dataclass(frozen=True, eq=False)
class Batch:
    """Latents and noise (B, C, h, w), levels (B,), prompts: ids and valid (B, L)."""

    data: Tensor
    noise: Tensor
    levels: Tensor
    ids: Tensor
    valid: Tensor


class GenerateModule(nn.Module):
    """Network and loss: one value per picture."""

    def __init__(self, network: Painter) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error of the velocity per picture (B,), and its mean at low and at high noise."""
        x = mix(batch.data, batch.noise, batch.levels)
        v = self.network(x, batch.levels, self.network.read(batch.ids, batch.valid))
        target = velocity(batch.data, batch.noise)
        losses = velocity_loss(v.movedim(1, -1), target.movedim(1, -1)) / target.shape[1]
        with torch.no_grad():
            high = (batch.levels > 0.5).float()
            split = {"low": 1 - high, "high": high}
            logged = {f"error_{k}": (losses * m).sum() / m.sum().clamp(min=1) for k, m in split.items()}
        return losses, logged


class GenerateTask:
    """See ``train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config = config = build(GenerateConfig, values, "recipe")
        self.seed = seed
        net = config.network
        if (config.teacher.grid, config.teacher.side % net.grid) != (net.grid, 0):
            raise InputError(f"recipe: network.grid {net.grid} must be the teacher's, {config.teacher.grid}")
        if not 0 <= config.drop < 1 or config.rows < 1 or config.probe < 0:
            raise InputError(
                f"recipe: want 0 <= drop < 1, rows >= 1, probe >= 0, got {config.drop}, {config.rows}, {config.probe}"
            )
        self.vocabulary = Vocabulary(config.vocabulary)
        try:
            self.module = GenerateModule(Painter(net, len(self.vocabulary)))
        except ValueError as error:
            raise InputError(f"recipe.network: {error}") from error
        tokens = net.grid**2
        base = config.time.base or 4.0 * tokens
        shift = shift_of(config.time.rule, tokens=tokens, channels=net.channels, base=base)
        self.schedule = NoiseSchedule(base=config.time.law, shift=shift)
        home = settings.cache_dir() / "banks"
        self.bank = SceneBank(home, config.bank, config.teacher)
        held_out = replace(config.bank, split="val", first=0, count=max(config.probe, 1))
        self.held_out = SceneBank(home, held_out, config.teacher)
        self._latents: dict[str, np.ndarray] = {}

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the scene banks and encode them."""
        from lucida.systems.registry import load

        tokenizer = load(self.config.tokenizer)
        check_tokenizer(tokenizer, self.config.network.channels, self.config.network.grid)
        for bank in (self.bank, self.held_out):
            bank.build(progress)
            self._latents[bank.config.split] = encode_bank(bank, tokenizer, progress)

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """This process's share of the step."""
        rng = np.random.default_rng((self.seed, step))
        rows = self.config.rows
        numbers = rng.integers(0, len(self.bank), rows)
        share = share_of(rows, rank, processes)
        return self._rows(self.bank, numbers, rng, share, self.config.drop)

    def _rows(
        self, bank: SceneBank, numbers: np.ndarray, rng: np.random.Generator, share: slice, drop: float
    ) -> Batch:
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        dropped = rng.random(len(numbers)) < drop
        seeds = rng.integers(0, 2**31, len(numbers))
        chosen = list(zip(numbers[share], dropped[share], seeds[share], strict=True))
        texts = [
            "" if gone else draw_prompt(bank.scene(int(n)), np.random.default_rng(int(s))).text
            for n, gone, s in chosen
        ]
        ids, valid = caption_ids(texts, self.vocabulary, self.config.network.longest)
        levels = self.schedule.sample(len(numbers), generator, stratified=True)
        net = self.config.network
        noise = torch.randn(len(numbers), net.channels, net.grid, net.grid, generator=generator)
        stored = self._latents[bank.config.split]
        data = torch.from_numpy(np.stack([stored[n] for n, _, _ in chosen]).astype(np.float32))
        return Batch(data, noise[share], levels[share], ids, valid)

    @torch.no_grad()
    def probe(self, module: nn.Module) -> dict[str, float]:
        """Held-out velocity error with the right prompts and with none: their gap is what prompts tell."""
        assert isinstance(module, GenerateModule)
        if not self.config.probe:
            return {}
        module = copy.deepcopy(module).cpu().eval()
        found = {}
        for name, drop in (("error", 0.0), ("error_unprompted", 1.0)):
            parts = []
            for start in range(0, len(self.held_out), 50):
                numbers = np.arange(start, min(start + 50, len(self.held_out)))
                batch = self._rows(self.held_out, numbers, np.random.default_rng(start), slice(None), drop)
                parts.append(module(batch)[0])
            found[name] = round(float(torch.cat(parts).mean()), 5)
        return found

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the model folder: network in fp16, config, card."""
        from lucida.systems.generate.card import card_text

        assert isinstance(module, GenerateModule)
        config = {
            "system": "generate",
            "network": asdict(self.config.network),
            "vocabulary": asdict(self.config.vocabulary),
            "tokenizer": self.config.tokenizer,
            "schedule": asdict(self.schedule),
            "nouns": self.config.bank.nouns,
        }
        return export_model(folder, module.network, config, lambda whole: card_text(whole, self.config), facts)
