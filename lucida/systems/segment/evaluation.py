"""Held-out scenes, segmented: data-set scores at every number of Euler steps, and how well void is told as unknown."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lucida.metrics.segmentation import VOID, SegmentationMeter
from lucida.systems.segment.bank import SegmentBank
from lucida.systems.segment.task import SegmentModule

BATCH = 20
KNOWN = 0.98  # share of rightly decoded pixels that may not be called unknown
ODD_STEPS = 4  # the number of steps nearest to this is where oddness is read: what the command uses


def noise_of(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of a seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def evaluate(module: SegmentModule, bank: SegmentBank, steps: tuple[int, ...]) -> dict[str, float]:
    """Scores of every scene of ``bank``.

    Returns:
        ``miou_K``, ``boundary_K``, ``third_K``, ``accuracy_K`` per number of steps K (a twin has ``miou_1`` alone);
        ``averaged_K``: mIoU where the probabilities of all K > 1 steps are averaged;
        ``unknown_auroc`` of oddness between void and rightly decoded pixels, and ``unknown_over``, the oddness that
        2 % of the latter exceed, where there are any.
    """
    config, device = module.config, module.get_buffer("codes").device
    was = module.training
    module.eval()
    steps = steps if config.flow else (1,)
    odd = min(steps, key=lambda k: abs(k - ODD_STEPS))
    classes = len(config.labels.names)
    meters = {k: SegmentationMeter(classes) for k in steps}
    averaged = {k: SegmentationMeter(classes, details=False) for k in steps if k > 1}
    known, strange = [np.zeros(0)], [np.zeros(0)]
    for start in range(0, len(bank), BATCH):
        numbers = range(start, min(start + BATCH, len(bank)))
        sights = bank.sights(numbers)
        size = sights.labels.shape[1:]
        noise = torch.stack([noise_of(n, (*size, config.codes.width)) for n in numbers])
        truth = sights.labels.numpy()
        sights = type(sights)(sights.image.to(device), sights.cells.to(device), sights.labels.to(device))
        for k, meter in meters.items():
            decoded = module.decode(sights, noise.to(device), k, accumulate=k > 1)
            told = decoded.probability.argmax(-1).cpu().numpy()
            for number, mine, true in zip(numbers, told, truth, strict=True):
                meter.add(mine, true, f"scene {number}")
            if decoded.averaged is not None:
                for mine, true in zip(decoded.averaged.argmax(-1).cpu().numpy(), truth, strict=True):
                    averaged[k].add(mine, true)
            if k == odd:
                oddness = decoded.oddness.cpu().numpy()
                known.append(oddness[(told == truth)])
                strange.append(oddness[truth == VOID])
    module.train(was)
    found: dict[str, float] = {}
    for k, meter in meters.items():
        score = meter.score()
        found[f"miou_{k}"], found[f"boundary_{k}"] = score.miou, score.boundary_miou
        found[f"third_{k}"], found[f"accuracy_{k}"] = score.third_class, score.pixel_accuracy
    found |= {f"averaged_{k}": meter.score().miou for k, meter in averaged.items()}
    inside, outside = np.concatenate(known), np.concatenate(strange)
    if inside.size:
        found["unknown_over"] = float(np.quantile(inside, KNOWN))
        if outside.size:
            found["unknown_auroc"] = auroc(outside, inside)
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def auroc(high: np.ndarray, low: np.ndarray) -> float:
    """Chance that a value of ``high`` lies above one of ``low``, ties counting half."""
    order = np.sort(low)
    below, upto = np.searchsorted(order, high, "left"), np.searchsorted(order, high, "right")
    return float((below + upto).mean() / 2 / len(low))
