"""Lucida's describer and its twin on the 204 real pictures of GAR-Bench's caption parts, with their real masks.

    python -m benchmarks.gar_pictures [--out DIR] [--models describe describe-twin] [--limit N]

Models are names or folders (a twin that is being trained: runs/describe-twin/model). One that is not there ends the
run before anything is asked; give --models describe to look at the describer alone.

The official figure has a judge (GPT-4o). Without one, a reply that the typed matchers cannot decide counts as wrong, so
`accuracy` is a floor. Beside it stands what can be measured offline: whether the subject (detailed part) is called by
its official name as what the caption is of (`subject_named`) or anywhere in it (`subject_mentioned`); whether the
nearest of all subject names, by the sentence encoder, is its own (chance: one over the number of names); and whether a
place that a caption states ("at the top left") is where the mask is. The describer has seen drawn scenes only; nothing
here is in its training. A page with a dozen pictures, the six best and the six worst by a rule, all arms side by side,
is written to DIR. The official files are found beside the checkout, or at $LUCIDA_OFFICIAL.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.gar_page import Judged, card, choose, whole_page
from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions
from lucida.bench.models.lucida_system import LucidaModel
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.gar import GARCaption
from lucida.bench.protocols.gar_items import RegionItem
from lucida.bench.protocols.typed import read_world
from lucida.bench.records import Reply, Score
from lucida.bench.report_parts import Html
from lucida.bench.runner import RunOptions, run
from lucida.bench.sentence import SentenceEncoder, sentence_folder
from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.media.region import Region
from lucida.metrics.matchers import normalise_text
from lucida.models.store import resolve_weights
from lucida.train.claims import report
from lucida.world.scene import place_word

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("simple", "detailed")
EXAMPLES, ASKED = 6, 3  # best and worst of the descriptions each; questions, as they come


def subject(item: RegionItem) -> str:
    """What the described region is officially called; empty in the part that asks questions."""
    return str(item.raw.get("subject_name", ""))


def head_of(caption: str) -> str:
    """What a caption is of: its words before the first comma, place or relation ("a small car" of "a small car at the
    top, above a flower")."""
    return re.split(r",|\b(?:at|in|on|above|below|left of|right of)\b", caption, maxsplit=1)[0]


def says(text: str, name: str) -> bool:
    """Whether ``name`` stands in ``text`` as words."""
    return f" {normalise_text(name)} " in f" {normalise_text(text)} "


def judged(
    bench: GARCaption, replies: Mapping[str, Reply], encode: SentenceEncoder | None
) -> dict[str, Judged]:
    """What can be said of each reply without a judge."""
    items = [item for item in bench.items if item.key in replies]
    texts = [replies[item.key].raw for item in items]
    near, nearest = [float("nan")] * len(items), [""] * len(items)
    if encode is not None and items:
        said = encode([text or "nothing" for text in texts])
        true = encode([bench.gold(item) for item in items])
        near = [float(a @ b) for a, b in zip(said, true, strict=True)]
        names = sorted({name for item in items if (name := subject(item))})
        if names:
            vectors = encode([f"a {name}" for name in names])
            nearest = [names[int(k)] for k in np.argmax(said @ vectors.T, axis=1)]
    found = {}
    for item, raw, value, name in zip(items, texts, near, nearest, strict=True):
        own = subject(item)
        place = read_world(raw).place
        x0, y0, x1, y1 = Region.from_rle(item.rles[0]).box
        found[item.key] = Judged(
            near=value, nearest=name, named=says(head_of(raw), own) if own else None,
            mentioned=says(raw, own) if own else None,
            placed=None if place is None else place == place_word(((x0 + x1) / 2, (y0 + y1) / 2)),
        )  # fmt: skip
    return found


def figures(
    bench: GARCaption, replies: Mapping[str, Reply], score: Score, known: Mapping[str, Judged]
) -> dict[str, float]:
    """Everything that is measured without a judge, as shares of one, and the mean seconds of a reply."""
    found = {"accuracy": score.summary["accuracy"] / 100, "decided": score.summary["decided"] / 100,
             "answered": float(np.mean([bool(reply.raw.strip()) for reply in replies.values()])),
             "seconds": float(np.mean([reply.seconds or 0.0 for reply in replies.values()]))}  # fmt: skip
    near = [one.near for one in known.values() if one.near == one.near]
    if near:
        found["similarity"] = float(np.mean(near))
    described = {item.key: known[item.key] for item in bench.items if subject(item) and item.key in known}
    if not described:
        return found
    found["subject_named"] = float(np.mean([bool(one.named) for one in described.values()]))
    found["subject_mentioned"] = float(np.mean([bool(one.mentioned) for one in described.values()]))
    if near:
        own = {item.key: subject(item) for item in bench.items}
        found["subject_nearest"] = float(np.mean([one.nearest == own[key] for key, one in described.items()]))
    placed = [one.placed for one in described.values() if one.placed is not None]
    if placed:
        found |= {"place_stated": len(placed) / len(described), "place_right": float(np.mean(placed))}
    return found


def cards_of(
    bench: GARCaption, arms: Mapping[str, Mapping[str, Reply]], known: Mapping[str, Judged]
) -> list[tuple[str, list[Html]]]:
    """Of descriptions the best and the worst by the first arm, of questions the first ones; all arms on each."""
    items = {item.key: item for item in bench.items}

    def drawn(keys: Sequence[str]) -> list[Html]:
        return [
            card(bench, items[key], {name: said[key] for name, said in arms.items() if key in said}, known[key])
            for key in keys
        ]

    if not any(subject(item) for item in bench.items):
        asked = list(known)[:ASKED]
        return [(f"Asked about two regions: the first {len(asked)} of {bench.title}", drawn(asked))]
    good, bad = choose(known, EXAMPLES)
    return [(f"Described: the best {len(good)} of {len(known)}", drawn(good)),
            (f"Described: the worst {len(bad)}", drawn(bad))]  # fmt: skip


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
    if missing:
        sys.exit("\n".join([*missing, "nothing was asked; --models NAME … runs what is there"]))
    encode = SentenceEncoder() if sentence_folder() is not None else None
    if encode is None:
        print("the extra text is not installed: no nearness, no similarity", file=sys.stderr)
    numbers: dict[str, float] = {}
    rows: list[list[object]] = []
    sections: list[tuple[str, list[Html]]] = []
    errors = 0
    for part in PARTS:
        bench = load_protocol(f"gar-caption-{part}", folder)
        assert isinstance(bench, GARCaption)
        arms: dict[str, dict[str, Reply]] = {}
        first: dict[str, Judged] = {}
        for name, model in models.items():
            done = run(bench, model, wish.out / f"{part}-{name}", cache=Cache(wish.out / "cache"),
                       options=RunOptions(limit=wish.limit))  # fmt: skip
            arms[name], errors = done.replies, errors + done.errors
            known = judged(bench, done.replies, encode)
            found = figures(bench, done.replies, bench.score(done.replies), known)
            numbers |= {f"{name}/{part}/{key}": value for key, value in found.items()}
            rows.append([part, name, len(done.replies), *[found.get(key, "–") for key in COLUMNS]])
            first = first or known
        if part == "detailed":
            numbers["detailed/subject_chance"] = 1 / len({subject(item) for item in bench.items})
        sections += cards_of(bench, arms, first)
    for row in [["part", "model", "n", *COLUMNS], *rows]:
        print("  ".join(f"{cell:.3f}" if isinstance(cell, float) else f"{cell!s:14}" for cell in row))
    large = [
        (f"{name}: {what}", f"{100 * numbers[key]:.1f} %", f"of {'the ' if share else ''}detailed part's {more}")
        for name in models
        for what, more, share in (("subject named", "captions", True), ("place right", "stated places", True))
        if (key := f"{name}/detailed/{what.replace(' ', '_')}") in numbers
    ]
    header = [name.replace("_", " ") for name in ("part", "model", "n", *COLUMNS)]
    sections.sort(key=lambda entry: not entry[0].startswith("Described"))
    text_of_page = whole_page(large, header, rows, sections)
    atomic_write(wish.out / "page.html", text_of_page.encode("utf-8", "replace"))
    print(wish.out / "page.html")
    asked = sum(int(str(row[2])) for row in rows)
    twins = [name for name, model in models.items() if model.system.twin]
    both = bool(twins) and len(twins) < len(models)
    report(numbers, {"all_204_pictures_read": errors == 0 and asked == 204 * len(models), "twin_there": both})


COLUMNS = ("accuracy", "decided", "subject_named", "subject_mentioned", "subject_nearest", "place_right", "similarity",
           "seconds")  # fmt: skip


def load_models(names: Sequence[str]) -> tuple[dict[str, LucidaModel], list[str]]:
    """The systems by the names of their arms; or a line for each that is not there, and none that is.

    An arm is called as its model was asked for; a folder's is ``describe`` or ``describe-twin``.
    """
    models: dict[str, LucidaModel] = {}
    missing = []
    for name in names:  # before anything is loaded, which takes long
        try:
            resolve_weights(name)
        except InputError as error:
            missing.append(f"{name}: {error}")
    for name in names if not missing else ():
        model = LucidaModel(name, ModelOptions())
        arm = name if "/" not in name else "describe-twin" if model.system.twin else "describe"
        models[arm if arm not in models else f"{arm}-{len(models)}"] = model
    return models, missing


if __name__ == "__main__":
    main()
