"""Opening picture files: every way a file can be wrong becomes one clear line.

Two readers share this: ``Image.open`` wants RGB and may reduce a huge picture, ``Region.from_mask`` wants the
raw mode (palette indices, alpha) and never reduces.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import PIL.Image

from lucida.media.errors import InputError

Source = str | os.PathLike[str] | bytes | IO[bytes]

# Formats Pillow decodes by itself. EPS and WMF would start other programs, TGA has no signature.
FORMATS = (
    "AVIF",
    "BMP",
    "DIB",
    "GIF",
    "ICO",
    "JPEG",
    "JPEG2000",
    "PCX",
    "PNG",
    "PPM",
    "PSD",
    "QOI",
    "SGI",
    "TIFF",
    "WEBP",
)
MAX_DECODED_BYTES = (
    2 << 30
)  # what Pillow may hold for one decoded picture: a 20,000 x 20,000 RGB one is 1.5 GiB
_ORIENTATION_TAG = 0x0112
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "LA": 4}  # all others: 4
_limit_lock = threading.Lock()
# What Pillow says on the side about files that it then reads, or that we refuse with a line of our own.
warnings.filterwarnings("ignore", "Corrupt EXIF data|Truncated File Read|Metadata Warning", module=r"PIL\.")


@contextmanager
def open_picture(source: Source) -> Iterator[tuple[PIL.Image.Image, str]]:
    """Yield a lazily opened picture (its header is read, not its pixels) and the name to use in messages.

    Raises:
        InputError: missing, a folder, empty, unreadable, or not a picture.
    """
    name = source_name(source)
    if isinstance(source, (str, os.PathLike)):
        stream: IO[bytes] = _open_path(Path(source), name)
        owned = True
    elif isinstance(source, bytes):
        stream, owned = io.BytesIO(source), True
        if not source:
            raise InputError(f"{name} is empty (0 bytes)")
    elif hasattr(source, "read"):
        stream, owned = _seekable(source, name), False
    else:
        raise InputError(
            f"cannot open a picture from {type(source).__name__}: give a path, bytes or a binary file"
        )
    try:
        yield _identify(stream, name), name
    finally:
        if owned:
            stream.close()


def decode(picture: PIL.Image.Image, name: str) -> None:
    """Decode the pixels in place.

    Raises:
        InputError: truncated or corrupt data, or more pixels than ``MAX_DECODED_BYTES`` can hold.
    """
    width, height = picture.size
    if width * height * _BYTES_PER_PIXEL.get(picture.mode, 4) > MAX_DECODED_BYTES:
        raise InputError(f"{name} is too large to decode ({width} x {height} pixels): reduce it first")
    try:
        picture.load()
    except MemoryError as error:
        raise InputError(
            f"{name} does not fit in memory ({width} x {height} pixels): reduce it first"
        ) from error
    except Exception as error:  # decoders raise almost anything on hostile bytes
        raise InputError(f"{name} is damaged or cut short: {_one_line(error)}") from error


def orientation(picture: PIL.Image.Image) -> int:
    """EXIF orientation 1 to 8 of a decoded picture; 1 where the tag is absent or makes no sense."""
    try:
        value = picture.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block must not hide a good picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def source_name(source: Source) -> str:
    """What to call ``source`` in a message."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, bytes):
        return "picture bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "picture stream"


def _open_path(path: Path, name: str) -> IO[bytes]:
    try:
        if path.is_dir():
            raise InputError(f"{name} is a folder, not a picture")
        stream = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"no such file: {name}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise InputError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from error
    if not path.is_file():  # a pipe or device has no size and cannot be rewound
        with stream:
            return _seekable(stream, name)
    if path.stat().st_size == 0:
        stream.close()
        raise InputError(f"{name} is empty (0 bytes)")
    return stream


def _seekable(stream: IO[bytes], name: str) -> IO[bytes]:
    """Read a caller's stream whole, from where it stands: the caller keeps and closes it."""
    try:
        data = stream.read()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {name}: {error}") from error
    if not isinstance(data, bytes):
        raise InputError(f"{name} is a text stream: open it in binary mode")
    if not data:
        raise InputError(f"{name} is empty (0 bytes)")
    return io.BytesIO(data)


def _identify(stream: IO[bytes], name: str) -> PIL.Image.Image:
    PIL.Image.init()
    formats = tuple(each for each in FORMATS if each in PIL.Image.OPEN)
    try:
        with _without_pixel_limit():
            return PIL.Image.open(stream, formats=formats)
    except PIL.UnidentifiedImageError:
        raise InputError(f"{name} is not a picture in a format that can be read") from None
    except Exception as error:
        raise InputError(f"{name} is damaged or cut short: {_one_line(error)}") from error


@contextmanager
def _without_pixel_limit() -> Iterator[None]:
    """Pillow refuses large headers before anyone can ask for a reduced read; ``decode`` has our own limit."""
    with _limit_lock:
        saved = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = saved


def _one_line(error: Any) -> str:
    return " ".join(str(error).split()) or type(error).__name__
