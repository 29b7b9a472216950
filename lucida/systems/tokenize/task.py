"""Training a tokenizer: pixels, perception, and a teacher's features read off noisy latents (RecTok, arXiv 2512.13421).

The arms of the study are settings. Plain autoencoder: ``pixels: clean, semantics: none``. Alignment of clean latents:
``semantics: clean``. FSD: ``pixels: noisy, semantics: noisy``. RAD: FSD with ``mask: [-0.1, 0.4]``. The second stage
(``stage: decoder``) trains the decoder alone on clean latents from the weights of ``start``; the encoder does not move.

Shape legend: B pictures, N tokens, C latent channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.flow.path import mix
from lucida.flow.schedule import NoiseSchedule, ShiftRule, shift_of
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models.semantic_decoder import SemanticConfig, SemanticDecoder, alignment_loss
from lucida.models.tower import Tower, load_tower
from lucida.models.vit_tokenizer import TokenizerConfig, VitTokenizer, kept_tokens
from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig
from lucida.systems.tokenize.teacher import TeacherConfig
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.train.shares import share_of
from lucida.train.start import start_from

ENCODER = ("embed.", "encoder.", "norm_encoder.", "latent.")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the losses. ``kl`` multiplies a sum over tokens and channels; the others are means.

    ``perceptual_share`` of a step's pictures are shown to the tower: unbiased, and the tower is half of the time.
    """

    l1: float = 0.0
    l2: float = 1.0
    perceptual: float = 0.1
    perceptual_share: float = 1.0
    semantic: float = 1.0
    kl: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """Noise of the latents in training. ``base``: of the root rule; 0: tokens times 4, the narrowest width studied."""

    rule: ShiftRule = "root"
    base: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TokenizeConfig:
    """Settings of a tokenize recipe.

    Attributes:
        network, semantic: sizes (``models.vit_tokenizer``, ``models.semantic_decoder``).
        pixels: whether the pixel decoder reads clean or noisy latents. semantics: what the semantic decoder reads.
        pixel_noise: noise of the pixel decoder's latents as a share of the semantic decoder's; published: 1.
        mask: bounds of the share of tokens hidden from the encoder, drawn per step, below 0 is 0.
        masked_only: align masked tokens only. rows: pictures per step, all processes together.
        stage: full, or decoder with ``start`` the model whose encoder is kept.
        probe: held-out scenes to measure on.
    """

    network: TokenizerConfig
    semantic: dict[str, Any]
    bank: SceneBankConfig = SceneBankConfig()
    teacher: TeacherConfig = TeacherConfig()
    loss: LossConfig = LossConfig()
    noise: NoiseConfig = NoiseConfig()
    pixels: Literal["clean", "noisy"] = "noisy"
    pixel_noise: float = 1.0
    semantics: Literal["none", "clean", "noisy"] = "noisy"
    mask: tuple[float, float] = (-0.1, 0.4)
    masked_only: bool = False
    rows: int = 48
    stage: Literal["full", "decoder"] = "full"
    start: str = ""
    probe: int = 200


@dataclass(frozen=True, eq=False)
class Batch:
    """One share of a step: pictures (B, 3, S, S), teacher (B, N, F), levels (B,), noise (B, n, C), keep (B, n)."""

    pixels: Tensor
    teacher: Tensor
    levels: Tensor
    noise: Tensor
    posterior_seed: int
    keep: Tensor | None


class TokenizeModule(nn.Module):
    """Network, semantic decoder and loss: one value per picture."""

    def __init__(
        self, network: VitTokenizer, semantic: SemanticDecoder | None, config: TokenizeConfig
    ) -> None:
        super().__init__()
        self.network, self.semantic, self.config = network, semantic, config
        self._tower: list[Tower] = []  # in a list: not a part of the weights

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per picture (B,), and what to log."""
        config, net, w = self.config, self.network, self.config.loss
        full = config.stage == "full"
        posterior = net.encode(batch.pixels, batch.keep)
        device = batch.pixels.device
        generator = torch.Generator(device).manual_seed(batch.posterior_seed)
        clean = net.latents(posterior, learn=full, generator=generator)
        noisy = mix(clean, batch.noise, batch.levels)
        shaken = full and config.pixels == "noisy"
        made = net.decode(
            mix(clean, batch.noise, batch.levels * config.pixel_noise) if shaken else clean, batch.keep
        )
        difference = made - batch.pixels
        square = difference.square().flatten(1).mean(1)
        losses = w.l2 * square + w.l1 * difference.abs().flatten(1).mean(1)
        logged = {"psnr": 10 * torch.log10(4 / square.detach().mean().clamp(min=1e-9))}
        if w.perceptual:
            shown = max(1, round(len(made) * w.perceptual_share))  # a step's pictures are in random order
            perceptual = self._perceptual(made[:shown], batch.pixels[:shown])
            scale = w.perceptual * len(made) / shown
            losses = torch.cat((losses[:shown] + scale * perceptual, losses[shown:]))
            logged["perceptual"] = perceptual.detach().mean()
        if full:
            kl = posterior.kl()
            losses = losses + w.kl * kl
            logged["latent_std"] = posterior.mean.detach().std()
        if self.semantic is not None and full:
            seen = noisy if config.semantics == "noisy" else clean
            predicted = self.semantic(seen, batch.keep)
            aligned = alignment_loss(predicted, batch.teacher, batch.keep, masked_only=config.masked_only)
            losses = losses + w.semantic * aligned
            logged["semantic"] = aligned.detach().mean()
        return losses, logged

    def _perceptual(self, made: Tensor, wanted: Tensor) -> Tensor:
        """Squared distance of normalised tower features at twice the size, mean over both strides: (B,)."""
        if not self._tower:
            self._tower.append(load_tower(made.device))
        tower = self._tower[0]

        def features(pixels: Tensor) -> tuple[Tensor, Tensor]:
            large = functional.interpolate(pixels.float(), scale_factor=2, mode="bilinear")
            seen = tower(large)
            return seen.stride8, seen.stride16

        with torch.no_grad():
            aims = features(wanted)
        return (
            sum(
                ((a - b).square().flatten(1).mean(1) for a, b in zip(features(made), aims, strict=True)),
                start=made.new_zeros(len(made)),
            )
            / 2
        )


class TokenizeTask:
    """See ``train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config = config = build(TokenizeConfig, values, "recipe")
        self.seed = seed
        net, t = config.network, config.teacher
        _check(config)
        network = VitTokenizer(net)
        if config.stage == "decoder":
            _start(network, config.start)
        semantic = None
        if config.semantics != "none" and config.stage == "full":
            sizes = {"channels": net.channels, "teacher": t.channels, "grid": net.grid, **config.semantic}
            semantic = SemanticDecoder(build(SemanticConfig, sizes, "recipe.semantic"))
        self.module = TokenizeModule(network, semantic, config)
        base = config.noise.base or float(net.tokens * 4)
        shift = shift_of(config.noise.rule, tokens=net.tokens, channels=net.channels, base=base)
        self.schedule = NoiseSchedule(shift=shift)
        home = settings.cache_dir() / "banks"
        self.bank = SceneBank(home, config.bank, t)
        self.held_out = SceneBank(home, SceneBankConfig(split="val", count=max(config.probe, 1)), t)

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the scene banks."""
        self.bank.build(progress)
        if self.config.probe:
            self.held_out.build(progress)

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """This process's share of the step."""
        config, net = self.config, self.config.network
        share = share_of(config.rows, rank, processes)
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.integers(0, len(self.bank), config.rows)
        flipped = torch.from_numpy(rng.random(config.rows) < 0.5)[share]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        low, high = config.mask
        ratio = low + (high - low) * float(torch.rand((), generator=generator))
        ratio = ratio if config.stage == "full" else 0.0
        keep = kept_tokens(config.rows, net.tokens, ratio, generator)
        count = net.tokens if keep is None else keep.shape[1]
        levels = self.schedule.sample(config.rows, generator, stratified=True)
        noise = torch.randn(config.rows, count, net.channels, generator=generator)
        rows = self.bank.rows(chosen[share].tolist())
        grid = config.teacher.grid
        mirrored = rows.teacher.unflatten(1, (grid, grid)).flip(2).flatten(1, 2)
        return Batch(
            pixels=torch.where(flipped[:, None, None, None], rows.pixels.flip(3), rows.pixels),
            teacher=torch.where(flipped[:, None, None], mirrored, rows.teacher),
            levels=levels[share],
            noise=noise[share],
            posterior_seed=int(rng.integers(2**62)) + rank,
            keep=None if keep is None else keep[share],
        )

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Held-out reconstruction, and what can be read off the latents along the path."""
        from lucida.systems.tokenize.evaluation import evaluate

        assert isinstance(module, TokenizeModule)
        if not self.config.probe:
            return {}
        return evaluate(module.network, self.bank, self.held_out)

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the model folder: network in fp16 with exact latent statistics in fp32, config, card."""
        from lucida.systems.tokenize.card import card_text
        from lucida.systems.tokenize.evaluation import measure_statistics

        assert isinstance(module, TokenizeModule)
        network = module.network
        if self.config.stage == "full" and network.quantise is None and self.bank.built:
            network.set_statistics(*measure_statistics(network, self.bank, range(min(len(self.bank), 2000))))
        config = {
            "system": "tokenize",
            "network": asdict(self.config.network),
            "shift": self.schedule.shift,
            "arm": {
                k: getattr(self.config, k)
                for k in ("pixels", "pixel_noise", "semantics", "mask", "masked_only", "stage")
            },
        }
        return export_model(
            folder, network, config, lambda whole: card_text(whole, self.config), facts, exact="latent_"
        )


def _check(config: TokenizeConfig) -> None:
    net, t = config.network, config.teacher
    if (net.side, net.grid) != (t.side, t.grid):
        raise InputError(
            f"recipe: network side {net.side} and grid {net.grid} must be the teacher's, {t.side} and {t.grid}"
        )
    if config.rows < 2 or config.probe < 0 or not config.mask[0] <= config.mask[1] < 1:
        raise InputError(
            f"recipe: want rows >= 2, probe >= 0, mask low <= high < 1, "
            f"got {config.rows}, {config.probe}, {config.mask}"
        )
    if not 0 < config.pixel_noise <= 1:
        raise InputError(f"recipe: want 0 < pixel_noise <= 1, got {config.pixel_noise}")
    if net.quantiser == "fsq" and "noisy" in (config.pixels, config.semantics):
        raise InputError("recipe: fsq codes are not noised: set pixels: clean and semantics: clean or none")
    if (config.stage == "decoder") != bool(config.start):
        raise InputError("recipe: stage: decoder needs start, the model whose encoder is kept, and only it")


def _start(network: VitTokenizer, name: str) -> None:
    """Weights of another model; its encoder is frozen."""
    start_from(network, name)
    for key, parameter in network.named_parameters():
        parameter.requires_grad_(not key.startswith(ENCODER))
