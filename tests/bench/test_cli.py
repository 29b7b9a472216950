"""The verbs end to end on this machine: run, resume, score, report, compare, power."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lucida.cli.main import main
from tests.bench.toy import FakeEndpoint, prompt_of, write_toy


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_toy(tmp_path / "data", 8, 2, broken="broken\n")


def test_run_score_report_compare(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeEndpoint(lambda body, n: "<b>red</b> \ud83e" if "of 3" in prompt_of(body) else "red") as server:
        command = ["bench", "run", "toy", "--data", str(data), "--model", f"openai:{server.url}#m", "--out", "a"]
        assert main([*command, "--option", "levels=2"]) == 0
        first = capsys.readouterr()
        assert main([*command, "--option", "levels=2", "--json"]) == 0
        again = capsys.readouterr()
    assert "accuracy  50.00" in first.out and "16 asked" in first.err and "line 9: malformed" in first.err
    assert "0 asked, 16 replayed" in again.err
    document = json.loads(again.out)
    assert document == json.loads((tmp_path / "a" / "score.json").read_text())
    assert document["means"]["accuracy"]["clusters"] == 2
    assert document["baselines"]["oracle-perfect"]["accuracy"] == 100

    levels = ["--data", str(data), "--option", "levels=2"]
    assert main(["bench", "score", "toy", *levels, "--predictions", "a", "--json"]) == 0
    saved = json.loads(capsys.readouterr().out)
    assert saved["score"] == document["score"] and saved["means"] == document["means"]

    assert main(["bench", "run", "toy", *levels, "--model", "oracle:perfect", "--out", "b"]) == 0
    capsys.readouterr()
    assert main(["bench", "compare", "b", "a"]) == 0
    assert "A minus B +50.00" in capsys.readouterr().out
    assert main(["bench", "report", "a", "b", "--html", "report.html"]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "<b>red</b>" not in page and "&lt;b&gt;red" in page
    expected = ("n = 16", "always red", "oracle-perfect", "line 9: malformed", "accuracy by domain", "<svg", "seconds")
    expected += ("tokens", "unparsed", "detectable", "data:image/jpeg;base64", "provenance")
    for wanted in expected:
        assert wanted.lower() in page.lower(), wanted
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_bad_input_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["--data", str(data)]
    cases = [
        (["run", "nothing", *base, "--model", "x"], "want one of"),
        (["run", "toy", "--data", "no-such", "--model", "x"], "no such folder"),
        (["run", "toy", *base, "--model", "oracle:x"], "always red"),
        (["run", "toy", *base, "--model", "oracle:perfect", "--option", "levels"], "name=value"),
        (["run", "toy", *base, "--model", "oracle:perfect", "--limit", "0"], "--limit 0"),
        (["score", "toy", *base, "--predictions", "no.json"], "no.json"),
        (["report", "no-run", "--html", "x.html"], "no-run"),
        (["power", "--n", "0"], "n 0"),
    ]
    for arguments, wanted in cases:
        assert main(["bench", *arguments]) == 2, arguments
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert wanted in error and error.startswith("lucida: error:"), error


def test_power_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "power", "--n", "500", "--rate", "0.01", "--difference", "0.004", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 0.016 < document["detectable"] < 0.019 and document["needed"] > 9000
