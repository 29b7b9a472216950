"""The ledger: verdicts are computed, rows are checked, results round-trip, pages tell when they are stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.train import ledger
from lucida.train.ledger import (
    Expectation,
    Number,
    Result,
    load_claims,
    load_result,
    save_result,
    seconds,
    verdict,
)
from lucida.train.ledger_page import format_number, page, problems, render

ROOT = Path(__file__).resolve().parents[2]
ROW: dict[str, Any] = {
    "id": "less-is-less",
    "claim": "a is less than b.",
    "source": "arithmetic",
    "arms": ["a", "b"],
    "budget": "1m",
    "seeds": 1,
    "command": "python x.py",
    "expect": [{"number": "a", "op": "<", "than": "b", "spreads": 2}],
    "only_if": [{"when": "noise is ignored", "expect": [{"number": "a", "op": "<", "than": "b"}]}],
}


def write(root: Path, *rows: dict[str, Any]) -> list[ledger.Claim]:
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs" / "claims.yaml").write_text(yaml.safe_dump(list(rows), sort_keys=False))
    return load_claims(root)


def result(**numbers: Number) -> Result:
    return Result(status="finished", command="python x.py", numbers=numbers)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Number(value=1.0, spread=0.1, n=3), Number(value=2.0, spread=0.1, n=3), "holds"),
        (
            Number(value=1.0, spread=0.6, n=3),
            Number(value=2.0, spread=0.8, n=3),
            "holds only if noise is ignored",
        ),
        (Number(value=2.0), Number(value=1.0), "does not hold at this scale"),
    ],
)
def test_verdicts(a: Number, b: Number, expected: str, tmp_path: Path) -> None:
    [claim] = write(tmp_path, ROW)
    assert verdict(claim, result(a=a, b=b)) == expected


def test_not_yet_run(tmp_path: Path) -> None:
    [claim] = write(tmp_path, ROW)
    assert verdict(claim, None) == "not yet run"
    assert verdict(claim, Result(status="budget", command="", why="budget")) == "not yet run (budget)"
    assert verdict(claim, result(a=Number(value=1.0))) == "not yet run (the command gives no 'b')"


def test_spreads_combine_as_a_right_triangle() -> None:
    """3 and 4 make 5: a gap of 10 is two spreads, and must be exceeded."""
    wish = Expectation(number="a", op=">", than="b", spreads=2)
    low = Number(value=0.0, spread=4.0)
    assert not wish.holds(result(a=Number(value=10.0, spread=3.0), b=low))
    assert wish.holds(result(a=Number(value=10.001, spread=3.0), b=low))


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Expectation(number="*_ratio", op=">=", value=1.0), True),
        (Expectation(number="*_ratio", op=">", value=1.0), False),
        (Expectation(passed="same_*"), True),
        (Expectation(passed="*"), False),
    ],
)
def test_a_star_means_all_of_them(wish: Expectation, expected: bool) -> None:
    numbers = {"a_ratio": Number(value=1.0), "b_ratio": Number(value=2.0), "c": Number(value=0.0)}
    passed = {"same_a": True, "same_b": True, "other": False}
    assert wish.holds(Result(status="finished", command="", numbers=numbers, passed=passed)) is expected


def test_a_star_that_matches_nothing_decides_nothing() -> None:
    with pytest.raises(KeyError):
        Expectation(number="*_ratio", op=">", value=1.0).holds(result(a=Number(value=2.0)))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "Bad Id"}, "id"),
        ({"colour": "red"}, "colour"),
        ({"budget": "soon"}, "budget"),
        ({"expect": []}, "expect"),
        ({"expect": [{"number": "a", "op": "=", "value": 1}]}, "expect"),
        ({"expect": [{"number": "a", "op": "<", "value": 1, "than": "b"}]}, "expect"),
        ({"expect": [{"passed": "x", "number": "a", "op": "<", "value": 1}]}, "expect"),
        ({"expect": [{"numbr": "a"}]}, "expect"),
        ({"seeds": None, "source": ...}, "source"),
    ],
)
def test_a_wrong_row_is_named(change: dict[str, Any], field: str, tmp_path: Path) -> None:
    row = {key: value for key, value in {**ROW, **change}.items() if value is not ...}
    with pytest.raises(InputError, match=field):
        write(tmp_path, row)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        write(tmp_path, ROW, ROW)


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("40m", 2400), ("1h30m", 5400), ("2h", 7200)])
def test_budgets(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "40", "0m", "m", "-3m", "1.5h"])
def test_wrong_budgets(text: str) -> None:
    with pytest.raises(InputError, match="budget"):
        seconds(text)


numbers = st.builds(
    Number,
    value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12),
    spread=st.none() | st.floats(0, 1e6),
    n=st.integers(1, 99),
)


@given(numbers=st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), numbers), notes=st.text())
def test_results_round_trip(
    numbers: dict[str, Number], notes: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("ledger")
    made = Result(
        status="finished", command="x", numbers=numbers, passed={"ok": True}, notes=notes, seconds=1.5
    )
    save_result(root, "it", made)
    assert load_result(root, "it") == made


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    path = ledger.result_path(tmp_path, "it")
    path.parent.mkdir(parents=True)
    path.write_text('{"numbers": {"a": {"valeu": 1}}}')
    with pytest.raises(InputError, match=r"it\.json"):
        load_result(tmp_path, "it")


@pytest.mark.parametrize(
    ("number", "spec", "text"),
    [
        (Number(value=1234.0), "", "1,234"),
        (Number(value=0.123456), "", "0.1235"),
        (Number(value=0.5, spread=0.01234, n=3), "", "0.5 ± 0.012 (n=3)"),
        (Number(value=0.5, spread=0.01234, n=3), ".2f", "0.50"),
    ],
)
def test_numbers_are_shown(number: Number, spec: str, text: str) -> None:
    assert format_number(number, spec) == text


def test_pages_are_rendered_and_go_stale(tmp_path: Path) -> None:
    [claim] = write(tmp_path, ROW)
    readme = tmp_path / "README.md"
    readme.write_text("A is <!-- claim less-is-less.a .1f -->9<!-- /claim --> today.\n")
    assert any("no result" in line for line in problems(tmp_path))
    with pytest.raises(InputError, match="no result"):
        render(tmp_path)
    save_result(tmp_path, claim.id, result(a=Number(value=1.0), b=Number(value=2.0)))
    assert {line.partition(":")[0] for line in problems(tmp_path)} == {"README.md", "docs/claims.md"}
    assert render(tmp_path) == [tmp_path / "docs" / "claims.md", readme]
    assert readme.read_text() == "A is <!-- claim less-is-less.a .1f -->1.0<!-- /claim --> today.\n"
    assert "**holds**" in (tmp_path / "docs" / "claims.md").read_text()
    assert problems(tmp_path) == []
    assert render(tmp_path) == []


def test_a_result_of_another_command_or_of_no_claim_is_found(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    save_result(tmp_path, "less-is-less", Result(status="finished", command="python old.py"))
    save_result(tmp_path, "forgotten", result())
    render(tmp_path)
    found = "\n".join(problems(tmp_path))
    assert "python old.py" in found
    assert "forgotten.json: no claim" in found


def test_the_page_names_the_machine(tmp_path: Path) -> None:
    [claim] = write(tmp_path, ROW)
    made = Result(
        status="finished", command="x", machine={"cores": 2}, commit="abc", dirty=True, date="2026-01-02"
    )
    assert "2026-01-02, 0 s, commit abc + changes; cores 2" in page([(claim, made)])


def test_the_ledger_of_this_project() -> None:
    """Its rows are well formed, and every script that a command names exists."""
    for claim in load_claims(ROOT):
        for word in claim.command.split():
            if word.endswith(".py") or word.startswith("tests/"):
                assert (ROOT / word.partition("::")[0]).exists(), f"{claim.id}: {word}"


def test_the_pages_of_this_project_stand_on_results() -> None:
    assert problems(ROOT) == [], "run: lucida claims render"
