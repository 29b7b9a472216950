"""``lucida bench score segment PRED GT --layout NAME``: exact data-set scores of anybody's class maps."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from lucida.media.errors import InputError


def score_segment(
    folders: tuple[Path, ...], layout: str | None, *, ids: Literal["train", "label"], classes: int | None,
    only: Path | None, out: Path | None, json: bool, unfit: Mapping[str, object],
) -> None:  # fmt: skip
    """Score and print. ``unfit``: options of the other protocols, which must not be given.

    Raises:
        InputError: arguments that do not belong together, or anything wrong with the files.
    """
    if given := [name for name, value in unfit.items() if value is not None]:
        raise InputError(f"score segment: {given[0]} is of the other protocols; want PRED GT --layout NAME")
    if len(folders) != 2:
        raise InputError(f"score segment: want two folders, PRED GT, got {len(folders)}")
    if layout is None:
        raise InputError("score segment: want --layout ade20k, cityscapes, cocostuff, voc, coco or plain")
    from lucida.bench.segment_layouts import layout_of
    from lucida.bench.segment_score import score_document, score_folders
    from lucida.media.files import atomic_write

    predictions, truth = folders
    known = layout_of(layout, truth, classes=classes)
    score, pairs = score_folders(known, predictions, truth, ids=ids, only=only, progress=_progress)
    facts = {"predictions": str(predictions), "truth": str(truth), "ids": ids}
    document = score_document(score, known, pairs, **facts)
    text = json_module.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    if out is not None:
        atomic_write(out / "score.json", text + "\n")
        sys.stderr.write(f"written to {out / 'score.json'}\n")
    for note in pairs.notes:
        sys.stderr.write(f"lucida: note: {note}\n")
    print(text if json else "\n".join(_lines(document)))


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done}/{total} pictures\x1b[K" + ("\n" if done == total else ""))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    scores = document["scores"]
    rows = document["classes"]
    seen = sum(row["iou"] is not None for row in rows)
    yield f"mIoU            {_percent(scores['miou'])}  ({seen} of {len(rows)} classes occur)"
    for name, key in (("pixel accuracy", "pixel_accuracy"), ("mean accuracy", "mean_accuracy"),
                      ("boundary mIoU", "boundary_miou"), ("third class", "third_class"),
                      ("undecided", "undecided")):  # fmt: skip
        yield f"{name:<15} {_percent(scores[key])}"
    how = f"{document['pictures']} pictures, {document['pixels']:,} pixels, predictions in {document['ids']} ids"
    yield f"{document['layout']}: {how}, truth in {document['truth_ids']} ids"
    width = max(len(row["name"]) for row in rows)
    yield f"{'class':<{width}}      IoU  accuracy  boundary"
    for row in rows:
        if row["iou"] is not None:
            yield (f"{row['name']:<{max(width, 5)}}  {_percent(row['iou'])}    {_percent(row['accuracy'])}    "
                   f"{_percent(row['boundary_iou'])}")  # fmt: skip


def _percent(share: float | None) -> str:
    return "     -" if share is None else f"{100 * share:6.2f}"
