"""Training the segmenter: a flow from noise to class codes, and its discriminative twins.

Arms, all with the same trunk, head, data, order and optimiser:

* ``vanilla``: squared error on the velocity.
* ``static``, ``annealed``: the target bent away from wrong codes (see ``flow.targets``).
* ``twin``: no state, N logits per pixel, cross-entropy. ``metric``: no state, a point in code space, cross-entropy on
  its distances to the codes; between the two, it tells what the codes cost from what the flow costs.

The source is noise and the picture a condition. The picture itself as source (FlowSeg's choice, SemFlow's before it)
*and* as condition leaks: x_1 = (x_τ - τ·I)/(1 - τ) for every τ < 1, and the network copies instead of segmenting.
``condition: false`` hides the picture from the trunk; the leaking pair is refused.

Shape legend: B scenes, W noise draws, h w field pixels, d code width, N classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.flow.codes import VOID, CodeConfig, code_scores, encode_labels, make_codes
from lucida.flow.path import data_of, mix
from lucida.flow.schedule import NoiseSchedule
from lucida.flow.targets import TargetConfig, flow_target, velocity_loss
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.models.pixel_field import PixelFieldConfig, Seen
from lucida.models.store import load_model_files, resolve_weights
from lucida.systems.segment.bank import SegmentBank, SegmentBankConfig, Sights
from lucida.systems.segment.labels import LabelConfig
from lucida.systems.segment.network import SegmentNetwork
from lucida.systems.segment.sampling import Decoded, classify, project, walk
from lucida.systems.segment.sight import SightConfig
from lucida.train.export import export_model
from lucida.train.plain import build
from lucida.train.shares import seed_of
from lucida.world.cutouts import recipe_cutouts

Arm = Literal["vanilla", "static", "annealed", "twin", "metric"]
FLOWS = ("vanilla", "static", "annealed")


@dataclass(frozen=True, kw_only=True)
class CodeSettings:
    """Codes of a recipe; how many there are follows from the labels. See ``flow.codes.CodeConfig``."""

    width: int = 8
    kind: Literal["kronecker", "r_d", "grid", "random"] = "kronecker"
    scale: float = 1.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """Settings of a segment recipe.

    Attributes:
        network: of ``PixelFieldConfig``, without what follows from the rest.
        arm: what is trained (see the module's docstring). codes, target: of the flow; ``target.kind`` is the arm.
        schedule: noise levels in training and sampling.
        source: where the flow starts. condition: whether the trunk sees the picture.
        scenes: per step. draws: noise draws per scene and step, over one look.
        probe: held-out scenes. probe_steps: Euler steps that are measured on them.
        proposes: whether ``lucida describe`` takes its automatic regions from this model.
        leak: allow the leaking pair, to show what it does.
        start: a segmenter (name or folder) whose tensors of the same name and shape the network begins with; "": none.
            A flow may begin with its twin's trunk and field: all but what reads the state, and the last layer.
        start_without: beginnings of tensor names that stay fresh all the same.
    """

    network: dict[str, Any] = field(default_factory=dict)
    arm: Arm = "static"
    labels: LabelConfig = LabelConfig()
    codes: CodeSettings = CodeSettings()
    target: TargetConfig = TargetConfig()
    schedule: NoiseSchedule = NoiseSchedule()
    source: Literal["noise", "image"] = "noise"
    condition: bool = True
    sight: SightConfig = SightConfig()
    bank: SegmentBankConfig = SegmentBankConfig()
    scenes: int = 16
    draws: int = 2
    probe: int = 100
    probe_steps: tuple[int, ...] = (1, 2, 5, 10)
    proposes: bool = False
    leak: bool = False
    start: str = ""
    start_without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scenes < 1 or self.draws < 1 or self.probe < 0 or min(self.probe_steps, default=0) < 1:
            raise InputError("want scenes, draws and probe_steps of at least 1, and probe of at least 0")
        if self.source == "image" and self.codes.width != 3:
            raise InputError(f"source: image wants codes.width 3 (red, green, blue), got {self.codes.width}")
        if self.source == "image" and self.condition and not self.leak:
            raise InputError("source: image with condition: true leaks the truth; set condition to false")
        if self.arm not in FLOWS and not self.condition:
            raise InputError(f"arm {self.arm}: has no state, so it wants condition: true")

    @property
    def flow(self) -> bool:
        """Whether the arm is a flow."""
        return self.arm in FLOWS


@dataclass(frozen=True, eq=False)
class Batch:
    """Scenes and the noise of every draw: levels (B, W), noise (B, W, h, w, d) or None for a twin."""

    sights: Sights
    levels: Tensor | None
    noise: Tensor | None


class SegmentModule(nn.Module):
    """The network, the codes, and the loss: one value per scene."""

    def __init__(self, network: SegmentNetwork, codes: Tensor, config: SegmentConfig) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.register_buffer("codes", codes)

    def look(self, sights: Sights) -> Seen:
        """The trunk; without ``condition`` it is shown grey and nothing."""
        kept = 1.0 if self.config.condition else 0.0
        return self.network.look(sights.image * kept, sights.cells * kept)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per scene (B,), and what to log."""
        codes, config = self.get_buffer("codes"), self.config
        labels = batch.sights.labels
        seen = self.look(batch.sights)
        if not config.flow:
            logits = self.network.velocity(seen, None, seen.tokens.new_zeros(len(labels)))
            if config.arm == "metric":
                logits = code_scores(
                    logits, codes, temperature=config.target.temperature, eps=config.target.eps
                )
            return _entropy(logits, labels)
        assert batch.levels is not None and batch.noise is not None
        times = config.draws
        data, valid = (part.repeat_interleave(times, 0) for part in encode_labels(labels, codes))
        known = labels.where(labels != VOID, torch.zeros_like(labels)).repeat_interleave(times, 0)
        levels, source = batch.levels.flatten(), batch.noise.flatten(0, 1)
        if config.source == "image":
            source = batch.sights.image.permute(0, 2, 3, 1).repeat_interleave(times, 0)
        state = mix(data, source, levels)
        predicted = self.network.velocity(seen.repeat(times), state, levels)
        target = flow_target(
            predicted, state, levels, data, source, codes=codes, labels=known,
            config=replace(config.target, kind=config.arm),
        )  # fmt: skip
        losses = velocity_loss(predicted, target, valid).view(-1, times).mean(1)
        with (
            torch.no_grad()
        ):  # the loss of a bent target says nothing; this does, and is the same for every arm
            off = (data_of(state, predicted, levels) - data).norm(dim=-1)
            residual = (off * valid).sum() / valid.sum().clamp(min=1)
        return losses, {"residual": residual}

    @torch.no_grad()
    def decode(self, sights: Sights, noise: Tensor, steps: int, *, accumulate: bool = False) -> Decoded:
        """Probabilities per class; ``noise`` (B, h, w, d) is where a flow starts."""
        config, codes, seen = self.config, self.get_buffer("codes"), self.look(sights)
        shape = {"temperature": config.target.temperature, "eps": config.target.eps}
        if config.arm == "twin":
            return classify(self.network, seen)
        if config.arm == "metric":
            return project(self.network, seen, codes, **shape)
        source = noise if config.source == "noise" else sights.image.permute(0, 2, 3, 1)
        return walk(self.network, seen, source, codes, steps=steps, schedule=config.schedule,
                    accumulate=accumulate, **shape)  # fmt: skip


def _entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy per scene over its valid pixels, and the share that is right."""
    valid = labels != VOID
    each = functional.cross_entropy(logits.movedim(-1, 1), labels, ignore_index=VOID, reduction="none")
    right = ((logits.argmax(-1) == labels) & valid).sum() / valid.sum().clamp(min=1)
    return each.flatten(1).sum(1) / valid.flatten(1).sum(1).clamp(min=1), {"accuracy": right.detach()}


def network_config(config: SegmentConfig) -> PixelFieldConfig:
    """The network of a recipe: what the labels, codes and sight decide, and what the recipe says."""
    classes, width = len(config.labels.names), config.codes.width
    values = {
        "state": width if config.flow else 0,
        "outputs": classes if config.arm == "twin" else width,
        "patch": config.sight.patch,
        "features": config.sight.features,
    }
    if clash := [key for key in values if key in config.network]:
        raise InputError(f"recipe.network: {clash[0]} follows from the other settings; leave it out")
    return build(PixelFieldConfig, values | config.network, "recipe.network")


def start_from(network: SegmentNetwork, name: str, without: tuple[str, ...]) -> None:
    """Copy from the model ``name`` every tensor that fits by name and shape and does not begin with ``without``.

    Raises:
        InputError: the model is not there, or its trunk is another.
    """
    files = load_model_files(resolve_weights(name))
    own = network.state_dict()
    shared = {
        key: value.float()
        for key, value in files.tensors.items()
        if key in own and own[key].shape == value.shape and not key.startswith(without)
    }
    if missing := [k for k in own if k.startswith(("embed.", "trunk.", "lift.")) and k not in shared]:
        raise InputError(f"recipe.start: {name} has another trunk: {missing[0]} does not fit")
    network.load_state_dict(own | shared)


class SegmentTask:
    """See ``train.task.Task``."""

    def __init__(self, values: dict[str, Any], *, seed: int) -> None:
        self.config = config = build(SegmentConfig, values, "recipe")
        self.network_config = network_config(config)
        self.code_config = CodeConfig(classes=len(config.labels.names), **asdict(config.codes))
        try:
            network = SegmentNetwork(self.network_config)
        except ValueError as error:
            raise InputError(f"recipe.network: {error}") from error
        if config.start:
            start_from(network, config.start, config.start_without)
        self.module = SegmentModule(network, make_codes(self.code_config), config)
        home = settings.cache_dir() / "banks"
        cutouts = recipe_cutouts(config.bank.cutouts)
        self.bank = SegmentBank(home, replace(config.bank, cutouts=cutouts), config.sight, config.labels)
        held_out = SegmentBankConfig(split="val", count=max(config.probe, 1))
        self.held_out = SegmentBank(home, held_out, config.sight, config.labels)
        self.seed = seed

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the banks."""
        self.bank.build(progress)
        if self.config.probe:
            self.held_out.build(progress)

    def batch(self, step: int, rank: int, processes: int) -> Batch:
        """This process's share of the step's scenes, levels and noise."""
        config = self.config
        generator = torch.Generator().manual_seed(seed_of(self.seed, step))
        every = config.scenes * processes
        picks = torch.randint(len(self.bank), (every,), generator=generator)
        share = slice(rank * config.scenes, (rank + 1) * config.scenes)
        sights = self.bank.sights(picks[share].tolist())
        if not config.flow:
            return Batch(sights, None, None)
        levels = config.schedule.sample(every * config.draws, generator, stratified=True).view(every, -1)
        # Each scene's noise has a seed of its own: shares need not draw each other's.
        seeds = torch.randint(2**62, (every,), generator=generator)[share].tolist()
        shape = (config.draws, *sights.labels.shape[1:], config.codes.width)
        noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds])
        return Batch(sights, levels[share], noise)

    def probe(self, module: nn.Module) -> dict[str, float]:
        """Held-out mIoU and more at every number of steps."""
        from lucida.systems.segment.evaluation import evaluate

        assert isinstance(module, SegmentModule)
        if not self.config.probe:
            return {}
        return evaluate(module, self.held_out, self.config.probe_steps)

    def export(self, module: nn.Module, folder: Path, facts: dict[str, Any]) -> Path:
        """Write the model folder: network in fp16, codes by their rule, config, card."""
        from lucida.systems.segment.card import card_text

        assert isinstance(module, SegmentModule)
        c = self.config
        config = {
            "system": "segment", "arm": c.arm, "labels": list(c.labels.names), "grounds": len(c.labels.grounds),
            "network": asdict(self.network_config), "codes": asdict(self.code_config), "target": asdict(c.target),
            "schedule": asdict(c.schedule), "source": c.source, "condition": c.condition, "sight": asdict(c.sight),
            "tower": "tower", "unknown_over": facts.get("probe", {}).get("unknown_over"), "proposes": c.proposes,
        }  # fmt: skip
        return export_model(folder, module.network, config, lambda whole: card_text(whole, self.bank.config), facts)


__all__ = ["FLOWS", "Arm", "Batch", "CodeSettings", "SegmentConfig", "SegmentModule", "SegmentTask"]
