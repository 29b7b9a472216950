"""``lucida bench check``: whether the summary columns of a published V-STaR table follow from its other columns."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lucida.media.errors import InputError


def check(*, table: Path | None = None, json: bool = False) -> None:
    """Make mAM and mLGM of a V-STaR table again from its other columns, and flag the rows that cannot be right.

    Args:
        table: a JSON object of rows by model, each an object with accuracy, m_tiou_chain1, m_tiou_chain2,
            m_viou_chain1, m_viou_chain2, mAM and mLGM in per cent; default: the published table.
        json: print one JSON document instead of lines.

    Examples:
        lucida bench check
        lucida bench check --table mine.json
    """
    from lucida.bench.protocols.vstar_table import check_table

    checks = check_table(None if table is None else _read(table))
    if json:
        print(json_module.dumps({"schema": "lucida/1", "rows": [asdict(one) for one in checks]}, indent=2))
        return
    width = max((len(one.model) for one in checks), default=0)
    print(f"{'model':<{width}}    mAM  again   mLGM  again")
    for one in checks:
        figures = "  ".join(
            f"{one.printed[name]:5.1f}  {one.recomputed[name]:5.1f}" for name in ("mAM", "mLGM")
        )
        print(f"{one.model:<{width}}  {figures}  {one.verdict}{f': {one.why}' if one.why else ''}")
    wrong = sum(one.verdict == "misprint" for one in checks)
    print(f"{wrong} of {len(checks)} rows cannot be right")


def _read(path: Path) -> dict[str, dict[str, float]]:
    names = ("accuracy", *(f"m_{kind}_chain{n}" for kind in ("tiou", "viou") for n in (1, 2)), "mAM", "mLGM")
    try:
        document: Any = json_module.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--table {path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, dict) or not document:
        raise InputError(f"--table {path}: want an object of rows by model")
    rows: dict[str, dict[str, float]] = {}
    for model, row in document.items():
        for name in names:
            value = row.get(name) if isinstance(row, dict) else None
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise InputError(f"--table {path}: {name} of {model!r} is {value!r}, want per cent")
        rows[str(model)] = {name: float(row[name]) for name in names}
    return rows
