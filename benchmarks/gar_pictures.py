"""Lucida's describer and its twin on the 204 real pictures of GAR-Bench's caption parts, with their real masks.

    python benchmarks/gar_pictures.py [--out DIR] [--models describe describe-twin] [--limit N]

The official figure has a judge (GPT-4o). Without one, a reply that the typed matchers cannot decide counts as wrong, so
`accuracy` is a floor. Beside it stands what can be measured offline: whether the subject (detailed part) is called by
its official name; whether the nearest of all subject names, by the sentence encoder, is its own (chance: one over the
number of names); and whether a place that a caption states ("at the top left") is where the mask is. The describer has
seen drawn scenes only; nothing here is in its training. A page with a dozen examples, the six nearest to the truth and
the six farthest, is written to DIR. The official files are found beside the checkout, or at $LUCIDA_OFFICIAL.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions
from lucida.bench.models.lucida_system import LucidaModel
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.gar import GARCaption
from lucida.bench.protocols.gar_items import RegionItem
from lucida.bench.protocols.typed import read_world
from lucida.bench.records import Reply, Request, Score
from lucida.bench.report_examples import example
from lucida.bench.report_parts import page, table, text
from lucida.bench.runner import RunOptions, run
from lucida.bench.sentence import SentenceEncoder, sentence_folder
from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.media.region import Region
from lucida.metrics.matchers import normalise_text
from lucida.train.claims import report
from lucida.world.scene import place_word

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("simple", "detailed")
EXAMPLES = 6  # best and worst each


def subject(item: RegionItem) -> str:
    """What the described region is officially called; empty in the part that asks questions."""
    return str(item.raw.get("subject_name", ""))


def nearness(bench: GARCaption, replies: Mapping[str, Reply], encode: SentenceEncoder) -> dict[str, tuple[float, bool]]:
    """Per item: similarity of the reply to the right answer, and whether its own subject is the nearest name."""
    items = [item for item in bench.items if item.key in replies]
    said = encode([replies[item.key].raw or "nothing" for item in items])
    true = encode([bench.gold(item) for item in items])
    names = sorted({subject(item) for item in items})
    vectors = encode([f"a {name}" for name in names])
    nearest = [names[int(k)] for k in np.argmax(said @ vectors.T, axis=1)]
    return {
        item.key: (float(a @ b), bool(subject(item)) and name == subject(item))
        for item, a, b, name in zip(items, said, true, nearest, strict=True)
    }


def figures(bench: GARCaption, replies: Mapping[str, Reply], score: Score) -> dict[str, float]:
    """Everything that is measured without a judge, as shares of one."""
    found = {"accuracy": score.summary["accuracy"] / 100, "decided": score.summary["decided"] / 100,
             "answered": float(sum(bool(reply.raw.strip()) for reply in replies.values()))}  # fmt: skip
    described = [item for item in bench.items if subject(item) and item.key in replies]
    if not described:
        return found
    words = {item.key: f" {normalise_text(replies[item.key].raw)} " for item in described}
    named = [f" {normalise_text(subject(item))} " in words[item.key] for item in described]
    found["subject_named"] = float(np.mean(named))
    placed = []
    for item in described:
        place = read_world(replies[item.key].raw).place
        if place is not None:
            x0, y0, x1, y1 = Region.from_rle(item.rles[0]).box
            placed.append(place == place_word(((x0 + x1) / 2, (y0 + y1) / 2)))
    if placed:
        found |= {"place_stated": len(placed) / len(described), "place_right": float(np.mean(placed))}
    return found


def examples_of(
    bench: GARCaption, score: Score, arms: Mapping[str, Mapping[str, Reply]], near: Mapping[str, tuple[float, bool]]
) -> list[str]:
    """Boxes: the nearest to the truth first, then the farthest; the first arm's reply is the box's, others follow."""
    order = sorted(near, key=lambda key: -near[key][0])
    half = min(EXAMPLES // len(PARTS), len(order) // 2)
    rows = {row.id: row for row in score.rows}
    requests: dict[str, Request] = {one.id: one for one in bench.requests()}
    first, *others = arms
    boxes = []
    for title, keys in (("Nearest to the right answer", order[:half]), ("Farthest", order[len(order) - half :])):
        boxes.append(f"<h3>{text(bench.title)}: {title}</h3>")
        for key in keys:
            more = "".join(f"<p class=soft>{text(name)}: {text(arms[name][key].raw)}</p>" for name in others)
            boxes.append(str(example(rows[key], requests, arms[first], bench)) + more)
    return boxes


def main() -> None:
    """Run, print a table, write the page, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("LUCIDA_OFFICIAL") or ROOT.parent / "shared" / "official"
    parser.add_argument("--official", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", default=["describe", "describe-twin"])
    parser.add_argument("--out", type=Path, default=Path("runs/gar-pictures") / time.strftime("%Y%m%d-%H%M%S"))
    parser.add_argument("--limit", type=int)
    wish = parser.parse_args()
    folder = wish.official / "gar-bench"
    if not folder.is_dir():
        sys.exit(f"{folder}: GAR-Bench's files are not here; give --official DIR")
    models, missing = load_models(wish.models)
    if not models:
        sys.exit("no model to run")
    encode = SentenceEncoder() if sentence_folder() is not None else None
    if encode is None:
        print("the extra text is not installed: no nearness, examples in the order of the file", file=sys.stderr)
    numbers: dict[str, float] = {}
    rows, boxes, errors = [], [], 0
    for part in PARTS:
        bench = load_protocol(f"gar-caption-{part}", folder)
        assert isinstance(bench, GARCaption)
        arms: dict[str, dict[str, Reply]] = {}
        first: tuple[Score, dict[str, tuple[float, bool]]] | None = None
        for name, model in models.items():
            done = run(bench, model, wish.out / f"{part}-{name}", cache=Cache(wish.out / "cache"),
                       options=RunOptions(limit=wish.limit))  # fmt: skip
            arms[name], errors = done.replies, errors + done.errors
            score = bench.score(done.replies)
            found = figures(bench, done.replies, score)
            near = nearness(bench, done.replies, encode) if encode else dict.fromkeys(done.replies, (0.0, False))
            if encode is not None:
                found["similarity"] = float(np.mean([value for value, _ in near.values()]))
                if part == "detailed":
                    found["subject_nearest"] = float(np.mean([own for _, own in near.values()]))
            found["seconds"] = float(np.mean([reply.seconds or 0.0 for reply in done.replies.values()]))
            numbers |= {f"{name}/{part}/{key}": value for key, value in found.items()}
            rows.append([part, name, len(done.replies), *[found.get(key, "–") for key in COLUMNS]])
            first = first or (score, near)
        assert first is not None
        if part == "detailed":
            numbers["detailed/subject_chance"] = 1 / len({subject(item) for item in bench.items})
        boxes += examples_of(bench, first[0], arms, first[1])
    for row in [["part", "model", "n", *COLUMNS], *rows]:
        print("  ".join(f"{cell:.3f}" if isinstance(cell, float) else f"{cell!s:14}" for cell in row))
    body = f"<h1>GAR-Bench's pictures</h1>{table(['part', 'model', 'n', *COLUMNS], rows)}{''.join(boxes)}"
    atomic_write(wish.out / "page.html", page("GAR-Bench's pictures", body).encode("utf-8", "replace"))
    print(wish.out / "page.html")
    asked = sum(int(row[2]) for row in rows)
    passed = {"all_204_pictures_read": errors == 0 and asked == 204 * len(models), "twin_there": not missing}
    report(numbers, passed, notes=" ".join(missing))


COLUMNS = ("accuracy", "decided", "subject_named", "subject_nearest", "place_right", "similarity", "seconds")


def load_models(names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The systems that are there, and a line for each that is not."""
    models, missing = {}, []
    for name in names:
        try:
            models[name] = LucidaModel(name, ModelOptions())
        except InputError as error:
            missing.append(f"{name} is left out: {error}")
            print(missing[-1], file=sys.stderr)
    return models, missing


if __name__ == "__main__":
    main()
