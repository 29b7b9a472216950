"""Training the describer, as a masked diffusion model or as its autoregressive twin.

The context and the given parts do not depend on the noise, so each group's slots are noised several times over one
reading of them (``draws``): more signal per tower cell. The twin reads the same canvases under ``twin`` visibility.

Shape legend: P pictures, G groups, W draws, A slots, D width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lucida.canvas.compiling import Folded, fold, twin_inputs
from lucida.canvas.corruption import (
    CorruptionConfig,
    causal_loss,
    conclusion_mask,
    corrupt,
    diffusion_loss,
    noise_levels,
    suffix_mask,
    surprise_weight,
    tail_weight,
)
from lucida.canvas.plan import Plan
from lucida.canvas.sessions import answer_neighbours
from lucida.canvas.span import FOLDABLE, Role, Visibility
from lucida.canvas.tokens import Memory, Tokens
from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models.canvas_transformer import CanvasTransformer, CanvasTransformerConfig
from lucida.nn.linear_entropy import linear_entropy
from lucida.systems.describe.bank import BankConfig, FeatureBank
from lucida.systems.describe.grounding import Grounding, GroundingConfig, GroundingHead, Truth
from lucida.systems.describe.guiding import watched
from lucida.systems.describe.layout import Layout, LayoutConfig
from lucida.systems.describe.samples import SampleConfig, Sampler
from lucida.systems.describe.start import start_from
from lucida.systems.describe.told import Told, ToldConfig
from lucida.train.export import export_model
from lucida.train.recipe import build
from lucida.train.shares import seed_of
from lucida.world.cutouts import recipe_cutouts
from lucida.world.questions_reasons import SO

COUNTED_STEPS = 20  # enough answers to tell a noun from an article


@dataclass(frozen=True, kw_only=True)
class DescribeConfig:
    """Settings of a describe recipe.

    Attributes:
        start: model (name or folder) whose weights the network begins with; "": fresh ones.
        draws: noise draws per group and step.
        causal: weight of reading every answer left to right as well, as the twin does, with the same weights (0: not).
            What a left-to-right reader learns fast (to look another thing up) the masked one shares.
        told: captions that a model wrote, for a last stage that learns to write in few passes.
        plan: how captions are written: by the probe, and by the finished model unless another plan is asked for.
        probe: held-out scenes.
    """

    network: dict[str, Any]
    visibility: Visibility = "strict"
    start: str = ""
    layout: LayoutConfig = LayoutConfig()
    vocabulary: VocabularyConfig = VocabularyConfig()
    bank: BankConfig = BankConfig()
    samples: SampleConfig = SampleConfig()
    corruption: CorruptionConfig = CorruptionConfig()
    grounding: GroundingConfig = GroundingConfig()
    told: ToldConfig = ToldConfig()
    draws: int = 3
    causal: float = 0.0
    plan: Plan = Plan(steps=4)
    probe: int = 60


@dataclass(frozen=True, eq=False)
class Batch:
    """Folded canvases, and the noise of every draw.

    Attributes:
        weight: (P, G, A) loss weight of each slot.
        noisy, masked: (P, G, W, A) ids and flags. levels: (P, G, W).
        truth: what there is to name, for the grounding losses.
    """

    folded: Folded
    weight: Tensor
    noisy: Tensor
    masked: Tensor
    levels: Tensor
    truth: Grounding | None = None


class DescribeModule(nn.Module):
    """The trainable network and its loss: one value per (picture, group)."""

    def __init__(
        self,
        network: CanvasTransformer,
        vocabulary: Vocabulary,
        corruption: CorruptionConfig,
        grounding: GroundingHead | None = None,
        causal: float = 0.0,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.network, self.vocabulary, self.corruption = network, vocabulary, corruption
        self.grounding = grounding

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per group (P*G,), and what to log."""
        folded, network = batch.folded, self.network
        twin = folded.visibility == "twin"
        _, context = network.read(folded.context)
        context = replace(context, context=True)
        _, given = network.read(folded.given, (context,))
        answers = _drawn(folded.answers, twin_inputs(batch.noisy, self.vocabulary.start) if twin else batch.noisy)
        if network.near:
            near = answer_neighbours(answers.ids, answers.valid, network.near, folded.visibility)
            answers = replace(answers, near=near)
        guided = self.grounding.config.guide_layers if self.grounding and self.grounding.config.guide else ()
        with watched(network, guided) as looks:
            hidden, _ = network.read(answers, (context, given), folded.allow_answers)
        target = folded.answers.ids.unsqueeze(2).expand_as(batch.noisy)
        weight = batch.weight.unsqueeze(2).expand_as(batch.noisy)
        allowed = self.vocabulary.allowed(folded.slots.allowed[0]).to(target.device)
        wanted = batch.masked & (weight > 0)
        spread, correct = self._entropy(hidden, target, wanted, allowed)
        rows = (
            causal_loss(spread, weight)
            if twin
            else diffusion_loss(spread, wanted, weight, batch.levels, self.corruption)
        )
        losses, logged = rows.mean(dim=2).flatten(), {"accuracy": correct.detach()}
        if self.causal:
            extra = self._causal(batch, (context, given), allowed)
            losses = losses + self.causal * extra
            logged["causal"] = extra.mean().detach()
        if self.grounding is not None and batch.truth is not None:
            extra, parts = self.grounding(context, given, looks, batch.truth)
            losses, logged = losses + extra, logged | parts
        return losses, logged

    def _causal(self, batch: Batch, past: tuple[Memory, Memory], allowed: Tensor) -> Tensor:
        """Next-token loss per group (P*G,) of the clean answers, read as the twin reads them."""
        answers, network = batch.folded.answers, self.network
        inputs = twin_inputs(answers.ids, self.vocabulary.start)
        near = answer_neighbours(inputs, answers.valid, network.near, "twin") if network.near else None
        slots = answers.ids.shape[-1]
        rule = torch.ones(slots, slots, dtype=torch.bool).tril()
        hidden, _ = network.read(replace(answers, ids=inputs, near=near), past, rule)
        wanted = answers.valid & (batch.weight > 0)
        spread, _ = self._entropy(hidden, answers.ids, wanted, allowed)
        return causal_loss(spread, batch.weight).flatten()

    def _entropy(
        self, hidden: Tensor, target: Tensor, wanted: Tensor, allowed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of every slot (the shape of ``wanted``, 0 where it is not), and the share guessed right.

        Logits (K, V') are made at the wanted slots only, and only over the ids that are allowed.
        """
        place = torch.searchsorted(allowed, target[wanted])
        entropy, guess = linear_entropy(*self.network.read_out(hidden[wanted], allowed), place)
        spread = torch.zeros(wanted.shape, dtype=entropy.dtype, device=entropy.device).masked_scatter(wanted, entropy)
        return spread, (guess == place).float().mean()


def _drawn(answers: Tokens, ids: Tensor) -> Tokens:
    """Answer tokens (P, G, A) with one more batch axis for the draws: ids (P, G, W, A)."""
    draws = ids.shape[2]
    return replace(
        answers,
        ids=ids,
        positions=answers.positions.unsqueeze(2).expand_as(ids),
        valid=answers.valid.unsqueeze(2).expand(-1, -1, draws, -1),
        cover=None if answers.cover is None else answers.cover.unsqueeze(2),
    )


class DescribeTask:
    """See ``train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config = config = build(DescribeConfig, values, "recipe")
        if config.visibility not in FOLDABLE:
            raise InputError(f"recipe.visibility: want one of {', '.join(FOLDABLE)} to train, got {config.visibility}")
        if config.draws < 1 or config.probe < 0:
            raise InputError(f"recipe: want draws >= 1 and probe >= 0, got {config.draws} and {config.probe}")
        if config.causal < 0:
            raise InputError(f"recipe.causal: want 0 or more, got {config.causal:g}")
        if config.causal and config.visibility == "twin":
            raise InputError(f"recipe.causal: the twin reads left to right as it is: want 0, got {config.causal:g}")
        self.vocabulary = Vocabulary(config.vocabulary)
        network = {"vocabulary": len(self.vocabulary), "modalities": config.layout.modalities, **config.network}
        self.network_config = build(CanvasTransformerConfig, network, "recipe.network")
        try:
            canvas_transformer = CanvasTransformer(self.network_config)
        except ValueError as error:
            raise InputError(f"recipe.network: {error}") from error
        if config.start:
            start_from(canvas_transformer, config.start)
        self.layout = Layout(config.layout, self.vocabulary)
        home = settings.cache_dir() / "banks"
        cutouts = recipe_cutouts(config.bank.cutouts)
        self.truth: Truth | None = None
        head = None
        if config.grounding.wanted:
            for name in ("sides", "guide"):
                if getattr(config.grounding, name) and not config.layout.sides:
                    raise InputError(f"recipe.grounding.{name}: the layout has no side tokens (layout.sides)")
            self.truth = Truth(config.grounding.least, self.vocabulary)
            size = self.network_config
            head = GroundingHead(config.grounding, size.width, size.layers, len(self.truth.nouns))
        self.module = DescribeModule(canvas_transformer, self.vocabulary, config.corruption, head, config.causal)
        self.bank = FeatureBank(home, replace(config.bank, cutouts=cutouts), config.layout)
        held_out = BankConfig(split="val", count=max(config.probe, 1), cutouts="")
        self.held_out = FeatureBank(home, held_out, config.layout)
        self.told = Told(home, self.bank, config.told) if config.told.model else None
        self.sampler = Sampler(self.bank, self.layout, config.samples, seed, config.visibility, self.told)
        self.seed = seed
        self._surprise: dict[float, Tensor] = {}

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the feature banks."""
        self.bank.build(progress)
        if self.told is not None:
            self.told.build(progress)
        if self.config.probe:
            self.held_out.build(progress)

    @cached_property
    def _counts(self) -> Tensor:
        """(V,) how often each id occurs in the answers of the first training steps."""
        counts = torch.zeros(len(self.vocabulary))
        for step in range(COUNTED_STEPS):
            for canvas in self.sampler.canvases(step):
                for span in canvas.spans:
                    if span.role is Role.ANSWER:
                        ids = span.ids[: int((span.ids != self.vocabulary.end).sum()) + 1]
                        counts += torch.bincount(ids, minlength=len(counts))
        return counts

    def surprise(self, step: int) -> Tensor:
        """Loss weight per id (V,) at a step."""
        noised = self.config.corruption
        later = 0 < noised.surprise_until <= step
        power = noised.surprise_after if later else noised.surprise
        if power not in self._surprise:
            plain = torch.ones(len(self.vocabulary))
            self._surprise[power] = surprise_weight(self._counts, power) if power else plain
        return self._surprise[power]

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """This process's share of the step: its pictures, and its rows of the step's noise."""
        drawn = self.sampler.pictures(step, rank, processes)
        folded = fold([canvas for _, canvas, _ in drawn], mask=self.vocabulary.mask)
        truth = self.truth.of(drawn) if self.truth else None
        pictures, groups, slots = folded.answers.ids.shape
        draws = 1 if self.config.visibility == "twin" else self.config.draws
        generator = torch.Generator().manual_seed(seed_of(self.seed, step))
        rows = pictures * processes * groups * draws
        levels = noise_levels(rows, self.config.corruption, generator).view(-1, groups, draws)
        share = slice(rank * pictures, (rank + 1) * pictures)
        room = self.config.layout.most_slots  # whatever the answers of this share need: shares must agree on the noise
        u = torch.rand(pictures * processes, groups, draws, room, generator=generator)[share][..., :slots]
        levels = levels[share]
        tail = tail_weight(folded.slots.ids, self.vocabulary.end, self.config.corruption.tail)
        weight = (folded.slots.weight * tail * self.surprise(step)[folded.slots.ids]).view(folded.answers.ids.shape)
        ids = folded.answers.ids.unsqueeze(2).expand_as(u)
        valid = folded.answers.valid.unsqueeze(2).expand_as(u)
        if self.config.visibility == "twin":
            return Batch(folded, weight, ids, valid, levels, truth)
        at_least_one = self.config.corruption.weighting == "mean"
        noisy, masked = corrupt(ids, valid, levels, u, self.vocabulary.mask, at_least_one=at_least_one)
        noised = self.config.corruption
        if noised.suffix or noised.concluded:
            rows = torch.rand(pictures * processes, groups, draws, 3, generator=generator)[share]
            begin = rows[..., 1].pow(noised.suffix_power)
            ends = suffix_mask(ids, valid, self.vocabulary.end, begin)
            masked = torch.where((rows[..., 0] < noised.suffix).unsqueeze(-1), ends, masked)
            behind = conclusion_mask(ids, valid, self.vocabulary.encode(SO.strip())[0])
            chosen = (rows[..., 2:] < noised.concluded) & behind.any(dim=-1, keepdim=True)
            masked = torch.where(chosen, behind, masked)
            noisy = torch.where(masked, self.vocabulary.mask, ids)
        return Batch(folded, weight, noisy, masked, levels, truth)

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Held-out quality by the reader, and the look-up probe."""
        from lucida.systems.describe.evaluation import evaluate_captions, lookup_probe

        assert isinstance(module, DescribeModule)
        if not self.config.probe:
            return {}
        network = copy.deepcopy(module.network).cpu().eval()  # a decode's tensors are on the processor
        scenes = [self.held_out[i] for i in range(self.config.probe)]
        numbers = evaluate_captions(network, self.layout, scenes, self.config.visibility, self.config.plan)
        return numbers | lookup_probe(network, self.layout, scenes, self.config.visibility)

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the model folder: network in fp16, config, card."""
        from lucida.systems.describe.card import card_text

        assert isinstance(module, DescribeModule)
        config = {
            "system": "describe",
            "visibility": self.config.visibility,
            "network": asdict(self.network_config),
            "layout": asdict(self.config.layout),
            "vocabulary": asdict(self.config.vocabulary),
            "plan": asdict(self.config.plan),
            "tower": "tower",
        }
        return export_model(folder, module.network, config, lambda whole: card_text(whole, self.bank.config), facts)
