"""A trained tokenizer, ready to use.

>>> tokenizer = lucida.load("tokenize")                       # doctest: +SKIP
>>> z = tokenizer.tokenize(["photo.jpg"])                     # doctest: +SKIP
>>> tokenizer.detokenize(z)[0].save("again.png")              # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.models.store import load_model_files
from lucida.models.tower import to_pixels
from lucida.models.vit_tokenizer import Posterior, TokenizerConfig, VitTokenizer
from lucida.train.recipe import build

Picture = Image | str | os.PathLike[str] | np.ndarray


class Tokenizer:
    """Pictures to latents and back. Load one with ``lucida.load("tokenize")``."""

    def __init__(self, network: VitTokenizer, config: dict[str, Any], device: str = "cpu") -> None:
        self.network, self.config, self.device = network.eval(), config, torch.device(device)
        self.name = str(config.get("name", "tokenize"))

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Tokenizer:
        """Read a model folder.

        Raises:
            InputError: files are missing, damaged, or do not belong together.
        """
        files = load_model_files(path)
        try:
            network = VitTokenizer(build(TokenizerConfig, files.config["network"], "config: network"))
            network.load_state_dict(files.tensors)
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{files.folder}: not a tokenizer: {str(error).splitlines()[0]}") from error
        config = {**files.config, "name": Path(files.folder).name}
        return cls(network.float().to(device), config, device)

    @property
    def discrete(self) -> bool:
        """Whether tokens are ids of a code book, and not latents."""
        return self.network.quantise is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture's tokens: (C, h, w), or (h, w) for ids."""
        c = self.network.config
        return (c.grid, c.grid) if self.discrete else (c.channels, c.grid, c.grid)

    def prepare(self, pictures: Sequence[Picture]) -> Tensor:
        """Pictures stretched to the trained square: (B, 3, side, side) in [−1, 1]."""
        if not pictures:
            raise InputError("no pictures given")
        side = self.network.config.side
        small = [Image.open(p).resized((side, side)).pixels for p in pictures]
        return to_pixels(np.stack(small)).to(self.device)

    @torch.no_grad()
    def encode(self, pictures: Sequence[Picture]) -> Posterior:
        """The posterior: raw mean and log-variance (B, N, C); ``encode(x).mean``."""
        return self.network.encode(self.prepare(pictures))

    def tokenize(self, pictures: Sequence[Picture], *, flip: bool = False) -> Tensor:
        """Normalised latents (B, C, h, w), or ids (B, h, w); ``flip``: of the mirrored pictures."""
        pixels = self.prepare(pictures)
        return self.network.tokenize(pixels.flip(3) if flip else pixels).cpu()

    def detokenize(self, tokens: Tensor) -> list[Image]:
        """Pictures from what :meth:`tokenize` gives, any grid.

        Raises:
            InputError: tokens of another shape, or ids that are not codes.
        """
        lead = 3 if self.discrete else 4
        if tokens.dim() != lead or (not self.discrete and tokens.shape[1] != self.shape[0]):
            raise InputError(f"tokens have shape {tuple(tokens.shape)}; {self.name} wants (B, *{self.shape})")
        try:
            pixels = self.network.detokenize(tokens.to(self.device))
        except ValueError as error:
            raise InputError(str(error)) from error
        return [Image.from_float(p) for p in pixels.float().cpu().numpy()]

    def reconstruct(self, pictures: Sequence[Picture]) -> list[Image]:
        """``detokenize(tokenize(pictures))``."""
        return self.detokenize(self.tokenize(pictures))
