"""Looking once and asking often: labels, films, answers per region, batches of pictures, tracks, variants."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import lucida
from lucida.canvas.plan import Plan
from lucida.cli.describe_output import lines_of
from lucida.media import InputError, Region
from lucida.media.document import load_document, result_json
from lucida.media.image import Image
from lucida.media.track import Track
from lucida.media.video import Video, write_video
from lucida.nn.roi_align import SECOND_SCALE
from lucida.systems.describe import look as look_module
from lucida.systems.describe.markers import cited, local, whole
from lucida.systems.describe.system import Describer, Look
from tests.systems.tiny import tiny_describer

SIZE = (96, 128)
BOXES = [(0, 0, 0.5, 1), (0.5, 0, 1, 0.5), (0.2, 0.3, 0.9, 0.8), (0, 0, 1, 1)]
REGIONS = [Region.from_box(box, SIZE) for box in BOXES]


@pytest.fixture(scope="module")
def model(tiny_models: dict[str, Path]) -> Describer:
    return lucida.load(str(tiny_models["describe"]))


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Describer:
    return lucida.load(
        str(tiny_describer(tmp_path_factory.mktemp("twin") / "describe-twin", visibility="twin"))
    )


def picture(seed: int = 5) -> Image:
    rng = np.random.default_rng(seed)
    return Image(np.kron(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8)))


def look(model: Describer, seed: int = 5) -> Look:
    return model.look(picture(seed))


def test_markers() -> None:
    assert cited("is <3> left of <1> or <3>?", 3) == (2, 0)
    assert local("is <3> left of <1>?", (2, 0)) == "is <1> left of <2>?"
    assert whole("<1> and <2>", (2, 0)) == "<3> and <1>"
    assert whole(local("<3> <1>", (2, 0)), (2, 0)) == "<3> <1>"
    for question, regions, words in [
        ("<2>?", 1, "there is 1 region"),
        ("<0>", 3, "cites <0>"),
        (" ", 1, "empty"),
    ]:
        with pytest.raises(InputError, match=words):
            cited(question, regions)


def test_one_answer_per_region(model: Describer) -> None:
    """In one decode, and each as if it had been asked alone, whether the question says <1> or nothing."""
    here = look(model)
    for question in ("what is it?", "what is <1>?"):
        told = here.ask_each(question, REGIONS)
        assert len(told) == 4 and len(told.words) == 4 and told.passes <= 4
        assert [a.evidence[0].label for a in told if not a.abstained] == [
            f"<{n}>" for n, a in enumerate(told, start=1) if not a.abstained
        ]
        for region, answer, words in zip(REGIONS, told, told.words, strict=True):
            alone = here.ask("what is <1>?" if "<1>" in question else question, [region])
            assert whole(alone.text, ()) == local(answer.text, [int(answer.evidence[0].label[1:-1]) - 1])
            assert all(0 <= sure <= 1 and 1 <= passed <= 4 for _, sure, passed in words)
    with pytest.raises(InputError, match="needs regions"):
        here.ask_each("what?", [])
    with pytest.raises(InputError, match="cites <2>"):
        here.ask_each("is <1> like <2>?", REGIONS)


def test_many_questions_in_one_decode(model: Describer) -> None:
    here = look(model)
    told = here.ask_all(["what is left of <2>?", "how many things?", "is <3> like <1>?"], REGIONS)
    labels = [[e.label for e in answer.evidence] for answer in told]
    assert labels == [["<2>"], [], ["<3>", "<1>"]]
    assert told[0].text == whole(here.ask("what is left of <1>?", [REGIONS[1]]).text, (1,))
    with pytest.raises(InputError, match="no questions"):
        here.ask_all([])
    (wider,) = here.ask_all(["what is <2>?"], REGIONS, cites=[range(3)])
    assert [e.label for e in wider.evidence] == ["<1>", "<2>", "<3>"]
    with pytest.raises(InputError, match="1 lists of cited regions for 2 questions"):
        here.ask_all(["<1>?", "<2>?"], REGIONS, cites=[[0]])
    for strange in ([0], [0, 1, 9]):  # leaves out what it cites; names one that is not there
        with pytest.raises(InputError, match=r"'what is <2>\?' is not about \[0"):
            here.ask_all(["what is <2>?"], REGIONS, cites=[strange])
    with pytest.raises(InputError, match="is for a 4x4 picture"):
        here.ask_all(["<1>?"], [Region.from_box((0, 0, 1, 1), (4, 4))])


def test_a_question_without_marks_is_about_all_that_is_given(model: Describer) -> None:
    assert [e.label for e in look(model).ask("alike?", REGIONS[:2]).evidence] == ["<1>", "<2>"]


def test_films_are_kept_when_asked_for(model: Describer) -> None:
    here, seen = look(model), []
    assert here.describe(REGIONS).films == () and here.describe_picture().events == ()
    here.filming = True
    told = here.describe(REGIONS)
    [film] = told.films
    assert film.labels == ("1", "2", "3", "4") and len(film.events) == told.passes
    here.filming, here.watch = False, lambda film, event: seen.append((film.labels, event.step))
    passes = here.caption(on_event=lambda event: seen.append(("event", event.step))).steps
    here.ask("what?", REGIONS[:1])
    assert ("event", 0) in seen and (("picture",), 0) in seen and (("answer",), 0) in seen and passes >= 1


def test_filming_changes_nothing(model: Describer, twin: Describer) -> None:
    """Also not for the twin, which writes in another loop when nobody watches."""
    for each in (model, twin):
        plain, filmed = look(each), look(each)
        filmed.filming = True
        a, b = plain.describe(REGIONS), filmed.describe(REGIONS)
        assert [c.text for c in a] == [c.text for c in b] and a.passes == b.passes
        assert a.token_forwards == b.token_forwards
        assert [c.confidence for c in a] == pytest.approx([c.confidence for c in b], abs=1e-4)


@pytest.mark.parametrize("which", ["model", "twin"])
def test_many_pictures_in_one_decode(which: str, model: Describer, twin: Describer) -> None:
    """Each reads as it does alone, whatever the others have."""
    each = {"model": model, "twin": twin}[which]
    looks = [look(each, seed) for seed in range(3)]
    regions = [REGIONS, REGIONS[:1], REGIONS[1:3]]
    together = each.describe_many(looks, regions)
    for one, mine, told in zip(looks, regions, together, strict=True):
        assert [c.text for c in told] == [c.text for c in one.describe(mine)]
        assert [c.region for c in told] == mine
    with pytest.raises(InputError, match="2 lists of regions for 3 pictures"):
        each.describe_many(looks, regions[:2])
    with pytest.raises(InputError, match="want 1 to 64 regions, got 0"):
        each.describe_many(looks, [[], *regions[1:]])


def test_a_track(model: Describer, tmp_path: Path) -> None:
    """Captions come with their seconds, in order, and cover the track's moments; only runs of one text are joined."""
    frames = [picture(k // 5).pixels for k in range(20)]
    path = write_video(tmp_path / "clip.mp4", [(k / 10, frame) for k, frame in enumerate(frames)])
    track = Track({k / 10: Region.from_box((0.1, 0.1, 0.4 + k / 40, 0.9), SIZE) for k in range(20)})
    with Video(path) as video:
        told = model.describe_track(video, track, count=6)
        for caption in told:
            [evidence] = caption.evidence
            assert evidence.track is not None and evidence.t0 == evidence.track.span[0]
            assert caption.region == evidence.track.regions[0] and caption.text
        times = [t for caption in told for t, _ in caption.evidence[0].track or ()]
        assert len(times) == 6 and times == sorted(times)
        assert all(a.text != b.text for a, b in itertools.pairwise(told))
        assert len(model.describe_track(video, track, times=[0.2, 0.7])) <= 2
        with pytest.raises(InputError, match="outside the video"):
            model.describe_track(video, Track({50.0: REGIONS[0]}))
        with pytest.raises(InputError, match="count must be at least 1"):
            model.describe_track(video, track, count=0)


def test_precision(model: Describer) -> None:
    here = look(model)
    exact = here.describe(REGIONS)
    try:
        model.precision = "bf16"
        rough = here.describe(REGIONS)
        assert model.quick.dtype == torch.bfloat16 and len(rough) == 4
        model.precision = "fp8"  # type: ignore[assignment]
        with pytest.raises(InputError, match="precision must be one of fp32, bf16"):
            here.describe(REGIONS)
    finally:
        model.precision = "fp32"
    assert [c.text for c in here.describe(REGIONS)] == [c.text for c in exact]


def test_block_visibility(model: Describer) -> None:
    plan = Plan(steps=6, order="block", block=2)
    told = look(model.variant("block")).describe(REGIONS, plan=plan)
    assert len(told) == 4 and all(c.text for c in told) and told.passes <= 6


@pytest.mark.parametrize("geometry", sorted(SECOND_SCALE))
def test_released(model: Describer, geometry: str) -> None:
    """Every region gets an answer; what one region is reaches the others; the geometry is what it says."""
    other = model.variant("released", geometry=geometry)  # type: ignore[arg-type]
    here = look(other)
    told = here.describe(REGIONS[:3], plan=Plan(steps=3))
    assert len(told) == 3 and all(c.text for c in told)
    assert told.token_forwards > 3 * 64, "the whole sequence is read at every pass"
    requests = here.region_requests(REGIONS[:3], 0, True)
    plain = look(model).region_requests(REGIONS[:3], 0, True)
    same = all(
        torch.equal(a.regions[0].replay, b.regions[0].replay) for a, b in zip(requests, plain, strict=True)
    )
    assert same == (geometry == "correct")
    assert here.caption(plan=Plan(steps=2)).text
    with pytest.raises(InputError, match="cites one region"):
        here.ask("is <1> like <2>?", REGIONS)


def test_prompts_lie_in_the_context(model: Describer) -> None:
    """Cells that a region covers carry its marker; the others are plain cells."""
    from lucida.systems.describe.released import prompted, released_canvas

    here = look(model)
    requests = here.region_requests(REGIONS[:2], 0, False)
    span = prompted(model.layout, here.cells, [r.regions[0] for r in requests])
    side, v = model.layout.config.cells, model.layout.vocabulary
    grid = span.ids.view(side, side)
    assert bool((grid[:, : side // 2] == v.region(1)).all())
    assert bool((grid[: side // 2, side // 2 :] == v.region(2)).all())
    assert bool((grid[side // 2 :, side // 2 :] == v.special("cell")).all())
    canvas = released_canvas(model.layout, here.cells, requests)
    assert [s.name for s in canvas.context] == ["picture", "request"]
    assert canvas.visibility == "released" and canvas.groups == 2


def test_a_geometry_needs_the_released_visibility(model: Describer) -> None:
    with pytest.raises(InputError, match="goes with the visibility 'released'"):
        model.variant("strict", geometry="gar")


def test_an_answer_and_its_reason() -> None:
    regions = [Region.from_box((0, 0, 0.5, 0.5), (64, 64))]
    answer = look_module._answer("blue so no", 0.5, (0,), regions)
    assert (answer.text, answer.reason, answer.evidence[0].label) == ("no", "blue", "<1>")
    assert look_module._answer("red so ", 0.5, (0,), regions).abstained
    text = result_json([answer], image="a.png", size=(64, 64))
    assert load_document(json.loads(text)).results == (answer,)
    document = json.loads(text) | {"question": "is <1> red?"}
    assert list(lines_of(document, several=False)) == [" answer  0.50  no (blue)"]
    plain = json.loads(result_json([look_module._answer("no", 0.5, (0,), regions)], image="a.png", size=(64, 64)))
    assert "reason" not in plain["results"][0]
