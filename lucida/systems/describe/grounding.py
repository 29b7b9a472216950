"""A training-time loss that makes the context say what is where: each cell must name the thing that covers it.

Under the ``strict`` layout a group learns of *other* things only through the context. Captions ask for them rarely (one
noun and one colour in a relation), so the look-up of another thing by place and colour emerged late in the twin and
hardly at all in the masked model. The world knows what covers every cell; a linear read-out of the context's values
(which the groups attend to) puts that truth where the look-up needs it. The read-out is dropped at export.

The idea is deep supervision (Lee et al. 2015) on the remembered values. Both the diffusion model and its twin get it.

Shape legend: P pictures, L context cells, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lucida.canvas.tokens import Memory
from lucida.media.errors import InputError
from lucida.systems.describe.bank import Seen
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS

NOTHING = -100  # cross_entropy's own "do not count"


@dataclass(frozen=True, kw_only=True)
class GroundingConfig:
    """How cells are made to name what covers them.

    Attributes:
        weight: of this loss beside the captions' (0: none).
        layers: blocks whose context values are read, counted from 0.
        least: the share of a cell that a thing must cover to count as what is there.
    """

    weight: float = 0.0
    layers: tuple[int, ...] = (2, 4)
    least: float = 0.35

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise InputError(f"grounding.weight must not be negative, got {self.weight}")


class GroundingHead(nn.Module):
    """Reads noun and colour off the context's values, one linear map per layer."""

    def __init__(self, config: GroundingConfig, width: int, depth: int, nouns: int) -> None:
        super().__init__()
        if not config.layers or not all(0 <= layer < depth for layer in config.layers):
            raise InputError(f"grounding.layers must be some of 0..{depth - 1}, got {list(config.layers)}")
        self.config, self.nouns = config, nouns
        self.read = nn.ModuleList(nn.Linear(width, nouns + len(COLOURS)) for _ in config.layers)

    def forward(self, context: Memory, noun: Tensor, colour: Tensor) -> Tensor:
        """Mean cross-entropy of noun and colour over the covered cells (a scalar); noun, colour: (P, L)."""
        total = torch.zeros((), device=noun.device)
        for layer, read in zip(self.config.layers, self.read, strict=True):
            values = context.layers[layer][1].transpose(-3, -2).flatten(-2)  # (P, H, L, K) -> (P, L, D)
            nouns, colours = read(values).float().split([self.nouns, len(COLOURS)], dim=-1)
            for logits, target in ((nouns, noun), (colours, colour)):
                entropy = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")
                total = total + entropy / (target != NOTHING).sum().clamp_min(1)
        return total / len(self.read)


class Truth:
    """What covers each cell, as class numbers; a photograph's name is left out (its hints say it)."""

    def __init__(self, least: float) -> None:
        self.nouns = {noun: n for n, noun in enumerate(sorted(noun_table().values()))}
        self.least = least

    def of(self, pictures: Sequence[Seen]) -> tuple[Tensor, Tensor]:
        """noun (P, L) and colour (P, L), ``NOTHING`` where nothing, or nothing nameable, covers the cell."""
        rows = [self._one(seen) for seen in pictures]
        return torch.stack([noun for noun, _ in rows]), torch.stack([colour for _, colour in rows])

    def _one(self, seen: Seen) -> tuple[Tensor, Tensor]:
        most, owner = torch.stack([region.cells for region in seen.regions]).max(dim=0)
        objects = seen.scene.objects
        noun = [NOTHING if o.medium == "photo" else self.nouns.get(o.noun, NOTHING) for o in objects]
        colour = [COLOURS.index(o.colour) if o.colour in COLOURS else NOTHING for o in objects]
        nothing = most < self.least
        return tuple(torch.tensor(t)[owner].masked_fill(nothing, NOTHING) for t in (noun, colour))  # type: ignore[return-value]
