"""``lucida segment``: the class of every pixel of pictures."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.describe_inputs import expand, file_stamp
from lucida.cli.kinds import check_kind
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.cli.segment_output import SegmentFolder
    from lucida.systems.segment.system import Segmenter

MOST_STEPS = 256


def segment(
    *images: str,
    steps: int = 4,
    seed: int = 0,
    accumulate: bool = False,
    no_unknown: bool = False,
    format: str = "palette",
    model: str = "segment",
    limit: int | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Say the class of every pixel.

    And how sure that is, and where no class fits.

    stdout has a line per class: share of the picture, confidence, name. The folder written has per
    picture NAME.json (regions as COCO run lengths) and the files of --format; and results.jsonl,
    from which the same command carries on.

    Args:
        images: pictures, folders of pictures, or patterns such as "photos/*.jpg".
        steps: Euler steps from noise to classes.
        seed: of the noise; the same seed gives the same map.
        accumulate: average the class probabilities of all steps.
        no_unknown: always name the nearest class; else pixels where none fits are 255, "unknown".
        format: one or more of palette (PNG of class numbers), overlay, rle (COCO results), npy (class
            numbers), confidence (grey PNG), scores (npy of class probabilities at the working size), with
            commas between.
        model: a name, a folder or a hub id (see: lucida list).
        limit: segment at most so many new pictures.
        out: the folder to write; default: a new one under runs/segment.
        json: print one JSON document per picture and line; write nothing without --out.

    Examples:
        lucida segment photo.jpg
        lucida segment photos --steps 8 --format palette,overlay --out maps
        lucida segment "photos/*.jpg" --json
    """
    from lucida.cli.segment_output import FORMATS, SegmentFolder

    paths = expand(images)
    formats = tuple(dict.fromkeys(part.strip() for part in format.split(",")))
    if strange := [part for part in formats if part not in FORMATS]:
        raise InputError(f"--format {strange[0]}: want {', '.join(FORMATS)}")
    if not 1 <= steps <= MOST_STEPS:
        raise InputError(f"--steps {steps}: want 1 to {MOST_STEPS}")
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}: want at least 1")
    check_kind(model, "segment", "a segmenter")
    for item in images:
        if out is not None and Path(item).is_dir() and out.exists() and out.samefile(item):
            raise InputError(f"--out {out} is the folder of the pictures")
    folder = None if out is None and json else SegmentFolder(out, formats)
    options = {"steps": steps, "seed": seed, "accumulate": accumulate, "unknown": not no_unknown}
    job = _Job(model, options, folder, as_json=json, several=len(paths) > 1)
    try:
        return job.run(paths, limit)
    finally:
        if folder is not None and folder.tidy():
            sys.stderr.write(f"written to {folder.folder}\n")


class _Job:
    """One run over some pictures; a bad one among several is named and passed over."""

    def __init__(
        self,
        model: str,
        options: dict[str, Any],
        folder: SegmentFolder | None,
        *,
        as_json: bool,
        several: bool,
    ) -> None:
        self.model, self.options, self.folder, self.as_json, self.several = (
            model,
            options,
            folder,
            as_json,
            several,
        )
        self._segmenter: Segmenter | None = None

    def run(self, paths: list[str], limit: int | None) -> int:
        """Segment them; returns the exit code."""
        from lucida.cli.results import stamp_of

        new = failed = before = 0
        for number, path in enumerate(paths, start=1):
            formats = self.folder.formats if self.folder else ()
            stamp = stamp_of(file_stamp(path), self.model, self.options, formats)
            done = self.folder.finished(path, stamp) if self.folder else None
            if done is not None:
                before += 1
                self._print(done)
                continue
            if limit is not None and new == limit:
                break
            new += 1
            try:
                document = self._segment(path, stamp, f"{number}/{len(paths)} " if self.several else "")
            except InputError as error:
                message = str(error) if path in str(error) else f"{path}: {error}"
                if not self.several:
                    raise InputError(message) from error
                failed += 1
                sys.stderr.write(f"lucida: error: {message}\n")
                continue
            self._print(document)
        if before:
            sys.stderr.write(f"{before} of {len(paths)} were segmented before\n")
        if failed:
            sys.stderr.write(f"{failed} of {new} pictures could not be segmented\n")
        return 2 if failed else 0

    def _segment(self, path: str, stamp: str, count: str) -> dict[str, Any]:
        from lucida.cli.segment_output import document_of
        from lucida.media.image import Image

        image = Image.open(path)
        segmenter = self._loaded()
        found = segmenter.segment(image, **self.options)
        document = document_of(found, path=path, model=self.model)
        sys.stderr.write(f"{count}{path}: {found.passes} passes, {found.seconds:.2f} s\n")
        if self.folder is not None:
            self.folder.write(path, found, document, stamp)
        return document

    def _loaded(self) -> Segmenter:
        """The model, read when the first picture has turned out to be one."""
        if self._segmenter is None:
            from lucida.systems.registry import load

            segmenter: Segmenter = load(self.model)
            self._segmenter = segmenter
            if not segmenter.flow and self.options["steps"] != 4:
                sys.stderr.write(f"lucida: warning: --steps is ignored: {self.model} takes one pass\n")
        return self._segmenter

    def _print(self, document: dict[str, Any]) -> None:
        if self.as_json:
            print(json_module.dumps(document, ensure_ascii=False, allow_nan=False))
        else:
            lead = f"{document['image']}  " if self.several else ""
            for entry in document["results"]:
                print(f"{lead}{100 * entry['share']:6.2f} %  {entry['confidence']:.2f}  {entry['text']}")
        sys.stdout.flush()
