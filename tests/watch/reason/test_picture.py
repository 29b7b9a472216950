"""Contact sheets and timelines: which moments are shown, and which row an event belongs to."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np

from lucida.cli.ask_parts import located
from lucida.media.records import Evidence
from lucida.watch.reason.findings import Findings
from lucida.watch.reason.picture import _row_of, key_times


def test_a_span_without_a_track_is_shown_at_its_beginning_middle_and_end() -> None:
    assert [t for t, _ in key_times([Evidence("taxi", 1.0, 5.0)])] == [1.0, 3.0, 5.0]
    assert [t for t, _ in key_times([Evidence("taxi", 2.0, 2.0)])] == [2.0]


def test_an_event_is_drawn_once_on_the_row_that_is_seen_then() -> None:
    rows = [
        SimpleNamespace(spans=[(0.0, 4.0)]),
        SimpleNamespace(spans=[(6.0, 9.0)]),
        SimpleNamespace(spans=[(0, 9)]),
    ]
    names = ["heron", "heron", "cow"]
    assert [_row_of(Evidence("heron: enter", t, t + 1), names, rows) for t in (1.0, 6.5)] == [0, 1]
    assert _row_of(Evidence("owl: enter", 1.0, 2.0), names, rows) == -1
    assert _row_of(Evidence("heron", 1.0, 2.0), names, rows) == -1


def test_whole_frames_that_were_remembered_get_boxes_once() -> None:
    class Film:
        size, asked = (40, 40), 0

        def at(self, times):
            self.asked += len(times)
            return [SimpleNamespace(t=t, pixels=np.zeros((40, 40, 3), np.uint8)) for t in times]

    def locate(pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        heat = np.zeros((4, 4), np.float32)
        heat[0, 1] = 1
        return heat

    words = SimpleNamespace(weights=lambda text: np.ones(1000), tower=SimpleNamespace(locate=locate))
    findings = Findings(
        question="when is there a taxi?", text="1-5 s", evidence=(Evidence("taxi", 1.0, 5.0),)
    )
    film, kept = Film(), {}
    first = located(findings, film, kept, words)
    track = first.evidence[0].track
    assert (
        track is not None and track.times == (1.0, 3.0, 5.0) and track.at(3.0).box == (0.25, 0.0, 0.5, 0.25)
    )
    assert (
        film.asked == 3
        and located(findings, film, kept, words).evidence == first.evidence
        and film.asked == 3
    )
    nameless = dataclasses.replace(findings, evidence=(Evidence("heron: enter", 1.0, 2.0),))
    assert (
        located(nameless, film, {}, SimpleNamespace(weights=lambda text: None)).evidence == nameless.evidence
    )
