"""The search: right answers on a clip, a ledger that holds, abstentions, and confidence that follows the evidence."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.metrics.geometry import temporal_iou
from lucida.metrics.parsing import parse_span
from lucida.watch.events.ground import Ground
from lucida.watch.events.happenings import Shot, see_shot, shrink_all
from lucida.watch.events.head import load_events
from lucida.watch.events.sightings import Sighting, Trail
from lucida.watch.index import index_path, load_index, read_facts, save_index
from lucida.watch.memory import MEMORIES
from lucida.watch.protocols import Answerer, Reasoner
from lucida.watch.reason.cast import cast_of, fit
from lucida.watch.reason.doubts import Aim, gaps_of, merged, worths
from lucida.watch.reason.findings import answer
from lucida.watch.reason.looking import Looker
from lucida.watch.reason.picture import evidence_sheet, key_times, timeline
from lucida.watch.reason.question import Thing
from lucida.watch.reason.roles import FindingsAnswerer, SearchReasoner
from lucida.watch.reason.searching import Searcher
from lucida.watch.reason.tools import Ledger, Tools
from lucida.watch.reason.watching import Name, Watched, WatchedShot, watch
from lucida.watch.records import Trace
from lucida.world.clips import Clip, draw_clip
from lucida.world.footage import ClipFootage
from tests.watch.reason import made


@pytest.fixture(scope="module")
def clip() -> Clip:
    return draw_clip(0, split="test")


@pytest.fixture(scope="module")
def coarse(clip: Clip) -> Watched:
    return watch(ClipFootage(clip).stream(3), clip.size, made.Knowing(clip), rate=3)


def searcher(clip: Clip, watched: Watched, tmp_path: Path, budget: int = 500, gone: tuple = ()) -> Searcher:
    """A search over a copy of what is known, so that tests do not see each other's close looks."""
    known = load_index(save_index(tmp_path / "copy.safetensors", watched))
    ledger = Ledger(budget=len(known.times) + budget)
    ledger.seen |= {round(t, 6) for t in known.times}
    footage = ClipFootage(clip, gone)
    return Searcher(
        known, Tools(footage, ledger, describer=made.Knowing(clip), zooms=known.zooms), load_events()
    )


def test_when_is_answered_with_span_and_boxes(clip: Clip, coarse: Watched, tmp_path: Path) -> None:
    search = searcher(clip, coarse, tmp_path)
    found = search.reason("when does the ladder enter?")
    truth = next(e for e in clip.events if e.text == "the ladder enters")
    span = parse_span(found.text)
    assert span is not None and float(temporal_iou(span, (truth.t0, truth.t1))) >= 0.5
    (cited,) = found.evidence
    assert cited.track is not None and cited.t0 is not None and cited.t0 - 0.1 <= cited.track.times[0]
    true_times = set(clip.times())
    assert all(min(abs(t - x) for x in true_times) < 1e-6 for t in cited.track.times), (
        "a time that no frame has"
    )
    assert 0 < found.frames < 0.3 * len(clip)
    assert not answer(found).abstained


def test_the_same_question_again_looks_at_nothing_new(clip: Clip, coarse: Watched, tmp_path: Path) -> None:
    search = searcher(clip, coarse, tmp_path)
    first = search.reason("when does the ladder enter?")
    again = search.reason("when does the ladder enter?")
    assert again.text == first.text and again.frames == 0


def test_a_strange_verb_and_an_absent_thing_are_abstained_from(
    clip: Clip, coarse: Watched, tmp_path: Path
) -> None:
    search = searcher(clip, coarse, tmp_path)
    verb = answer(search.reason("when does the ladder sing?"))
    assert verb.abstained and "'sing'" in verb.text and verb.evidence and verb.inspected
    absent = answer(search.reason("when does the walrus enter?"))
    assert absent.abstained and "walrus" in absent.text and absent.confidence == 0
    sound = answer(search.reason("how many tones are there?"))
    assert sound.abstained


def test_without_a_budget_nothing_is_looked_at_and_confidence_is_lower(
    clip: Clip, coarse: Watched, tmp_path: Path
) -> None:
    rich = searcher(clip, coarse, tmp_path).reason("when does the ladder enter?")
    poor_search = searcher(clip, coarse, tmp_path, budget=0)
    poor = poor_search.reason("when does the ladder enter?")
    assert poor.frames == 0 and poor_search.tools.ledger.left == 0
    assert any("refused" in step.observation for step in poor.steps)
    assert (poor.confidence or 0) < (rich.confidence or 0) - 0.2


def test_confidence_falls_when_the_evidence_is_taken_out(clip: Clip, coarse: Watched, tmp_path: Path) -> None:
    event = next(e for e in clip.events if e.text == "the ladder enters")
    gone = ((event.t0 - 0.1, event.t1 + 0.1),)
    without = watch(ClipFootage(clip, gone).stream(3), clip.size, made.Knowing(clip), rate=3)
    before = searcher(clip, coarse, tmp_path).reason("when does the ladder enter?")
    after = searcher(clip, without, tmp_path, gone=gone).reason("when does the ladder enter?")
    assert (after.confidence or 0) < (before.confidence or 0) - 0.2


def test_tools_refuse_with_observations(clip: Clip) -> None:
    tools = Tools(ClipFootage(clip), Ledger(budget=10))
    assert "not within" in tools.crop(7.0, 99.0, 12).note
    assert "runs backwards" in tools.crop(3.0, 2.0, 12).note
    assert "no memory" in tools.seek("fox").note and "no describer" in tools.zoom(1.0, (0, 0, 1, 1)).note
    assert not tools.crop(1.0, 1.5, 12).failed
    assert "same call" in tools.crop(1.0, 1.5, 12).note
    thinned = tools.crop(2.0, 4.0, 12)
    assert len(thinned.frames) <= 3 and tools.ledger.left == 0
    assert "spent" in tools.crop(5.0, 6.0, 12).note
    assert "spent" in tools.glance([5.0]).note and "no time" in tools.glance([]).note
    assert tools.ledger.frames <= 10 == tools.ledger.budget
    assert tools.ledger.frames == sum(step.frames for step in tools.ledger.steps)


def test_the_index_gives_back_what_was_put_in(clip: Clip, coarse: Watched, tmp_path: Path) -> None:
    path = save_index(tmp_path / "i.safetensors", coarse, {"name": "clip"})
    back = load_index(path)
    assert read_facts(path)["facts"]["name"] == "clip"
    assert back.times == coarse.times and back.size == coarse.size
    for a, b in zip(coarse.shots, back.shots, strict=True):
        assert a.names == b.names and a.shot.span == b.shot.span
        boxes = [[[s.box for s in t.sightings] for t in x.shot.trails] for x in (a, b)]
        assert boxes[0] == boxes[1]
        assert np.allclose(a.shot.ground.lab, b.shot.ground.lab, atol=1e-3)
        assert (a.shot.ground.things == b.shot.ground.things).all()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="not a whole index"):
        load_index(path)


def test_the_index_is_named_by_content_and_way_of_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCIDA_HOME", str(tmp_path))
    a, b = tmp_path / "a.mp4", tmp_path / "b.mp4"
    a.write_bytes(b"film")
    b.write_bytes(b"film")
    assert index_path(a, {"fps": 3}) == index_path(b, {"fps": 3}) != index_path(a, {"fps": 2})
    b.write_bytes(b"film!")
    assert index_path(a, {"fps": 3}) != index_path(b, {"fps": 3})
    with pytest.raises(InputError, match="nowhere"):
        index_path(tmp_path / "nowhere.mp4", {})


def test_a_look_leaves_what_watching_all_its_frames_at_once_would_have_found(
    clip: Clip, coarse: Watched
) -> None:
    known = copy.deepcopy(coarse)
    ledger = Ledger(budget=len(known.times) + 6, seen={round(t, 6) for t in known.times})
    footage = ClipFootage(clip)
    looker = Looker(known, Tools(footage, ledger))
    assert looker.look(0, [3.1, 3.2, 3.45, 3.1]) == ""
    assert ledger.frames == len(known.times) + 3 and len(known.closer) == 3
    frames = footage.at(sorted([*known.times, *known.closer]))
    shot = see_shot(
        [f.t for f in frames],
        shrink_all([f.pixels for f in frames]),
        clip.size,
        ground=coarse.shots[0].shot.ground,
    )
    assert known.shots[0].shot.times == shot.times
    found, wanted = ([[s.box for s in t.sightings] for t in x.trails] for x in (known.shots[0].shot, shot))
    assert found == wanted
    assert {n.noun for n in known.shots[0].names if n} == {n.noun for n in coarse.shots[0].names if n}


def test_gaps_are_where_no_frame_is_and_long_ones_only() -> None:
    gaps = gaps_of([0.0, 0.3, 0.4, 1.0], (-0.3, 1.1))
    assert gaps.tolist() == [[-0.3, 0.0], [0.0, 0.3], [0.4, 1.0]]


def test_a_look_is_worth_most_where_an_event_begins_or_ends(clip: Clip, coarse: Watched) -> None:
    shot, head = coarse.shots[0].shot, load_events()
    event = next(e for e in clip.events if e.text == "the ladder enters")
    k = next(k for k, trail in enumerate(shot.trails) if trail.span[0] > 3)  # it was there before, and left
    gaps = gaps_of(coarse.times, shot.span)
    worth = worths(shot, [Aim(trails=(k,), kinds=("enter",))], head, coarse.times, gaps)
    assert worth.shape == (len(gaps),) and worth.min() >= 0 and worth.max() <= 1
    best = gaps[worth.argmax()]
    assert best[0] < event.t1 + 0.1 and best[1] > event.t0 - 0.1
    elsewhere = worths(shot, [Aim(trails=(k,), kinds=("enter",), span=(6.0, 8.0))], head, coarse.times, gaps)
    assert (elsewhere[gaps[:, 1] < 6.0] == 0).all()
    assert not worths(shot, [Aim(trails=())], head, coarse.times, gaps[gaps[:, 1] - gaps[:, 0] < 0.3]).any()


def test_of_what_is_said_of_a_thing_the_majority_counts_and_the_rest_is_kept() -> None:
    box = (0.4, 0.4, 0.6, 0.6)
    seen = [Sighting(t=float(t), box=box, centre=(0.5, 0.5), area=0.04, lab=np.zeros(3)) for t in range(4)]
    trail = Trail(sightings=tuple(seen), histogram=np.zeros(64, np.float32))
    ground = Ground(
        lab=np.zeros((8, 8, 3), np.float32), things=np.zeros((8, 8), bool), table=np.ones((32, 32, 32), bool)
    )
    shot = Shot(span=(0.0, 3.0), shape=(8, 8), ground=ground, trails=(trail,))
    said = [
        Name(text=f"a {noun}", noun=noun, colour=None, t=float(t), box=where)
        for t, noun, where in [
            (0, "van", box),
            (1, "cup", box),
            (2, "van", box),
            (2, "fox", (0.0, 0.0, 0.2, 0.2)),
        ]
    ]
    watched = Watched(size=(8, 8), rate=1.0, shots=[WatchedShot(shot=shot, said=tuple(said))])
    (member,) = cast_of(watched)
    assert member.noun == "van" and member.heard == ["van", "cup", "van"]
    van, cup, fox = (fit(Thing(noun=noun), member) for noun in ("van", "cup", "fox"))
    assert van == pytest.approx(0.97) and cup == pytest.approx(0.97 / 3) and fox == 0


def test_spans_that_lie_close_are_one() -> None:
    assert merged([(2.0, 3.0), (0.0, 1.0), (1.1, 1.5), (2.5, 2.7)]) == [(0.0, 1.5), (2.0, 3.0)]


def test_pictures_are_drawn(clip: Clip, coarse: Watched, tmp_path: Path) -> None:
    search = searcher(clip, coarse, tmp_path)
    found = search.reason("when does the ladder enter?")
    moments = [(t, e, clip.frame(t)) for t, e in key_times(found.evidence)]
    sheet = evidence_sheet(moments)
    assert sheet is not None and sheet.size[1] > 300 and evidence_sheet([]) is None
    page = timeline(
        search.cast, found.evidence, (0.0, 8.0), search.refiner.times, [(3.0, 3.9)], found.question
    )
    gold = (page.pixels == np.array([255, 214, 92], np.uint8)).all(-1)
    columns = np.flatnonzero(gold.any(0))
    span = parse_span(found.text)
    assert span is not None
    assert columns[0] == pytest.approx(150 + span[0] / 8 * 834, abs=2)


def test_the_search_fits_the_interfaces(clip: Clip, coarse: Watched, tmp_path: Path) -> None:
    known = load_index(save_index(tmp_path / "copy.safetensors", coarse))
    reasoner = SearchReasoner(known, ClipFootage(clip), load_events(), describer=made.Knowing(clip))
    assert isinstance(reasoner, Reasoner) and isinstance(FindingsAnswerer(), Answerer)
    memory = MEMORIES["recency"](1 << 16, 8)
    trace = reasoner.reason("when does the ladder enter?", memory, {}, 60)
    assert FindingsAnswerer().answer(trace).text == trace.text and trace.steps
    with pytest.raises(InputError, match="dig"):
        reasoner.reason("when does the ladder enter?", memory, {"dig": print}, 60)
    with pytest.raises(InputError, match="no answer"):
        FindingsAnswerer().answer(Trace(question="?"))
