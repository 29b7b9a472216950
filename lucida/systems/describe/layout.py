"""The describer's canvas: a picture as context, and one group for each region, question or whole-picture caption.

context   the tower's cells, each with its box; never touched by a group
given     a style token, the request in words, and for each cited region n: the marker <n> with the region's box and
          all its replayed features in one token (what the region is can be read off it linearly), its mask cover on a
          fine grid, its k x k replayed features, and class hints ("hint5 cat": cat, probability .5)
answer    slots, closed by an end token

Each group numbers the regions it cites from <1>, so no group depends on what the others are about. The cover of a
region on the context's cells also biases its group's attention (``CanvasTransformerConfig.cover_bias``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lucida.canvas.plan import Plan
from lucida.canvas.span import Canvas, Role, Span, Visibility
from lucida.canvas.vocabulary import Vocabulary

REQUEST_REGION = "describe <1>"
REQUEST_PICTURE = "describe the picture"


@dataclass(frozen=True, kw_only=True)
class LayoutConfig:
    """Sizes of the describer's canvas.

    Attributes:
        side: the picture is stretched to side x side pixels for the context (a multiple of 16).
        replay: replayed features per axis (k); channels: of one cell or replay token.
        cover: resolution of the mask-cover grid.
        caption_slots, picture_slots, answer_slots: room for a region caption, a picture caption, an answer.
        hints: class names given per region, hint_tokens: room for each.
        sides: give each region four tokens that look left, right, above and below it (see :func:`side_cover`).
        replayed: give each region its replayed features (k x k tokens, and all of them in its marker). covered: give
            it its cover grid, and let its group look at the cells it covers first. False is for ablations.
    """

    side: int = 192
    replay: int = 4
    channels: int = 272
    cover: int = 24
    caption_slots: int = 30
    picture_slots: int = 60
    answer_slots: int = 12
    hints: int = 2
    hint_tokens: int = 4
    sides: bool = False
    replayed: bool = True
    covered: bool = True

    @property
    def cells(self) -> int:
        """Context cells per axis."""
        return self.side // 16

    @property
    def most_slots(self) -> int:
        """The longest answer's room."""
        return max(self.caption_slots, self.picture_slots, self.answer_slots)

    @property
    def modalities(self) -> dict[str, int]:
        """Feature channels per modality, for the network's configuration."""
        whole = self.replay**2 * self.channels
        return {"cell": self.channels, "replay": self.channels, "cover": self.cover**2, "region": whole}


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionFeatures:
    """What a group is given of one region.

    Attributes:
        key: the region's hash, for sampling noise.
        box: (4,) normalised xyxy.
        replay: (k*k, channels). cover: (cover*cover,) in [0, 1]. cells: (context cells,) cover of each context cell.
        hints: (name, probability), best first.
    """

    key: str
    box: Tensor
    replay: Tensor
    cover: Tensor
    cells: Tensor
    hints: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """One group: a request in words about some regions, and (in training) the answer's ids without the end token."""

    text: str
    regions: tuple[RegionFeatures, ...]
    slots: int
    style: int = 0
    allowed: str = "text+end"
    target: tuple[int, ...] | None = None


def cell_boxes(cells: int) -> Tensor:
    """(cells*cells, 4) normalised xyxy of a square grid, row by row."""
    edge = torch.arange(cells) / cells
    y, x = torch.meshgrid(edge, edge, indexing="ij")
    return torch.stack((x, y, x + 1 / cells, y + 1 / cells), dim=-1).view(-1, 4)


def bin_boxes(box: Tensor, k: int) -> Tensor:
    """(k*k, 4) boxes of the replay bins of one region box (4,)."""
    x0, y0, x1, y1 = box.unbind()
    size = torch.stack((x1 - x0, y1 - y0, x1 - x0, y1 - y0))
    return cell_boxes(k) * size + torch.stack((x0, y0, x0, y0))


SIDE_WORDS = ("left", "right", "above", "below")
_REACH = 0.3  # of the picture: how far a side token looks before its interest has fallen to 1/e
_EDGE = 0.05  # how sharply its quarter of the picture ends
_PULL = 2.0  # times the pull of the region's own cells on its own tokens


def side_cover(cells: Tensor, boxes: Tensor) -> Tensor:
    """Where a token that looks to one side of a region should look: nearest first, within its quarter of the picture.

    A relation names the nearest thing to one side. Finding it by content alone (a query for a place, over keys that
    must first learn to hold places and things) was learned very late; this is the same geometry given as a bias.

    Args:
        cells: (L,) how much the region covers each context cell. boxes: (L, 4) normalised xyxy of the cells.

    Returns:
        (4, L) in the order of :data:`SIDE_WORDS`, between 0 and ``_PULL``; zeros where the region covers nothing.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    middle = (cells.unsqueeze(-1) * centre).sum(dim=0) / cells.sum().clamp_min(1e-6)
    x, y = (centre - middle).unbind(-1)
    along, across = torch.stack((-x, x, -y, y)), torch.stack((y, y, x, x)).abs()
    inside = torch.sigmoid((along - across) / _EDGE)
    pull = _PULL * torch.exp(-torch.hypot(x, y) / _REACH) * inside * (1 - cells)
    return pull * (cells.sum() > 0)


class Layout:
    """Builds the describer's canvases; strings end here."""

    def __init__(self, config: LayoutConfig, vocabulary: Vocabulary) -> None:
        self.config, self.vocabulary = config, vocabulary
        self._cell_boxes = cell_boxes(config.cells)
        self._text: dict[str, Tensor] = {}
        words = [vocabulary.encode(word) for word in SIDE_WORDS]
        self._side_ids = torch.tensor([ids[-1] for ids in words])

    def context(self, cells: Tensor) -> Span:
        """The picture: tower cells (cells*cells, channels)."""
        ids = torch.full((cells.shape[0],), self.vocabulary.special("cell"))
        return Span(role=Role.CONTEXT, ids=ids, name="picture", modality="cell", features=cells,
                    boxes=self._cell_boxes, position="stay")  # fmt: skip

    def canvas(
        self, cells: Tensor, requests: Sequence[Request], *, visibility: Visibility = "strict", plan: Plan | None = None
    ) -> Canvas:
        """One picture and its groups. Answer spans hold targets where a request has one, masks elsewhere."""
        spans = [self.context(cells)]
        for group, request in enumerate(requests):
            spans.extend(self._given(group, request))
            spans.append(self._answer(group, request, plan or Plan()))
        keys = tuple("/".join((r.text, *(f.key for f in r.regions))) for r in requests)
        return Canvas(spans=tuple(spans), visibility=visibility, keys=keys)

    def _given(self, group: int, request: Request) -> list[Span]:
        v = self.vocabulary
        style = torch.tensor([v.special(f"style{request.style}")])
        spans = [
            Span(role=Role.GIVEN, group=group, ids=style, name="style"),
            Span(role=Role.GIVEN, group=group, ids=self._encoded(request.text), name="request"),
        ]
        for n, region in enumerate(request.regions, start=1):
            spans.extend(self._region(group, n, region))
        return spans

    def _region(self, group: int, n: int, region: RegionFeatures) -> list[Span]:
        v, k = self.vocabulary, self.config.replay
        ids, box, cover = torch.tensor([v.region(n)]), region.box[None], self._cover(region)
        marker = Span(role=Role.GIVEN, group=group, ids=ids, name="marker", boxes=box, cover=cover)
        if self.config.replayed:
            marker = replace(marker, modality="region", features=region.replay.reshape(1, -1))
        spans = [marker]
        if self.config.covered:
            spans.append(Span(role=Role.GIVEN, group=group, ids=torch.tensor([v.special("cover")]), name="cover",
                              modality="cover", features=region.cover[None], boxes=box, cover=cover))  # fmt: skip
        if self.config.replayed:
            replay_ids = torch.full((k * k,), v.special("replay"))
            spans.append(Span(role=Role.GIVEN, group=group, ids=replay_ids, name="replay", modality="replay",
                              features=region.replay, boxes=bin_boxes(region.box, k), cover=cover,
                              position="stay"))  # fmt: skip
        if self.config.sides:
            looks = side_cover(region.cells, self._cell_boxes)
            spans.extend(
                Span(role=Role.GIVEN, group=group, ids=word[None], name="side", boxes=box, cover=look)
                for word, look in zip(self._side_ids, looks, strict=True)
            )
        hints = self._hints(region)
        if len(hints):
            spans.append(Span(role=Role.GIVEN, group=group, ids=hints, name="hint", cover=cover))
        return spans

    def _cover(self, region: RegionFeatures) -> Tensor:
        """(L,) how much the group is drawn to each context cell by the region."""
        return region.cells if self.config.covered else torch.zeros_like(region.cells)

    def _hints(self, region: RegionFeatures) -> Tensor:
        ids: list[int] = []
        for name, probability in region.hints[: self.config.hints]:
            ids.append(self.vocabulary.hint(probability))
            ids.extend(self._encoded(name).tolist()[: self.config.hint_tokens])
        return torch.tensor(ids, dtype=torch.long)

    def _answer(self, group: int, request: Request, plan: Plan) -> Span:
        v = self.vocabulary
        if request.target is None:
            ids = torch.full((request.slots,), v.mask)
        else:
            if len(request.target) >= request.slots:
                raise ValueError(f"an answer of {len(request.target)} tokens does not fit {request.slots} slots")
            ids = torch.full((request.slots,), v.end)
            ids[: len(request.target)] = torch.tensor(request.target)
        cover = torch.stack([self._cover(r) for r in request.regions]).amax(dim=0) if request.regions else None
        return Span(role=Role.ANSWER, group=group, ids=ids, name="answer", cover=cover, allowed=request.allowed,
                    plan=plan)  # fmt: skip

    def _encoded(self, text: str) -> Tensor:
        if text not in self._text:
            self._text[text] = torch.tensor(self.vocabulary.encode(text), dtype=torch.long)
        return self._text[text]
