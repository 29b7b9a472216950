"""Pictures, video, regions and evidence; decoding, mask formats, drawing. Names load when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucida.media.document import Document as Document
    from lucida.media.document import load_document as load_document
    from lucida.media.document import result_document as result_document
    from lucida.media.document import result_json as result_json
    from lucida.media.draw import annotate as annotate
    from lucida.media.draw import palette as palette
    from lucida.media.errors import InputError as InputError
    from lucida.media.files import atomic_path as atomic_path
    from lucida.media.files import atomic_write as atomic_write
    from lucida.media.files import unique_dir as unique_dir
    from lucida.media.image import Image as Image
    from lucida.media.masks import read_masks as read_masks
    from lucida.media.masks import write_masks as write_masks
    from lucida.media.records import Answer as Answer
    from lucida.media.records import Caption as Caption
    from lucida.media.records import Evidence as Evidence
    from lucida.media.region import Region as Region
    from lucida.media.sheet import contact_sheet as contact_sheet
    from lucida.media.sheet import strip as strip
    from lucida.media.track import Track as Track
    from lucida.media.video import Frame as Frame
    from lucida.media.video import Video as Video

_HOME = {
    "Answer": "records",
    "Caption": "records",
    "Document": "document",
    "Evidence": "records",
    "Frame": "video",
    "Image": "image",
    "InputError": "errors",
    "Region": "region",
    "Track": "track",
    "Video": "video",
    "annotate": "draw",
    "atomic_path": "files",
    "atomic_write": "files",
    "contact_sheet": "sheet",
    "load_document": "document",
    "palette": "draw",
    "read_masks": "masks",
    "result_document": "document",
    "result_json": "document",
    "strip": "sheet",
    "unique_dir": "files",
    "write_masks": "masks",
}
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lucida.media' has no attribute {name!r}")
    value = getattr(import_module(f"lucida.media.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
