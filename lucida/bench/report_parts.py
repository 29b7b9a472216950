"""Pieces of the report: tables and small drawings as HTML and inline SVG. Pure functions of numbers and texts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("report.css")


def text(value: Any) -> str:
    """Escaped, and safe to write whatever a model said."""
    return html.escape(str(value).encode("utf-8", "replace").decode("utf-8").replace("\x00", "\u2400"))


def number(value: Any, digits: int = 4) -> str:
    """A number short enough for a table, anything else as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return text(value)
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.{digits - 2}g}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; numbers stand on the right. A cell that begins with ``<`` must be HTML made here."""
    rows = list(rows)
    right = [all(isinstance(row[i], (int, float)) or row[i] in ("", "–") for row in rows) for i in range(len(header))]
    sides = [' class="n"' if side and rows else "" for side in right]
    head = "".join(f"<th{side}>{text(name)}</th>" for name, side in zip(header, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{_cell(cell)}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Html(str):
    """Text that is HTML already."""


def tiles(entries: Iterable[tuple[str, str, str]]) -> Html:
    """Large figures side by side: (name, figure, what else is to be known)."""
    boxes = (
        f'<div class="tile"><span class=soft>{text(name)}</span><b>{text(figure)}</b><span>{text(more)}</span></div>'
        for name, figure, more in entries
    )
    return Html(f'<div class="tiles">{"".join(boxes)}</div>')


def folded(title: str, body: str) -> Html:
    """``body`` behind a line that opens it."""
    return Html(f"<details><summary>{text(title)}</summary>{body}</details>")


def _cell(value: Any) -> str:
    return str(value) if isinstance(value, Html) else number(value)


def intervals(rows: Sequence[Mapping[str, Any]], *, width: int = 760) -> Html:
    """Means in 0..1 with their intervals, one line each.

    Args:
        rows: ``label``, ``mean``, ``low``, ``high``, ``n``; and ``marks``: {name: value in 0..1}, drawn as ticks;
            that of ``ceiling`` in another colour.
    """
    left, right, step = 230, 110, 24
    span, height = width - left - right, step * len(rows) + 26

    def at(value: float) -> float:
        return left + span * min(1.0, max(0.0, value))

    if len(rows) == 0:
        return Html("")
    parts = [
        f'<line x1="{at(v):.1f}" x2="{at(v):.1f}" y1="4" y2="{height - 22}" stroke="var(--line)"/>'
        f'<text x="{at(v):.1f}" y="{height - 6}" text-anchor="middle">{round(100 * v)}</text>'
        for v in (0, 0.25, 0.5, 0.75, 1.0)
    ]
    for i, row in enumerate(rows):
        y = 16 + i * step
        label = str(row["label"])
        label = label if len(label) <= 32 else label[:31] + "…"
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{text(label)}</text>')
        for name, value in row.get("marks", {}).items():
            x = at(value)
            title = f"<title>{text(name)}: {100 * value:.1f}</title>"
            line = f'x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{y + 8}"'
            colour = "--good" if name == "ceiling" else "--b"
            parts.append(f'<line {line} stroke="var({colour})" stroke-width="3">{title}</line>')
        low, mean, high = (f"{at(row[name]):.1f}" for name in ("low", "mean", "high"))
        parts.append(f'<line x1="{low}" x2="{high}" y1="{y}" y2="{y}" stroke="var(--a)" stroke-width="3"/>')
        parts.append(f'<circle cx="{mean}" cy="{y}" r="4.5" fill="var(--a)"/>')
        parts.append(f'<text x="{width - right + 12}" y="{y + 4}">{100 * row["mean"]:.1f} (n {row["n"]})</text>')
    return Html(f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img">{"".join(parts)}</svg>')


def timeline(
    duration: float, true: Sequence[Sequence[float]], said: Sequence[Sequence[float]], shown: Sequence[float], *,
    width: int = 760,
) -> Html:  # fmt: skip
    """True and predicted windows of a film, and the frames that were shown, on one axis."""

    def at(t: float) -> float:
        return 70 + (width - 90) * min(1.0, max(0.0, t / duration)) if duration > 0 else 70

    def bars(windows: Sequence[Sequence[float]], y: int, colour: str) -> str:
        return "".join(
            f'<rect x="{at(a):.1f}" y="{y}" height="10" rx="2" width="{max(2.0, at(b) - at(a)):.1f}" fill="{colour}">'
            f"<title>{a:.2f} to {b:.2f} s</title></rect>"
            for a, b in windows
        )

    ticks = "".join(
        f'<line x1="{at(t):.1f}" x2="{at(t):.1f}" y1="42" y2="50" stroke="var(--soft)"/>' for t in shown[:600]
    )
    lanes = (("true", 15), ("model", 31), *((("frames", 50),) if shown else ()))
    names = "".join(f'<text x="62" y="{y}" text-anchor="end">{name}</text>' for name, y in lanes)
    axis = f'<line x1="70" x2="{width - 20}" y1="52" y2="52" stroke="var(--line)"/>'
    ends = f'<text x="70" y="66">0</text><text x="{width - 20}" y="66" text-anchor="end">{duration:.1f} s</text>'
    parts = names + bars(true, 6, "var(--good)") + bars(said, 22, "var(--b)") + ticks + axis + ends
    return Html(f'<svg viewBox="0 0 {width} 70" width="{width}" role="img">{parts}</svg>')


def page(title: str, body: str) -> str:
    """The whole document, self-contained."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{text(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>{body}</body></html>\n"
    )
