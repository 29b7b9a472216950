"""The describer's canvas as PerceptionDLM published it: prompts inside the context, one sequence, no cache.

In the release (arXiv 2606.19534) every region has an id embedding that is added to the picture's patches under its
mask; k x k replayed features of all regions and one shared instruction follow; then come the answers, each behind its
region's marker. Context and given parts look at everything, answers included, so nothing can be cached, and what one
region says reaches the others through the context.

Here a context cell that a region covers more than any other, and by half at least, carries that region's marker id
instead of the plain cell's. Groups have the replay and their marker, but no cover and no hints, as in the release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import torch
from torch import Tensor

from lucida.canvas.plan import Plan
from lucida.canvas.span import Canvas, Role, Span, Visibility
from lucida.media.errors import InputError
from lucida.media.region import Region
from lucida.models.tower import TowerFeatures
from lucida.nn.roi_align import Compat, released_box
from lucida.systems.describe.layout import Layout, RegionFeatures, Request, bin_boxes

Geometry = Compat
HALF = 0.5


def prompted(layout: Layout, cells: Tensor, regions: Sequence[RegionFeatures]) -> Span:
    """The context of ``cells`` (cells, channels) with the regions' prompts in it."""
    span = layout.context(cells)
    if not regions:
        return span
    cover = torch.stack([r.cells for r in regions])  # (N, cells)
    most, owner = cover.max(dim=0)
    marker = torch.tensor([layout.vocabulary.region(n) for n in range(1, len(regions) + 1)])
    return replace(span, ids=torch.where(most >= HALF, marker[owner], span.ids))


def released_canvas(
    layout: Layout, cells: Tensor, requests: Sequence[Request], visibility: Visibility = "released",
    plan: Plan | None = None,
) -> Canvas:  # fmt: skip
    """One picture and its groups in the published form; requests cite one region each, or none.

    Raises:
        InputError: a request that cites several regions: the release has no such form.
    """
    v, k = layout.vocabulary, layout.config.replay
    for request in requests:
        if len(request.regions) > 1:
            raise InputError(f"under {visibility!r} a request cites one region, not {len(request.regions)}")
    regions = [r for request in requests for r in request.regions]
    spans = [prompted(layout, cells, regions)]
    texts = list(dict.fromkeys(r.text for r in requests))
    if len(texts) == 1:  # one shared instruction, inside the context
        ids = torch.tensor([v.special(f"style{requests[0].style}"), *v.encode(texts[0])])
        spans.append(Span(role=Role.CONTEXT, ids=ids, name="request"))
    number = 0
    for group, request in enumerate(requests):
        if len(texts) > 1:
            ids = torch.tensor([v.special(f"style{request.style}"), *v.encode(request.text)])
            spans.append(Span(role=Role.GIVEN, group=group, ids=ids, name="request"))
        for region in request.regions:
            number += 1
            replay = torch.full((k * k,), v.special("replay"))
            spans.append(Span(role=Role.GIVEN, group=group, ids=replay, name="replay", modality="replay",
                              features=region.replay, boxes=bin_boxes(region.box, k)))  # fmt: skip
            spans.append(
                Span(role=Role.GIVEN, group=group, ids=torch.tensor([v.region(number)]), name="marker")
            )
        open_ = torch.full((request.slots,), v.mask)
        spans.append(Span(role=Role.ANSWER, group=group, ids=open_, name="answer", allowed=request.allowed,
                          plan=plan or Plan()))  # fmt: skip
    keys = tuple("/".join((r.text, *(f.key for f in r.regions))) for r in requests)
    return Canvas(spans=tuple(spans), visibility=visibility, keys=keys)


@torch.inference_mode()
def with_geometry(
    features: TowerFeatures,
    given: Sequence[RegionFeatures],
    regions: Sequence[Region],
    k: int,
    geometry: Geometry,
) -> tuple[RegionFeatures, ...]:
    """The same region features with the replay of a released geometry (the released box, scaled twice).

    Raises:
        InputError: an unknown geometry.
    """
    if geometry not in get_args(Compat):
        raise InputError(f"geometry must be one of {', '.join(get_args(Compat))}, got {geometry!r}")
    if geometry == "correct" or not given:
        return tuple(given)
    boxes = torch.tensor([released_box(r.box, r.size) for r in regions], dtype=torch.float32)
    replayed = features.replay(boxes.to(features.stride16.device), k=k, compat=geometry).float().cpu()
    return tuple(replace(f, replay=replay) for f, replay in zip(given, replayed, strict=True))
