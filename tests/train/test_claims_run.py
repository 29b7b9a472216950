"""Running a claim: what the command reports is kept with where it was measured, and a command over budget is ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lucida.cli.main import main
from lucida.media.errors import InputError
from lucida.train import claims as claims_module
from lucida.train.claims import argv, measured, report, run_claim
from lucida.train.ledger import Claim, Expectation, Number, load_result, verdict

EXPECT = (Expectation(number="a", op=">", value=1.0), Expectation(passed="fine"))
REPORT = """
import os, sys
from lucida.train.claims import measured, report
print("progress")
report({"a": measured([1.0, 2.0, 3.0]), "budget": int(os.environ["LUCIDA_CLAIM_BUDGET"])}, {"fine": True}, "note")
"""


@pytest.fixture(autouse=True)
def _known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe takes a second, and is not what is tested here."""
    monkeypatch.setattr("lucida.train.machine.machine", lambda: {"cores": 2})


def claim(root: Path, code: str, budget: str = "1m") -> Claim:
    (root / "script.py").write_text(code)
    return Claim(
        id="it",
        claim="c",
        source="s",
        arms=("x",),
        budget=budget,
        seeds=1,
        command="python script.py",
        expect=EXPECT,
    )


@pytest.fixture(autouse=True)
def _package_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


def test_a_run_keeps_numbers_and_provenance(tmp_path: Path) -> None:
    said: list[str] = []
    row = claim(tmp_path, REPORT)
    made = run_claim(tmp_path, row, budget="30s", say=said.append)
    assert made.numbers == {"a": Number(value=2.0, spread=1.0, n=3), "budget": Number(value=30)}
    assert (made.status, made.passed, made.notes, made.machine) == (
        "finished",
        {"fine": True},
        "note",
        {"cores": 2},
    )
    assert made.seconds > 0 and made.dirty and made.commit == ""
    assert load_result(tmp_path, "it") == made
    assert verdict(row, made) == "holds"
    assert "script.py" in said[0]


def test_the_commit_is_recorded(tmp_path: Path) -> None:
    row = claim(tmp_path, REPORT)
    git = ["git", "-c", "user.name=n", "-c", "user.email=e"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True, capture_output=True)
    first = run_claim(tmp_path, row)
    assert len(first.commit) == 12 and not first.dirty
    assert not run_claim(tmp_path, row).dirty, "what the first run wrote does not count"
    (tmp_path / "script.py").write_text(REPORT + "\n")
    assert run_claim(tmp_path, row).dirty


def test_over_budget_everything_it_started_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('pid').write_text(str(child.pid)); time.sleep(60)"
    )
    row = claim(tmp_path, code)
    start = time.monotonic()
    made = run_claim(tmp_path, row, budget="2s")
    assert time.monotonic() - start < 30
    assert verdict(row, made) == "not yet run (budget)"
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not _alive(pid):
            break
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


@pytest.mark.parametrize(
    ("code", "why"), [("raise SystemExit(3)", "exited with code 3"), ("pass", "reported no numbers")]
)
def test_failures_say_why(code: str, why: str, tmp_path: Path) -> None:
    row = claim(tmp_path, code)
    made = run_claim(tmp_path, row)
    assert made.status == "failed"
    assert why in verdict(row, made)


def test_a_wrong_budget_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="budget"):
        run_claim(tmp_path, claim(tmp_path, REPORT), budget="soon")
    assert load_result(tmp_path, "it") is None


def test_own_commands_are_those_of_this_interpreter() -> None:
    assert argv("python a.py 'b c'") == [sys.executable, "a.py", "b c"]
    assert argv("pytest -q") == [sys.executable, "-m", "pytest", "-q"]
    assert argv("lucida list") == [sys.executable, "-m", "lucida", "list"]
    assert argv("make test") == ["make", "test"]


def test_report_returns_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = report({"a": 1, "b": {"value": 2.0, "spread": 0.5, "n": 4}}, {"c": True})
    assert data["numbers"]["b"] == {"value": 2.0, "spread": 0.5, "n": 4}
    out = tmp_path / "out.json"
    monkeypatch.setenv(claims_module.OUT, str(out))
    assert report({"a": 1}) == json.loads(out.read_text())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_report_refuses_what_is_no_number(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        report({"a": value})


def test_measured() -> None:
    assert measured([2.0]) == Number(value=2.0, spread=None, n=1)
    with pytest.raises(ValueError, match="no values"):
        measured([])


def test_the_verb_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "script.py").write_text(REPORT)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "claims.yaml").write_text(
        "- {id: it, claim: c, source: s, arms: [x], budget: 1m, seeds: 1, command: python script.py,\n"
        "   expect: [{number: a, op: '>', value: 1}]}\n"
    )
    root = ["--root", str(tmp_path)]
    assert main(["claims", "run", "it", *root]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["it: holds", "  a: 2 ± 1 (n=3)"]
    assert main(["claims", "check", *root]) == 0
    assert main(["claims", "list", "--json", *root]) == 0
    assert json.loads(capsys.readouterr().out)["claims"][0]["verdict"] == "holds"
    (tmp_path / "docs" / "claims.md").write_text("typed by hand")
    assert main(["claims", "check", *root]) == 1
    assert main(["claims", "render", *root]) == 0
    assert main(["claims", "run", "nothing", *root]) == 2
    assert main(["claims", "run", *root]) == 2
    assert main(["claims", "list", "--root", str(tmp_path / "docs" / "..")]) == 0
