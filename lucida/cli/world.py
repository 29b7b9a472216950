"""``lucida world``: look at the shipped world, take scenes out of it, bring photographs in."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Literal

from cyclopts import App

app = App(name="world", help="Preview, export and extend the shipped world.", help_format="plaintext")
app.help_epilogue = """\
Examples:
    lucida world preview --seeds 12 --out sheet.png
    lucida world clip --seed 3 --out clip.mp4
    lucida world export --out scenes --count 1000
    lucida world fetch"""

Split = Literal["train", "val", "test", "test-pairs", "test-objects"]


@app.command
def preview(
    *,
    seeds: int = 12,
    out: Path | None = None,
    split: Split = "train",
    cutouts: Path | None = None,
    size: int = 256,
    json: bool = False,
) -> None:
    """Draw a few scenes with their captions on one sheet.

    Args:
        seeds: how many scenes, from seed 0 on.
        out: the PNG to write; default: a new folder under runs/world. With --json nothing is written without
            it.
        split: train, val, test, test-pairs or test-objects.
        cutouts: a folder of named RGBA cut-outs to mix in.
        size: height and width of each scene in pixels.
        json: print one JSON document instead of the path.

    Examples:
        lucida world preview --seeds 20 --split test-pairs --out sheet.png
    """
    from lucida.media.errors import InputError
    from lucida.media.files import unique_dir
    from lucida.world.atlas import load_atlas
    from lucida.world.fingerprint import world_fingerprint
    from lucida.world.preview import preview_sheet, scene_document
    from lucida.world.scene import draw_scene

    if not 1 <= seeds <= 400:
        raise InputError(f"--seeds {seeds}: want 1 to 400")
    atlas = load_atlas(cutouts)
    scenes = [draw_scene(seed, split=split, size=(size, size), atlas=atlas) for seed in range(seeds)]
    if out is None and not json:
        out = unique_dir(Path("runs") / "world") / "preview.png"
    if out is not None:
        preview_sheet(scenes).save(out)
    if json:
        document = {
            "schema": "lucida/1",
            "fingerprint": world_fingerprint(),
            "sheet": str(out) if out else None,
        }
        print(
            json_module.dumps({**document, "scenes": [scene_document(scene) for scene in scenes]}, indent=2)
        )
    else:
        print(out)


@app.command
def clip(
    *,
    seed: int = 0,
    out: Path | None = None,
    split: Split = "train",
    seconds: float = 8.0,
    size: int = 192,
    json: bool = False,
) -> None:
    """Draw a clip with scripted events: a real H.264 file with sound, a contact sheet, and its questions.

    Args:
        seed: which clip.
        out: the MP4 to write, its sheet beside it as PNG; default: a new folder under runs/world.
        split: train, val, test, test-pairs or test-objects.
        seconds: length.
        size: height and width in pixels.
        json: print events and questions as one JSON document; nothing is written without --out.

    Examples:
        lucida world clip --seed 3 --out clip.mp4
    """
    from dataclasses import asdict

    from lucida.media.errors import InputError
    from lucida.media.files import unique_dir
    from lucida.world.clip_questions import clip_questions
    from lucida.world.clips import draw_clip
    from lucida.world.clips_file import write_clip
    from lucida.world.clips_sheet import clip_sheet

    if seed < 0:
        raise InputError(f"--seed {seed}: want 0 or more")
    drawn = draw_clip(seed, split=split, size=(size, size), seconds=seconds)
    if out is None and not json:
        out = unique_dir(Path("runs") / "world") / "clip.mp4"
    if out is not None:
        write_clip(drawn, out)
        clip_sheet(drawn).save(out.with_suffix(".png"))
    if json:
        events = [asdict(event) for event in drawn.events]
        asked = [{"question": q.text, "answer": q.answer, "kind": q.kind} for q in clip_questions(drawn)]
        print(json_module.dumps({"schema": "lucida/1", "seed": seed, "events": events, "questions": asked}, indent=2))
    else:
        for event in drawn.events:
            print(f"{event.t0:6.2f} {event.t1:6.2f}  {event.text}")
        print(out)


@app.command
def export(
    *,
    out: Path,
    count: int,
    format: Literal["coco"] = "coco",
    split: Split = "train",
    first: int = 0,
    size: int = 192,
    cutouts: Path | None = None,
) -> None:
    """Write scenes with masks, attributes and captions as a data set.

    Args:
        out: the folder to make; it must not exist.
        count: how many scenes.
        format: coco.
        split: train, val, test, test-pairs or test-objects.
        first: the first seed.
        size: height and width in pixels.
        cutouts: a folder of named RGBA cut-outs to mix in.

    Examples:
        lucida world export --out scenes --count 1000 --split val
    """
    from lucida.world.atlas import load_atlas
    from lucida.world.export import export_coco

    def progress(done: int) -> None:
        if done % 100 == 0 or done == count:
            sys.stderr.write(f"{done}/{count} scenes\n")

    assert format == "coco"
    atlas = load_atlas(cutouts)
    path = export_coco(
        out, count, split=split, first=first, size=(size, size), atlas=atlas, progress=progress
    )
    print(path)


@app.command
def fetch(*, package: Path | None = None) -> None:
    """Fetch photographic cut-outs (Debian's Tux Paint stamps, GPL-2) for training; nothing of them is
    shipped.

    Args:
        package: a tuxpaint-stamps-default .deb that is already here; default: apt-get download, about 160 MB.

    Examples:
        lucida world fetch
        lucida world preview --cutouts "$(lucida world fetch)"
    """
    from lucida.world.cutouts import fetch_cutouts

    print(fetch_cutouts(package))
