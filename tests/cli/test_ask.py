"""`lucida ask` and `lucida index` from end to end, on a small clip with a describer that knows the truth."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lucida.cli import ask_parts
from lucida.cli.main import main
from lucida.media.document import load_document
from lucida.metrics.geometry import temporal_iou
from lucida.world.clips import Clip, draw_clip
from lucida.world.clips_file import write_clip
from tests.watch.reason.made import Knowing


@pytest.fixture(scope="module")
def clip() -> Clip:
    return draw_clip(0, split="test")


@pytest.fixture(scope="module")
def written(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as a file; drawing and encoding it is most of what these tests cost."""
    return write_clip(clip, tmp_path_factory.mktemp("ask") / "film.mp4")


@pytest.fixture
def film(clip: Clip, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Test clip 0 as a file in an empty folder; the cache is the test's own."""
    monkeypatch.setenv("LUCIDA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ask_parts, "RegionDescriber", lambda model="describe": Knowing(clip))
    return Path(shutil.copy(written, tmp_path / "film.mp4"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["ask", "film.mp4"], "no question"),
        (["ask", "film.mp4", "tell me a story"], "form"),
        (["ask", "film.mp4", "is there a cat?", "--fps", "0"], "--fps"),
        (["ask", "film.mp4", "is there a cat?", "--frames", "-1"], "--frames"),
        (["ask", "nowhere.mp4", "is there a cat?"], "nowhere.mp4"),
        (["index"], "no video"),
        (["index", "nowhere.mp4"], "nowhere.mp4"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    arguments: list[str],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert word in error and error.count("\n") == 0
    assert not (tmp_path / "runs").exists()


def test_a_question_is_answered_and_the_index_spares_the_second_look(
    film: Path, clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["index", str(film)]) == 0
    assert "ladder" in capsys.readouterr().out
    question = "when does the ladder enter?"
    assert main(["ask", str(film), question, "--index", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    document = load_document(tmp_path / "out" / "answer.json")
    (answer,) = document.results
    truth = next(e for e in clip.events if e.text == "the ladder enters")
    cited = answer.evidence[0]
    assert cited.t0 is not None and cited.t1 is not None and cited.track is not None
    assert float(temporal_iou((cited.t0, cited.t1), (truth.t0, truth.t1))) >= 0.5
    assert f"{cited.t0:.2f}-{cited.t1:.2f} s" in said
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"answer.json", "sheet.png", "timeline.png"}
    assert main(["ask", str(film), question, "--index", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["from_index"] and again["frames"]["this_question"] == 0
    assert np.isclose(again["results"][0]["confidence"], answer.confidence, atol=0.02)


def test_a_strange_verb_is_an_abstention_and_no_error(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", str(film), "when does the ladder sing?", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["abstained"] and "'sing'" in result["text"] and result["inspected"]
