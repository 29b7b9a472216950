"""What the describer's benchmarks share: held-out scenes made ready once, scoring by the reader, and matmul counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lucida.canvas.decoding import Decoded
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.metrics.bootstrap import cluster_bootstrap
from lucida.metrics.reader import read_caption, score_caption
from lucida.models.canvas_transformer import CanvasTransformerConfig
from lucida.systems.describe.layout import Request
from lucida.systems.describe.system import Describer, Look
from lucida.train.claims import Number
from lucida.world.language import expected, lexicon
from lucida.world.records import Scene
from lucida.world.scene import draw_scene

SHOWN = ("noun", "colour", "size", "place", "relation_true", "grammar", "all")


@dataclass(frozen=True, eq=False)
class Ready:
    """A scene looked at by one describer, with the requests of its regions (towers and hints are done)."""

    scene: Scene
    look: Look
    cells: torch.Tensor
    requests: list[Request]


def ready(
    describer: Describer, count: int, *, split: str = "test", style: int = 0, hints: bool = True
) -> list[Ready]:
    """The first ``count`` scenes of a split."""
    out = []
    for seed in range(count):
        scene = draw_scene(seed, split=split)
        look = describer.look(Image.from_array(scene.pixels))
        regions = [Region.from_mask(mask) for mask in scene.masks]
        out.append(Ready(scene, look, look.cells, look.region_requests(regions, style, hints)))
    return out


Write = Callable[[Ready], Decoded]


def scores(describer: Describer, scenes: Sequence[Ready], write: Write) -> tuple[dict[str, Number], float]:
    """Share right by the reader (clustered by scene) of what ``write`` says of each scene's regions; mean passes."""
    words, hits, owner, passes = lexicon(), defaultdict(list), [], []
    for number, one in enumerate(scenes):
        decoded = write(one)
        passes.append(decoded.passes)
        for i in range(len(one.requests)):
            owner.append(number)
            text = describer.read_row(decoded, i)[0]
            for name, right in score_caption(read_caption(text, words), expected(one.scene, i)).items():
                hits[name].append(float(right))
    out = {}
    for name in SHOWN:
        if len(hits[name]) == len(owner):
            mean = cluster_bootstrap(np.array(hits[name]), np.array(owner))
            out[name] = Number(value=mean.mean, spread=mean.half, n=len(owner))
    return out, float(np.mean(passes))


def matmul_flops(
    config: CanvasTransformerConfig, tokens: int, keys: float, logits: int, allowed: int
) -> float:
    """Operations of reading ``tokens`` that each see ``keys``, with ``logits`` rows over ``allowed`` ids."""
    d, f = config.width, config.hidden
    layer = 4 * d * d + 3 * d * f
    return 2.0 * (tokens * config.layers * (layer + 2 * d * keys) + logits * d * allowed)
