"""A trained generator, ready to draw.

>>> lucida.load("generate").draw("a red fox left of a blue umbrella").images[0].save("fox.png")   # doctest: +SKIP
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.flow.guidance import Guided, auto, classifier_free, unguided
from lucida.flow.schedule import NoiseSchedule
from lucida.flow.solvers import Method, StepEvent, solve
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.models.store import load_model_files
from lucida.systems.generate.latents import caption_ids, check_tokenizer
from lucida.systems.generate.network import Painter, PainterConfig
from lucida.systems.tokenize.system import Tokenizer
from lucida.train.recipe import build
from lucida.world.nouns import COMMON_NOUNS, noun_table

MOST_STEPS = 1000
MOST_PICTURES = 256
AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class DrawPlan:
    """How to sample.

    Attributes:
        steps: of the solver. method: euler or heun.
        guidance: scale; 1 is none. interval: noise levels at which to guide.
    """

    steps: int = 20
    method: Method = "euler"
    guidance: float = 3.0
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise InputError(f"steps must be 1 to {MOST_STEPS}, got {self.steps}")
        if not 0 <= self.guidance <= 100:
            raise InputError(f"guidance must be 0 to 100, got {self.guidance}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """Pictures of one prompt. ``seeds``: of each picture's noise. ``passes``: network evaluations (NFE)."""

    prompt: str
    images: tuple[Image, ...]
    latents: Tensor
    seeds: tuple[int, ...]
    passes: int
    seconds: float


class Generator:
    """A generator with its tokenizer. Load one with ``lucida.load("generate")``."""

    def __init__(
        self, network: Painter, tokenizer: Tokenizer, config: dict[str, Any], device: str = "cpu"
    ) -> None:
        self.network, self.tokenizer, self.config = network.eval(), tokenizer, config
        self.device = torch.device(device)
        self.name = str(config.get("name", "generate"))
        self.vocabulary = Vocabulary(build(VocabularyConfig, config["vocabulary"], "config: vocabulary"))
        # The sampler walks the shift that training used; the base law says where to learn, not where to walk.
        self.schedule: NoiseSchedule = build(NoiseSchedule, config["schedule"], "config: schedule")
        self.precision: Literal["fp32", "bf16"] = "fp32"  # bf16: faster where the processor has it, and rounds

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Generator:
        """Read a model folder, and the tokenizer it names (beside it, or by name).

        Raises:
            InputError: files are missing, damaged, or do not belong together.
        """
        files = load_model_files(path)
        config = files.config
        try:
            sizes: PainterConfig = build(PainterConfig, config["network"], "config: network")
            vocabulary = Vocabulary(build(VocabularyConfig, config["vocabulary"], "config: vocabulary"))
            network = Painter(sizes, len(vocabulary))
            network.load_state_dict(files.tensors)
            named = str(config["tokenizer"])
            config = {**config, "name": Path(files.folder).name}
            build(NoiseSchedule, config["schedule"], "config: schedule")
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{files.folder}: not a generator: {str(error).splitlines()[0]}") from error
        from lucida.systems.registry import load

        tokenizer = load(named, device=device)
        check_tokenizer(tokenizer, sizes.channels, sizes.grid)
        return cls(network.float().to(device), tokenizer, config, device)

    def never_drawn(self, prompt: str) -> list[str]:
        """Things of the world that the prompt names and that this generator was not trained on."""
        if self.config.get("nouns", "all") == "all":
            return []
        named = {noun for noun in set(noun_table().values()) if re.search(rf"\b{re.escape(noun)}\b", prompt.lower())}
        strange = named - set(COMMON_NOUNS)
        return sorted(n for n in strange if not any(n != other and n in other for other in named))

    @torch.no_grad()
    def draw(
        self,
        prompt: str,
        *,
        count: int = 1,
        seed: int = 0,
        plan: DrawPlan | None = None,
        bad: Generator | None = None,
        on_event: Callable[[StepEvent], None] | None = None,
    ) -> Drawing:
        """Draw ``count`` pictures of a prompt.

        Picture i has the noise of seed + i, whatever else is drawn with it.

        Args:
            prompt: what to draw; "" draws anything.
            plan: see :class:`DrawPlan`.
            bad: a weaker generator on the same latents: then guidance is away from it (auto-guidance), and not away
                from the empty prompt.
            on_event: called after every step with latents; :meth:`see` turns them into pictures. At most 16 pictures
                share a call.

        Raises:
            InputError: count out of range, or a prompt that is too long.
        """
        if not 1 <= count <= MOST_PICTURES:
            raise InputError(f"count must be 1 to {MOST_PICTURES}, got {count}")
        if seed < 0:
            raise InputError(f"seed must not be negative, got {seed}")
        begin = time.perf_counter()
        seeds = tuple(range(seed, seed + count))
        latents, passes = self._solved([prompt] * count, seeds, plan or DrawPlan(), bad, on_event)
        images = tuple(replace(i, source=prompt) for i in self.see(latents))
        seconds = time.perf_counter() - begin
        return Drawing(
            prompt=prompt, images=images, latents=latents.cpu(), seeds=seeds, passes=passes, seconds=seconds
        )

    @torch.no_grad()
    def draw_each(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        plan: DrawPlan | None = None,
        bad: Generator | None = None,
    ) -> tuple[Image, ...]:
        """One picture per prompt, many at a time: what :meth:`draw` draws for that prompt and seed, to rounding.

        Raises:
            InputError: other numbers of prompts and seeds, none, or a prompt that is too long.
        """
        if not prompts or len(prompts) != len(seeds):
            raise InputError(
                f"want as many seeds as prompts, at least one; got {len(seeds)} and {len(prompts)}"
            )
        latents, _ = self._solved(prompts, seeds, plan or DrawPlan(), bad, None)
        parts = latents.split(AT_ONCE)
        images = [image for part in parts for image in self.see(part)]
        return tuple(replace(image, source=prompt) for image, prompt in zip(images, prompts, strict=True))

    def _solved(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        plan: DrawPlan,
        bad: Generator | None,
        on_event: Callable[[StepEvent], None] | None,
    ) -> tuple[Tensor, int]:
        """Latents (B, C, h, w) of prompts, each from the noise of its seed, and passes over all batches."""
        parts, passes = [], 0
        for start in range(0, len(prompts), AT_ONCE):
            share = slice(start, start + AT_ONCE)
            noise = torch.stack([self._noise(s) for s in seeds[share]]).to(self.device)
            field = self._field(prompts[share], plan, bad)
            grid = self.schedule.grid(plan.steps)
            solved = solve(field, noise, grid, method=plan.method, on_event=on_event)
            parts.append(solved.x)
            passes += solved.passes
        return torch.cat(parts), passes

    def see(self, latents: Tensor) -> list[Image]:
        """Latents (B, C, h, w), finished or guessed, as pictures."""
        return self.tokenizer.detokenize(latents)

    def velocity_of(self, prompts: Sequence[str]) -> Callable[[Tensor, Tensor], Tensor]:
        """The field of some prompts, each read once; equal prompts share a reading."""
        texts = [prompt.strip().lower() for prompt in prompts]
        alike = len(set(texts)) == 1
        ids, valid = caption_ids(texts[:1] if alike else texts, self.vocabulary, self.network.config.longest)
        context = self.network.read(ids.to(self.device), valid.to(self.device))
        context = context.repeat(len(texts)) if alike else context

        def field(x: Tensor, level: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                return self.network(x, level, context).float()

        return field

    def _field(self, prompts: Sequence[str], plan: DrawPlan, bad: Generator | None) -> Guided:
        full = self.velocity_of(prompts)
        if plan.guidance == 1:
            return unguided(full)
        if bad is not None:
            return auto(full, bad.velocity_of(prompts), plan.guidance, plan.interval)
        return classifier_free(full, self.velocity_of([""] * len(prompts)), plan.guidance, plan.interval)

    def _noise(self, seed: int) -> Tensor:
        c = self.network.config
        return torch.randn(c.channels, c.grid, c.grid, generator=torch.Generator().manual_seed(seed))
