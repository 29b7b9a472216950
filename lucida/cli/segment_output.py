"""Where class maps go: a folder that can be taken up again, in the formats others read."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucida.cli.describe_output import RESULTS, default_folder
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

if TYPE_CHECKING:
    from lucida.systems.segment.system import Segmentation

ALPHA = 0.5  # of the colours of an overlay


def document_of(found: Segmentation, *, path: str, model: str) -> dict[str, Any]:
    """The ``lucida/1`` document of a picture: a result per class that is there, the largest first."""
    from lucida.media.document import result_document
    from lucida.media.records import Caption

    present = found.present()
    captions = [Caption(region, name, sure, found.passes) for name, region, sure in present]
    document = result_document(
        captions, size=found.labels.shape, image=path, nfe=found.passes, seconds=round(found.seconds, 4),
        model=model, seed=found.seed,
    )  # fmt: skip
    for entry, (_, region, _) in zip(document["results"], present, strict=True):
        entry["share"] = region.area / found.labels.size
    return document


def palette_png(found: Segmentation) -> bytes:
    """A palette PNG whose pixels are class numbers, 255 unknown (black); names travel in a text field."""
    import PIL.Image
    from PIL.PngImagePlugin import PngInfo

    from lucida.media.colours import palette

    picture = PIL.Image.fromarray(found.labels)
    colours = [*palette(255), (0, 0, 0)]
    picture.putpalette([byte for colour in colours for byte in colour])
    notes = PngInfo()
    notes.add_itxt("lucida-classes", json.dumps(list(found.names)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def overlay_png(found: Segmentation) -> bytes:
    """The picture under half-transparent class colours; unknown pixels are left as they are."""
    from lucida.media.colours import palette
    from lucida.media.image import Image

    image = found.image.resized((found.labels.shape[0], found.labels.shape[1]))
    colours = np.array([*palette(255), (0, 0, 0)], np.float32)
    mixed = image.pixels * (1 - ALPHA) + colours[found.labels] * ALPHA
    known = (found.labels != 255)[..., None]
    return Image(np.where(known, np.rint(mixed), image.pixels).astype(np.uint8)).encoded("PNG")


def rle_json(found: Segmentation) -> bytes:
    """COCO result rows, one per class that is there; ``image_id`` is the picture's stem, ids count from 1."""
    rows = []
    for name, region, sure in found.present():
        if name in found.names:
            row = {
                "category_id": found.names.index(name) + 1,
                "category": name,
                "segmentation": region.rle,
                "score": sure,
            }
            rows.append({"image_id": Path(found.image.source).stem, **row})
    return (json.dumps(rows) + "\n").encode()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


FORMATS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "palette": (".png", palette_png),
    "overlay": (".overlay.png", overlay_png),
    "rle": (".rle.json", rle_json),
    "npy": (".npy", lambda found: _npy(found.labels)),
    "scores": (".scores.npy", lambda found: _npy(np.moveaxis(found.scores, -1, 0).astype(np.float16))),
}
"""Format to ending and bytes: ``scores`` is (N, h, w) float16, at the size the picture was looked at."""


class SegmentFolder:
    """The output folder of a run, perhaps with the results of an earlier one.

    Raises:
        InputError: it cannot be made or written.
    """

    def __init__(self, folder: Path | None, formats: tuple[str, ...]) -> None:
        self.folder = folder or default_folder("segment")
        self.formats, self.results = formats, self.folder / RESULTS
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.results.open("ab"):
                pass
        except OSError as error:
            raise InputError(f"cannot write to --out {self.folder}: {error.strerror or error}") from error
        self._done: dict[str, dict[str, Any]] = {}
        for line in self.results.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line cut short: done again
                entry = json.loads(line)
                self._done[entry["image"]] = entry
        self._owner = {entry.get("name"): path for path, entry in self._done.items()}

    def finished(self, path: str, stamp: str) -> dict[str, Any] | None:
        """The document of a picture that the same request segmented before, files and all."""
        entry = self._done.get(path)
        if entry is None or entry.get("request") != stamp:
            return None
        if not all((self.folder / (entry["name"] + FORMATS[name][0])).is_file() for name in self.formats):
            return None
        return {key: value for key, value in entry.items() if key not in ("name", "request")}

    def write(self, path: str, found: Segmentation, document: dict[str, Any], stamp: str) -> None:
        """Write a picture's files, then its line.

        Raises:
            InputError: a file cannot be written.
        """
        name = self._name(path)
        for wanted in self.formats:
            ending, made = FORMATS[wanted]
            atomic_write(self.folder / (name + ending), made(found))
        atomic_write(
            self.folder / (name + ".json"), json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        )
        entry = {**document, "name": name, "request": stamp}
        data = self.results.read_bytes()
        lead = "\n" if data and not data.endswith(b"\n") else ""
        try:
            with self.results.open("ab") as file:
                file.write((lead + json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n").encode())
        except OSError as error:
            raise InputError(f"cannot write {self.results}: {error.strerror or error}") from error
        self._done[path] = entry

    def tidy(self) -> bool:
        """Leave no trace of a run that wrote nothing; returns whether anything is there."""
        with contextlib.suppress(OSError):
            if not self.results.stat().st_size:
                self.results.unlink()
                self.folder.rmdir()
        return self.results.exists()

    def _name(self, path: str) -> str:
        """The stem of the picture, so that folders pair up; its whole name where another picture has that stem."""
        for name in (Path(path).stem, Path(path).name, *(f"{Path(path).stem}-{n}" for n in range(2, 10_000))):
            if self._owner.setdefault(name, path) == path:
                return name
        raise AssertionError("names never run out")
