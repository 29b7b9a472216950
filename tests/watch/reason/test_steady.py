"""A moving camera and cuts: what cannot be followed is not answered, and two things of one name stay two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lucida.media.video.frame import Frame
from lucida.watch.events.ground import Ground
from lucida.watch.events.happenings import Shot
from lucida.watch.events.head import load_events
from lucida.watch.events.sightings import Sighting, Trail
from lucida.watch.index import load_index, save_index
from lucida.watch.reason.cast import cast_of, scenes_of
from lucida.watch.reason.findings import answer
from lucida.watch.reason.searching import Searcher
from lucida.watch.reason.steady import UNFOLLOWED, doubt_of, moving_spans, steady_share
from lucida.watch.reason.tools import Ledger, Tools
from lucida.watch.reason.watching import Name, Watched, WatchedShot, watch
from tests.watch.events.test_camera import panned

SIZE = (72, 96)


@dataclass
class Film:
    """Small pictures, six a second, as a film."""

    pictures: np.ndarray
    name: str = "film"
    first_t: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        return SIZE

    @property
    def duration(self) -> float:
        return len(self.pictures) / 6

    def at(self, times: Sequence[float]) -> list[Frame]:
        ranks = [min(len(self.pictures) - 1, int(t * 6 + 1e-6)) for t in times]
        return [Frame(self.pictures[k], k / 6, k) for k in ranks]

    def stream(self, fps: float) -> Iterator[Frame]:
        return (self.at([t])[0] for t in np.arange(0, self.duration - 1e-9, 1 / fps))


@dataclass
class Dogs:
    """Calls everything a dog."""

    def describe(self, pixels: np.ndarray, boxes: Sequence[object]) -> list[str]:
        return ["a brown dog" for _ in boxes]


def searcher(film: Film) -> Searcher:
    watched = watch(film.stream(3), SIZE, Dogs(), rate=3)
    tools = Tools(film, Ledger(budget=len(watched.times) + 200), describer=Dogs(), zooms=watched.zooms)
    return Searcher(watched, tools, load_events())


@pytest.mark.parametrize("question", ["does something enter?", "how many things leave?", "where is the dog?"])
def test_a_film_of_a_moving_camera_has_no_answer_that_needs_following(question: str) -> None:
    found = answer(searcher(Film(panned(40, 6))).reason(question))
    assert found.abstained and "camera moves" in found.text
    assert any("camera moves (0.0-" in line for line in found.inspected)


def test_a_moving_camera_takes_the_certainty_from_no() -> None:
    found = searcher(Film(panned(40, 6))).reason("is there a walrus?")
    assert found.confidence <= UNFOLLOWED and (found.withheld or found.doubt)


def test_where_the_camera_moves_for_a_while_is_said_and_kept(tmp_path: Path) -> None:
    bright = np.clip(255 - panned(40, 6).astype(int), 0, 255).astype(
        np.uint8
    )  # another scene: a cut between them
    bright[..., 2] //= 4
    watched = watch(Film(np.concatenate([panned(0, 6), bright])).stream(3), SIZE, Dogs(), rate=3)
    assert [seen.shot.moving for seen in watched.shots] == [False, True]
    ((t0, t1),) = moving_spans(watched)
    assert t0 == pytest.approx(6, abs=0.4) and t1 == pytest.approx(12, abs=0.4)
    assert steady_share(watched) == pytest.approx(0.5, abs=0.05)
    assert doubt_of(load_index(save_index(tmp_path / "i.safetensors", watched))) == doubt_of(watched) != ""


def one_trail(t: float, histogram: np.ndarray) -> Trail:
    box = (0.4, 0.4, 0.6, 0.6)
    seen = [
        Sighting(t=t + k / 3, box=box, centre=(0.5, 0.5), area=0.04, lab=np.full(3, 0.5)) for k in range(4)
    ]
    return Trail(sightings=tuple(seen), histogram=histogram)


def film_of(spans: list[tuple[float, float]], histograms: list[np.ndarray]) -> Watched:
    """A shot per span, each with one trail that the describer calls a brown dog."""
    ground = Ground(lab=np.zeros((72, 96, 3), np.float32), things=np.zeros((72, 96), bool))
    watched = Watched(size=SIZE, rate=3.0)
    for span, histogram in zip(spans, histograms, strict=True):
        trail = one_trail(span[1] - 1.2, histogram)
        name = Name(text="a brown dog", noun="dog", colour="brown", t=trail.span[0], box=(0.4, 0.4, 0.6, 0.6))
        shot = Shot(span=span, shape=SIZE, ground=ground, trails=(trail,))
        watched.shots.append(WatchedShot(shot=shot, said=(name,)))
    return watched


def test_across_a_cut_a_name_alone_does_not_make_two_things_one() -> None:
    red, blue = np.eye(64, dtype=np.float32)[[3, 40]]
    cut = [(0.0, 5.0), (5.3, 10.0)]
    assert scenes_of(film_of(cut, [red, blue])) == [0, 1]
    assert len(cast_of(film_of(cut, [red, blue]))) == 2
    assert len(cast_of(film_of(cut, [red, red]))) == 1
    chunks = [(0.0, 5.0), (4.0, 10.0)]
    assert scenes_of(film_of(chunks, [red, blue])) == [0, 0]
    assert len(cast_of(film_of(chunks, [red, blue]))) == 1
