"""Training-time losses that make the context say what is where, and the side tokens what stands beside a region.

Under the ``strict`` layout a group learns of *other* things only through the context. Captions ask for them
rarely (one noun and one colour in a relation), so the look-up of another thing by place emerged late in the
twin and hardly at all in the masked model. The world knows what covers every cell, and what stands nearest on
every side of a region; linear read-outs of the values that the groups attend to put that truth where the look-
up needs it: the context's values must name what covers each cell, the values of a region's four side tokens the
nearest thing on their side. The read-outs are dropped at export.

The idea is deep supervision (Lee et al. 2015) on remembered values. Both the diffusion model and its twin get it.

Shape legend: P pictures, G groups, L context cells, S = 4 sides, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import torch
from torch import Tensor, nn

from lucida.canvas.span import Canvas, Role, Span
from lucida.canvas.tokens import Memory
from lucida.canvas.vocabulary import Vocabulary
from lucida.media.errors import InputError
from lucida.systems.describe.bank import Seen
from lucida.systems.describe.guiding import UNGUIDED, Looks, asked_side, copied_hint, guide_loss, other_slots
from lucida.systems.describe.layout import SIDE_WORDS
from lucida.systems.describe.samples import Drawn
from lucida.world.language import facts
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS, Scene, SceneObject

NOTHING = -100  # cross_entropy's own "do not count"


@dataclass(frozen=True, kw_only=True)
class GroundingConfig:
    """How cells are made to name what covers them.

    Attributes:
        weight: of the cells' loss beside the captions' (0: none).
        layers: blocks whose context values are read, counted from 0.
        least: the share of a cell that a thing must cover to count as what is there.
        sides: weight of the side tokens' loss (0: none; else the layout must have them).
        side_layers: blocks whose values of the side tokens are read.
        guide: weight of telling the slots that name another thing which side token to look at (``guiding``; 0: none).
        guide_layers: blocks that are told.
    """

    weight: float = 0.0
    layers: tuple[int, ...] = (2, 4)
    least: float = 0.35
    sides: float = 0.0
    side_layers: tuple[int, ...] = (3, 5)
    guide: float = 0.0
    guide_layers: tuple[int, ...] = (4, 5)

    def __post_init__(self) -> None:
        for name in ("weight", "sides", "guide"):
            if getattr(self, name) < 0:
                raise InputError(f"grounding.{name} must not be negative, got {getattr(self, name)}")

    @property
    def wanted(self) -> bool:
        """Whether there is anything to learn."""
        return bool(self.weight or self.sides or self.guide)


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounding:
    """What there is to name, as class numbers, ``NOTHING`` where nothing is asked.

    Attributes:
        noun, colour: (P, L) of what covers each cell.
        column: (P, G, S) where in its group's given part a side token stands.
        side_noun, side_colour: (P, G, S) of the nearest thing on each side; the last class means nobody, or no colour.
        guide: (P, G, A) the given token that a slot should look at (see ``guiding``).
    """

    noun: Tensor
    colour: Tensor
    column: Tensor
    side_noun: Tensor
    side_colour: Tensor
    guide: Tensor


class GroundingHead(nn.Module):
    """Reads noun and colour off values, one linear map per layer and kind."""

    def __init__(self, config: GroundingConfig, width: int, depth: int, nouns: int) -> None:
        super().__init__()
        for weight, name in (("weight", "layers"), ("sides", "side_layers"), ("guide", "guide_layers")):
            layers = getattr(config, name)
            if not getattr(config, weight):
                continue
            if not layers or not all(0 <= layer < depth for layer in layers):
                raise InputError(f"grounding.{name} must be some of 0..{depth - 1}, got {list(layers)}")
        self.config, self.classes = config, [nouns + 1, len(COLOURS) + 1]
        self.read = nn.ModuleList(nn.Linear(width, sum(self.classes)) for _ in config.layers)
        self.read_side = nn.ModuleList(nn.Linear(width, sum(self.classes)) for _ in config.side_layers)

    def forward(
        self, context: Memory, given: Memory, looks: Looks, truth: Grounding
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss (a scalar), and its parts to log; ``looks`` are the answers' (see ``guiding``)."""
        total, logged = torch.zeros((), device=truth.noun.device), {}
        if self.config.weight:
            cells = [_values(context, layer) for layer in self.config.layers]
            logged["grounding"] = loss = self._loss(self.read, cells, truth.noun, truth.colour)
            total = total + self.config.weight * loss
        if self.config.sides:
            sides = []
            for layer in self.config.side_layers:
                values = _values(given, layer)  # (P, G, R, D)
                sides.append(values.gather(2, truth.column.unsqueeze(-1).expand(*truth.column.shape, values.shape[-1])))
            logged["sides"] = loss = self._loss(self.read_side, sides, truth.side_noun, truth.side_colour)
            total = total + self.config.sides * loss
        if self.config.guide:
            logged["guide"] = loss = guide_loss(looks, truth.guide)
            total = total + self.config.guide * loss
        return total, {name: value.detach() for name, value in logged.items()}

    def _loss(self, readers: nn.ModuleList, values: Sequence[Tensor], noun: Tensor, colour: Tensor) -> Tensor:
        """Mean cross-entropy of noun and colour over what is asked, and over layers."""
        total = torch.zeros((), device=noun.device)
        for read, x in zip(readers, values, strict=True):
            for logits, target in zip(read(x).float().split(self.classes, dim=-1), (noun, colour), strict=True):
                entropy = nn.functional.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="sum")
                total = total + entropy / (target != NOTHING).sum().clamp_min(1)
        return total / len(values)


def _values(memory: Memory, layer: int) -> Tensor:
    """Values of a layer with their heads side by side: (*N, H, M, K) -> (*N, M, D)."""
    return memory.layers[layer][1].transpose(-3, -2).flatten(-2)


class Truth:
    """What covers each cell and stands on each side, as class numbers.

    A photograph's name is left out (its hints say it), and so is the colour of a thing that has none in a cell.
    """

    def __init__(self, least: float, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.nouns = {noun: n for n, noun in enumerate(sorted(noun_table().values()))}
        self.least = least

    def of(self, pictures: Sequence[Drawn]) -> Grounding:
        """The classes of a step's pictures."""
        groups = max(canvas.groups for _, canvas, _ in pictures)
        cells = [self._cells(seen) for seen, _, _ in pictures]
        sides = [self._sides(seen, canvas, about, groups) for seen, canvas, about in pictures]
        noun, colour = (torch.stack(parts) for parts in zip(*cells, strict=True))
        column, side_noun, side_colour = (torch.stack(parts) for parts in zip(*sides, strict=True))
        slots = max(len(s) for _, canvas, _ in pictures for s in canvas.spans if s.role is Role.ANSWER)
        guides = [self._guide(*picture, columns, slots) for picture, columns in zip(pictures, column, strict=True)]
        return Grounding(
            noun=noun, colour=colour, column=column, side_noun=side_noun, side_colour=side_colour,
            guide=torch.stack(guides),
        )  # fmt: skip

    def _guide(
        self, seen: Seen, canvas: Canvas, about: Sequence[int | None], columns: Tensor, slots: int
    ) -> Tensor:
        guide = torch.full((len(columns), slots), UNGUIDED)
        for group, i in enumerate(about):
            if i is None:
                continue
            given, answer = canvas.part(group, Role.GIVEN), canvas.part(group, Role.ANSWER)[0].ids
            ids = answer[: int((answer == self.vocabulary.end).long().argmax())].tolist()
            for slot, column in copied_hint(given, ids, self.vocabulary).items():
                guide[group, slot] = column
            request = next(span.ids.tolist() for span in given if span.name == "request")
            found = asked_side(self.vocabulary.decode(request), len(ids))
            if found is None and (stated := other_slots(seen.scene, i, ids, self.vocabulary)) is not None:
                found = self._stated_side(seen.scene, i, *stated)
            if found is not None and columns[group].any():
                guide[group, found[1].start : found[1].stop] = columns[group, found[0]]
        return guide

    @staticmethod
    def _stated_side(scene: Scene, i: int, word: str, slots: range) -> tuple[int, range] | None:
        """Of a caption's relation: None where the thing it names is not the nearest one there."""
        stated, thing = facts(scene, i, related=True), _nearest(scene, i, word)
        if thing is None or (thing.noun, thing.colour) != (stated.other_noun, stated.other_colour):
            return None
        return RELATION_OF_SIDE.index(word), slots

    def _noun(self, thing: SceneObject) -> int:
        return NOTHING if thing.medium == "photo" else self.nouns.get(thing.noun, NOTHING)

    def _cells(self, seen: Seen) -> tuple[Tensor, Tensor]:
        most, owner = torch.stack([region.cells for region in seen.regions]).max(dim=0)
        noun = torch.tensor([self._noun(o) for o in seen.scene.objects])[owner]
        colours = [COLOURS.index(o.colour) if o.colour in COLOURS else NOTHING for o in seen.scene.objects]
        nothing = most < self.least
        return noun.masked_fill(nothing, NOTHING), torch.tensor(colours)[owner].masked_fill(nothing, NOTHING)

    def _sides(
        self, seen: Seen, canvas: Canvas, about: Sequence[int | None], groups: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        column = torch.zeros(groups, len(SIDE_WORDS), dtype=torch.long)
        noun, colour = torch.full_like(column, NOTHING), torch.full_like(column, NOTHING)
        for group, i in enumerate(about):
            places = _side_columns(canvas.part(group, Role.GIVEN))
            if i is None or not places:
                continue
            column[group] = torch.tensor(places)
            for side, word in enumerate(RELATION_OF_SIDE):
                thing = _nearest(seen.scene, i, word)
                noun[group, side] = len(self.nouns) if thing is None else self._noun(thing)
                known = thing is not None and thing.colour in COLOURS
                colour[group, side] = COLOURS.index(str(thing.colour)) if thing and known else len(COLOURS)
        return column, noun, colour


RELATION_OF_SIDE = ("right of", "left of", "below", "above")  # what a region is of the thing on each of SIDE_WORDS


def _side_columns(given: Sequence[Span]) -> list[int]:
    """Where the side tokens of the first cited region stand in a group's given part."""
    columns, at = [], 0
    for span in given:
        if span.name == "side" and len(columns) < len(SIDE_WORDS):
            columns.append(at)
        at += len(span)
    return columns


def _nearest(scene: Scene, i: int, word: str) -> SceneObject | None:
    """The nearest thing that object ``i`` is ``word`` of, or None."""
    x, y = scene.objects[i].centre
    height, width = scene.size
    things = [scene.objects[r.other] for r in scene.relations if r.subject == i and r.word == word]
    return min(things, key=lambda o: hypot((o.centre[0] - x) * width, (o.centre[1] - y) * height), default=None)
