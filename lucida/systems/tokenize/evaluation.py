"""How good a tokenizer is: reconstruction, latent statistics, and what is readable along the noise path.

The probe asks what a *linear* map can still read off noisy latents: the noun and the colour of every object, from the
mean of its tokens' latents (forgiving: noise averages out), and the noun from a single token (strict). Latents are
normalised before the noise, otherwise a tokenizer looks good by having large latents (facts 07, P9); ``raw`` probes
them as they are, to expose just that.

Shape legend: B pictures, N tokens, C latent channels, P probed things, K classes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lucida.flow.path import mix
from lucida.metrics.pictures import psnr, ssim
from lucida.models.vit_tokenizer import VitTokenizer
from lucida.systems.tokenize.bank import SceneBank
from lucida.world.records import COLOURS

LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)
FITTED = 1500  # training scenes that the linear readers are fitted on
AT_ONCE = 50


def measure_statistics(
    network: VitTokenizer, bank: SceneBank, numbers: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Mean and std (C,) each of posterior samples: the mean's variance plus the posterior's own (facts 07, P11)."""
    total, square, own, count = 0.0, 0.0, 0.0, 0
    with torch.no_grad():
        for part in _parts(numbers):
            posterior = network.encode(bank.rows(part).pixels.to(network.mask_token.device))
            z = posterior.mean.double().flatten(0, 1)
            total, square, count = total + z.sum(0), square + z.square().sum(0), count + len(z)
            if posterior.logvar is not None:
                own = own + posterior.logvar.double().exp().flatten(0, 1).sum(0)
    mean = torch.as_tensor(total / count)
    variance = torch.as_tensor(square / count) - mean.square() + torch.as_tensor(own) / count
    return mean.float(), variance.clamp(min=1e-12).sqrt().float()


@torch.no_grad()
def reconstruction(network: VitTokenizer, bank: SceneBank, numbers: Sequence[int]) -> dict[str, float]:
    """Mean PSNR and SSIM over scenes, of pictures rounded to bytes."""
    scores: dict[str, list[np.ndarray]] = {"psnr": [], "ssim": []}
    for part in _parts(numbers):
        pixels = bank.rows(part).pixels
        made = network.reconstruct(pixels.to(network.mask_token.device)).cpu()
        a, b = (_bytes(x) for x in (pixels, made))
        scores["psnr"].append(psnr(a, b))
        scores["ssim"].append(ssim(a, b))
    return {name: float(np.concatenate(parts).mean()) for name, parts in scores.items()}


@dataclass(frozen=True, eq=False)
class Probed:
    """Latents (B, N, C) with, per object: picture, tokens' share (P, N), noun and colour (P,), −1: no colour."""

    latents: Tensor
    picture: Tensor
    share: Tensor
    noun: Tensor
    colour: Tensor


def _collect(network: VitTokenizer, bank: SceneBank, numbers: Sequence[int], words: dict[str, int]) -> Probed:
    latents, picture, share, noun, colour = [], [], [], [], []
    done = 0
    for part in _parts(numbers):
        rows = bank.rows(part)
        with torch.no_grad():
            z = network.encode(rows.pixels.to(network.mask_token.device)).mean
            latents.append((z if network.quantise is None else network.quantise(z)).cpu())
        for row, number in enumerate(part):
            for thing in bank.scene(number).objects:
                covered = rows.owner[row] == thing.index + 1
                if bool(covered.any()):
                    picture.append(done + row)
                    share.append(covered.float() / covered.sum())
                    noun.append(words.setdefault(thing.noun, len(words)))
                    colour.append(COLOURS.index(thing.colour) if thing.colour in COLOURS else -1)
        done += len(part)
    return Probed(
        torch.cat(latents),
        torch.tensor(picture),
        torch.stack(share),
        torch.tensor(noun),
        torch.tensor(colour),
    )


def probe_path(
    network: VitTokenizer,
    train: SceneBank,
    test: SceneBank,
    *,
    levels: Sequence[float] = LEVELS,
    fitted: int = FITTED,
    tested: int = 400,
    raw: bool = False,
    seed: int = 0,
) -> dict[str, dict[float, float]]:
    """Accuracy of linear readers along the path, each fitted and tested at its own noise level.

    Returns:
        ``object_noun``, ``object_colour``, ``token_noun``: {level: share right}; nouns that the readers were never
        fitted on count as wrong.
    """
    words: dict[str, int] = {}
    parts = [
        _collect(network, bank, range(min(count, len(bank))), words)
        for bank, count in ((train, fitted), (test, tested))
    ]
    centre, scale = parts[0].latents.mean((0, 1)), parts[0].latents.std((0, 1)).clamp(min=1e-6)
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, dict[float, float]] = {"object_noun": {}, "object_colour": {}, "token_noun": {}}
    for level in levels:
        noisy = []
        for part in parts:
            z = part.latents if raw else (part.latents - centre) / scale
            noise = torch.randn(z.shape, generator=generator)
            noisy.append(mix(z, noise, torch.full((len(z),), float(level))))
        pooled = [
            torch.einsum("pn,pnc->pc", p.share, x[p.picture]) for p, x in zip(parts, noisy, strict=True)
        ]
        single = [x[p.picture, p.share.argmax(1)] for p, x in zip(parts, noisy, strict=True)]
        nouns, colours = [p.noun for p in parts], [p.colour for p in parts]
        found["object_noun"][level] = linear_accuracy(pooled, nouns)
        found["token_noun"][level] = linear_accuracy(single, nouns)
        known = [c >= 0 for c in colours]
        found["object_colour"][level] = linear_accuracy(
            [x[k] for x, k in zip(pooled, known, strict=True)],
            [c[k] for c, k in zip(colours, known, strict=True)],
        )
    return found


def linear_accuracy(x: Sequence[Tensor], y: Sequence[Tensor], ridge: float = 1e-3) -> float:
    """Test accuracy of ridge regression onto one-hot classes: x, y = (train, test); closed form, no seed.

    Args:
        x: two (P, C). y: two (P,) int64. ridge: relative to the mean variance.
    """
    classes = int(max(int(part.max()) for part in y)) + 1
    fit, test = (torch.cat((part.double(), part.new_ones(len(part), 1).double()), 1) for part in x)
    gram = fit.T @ fit
    gram += ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    aims = torch.nn.functional.one_hot(y[0], classes).double()
    weights = torch.linalg.solve(gram, fit.T @ aims)
    return float(((test @ weights).argmax(1) == y[1]).double().mean())


def evaluate(
    network: VitTokenizer, train: SceneBank, held_out: SceneBank, *, fitted: int = 600
) -> dict[str, float]:
    """The few numbers that a training log shows: psnr, ssim, and nouns read at no and at much noise."""
    network = copy.deepcopy(network).cpu().eval()
    if network.quantise is None:
        network.set_statistics(*measure_statistics(network, train, range(min(fitted, len(train)))))
    numbers = range(len(held_out))
    scores = reconstruction(network, held_out, numbers)
    path = probe_path(network, train, held_out, levels=(0.0, 0.6), fitted=fitted, tested=len(held_out))
    for name in ("object_noun", "token_noun"):
        for level, value in path[name].items():
            scores[f"{name}_{level:g}"] = value
    return {"scenes": float(len(numbers)), **{name: round(value, 4) for name, value in scores.items()}}


def _parts(numbers: Sequence[int]) -> list[list[int]]:
    every = list(numbers)
    return [every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE)]


def _bytes(pixels: Tensor) -> np.ndarray:
    """(B, 3, H, W) in [−1, 1] -> (B, H, W, 3) uint8, rounded."""
    return ((pixels.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
