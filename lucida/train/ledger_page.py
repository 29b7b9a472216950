"""``docs/claims.md`` rendered from the ledger, and the numbers that other pages show from it.

A page that shows a number holds a marked span, and the text between the marks is written here, never typed::

    `lucida --help` takes <!-- claim help-time.help_seconds .2f -->0.13<!-- /claim --> s.

The name after the dot is a number of the result, or ``verdict``; the optional last word is a format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.train.ledger import Claim, Number, Result, load_claims, load_result, verdict

PAGE = "docs/claims.md"
_SPAN = re.compile(r"(<!-- claim ([a-z0-9-]+)\.([\w/-]+)(?: (\S+))? -->)(.*?)(<!-- /claim -->)", re.DOTALL)
_HEAD = """\
# Claims

This page is rendered by `lucida claims render` from `docs/claims.yaml`, which is written by hand, and `docs/claims/`,
which is written by `lucida claims run ID`. Do not edit it. A verdict is computed from the numbers. What follows a ± is
the standard deviation over n repeats or seeds, unless the claim's note says otherwise.
"""


def format_number(number: Number, spec: str = "") -> str:
    """``12``, ``0.1283 ± 0.004 (n=5)``; with a format ``spec`` only the value, so formatted."""
    if spec:
        return format(number.value, spec)
    whole = float(number.value).is_integer() and abs(number.value) < 1e15
    text = f"{int(number.value):,}" if whole else f"{number.value:.4g}"
    if number.spread is not None:
        text += f" ± {number.spread:.2g}"
    return text + (f" (n={number.n})" if number.n > 1 else "")


def render(root: Path) -> list[Path]:
    """Write ``docs/claims.md`` and each marked span of ``README.md`` and ``docs/*.md``; return what changed.

    Raises:
        InputError: the ledger is not readable, or a span names a number that has no result.
    """
    changed = []
    for path, text in _wanted(root, strict=True):
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            atomic_write(path, text)
            changed.append(path)
    return changed


def problems(root: Path) -> list[str]:
    """What makes the pages untrue, a line each: stale pages, numbers or results nothing stands behind."""
    claims = {claim.id: claim for claim in load_claims(root)}
    found = []
    for path in sorted((root / "docs" / "claims").glob("*.json")):
        claim, result = claims.get(path.stem), load_result(root, path.stem)
        if claim is None:
            found.append(f"docs/claims/{path.name}: no claim of that id")
        elif result is not None and result.command != claim.command:
            found.append(f"{claim.id}: its result was made by another command: {result.command}")
    for path in _pages(root):
        for match in _SPAN.finditer(path.read_text(encoding="utf-8")):
            try:
                _shown(root, claims, match)
            except InputError as error:
                found.append(f"{path.relative_to(root)}: {error}")
    for path, text in _wanted(root, strict=False):
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            found.append(f"{path.relative_to(root)}: stale (run: lucida claims render)")
    return found


def page(claims: Iterable[tuple[Claim, Result | None]]) -> str:
    """The whole of ``docs/claims.md``."""
    rows = list(claims)
    lines = [_HEAD, "| claim | verdict | seconds | commit |", "|---|---|---|---|"]
    for claim, result in rows:
        cost = f"{result.seconds:g}" if result else ""
        lines.append(f"| [{claim.id}](#{claim.id}) | {verdict(claim, result)} | {cost} | {_commit(result)} |")
    for claim, result in rows:
        lines += ["", *_section(claim, result)]
    return "\n".join(lines) + "\n"


def _section(claim: Claim, result: Result | None) -> list[str]:
    lines = [f"## {claim.id}", "", claim.claim.strip(), "", f"**{verdict(claim, result)}**", ""]
    lines += [f"- source: {claim.source}", f"- arms: {'; '.join(claim.arms)}"]
    lines.append(f"- command: `{claim.command}` (budget {claim.budget}, seeds {claim.seeds})")
    lines.append(f"- holds when: {'; '.join(str(item) for item in claim.expect)}")
    for condition in claim.only_if:
        lines.append(f"- or only if {condition.when}: {'; '.join(str(item) for item in condition.expect)}")
    if claim.note:
        lines.append(f"- note: {claim.note.strip()}")
    if result is not None:
        where = ", ".join(f"{key} {value}" for key, value in result.machine.items())
        lines.append(
            f"- measured: {result.date}, {result.seconds:g} s, commit {_commit(result) or 'none'}; {where}"
        )
        if result.notes:
            lines.append(f"- this run: {result.notes.strip()}")
    if result is not None and (result.numbers or result.passed):
        lines += ["", "| number | value |", "|---|---|"]
        lines += [f"| {name} | {format_number(number)} |" for name, number in result.numbers.items()]
        lines += [f"| {name} | {'passes' if passed else 'fails'} |" for name, passed in result.passed.items()]
    return lines


def _commit(result: Result | None) -> str:
    if result is None or not result.commit:
        return ""
    return f"{result.commit}{' + changes' if result.dirty else ''}"


def _pages(root: Path) -> list[Path]:
    pages = [path for path in sorted((root / "docs").glob("*.md")) if path != root / PAGE]
    return [*filter(Path.is_file, [root / "README.md"]), *pages]


def _wanted(root: Path, *, strict: bool) -> list[tuple[Path, str]]:
    claims = load_claims(root)
    by_id = {claim.id: claim for claim in claims}

    def fill(match: re.Match[str]) -> str:
        try:
            return f"{match[1]}{_shown(root, by_id, match)}{match[6]}"
        except InputError:
            if strict:
                raise
            return match[0]

    wanted = [(root / PAGE, page((claim, load_result(root, claim.id)) for claim in claims))]
    for path in _pages(root):
        text = path.read_text(encoding="utf-8")
        if _SPAN.search(text):
            wanted.append((path, _SPAN.sub(fill, text)))
    return wanted


def _shown(root: Path, claims: dict[str, Claim], match: re.Match[str]) -> str:
    name, field, spec = match[2], match[3], match[4] or ""
    if name not in claims:
        raise InputError(f"shows {name}.{field}, but there is no such claim")
    result = load_result(root, name)
    if field == "verdict":
        return verdict(claims[name], result)
    if result is None or field not in result.numbers:
        raise InputError(f"shows {name}.{field}, which has no result (run: lucida claims run {name})")
    try:
        return format_number(result.numbers[field], spec)
    except ValueError as error:
        raise InputError(f"shows {name}.{field} with format {spec!r}: {error}") from error
