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
from torch.nn import functional

from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.flow.path import mix, velocity
from lucida.flow.schedule import NoiseSchedule, ShiftRule, shift_of
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.systems.generate.latents import caption_ids, check_tokenizer, encode_bank
from lucida.systems.generate.network import Painter, PainterConfig
from lucida.systems.generate.prompts import draw_prompt
from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig, atlas_of
from lucida.systems.tokenize.teacher import TeacherConfig
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.train.shares import share_of
from lucida.train.start import start_from


@dataclass(frozen=True, kw_only=True)
class TimeConfig:
    """Noise levels: the base law, and the shift by rule (``base`` 0: tokens times 4, as the tokenizer's)."""

    law: Literal["uniform", "logit_normal"] = "uniform"
    rule: ShiftRule = "root"
    base: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is asked beside the velocity.

    Attributes:
        things: weight of a token that a thing covers, against 1 of the background's; in all three losses.
        nouns: of naming what covers each token, from what the trunk makes of it: exact truth, at every noise level.
        teacher: of telling the vision tower's features of each token there (REPA, arXiv 2410.06940).
    """

    things: float = 1.0
    nouns: float = 0.0
    teacher: float = 0.0

    def __post_init__(self) -> None:
        if self.things <= 0 or min(self.nouns, self.teacher) < 0:
            raise InputError(
                f"recipe.loss: want things > 0, nouns >= 0, teacher >= 0, "
                f"got {self.things}, {self.nouns}, {self.teacher}"
            )


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """Settings of a generate recipe.

    Attributes:
        network: sizes. tokenizer: name of the model whose latents are drawn.
        start: a generator (name or folder) to go on from; "": none.
        bank: scenes; few and large things are easier to draw. teacher: side and grid must be the tokenizer's.
        drop: share of prompts replaced by the empty one, for classifier-free guidance.
        rows: pictures per step, all processes together. probe: held-out scenes.
    """

    network: PainterConfig = PainterConfig()
    tokenizer: str = "tokenize"
    start: str = ""
    loss: LossConfig = LossConfig()
    bank: SceneBankConfig = SceneBankConfig(objects=(1, 3))
    teacher: TeacherConfig = TeacherConfig()
    vocabulary: VocabularyConfig = VocabularyConfig()
    time: TimeConfig = TimeConfig()
    drop: float = 0.1
    rows: int = 64
    probe: int = 200


@dataclass(frozen=True, eq=False)
class Batch:
    """Latents and noise (B, C, h, w), levels (B,), prompts: ids and valid (B, L).

    nouns: (B, h·w) int64, 0: background, 1 + index in the task's nouns. teacher: (B, h·w, F); no rows if not asked for.
    """

    data: Tensor
    noise: Tensor
    levels: Tensor
    ids: Tensor
    valid: Tensor
    nouns: Tensor
    teacher: Tensor


class GenerateModule(nn.Module):
    """Network, read-outs and loss: one value per picture."""

    def __init__(self, network: Painter, loss: LossConfig, nouns: int, features: int) -> None:
        super().__init__()
        self.network, self.config = network, loss
        width = network.dit.config.width
        self.name = nn.Linear(width, 1 + nouns) if loss.nouns else None
        read = (nn.Linear(width, width), nn.SiLU(), nn.Linear(width, features))
        self.tell = nn.Sequential(*read) if loss.teacher else None

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per picture (B,); the plain squared error of the velocity at low and at high noise, and of things."""
        x = mix(batch.data, batch.noise, batch.levels)
        tap: list[Tensor] = []
        v = self.network(x, batch.levels, self.network.read(batch.ids, batch.valid), tap=tap)
        target = velocity(batch.data, batch.noise)
        errors = (v.float() - target).square().mean(1).flatten(1)  # (B, M)
        thing = (batch.nouns > 0).float()
        weights = 1 + (self.config.things - 1) * thing
        losses = (errors * weights).sum(1) / weights.sum(1)
        logged = self._split(errors.detach(), batch.levels, thing)
        if self.name is not None:
            named = functional.cross_entropy(
                self.name(tap[0]).float().flatten(0, 1), batch.nouns.flatten(), reduction="none"
            )
            losses = losses + self.config.nouns * (named.view_as(errors) * weights).sum(1) / weights.sum(1)
            logged["nouns"] = named.detach().mean()
        if self.tell is not None:
            told = functional.cosine_similarity(self.tell(tap[0]).float(), batch.teacher, dim=-1)
            losses = losses + self.config.teacher * ((1 - told) * weights).sum(1) / weights.sum(1)
            logged["teacher"] = told.detach().mean()
        return losses, logged

    @staticmethod
    def _split(errors: Tensor, levels: Tensor, thing: Tensor) -> dict[str, Tensor]:
        high = (levels > 0.5).float().unsqueeze(1).expand_as(errors)
        split = {"low": 1 - high, "high": high, "things": thing}
        parts = {f"error_{k}": (errors * m).sum() / m.sum().clamp(min=1) for k, m in split.items()}
        return {"error": errors.mean()} | parts


def nouns_of(kind: Literal["all", "common"]) -> tuple[str, ...]:
    """What a bank's things may be, in order."""
    return tuple(sorted({sprite.noun for sprite in atlas_of(kind).sprites}))


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
            painter = Painter(net, len(self.vocabulary))
        except ValueError as error:
            raise InputError(f"recipe.network: {error}") from error
        if config.start:
            start_from(painter, config.start)
        self.nouns = nouns_of(config.bank.nouns)
        self.module = GenerateModule(painter, config.loss, len(self.nouns), config.teacher.channels)
        tokens = net.grid**2
        base = config.time.base or 4.0 * tokens
        shift = shift_of(config.time.rule, tokens=tokens, channels=net.channels, base=base)
        self.schedule = NoiseSchedule(base=config.time.law, shift=shift)
        home = settings.cache_dir() / "banks"
        self.bank = SceneBank(home, config.bank, config.teacher)
        held_out = replace(config.bank, split="val", first=0, count=max(config.probe, 1))
        self.held_out = SceneBank(home, held_out, config.teacher)
        self._latents: dict[str, np.ndarray] = {}
        self._maps: dict[str, np.ndarray] = {}

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the scene banks and encode them."""
        from lucida.systems.registry import load

        tokenizer = load(self.config.tokenizer)
        check_tokenizer(tokenizer, self.config.network.channels, self.config.network.grid)
        for bank in (self.bank, self.held_out):
            bank.build(progress)
            self._latents[bank.config.split] = encode_bank(bank, tokenizer, progress)
            self._maps[bank.config.split] = self._noun_maps(bank)

    def _noun_maps(self, bank: SceneBank) -> np.ndarray:
        """(N, grid²) int16: what covers each token."""
        number = {noun: n + 1 for n, noun in enumerate(self.nouns)}
        maps = []
        for n in range(len(bank)):
            of_owner = np.array([0, *(number[o.noun] for o in bank.scene(n).objects)], np.int16)
            maps.append(of_owner[bank.owner(n)])
        return np.stack(maps)

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
        maps = torch.from_numpy(np.stack([self._maps[bank.config.split][n] for n, _, _ in chosen])).long()
        asked = self.config.loss.teacher > 0
        teacher = bank.rows([int(n) for n, _, _ in chosen]).teacher if asked else data.new_zeros(len(chosen), 0, 0)
        return Batch(data, noise[share], levels[share], ids, valid, maps, teacher)

    @torch.no_grad()
    def probe(self, module: nn.Module) -> dict[str, float]:
        """Held-out velocity error with the right prompts and with none: their gap is what prompts tell."""
        assert isinstance(module, GenerateModule)
        if not self.config.probe:
            return {}
        module = copy.deepcopy(module).cpu().eval()
        found = {}
        for name, drop in (("error", 0.0), ("error_unprompted", 1.0)):
            whole, things = [], []
            for start in range(0, len(self.held_out), 50):
                numbers = np.arange(start, min(start + 50, len(self.held_out)))
                batch = self._rows(self.held_out, numbers, np.random.default_rng(start), slice(None), drop)
                logged = module(batch)[1]
                whole.append(float(logged["error"]))
                things.append(float(logged["error_things"]))
            found[name] = round(float(np.mean(whole)), 5)
            found[f"{name}_things"] = round(float(np.mean(things)), 5)
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
            "objects": list(self.config.bank.objects),
            "sizes": list(self.config.bank.sizes),
        }
        return export_model(folder, module.network, config, lambda whole: card_text(whole, self.config), facts)
