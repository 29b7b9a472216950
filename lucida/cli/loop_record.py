"""What is kept of one prompt of a loop: a JSON document, the drawn picture, the class map. The document comes last."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.segment_output import palette_png
from lucida.media.colours import palette
from lucida.media.document import result_document
from lucida.media.files import atomic_write
from lucida.systems.loop.checks import as_json, tally

if TYPE_CHECKING:
    from lucida.media.image import Image
    from lucida.systems.generate.system import Drawing
    from lucida.systems.loop.run import Inspection
    from lucida.systems.segment.system import Segmentation

SCHEMA = "lucida/loop/1"


def name_of(prompt: str, seed: int, stamp: str) -> str:
    """The base of a prompt's files."""
    slug = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:40].strip("-") or "drawing"
    return f"{slug}-{seed}-{stamp[:6]}"


def record_of(
    drawing: Drawing, found: Inspection, *, name: str, stamp: str, models: dict[str, str | None]
) -> dict[str, Any]:
    """The document of one prompt."""
    size = drawing.images[0].size
    captions = [*found.captions, found.whole]
    described = result_document(captions, size=size, image=f"{name}.png")["results"]
    for entry, called in zip(described, [*found.names, ""], strict=True):
        entry["class"] = called
    return {
        "schema": SCHEMA,
        "prompt": drawing.prompt,
        "seed": drawing.seeds[0],
        "models": models,
        "request": stamp,
        "name": name,
        "image": f"{name}.png",
        "map": None if found.segmentation is None else f"{name}.map.png",
        "size": list(size),
        "asked": {
            "things": [{"noun": t.noun, "colour": t.colour} for t in found.prompt.things],
            "relations": [list(relation) for relation in found.prompt.relations],
        },
        "classes": classes_of(found.segmentation),
        "regions": described[:-1],
        "caption": {"text": found.whole.text, "confidence": found.whole.confidence, "f1": found.caption_f1},
        "questions": [
            {"asked": r.asked, "answer": r.text, "confidence": r.confidence, "truth": r.question.answer,
             "kind": r.question.kind, "right": r.check.right}
            for r in found.replies
        ],
        "checks": as_json(found.checks),
        "score": tally(found.checks),
        "passes": drawing.passes,
        "seconds": {"draw": round(drawing.seconds, 3)} | {k: round(v, 3) for k, v in found.seconds.items()},
    }  # fmt: skip


def classes_of(found: Segmentation | None) -> list[dict[str, Any]]:
    """Name, share, confidence and colour on the map of every class that is there, the largest first."""
    if found is None:
        return []
    colours = palette(255)
    rows = []
    for name, region, sure in found.present():
        colour = colours[found.names.index(name)] if name in found.names else (0, 0, 0)
        share = region.area / found.labels.size
        rows.append({"name": name, "share": share, "confidence": sure, "colour": list(colour)})
    return rows


def write_record(folder: Path, record: dict[str, Any], image: Image, found: Segmentation | None) -> None:
    """Write a prompt's files, its document last.

    Raises:
        InputError: a file cannot be written.
    """
    image.save(folder / record["image"])
    if found is not None:
        atomic_write(folder / record["map"], palette_png(found))
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1)
    atomic_write(folder / f"{record['name']}.json", text + "\n")


def read_record(folder: Path, name: str, stamp: str) -> dict[str, Any] | None:
    """The document that the same request left before, if its pictures are there too."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        files = [record["image"], *([record["map"]] if record["map"] else [])]
        if record["request"] == stamp and all((folder / file).is_file() for file in files):
            return record
    return None
