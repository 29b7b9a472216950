"""The describer's canvas, built by hand beside the class that builds it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lucida.canvas.compiling import fold
from lucida.canvas.plan import Plan
from lucida.canvas.span import Canvas, Role
from lucida.systems.describe.layout import (
    REQUEST_PICTURE,
    REQUEST_REGION,
    Layout,
    RegionFeatures,
    Request,
    bin_boxes,
    cell_boxes,
    side_cover,
)

HALF = (0.25, 0.5, 0.75, 1.0)


def region(key: str = "a", *, box: tuple[float, ...] = HALF, fill: float = 0.5) -> RegionFeatures:
    return RegionFeatures(
        key=key,
        box=torch.tensor(box),
        replay=torch.full((16, 272), fill),
        cover=torch.full((576,), fill),
        cells=torch.full((144,), fill),
        hints=(("tabby cat", 0.57), ("carpenter's plane saw file", 0.999), ("dog", 0.1)),
    )


def request(text: str = REQUEST_REGION, *regions: RegionFeatures, **more: object) -> Request:
    return Request(text=text, regions=regions, **{"slots": 6, **more})  # type: ignore[arg-type]


CELLS = torch.arange(144 * 272, dtype=torch.float32).view(144, 272)


def test_boxes_by_hand() -> None:
    assert cell_boxes(2).tolist() == [[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]
    bins = bin_boxes(torch.tensor([0.25, 0.5, 0.75, 1.0]), 2)
    wanted = [[0.25, 0.5, 0.5, 0.75], [0.5, 0.5, 0.75, 0.75], [0.25, 0.75, 0.5, 1], [0.5, 0.75, 0.75, 1]]
    assert bins.tolist() == wanted
    assert torch.allclose(bin_boxes(torch.tensor([0.0, 0.0, 1.0, 1.0]), 5), cell_boxes(5))


def test_spans_of_a_region(layout: Layout) -> None:
    v = layout.vocabulary
    canvas = layout.canvas(CELLS, [request(REQUEST_REGION, region(), style=3)])
    assert [(s.name, s.role, len(s)) for s in canvas.spans] == [
        ("picture", Role.CONTEXT, 144),
        ("style", Role.GIVEN, 1),
        ("request", Role.GIVEN, len(v.encode("describe <1>"))),
        ("marker", Role.GIVEN, 1),
        ("cover", Role.GIVEN, 1),
        ("replay", Role.GIVEN, 16),
        ("hint", Role.GIVEN, 1 + len(v.encode("tabby cat")) + 1 + 4),
        ("answer", Role.ANSWER, 6),
    ]
    spans = {s.name: s for s in canvas.spans}
    assert torch.equal(spans["picture"].features, CELLS) and spans["picture"].cover is None
    assert torch.equal(spans["picture"].boxes, cell_boxes(12)) and spans["picture"].position == "stay"
    assert spans["style"].ids.tolist() == [v.special("style3")]
    assert v.decode(spans["request"].ids.tolist()) == "describe <1>"
    assert torch.equal(spans["marker"].features, region().replay.view(1, -1))  # all of the region in one token
    assert spans["marker"].ids.tolist() == [v.region(1)] and spans["marker"].boxes.tolist() == [[0.25, 0.5, 0.75, 1]]
    assert torch.equal(spans["replay"].boxes, bin_boxes(region().box, 4)) and spans["replay"].position == "stay"
    assert spans["cover"].features.shape == (1, 576) and spans["cover"].modality == "cover"
    for name in ("marker", "cover", "replay", "hint", "answer"):
        assert torch.equal(spans[name].cover, region().cells), name
    assert spans["style"].cover is None and spans["request"].cover is None


def test_hints_are_two_names_with_their_tenths(layout: Layout) -> None:
    """The third name is left out and a long one is cut, so that a group's size is bounded."""
    v = layout.vocabulary
    (hint,) = [s for s in layout.canvas(CELLS, [request(REQUEST_REGION, region())]).spans if s.name == "hint"]
    names = [v.encode("tabby cat"), v.encode("carpenter's plane saw file")[:4]]
    assert hint.ids.tolist() == [v.special("hint5"), *names[0], v.special("hint9"), *names[1]]
    bare = layout.canvas(CELLS, [request(REQUEST_REGION, replace(region(), hints=()))])
    assert "hint" not in [s.name for s in bare.spans]


def test_answers(layout: Layout) -> None:
    v = layout.vocabulary
    ids = tuple(v.encode("a red fox"))
    answers = [
        s.ids.tolist()
        for s in layout.canvas(CELLS, [request(target=ids), request(target=()), request()]).spans
        if s.role is Role.ANSWER
    ]
    assert answers == [[*ids, *[v.end] * (6 - len(ids))], [v.end] * 6, [v.mask] * 6]
    with pytest.raises(ValueError, match="an answer of 6 tokens does not fit 6 slots"):
        layout.canvas(CELLS, [request(target=ids[:1] * 6)])
    plan = Plan(steps=7)
    planned = layout.canvas(CELLS, [request(allowed="text+region+end")], plan=plan).spans[-1]
    assert planned.plan is plan and planned.allowed == "text+region+end"


def test_every_group_counts_from_one(layout: Layout) -> None:
    """So nothing in a group depends on the others, and its key names what it is about."""
    v = layout.vocabulary
    a, b = region("a"), region("b", box=(0.0, 0.0, 0.5, 0.5), fill=0.75)
    canvas = layout.canvas(CELLS, [request("is <1> left of <2> ?", a, b), request(REQUEST_REGION, b), request("who ?")])
    markers = [[s.ids.tolist() for s in canvas.part(g, Role.GIVEN) if s.name == "marker"] for g in range(3)]
    assert markers == [[[v.region(1)], [v.region(2)]], [[v.region(1)]], []]
    assert canvas.keys == ("is <1> left of <2> ?/a/b", "describe <1>/b", "who ?")
    covers = [canvas.part(g, Role.ANSWER)[0].cover for g in range(3)]
    assert float(covers[0].max()) == 0.75 and covers[2] is None  # both regions' cells
    alone = layout.canvas(CELLS, [request(REQUEST_REGION, b)])
    for mine, theirs in zip(canvas.part(1, Role.GIVEN), alone.part(0, Role.GIVEN), strict=True):
        assert torch.equal(mine.ids, theirs.ids) and mine.name == theirs.name


@pytest.mark.parametrize("visibility", ["strict", "twin", "block"])
def test_folding(layout: Layout, visibility: str) -> None:
    requests = [request(REQUEST_REGION, region()), request(REQUEST_PICTURE)]
    canvas = layout.canvas(CELLS, requests, visibility=visibility)  # type: ignore[arg-type]
    folded = fold([canvas, canvas], mask=layout.vocabulary.mask)
    assert folded.context.ids.shape == (2, 144) and folded.answers.ids.shape == (2, 2, 6)
    assert folded.given.cover is not None and folded.given.cover.shape[-1] == 144
    given = {name: values.shape[1] for name, (_, values) in folded.given.features.items()}
    assert given == {"replay": 272, "cover": 576, "region": 16 * 272}
    assert {**given, "cell": 272} == layout.config.modalities
    # All cells share one position; the groups start behind it, in step with each other.
    assert folded.context.positions.unique().tolist() == [0]
    assert folded.given.positions[:, :, 0].unique().tolist() == [1]


def test_side_tokens_look_each_to_its_side() -> None:
    """A region in the middle: every token's pull lies in its own quarter, and is strongest nearby."""
    cells = torch.zeros(12, 12)
    cells[5:7, 5:7] = 1
    looks = side_cover(cells.flatten(), cell_boxes(12)).view(4, 12, 12)
    left, right, above, below = looks
    assert torch.allclose(left, right.flip(1), atol=1e-5) and torch.allclose(above, below.flip(0), atol=1e-5)
    assert torch.allclose(left, above.T, atol=1e-5)
    assert float(left[6, 2]) > 20 * float(left[2, 6]) and float(left[6, 4]) > float(left[6, 2]) > float(left[6, 0])
    assert bool((looks[:, 5:7, 5:7] == 0).all()) and float(looks.max()) <= 2
    assert bool((side_cover(torch.zeros(144), cell_boxes(12)) == 0).all())


def test_a_region_gets_its_side_tokens_when_asked(layout: Layout) -> None:
    config = replace(layout.config, sides=True)
    more = Layout(config, layout.vocabulary).canvas(torch.zeros(144, 272), [request(REQUEST_REGION, region())])
    sides = [span for span in more.spans if span.name == "side"]
    assert [layout.vocabulary.decode(span.ids.tolist()) for span in sides] == ["left", "right", "above", "below"]
    plain = layout.canvas(torch.zeros(144, 272), [request(REQUEST_REGION, region())])
    assert sum(map(len, more.spans)) == sum(map(len, plain.spans)) + 4


def test_parts_can_be_left_out(layout: Layout) -> None:
    def names(**off: bool) -> list[str]:
        return [s.name for s in without(**off).spans if s.role is Role.GIVEN]

    def without(**off: bool) -> Canvas:
        made = Layout(replace(layout.config, **off), layout.vocabulary)
        return made.canvas(CELLS, [request(REQUEST_REGION, region())])

    assert [n for n in names() if n not in names(replayed=False)] == ["replay"]
    assert [n for n in names() if n not in names(covered=False)] == ["cover"]
    marker = next(s for s in without(replayed=False).spans if s.name == "marker")
    assert marker.features is None and marker.boxes is not None
    bare = without(covered=False)
    assert all(not bool(s.cover.any()) for s in bare.spans if s.cover is not None and s.name != "side")
    assert all(bool(s.cover.any()) for s in without().spans if s.cover is not None)
