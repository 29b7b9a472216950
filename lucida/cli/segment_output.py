"""Where class maps go: a folder that can be taken up again, in the formats others read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucida.cli.results import Results, default_folder
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


def confidence_png(found: Segmentation) -> bytes:
    """A grey PNG of how sure each pixel is: 0 to 255 for probabilities 0 to 1; where unknown, of the nearest class."""
    import PIL.Image

    grey = np.rint(found.confidence.clip(0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


FORMATS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "palette": (".png", palette_png),
    "overlay": (".overlay.png", overlay_png),
    "rle": (".rle.json", rle_json),
    "npy": (".npy", lambda found: _npy(found.labels)),
    "confidence": (".confidence.png", confidence_png),
    "scores": (".scores.npy", lambda found: _npy(np.moveaxis(found.scores, -1, 0).astype(np.float16))),
}
"""Format to ending and bytes: ``scores`` is (N, h, w) float16, at the size the picture was looked at."""


class SegmentFolder(Results):
    """The output folder of class maps; see ``Results``."""

    def __init__(self, folder: Path | None, formats: tuple[str, ...]) -> None:
        every = [ending for ending, _ in FORMATS.values()]
        needed = [FORMATS[name][0] for name in formats]
        super().__init__(folder or default_folder("segment"), every, needed)
        self.formats = formats

    def write(self, path: str, found: Segmentation, document: dict[str, Any], stamp: str) -> None:
        """Write a picture's files, then its line.

        Raises:
            InputError: a file cannot be written.
        """
        files: dict[str, Callable[[Path], object]] = {}
        for ending, made in (FORMATS[name] for name in self.formats):
            files[ending] = lambda file, made=made: atomic_write(file, made(found))
        self.keep(path, document, stamp, files)
