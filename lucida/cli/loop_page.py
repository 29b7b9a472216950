"""The page of a loop: per prompt the drawn picture, its class map with a legend, captions, questions, scores.

It is made from the records and pictures in the folder alone, so prompts of an earlier run look like new ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from lucida.cli.page_html import marked, paint, part
from lucida.cli.page_parts import CSS, LONGEST, enlarged, figure, legend, side_by_side
from lucida.media.colours import Colour, palette
from lucida.media.draw import annotate
from lucida.media.files import atomic_write
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.systems.loop.checks import KINDS, WITNESSES, added

TELLS = {
    "map": "class map", "regions": "captions of regions", "caption": "caption of the picture", "answers": "answers",
    "judge": "judge (no part of the loop)",
}  # fmt: skip


def total(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The summary of a run: scores of all prompts together, and a line per prompt."""
    return {
        "schema": "lucida/loop-run/1",
        "models": records[0]["models"],
        "prompts": [{k: r[k] for k in ("prompt", "seed", "name")} | r["score"]["all"] for r in records],
        "score": added([record["score"] for record in records]),
    }


def write_page(folder: Path, records: Sequence[dict[str, Any]], summary: dict[str, Any]) -> Path:
    """Write ``loop.json`` and ``index.html``; returns the page's path."""
    atomic_write(folder / "loop.json", json.dumps(summary, ensure_ascii=False, indent=1) + "\n")
    atomic_write(folder / "index.html", page(folder, records, summary))
    return folder / "index.html"


def page(folder: Path, records: Sequence[dict[str, Any]], summary: dict[str, Any]) -> str:
    """The page as a string."""
    names = ", ".join(f"{job} {name}" for job, name in summary["models"].items() if name)
    articles = "".join(_article(folder, record) for record in records)
    every = summary["score"]["all"]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lucida: the loop</title><style>{part('page.css')}{part(CSS)}</style></head>\n"
        "<body><header><h1>The loop</h1><p class=lead>Drawn from a sentence, then segmented, described and asked about "
        "by the other systems; what they say is held against the sentence. A miss may be the drawer's or the "
        f"reader's.</p><ul class=facts><li>models <b>{escape(names)}</b></li><li>prompts <b>{len(records)}</b></li>"
        f"<li>right <b>{every['right']} of {every['of']}, {_percent(every)}</b></li></ul>"
        f"{_scores(summary['score'])}</header>\n<main>{articles}</main>\n<footer>Code Apache-2.0; drawn pictures can "
        "resemble OpenMoji artwork (CC BY-SA 4.0).</footer></body></html>\n"
    )


def _article(folder: Path, record: dict[str, Any]) -> str:
    regions = [Region.from_rle(entry["region"]["rle"]) for entry in record["regions"]]
    colours = palette(len(regions))
    picture = Image.open(folder / record["image"])
    shown = annotate(picture, regions, colours=colours, longest=LONGEST, fill=0.0)
    score = record["score"]["all"]
    figures = [figure(enlarged(picture), "drawn"), figure(shown, "regions")]
    if record["map"] is not None:
        figures.insert(1, figure(enlarged(Image.open(folder / record["map"]), smooth=False), "classes"))
    return (
        f"<article><div class=top><h2 class=plain>{escape(record['prompt'])}</h2>"
        f"<p class=source>seed {record['seed']} · {score['right']} of {score['of']} right, {_percent(score)}</p></div>"
        f"{side_by_side(figures)}"
        f"{legend(record['classes'])}{_captions(record, colours)}{_questions(record, colours)}"
        f"{_scores(record['score'])}</article>\n"
    )


def _captions(record: dict[str, Any], colours: Sequence[Colour]) -> str:
    rows = "".join(
        f'<li style="{paint(colour)}"><span class=n>{n}</span><div><span class=say>{escape(entry["text"])}</span>'
        f"<div class=more><span>{entry['confidence'] or 0:.2f}</span>"
        + (f"<span>class: {escape(entry['class'])}</span>" if entry["class"] else "")
        + "</div></div></li>"
        for n, (entry, colour) in enumerate(zip(record["regions"], colours, strict=True), start=1)
    )
    whole = record["caption"]
    said = f"<p class=whole><small>whole picture</small> <span class=say>{escape(whole['text'])}</span></p>"
    return f"{said}<ol class=captions>{rows}</ol>"


def _questions(record: dict[str, Any], colours: Sequence[Colour]) -> str:
    rows = "".join(
        f"<tr><td>{marked(escape(q['asked']), colours)}</td><td>{_said(q['answer'])}</td>"
        f"<td class=truth><span class={'ok' if q['right'] else 'no'}>prompt: {escape(q['truth'])}</span></td></tr>"
        for q in record["questions"]
    )
    return f"<h3>Questions</h3><table class=asked>{rows}</table>" if rows else ""


def _said(answer: str | None) -> str:
    if answer is None:
        return "<small class=truth>not asked: no region is called so</small>"
    return f"<span class=say>{escape(answer) or '(no words)'}</span>"


def _scores(score: dict[str, dict[str, int]]) -> str:
    head = "".join(f"<th>{kind}</th>" for kind in KINDS)

    def row(witness: str) -> str:
        cells = "".join(f"<td>{_cell(score.get(f'{witness}/{kind}'))}</td>" for kind in KINDS)
        return f"<tr><th>{TELLS[witness]}</th>{cells}<td><b>{_cell(score[witness])}</b></td></tr>"

    rows = "".join(row(witness) for witness in WITNESSES if witness in score)
    return f"<table class=scores><tr><th></th>{head}<th>all</th></tr>{rows}</table>"


def _cell(entry: dict[str, int] | None) -> str:
    return "" if entry is None else f"{entry['right']}/{entry['of']}"


def _percent(entry: dict[str, int]) -> str:
    return f"{100 * entry['right'] / max(entry['of'], 1):.0f} %"
