"""Every protocol end to end offline with the verbs, on data that the verbs made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lucida.cli.main import main

CASES = {  # protocol: (a baseline to compare with, what the headline of the truth is)
    "videozero": ("empty", 100), "videozero-joint": ("whole-video", None), "vstar": ("empty", 100),
    "grounding": ("whole-video", 100), "ovo": ("every-answer", 100), "streaming": ("random-no", 100),
    "gar-vqa": ("", 100), "paradlc": ("empty", 100), "dlc": ("empty", 100),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_make_run_score_report_compare(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trivial, top = CASES[name]
    assert main(["bench", "make", name, "data", "--count", "3", "--seed", "4", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["requests"] > 0 and made["protocol"] == name
    run = ["bench", "run", name, "--data", "data", "--cache", "cache", "--json", "--model"]
    assert main([*run, "oracle", "--out", "truth"]) == 0
    truth = json.loads(capsys.readouterr().out)
    score = truth["score"]
    assert truth["problems"] == [] and score["statuses"]["ok"] == len(score["rows"]) > 0
    headline = truth["headline"]
    expected = score["ceilings"][headline] if top is None else top
    assert score["summary"][headline] == pytest.approx(expected)
    assert main(["bench", "score", name, "--data", "data", "--predictions", "truth", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == score
    pages = ["truth"]
    if trivial:
        assert main([*run, f"oracle:{trivial}", "--out", "trivial"]) == 0
        capsys.readouterr()
        assert main(["bench", "compare", "truth", "trivial", "--json"]) == 0
        assert all(one["losses"] == 0 for one in json.loads(capsys.readouterr().out)["comparisons"])
        pages.append("trivial")
    assert main(["bench", "report", *pages, "--html", "report.html"]) == 0
    page = (tmp_path / "report.html").read_text()
    for words in (
        f"n = {score['n']}",
        "cluster-bootstrap",
        "Provenance",
        "Failures and remarks",
        "data:image/jpeg",
    ):
        assert words in page, words
    assert main(["bench", "power", "--n", str(score["n"])]) == 0


def test_make_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = [
        (["nothing", "a"], "the world makes"), (["ovo", "a", "--count", "0"], "at least 1"),
        (["ovo", "."], "exists already"), (["ovo", "a", "--split", "toast"], "split"),
    ]  # fmt: skip
    for arguments, words in cases:
        assert main(["bench", "make", *arguments]) == 2
        assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main(["bench", "run", "ovo", "--data", ".", "--model", "skill:reader"]) == 2
