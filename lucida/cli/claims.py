"""``lucida claims``: what this project says about itself, each with the command that decides it."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Any

from cyclopts import App

from lucida.media.errors import InputError
from lucida.train.claims import run_claim
from lucida.train.ledger import Claim, find_root, load_claims, load_result, verdict
from lucida.train.ledger_page import format_number, problems, render

app = App(name="claims", help="List, run and render the claims and their numbers.", help_format="plaintext")
app.help_epilogue = """\
Examples:
    lucida claims list
    lucida claims run help-time --budget 5m
    lucida claims check"""


@app.command(name="list")
def list_claims(*, json: bool = False, root: Path | None = None) -> None:
    """List every claim with its verdict.

    Args:
        json: print one JSON document instead of lines.
        root: the checkout; default: the one around the current folder.

    Examples:
        lucida claims list --json
    """
    folder = find_root(root)
    rows: list[dict[str, Any]] = []
    for claim in load_claims(folder):
        result = load_result(folder, claim.id)
        numbers = {name: number.value for name, number in result.numbers.items()} if result else {}
        row = {
            "id": claim.id,
            "claim": claim.claim.strip(),
            "verdict": verdict(claim, result),
            "numbers": numbers,
        }
        rows.append({**row, "command": claim.command})
    if json:
        print(json_module.dumps({"schema": "lucida/1", "claims": rows}, indent=2))
        return
    width = max((len(row["id"]) for row in rows), default=0)
    for row in rows:
        print(f"{row['id']:<{width}}  {row['verdict']}: {' '.join(row['claim'].split())}")


@app.command
def run(*ids: str, budget: str | None = None, every: bool = False, root: Path | None = None) -> int:
    """Run claims and write their numbers, then render the pages.

    Args:
        ids: the claims to run.
        budget: stop each after this long (90s, 40m, 1h30m); default: the claim's own budget.
        every: run every claim that has no finished result yet.
        root: the checkout; default: the one around the current folder.

    Examples:
        lucida claims run help-time
        lucida claims run --every --budget 40m
    """
    folder = find_root(root)
    for claim in _chosen(folder, ids, every=every):
        result = run_claim(folder, claim, budget=budget, say=_say)
        print(f"{claim.id}: {verdict(claim, result)}")
        for name, number in result.numbers.items():
            print(f"  {name}: {format_number(number)}")
        for name, passed in result.passed.items():
            print(f"  {name}: {'passes' if passed else 'fails'}")
        render(folder)
    return 0


def _chosen(folder: Path, ids: tuple[str, ...], *, every: bool) -> list[Claim]:
    claims = {claim.id: claim for claim in load_claims(folder)}
    if unknown := [name for name in ids if name not in claims]:
        raise InputError(f"no claim {unknown[0]!r} (there are: {', '.join(claims)})")
    if not ids and not every:
        raise InputError("want the id of a claim, or --every (see: lucida claims list)")
    chosen = [claims[name] for name in ids]
    for claim in claims.values() if every else ():
        result = load_result(folder, claim.id)
        if claim not in chosen and (result is None or result.status != "finished"):
            chosen.append(claim)
    return chosen


@app.command(name="render")
def render_pages(*, root: Path | None = None) -> None:
    """Write docs/claims.md and the marked numbers of the other pages.

    Args:
        root: the checkout; default: the one around the current folder.

    Examples:
        lucida claims render
    """
    folder = find_root(root)
    for path in render(folder):
        print(path.relative_to(folder))


@app.command
def check(*, root: Path | None = None) -> int:
    """Check that every shown number and verdict stands on a result; exit code 1 when one does not.

    Args:
        root: the checkout; default: the one around the current folder.

    Examples:
        lucida claims check
    """
    found = problems(find_root(root))
    for line in found:
        print(line)
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
