"""The grounding loss: what covers each cell, by hand; its gradient reaches the context; it is not exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lucida.canvas.span import Role
from lucida.canvas.vocabulary import Vocabulary
from lucida.media.errors import InputError
from lucida.models.store import load_model_files
from lucida.systems.describe.bank import Seen
from lucida.systems.describe.grounding import NOTHING, GroundingConfig, Truth
from lucida.systems.describe.layout import Layout, Request
from lucida.systems.describe.samples import Drawn
from lucida.world.nouns import noun_table
from lucida.world.records import COLOURS
from tests.systems.describe.test_task import task


def drawn(seen: Seen, layout: Layout, i: int) -> Drawn:
    request = Request(text="describe <1>", regions=(seen.regions[i],), slots=8)
    return seen, layout.canvas(seen.cells, [request]), (i,)


def test_truth_by_hand(small: Path) -> None:
    made = task(small)
    seen = next(s for n in range(20) if len((s := made.bank[n]).regions) > 1 and s.scene.objects[0].medium == "artwork")
    truth = Truth(0.5, Vocabulary())
    cells = torch.zeros(144)
    cells[3], cells[4] = 0.6, 0.4
    regions = (replace(seen.regions[0], cells=cells), *(replace(r, cells=torch.zeros(144)) for r in seen.regions[1:]))
    found = truth.of([drawn(replace(seen, regions=regions), made.layout, 0)])
    thing = seen.scene.objects[0]
    assert found.noun[0, 3] == sorted(noun_table().values()).index(thing.noun)
    assert found.colour[0, 3] == (COLOURS.index(thing.colour) if thing.colour else NOTHING)
    assert (found.noun[0] != NOTHING).sum() == 1  # cell 4 is covered too little
    assert (found.side_noun == NOTHING).all()  # the layout has no side tokens


def test_a_photograph_is_not_named(small: Path) -> None:
    made = task(small)
    seen = made.bank[0]
    objects = tuple(replace(o, medium="photo") for o in seen.scene.objects)
    photos = replace(seen, scene=replace(seen.scene, objects=objects))
    assert (Truth(0.1, Vocabulary()).of([drawn(photos, made.layout, 0)]).noun == NOTHING).all()


def test_sides_by_hand(small: Path) -> None:
    """The token that looks left must name the nearest thing of which the region is "right of", and so on."""
    made = task(small, layout={"sides": True})
    nouns = sorted(noun_table().values())
    checked = 0
    for n in range(20):
        seen = made.bank[n]
        for i in range(len(seen.regions)):
            item = drawn(seen, made.layout, i)
            found = Truth(0.5, Vocabulary()).of([item])
            given = [span for span in item[1].spans if span.role is Role.GIVEN]
            ids = torch.cat([span.ids for span in given])[found.column[0, 0]]
            assert made.vocabulary.decode(ids.tolist()).split() == ["left", "right", "above", "below"]
            for side, word in enumerate(("right of", "left of", "below", "above")):
                others = [seen.scene.objects[r.other] for r in seen.scene.relations if (r.subject, r.word) == (i, word)]
                number = int(found.side_noun[0, 0, side])
                assert (number == len(nouns)) == (not others)
                if number not in (NOTHING, len(nouns)):
                    assert nouns[number] in {o.noun for o in others}
                    checked += 1
    assert checked > 50


def test_it_teaches_the_context_and_stays_at_home(small: Path, tmp_path: Path) -> None:
    both = {"weight": 1.0, "layers": [0], "sides": 0.5, "side_layers": [1]}
    made = task(small, layout={"sides": True}, grounding=both)
    batch = made.batch(0, 0, 1)
    assert batch.truth is not None and batch.truth.noun.shape == (4, 144)
    with_it, logged = made.module(batch)
    assert made.module.grounding is not None
    value = float(logged["grounding"]) + 0.5 * float(logged["sides"])
    made.module.grounding = None
    without, _ = made.module(batch)
    assert torch.allclose(with_it - without, torch.full_like(without, value), atol=1e-4)
    made = task(small, layout={"sides": True}, grounding=both)
    facts = {"steps": 1, "seconds": 1, "dtype": "fp32", "probe": {}}
    folder = made.export(made.module, tmp_path / "model", facts)
    assert not any("grounding" in name for name in load_model_files(folder).tensors)


def test_bad_settings(small: Path) -> None:
    with pytest.raises(InputError, match=r"grounding\.weight"):
        GroundingConfig(weight=-1)
    with pytest.raises(InputError, match=r"grounding\.layers must be some of 0\.\.1, got \[2\]"):
        task(small, grounding={"weight": 1.0, "layers": [2], "side_layers": [1]})
    with pytest.raises(InputError, match=r"layout has no side tokens"):
        task(small, grounding={"sides": 1.0, "layers": [0], "side_layers": [1]})


def test_left_to_right_reading_is_shared(small: Path) -> None:
    """With ``causal`` the same weights also learn the twin's next-token loss, and every group carries it."""
    made = task(small, causal=0.5)
    batch = made.batch(0, 0, 1)
    with torch.no_grad():
        both, logged = made.module(batch)
        made.module.causal = 0.0
        masked, _ = made.module(batch)
    assert float((both - masked).mean()) == pytest.approx(0.5 * float(logged["causal"]), rel=1e-4)
