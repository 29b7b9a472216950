"""A picture: RGB bytes and where they came from."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL.Image

from lucida.media import picture_file
from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.media.geometry import Box, pixel_window
from lucida.media.rgb import array_to_rgb, picture_to_rgb, turned

MAX_PIXELS = 1 << 25  # 33.5 million: whole photographs from today's cameras, 100 MB as RGB
Size = tuple[int, int]  # (height, width) in pixels, always in this order


@dataclass(frozen=True, eq=False)
class Image:
    """An upright RGB picture.

    Attributes:
        pixels: (H, W, 3) uint8, C-contiguous, sRGB as stored.
        source: path or description, for messages and JSON.
        original_size: (height, width) upright, before a huge picture was reduced on reading.
    """

    pixels: np.ndarray  # (H, W, 3) uint8
    source: str = ""
    original_size: Size = (0, 0)

    def __post_init__(self) -> None:
        pixels = self.pixels
        if (
            not isinstance(pixels, np.ndarray)
            or pixels.dtype != np.uint8
            or pixels.ndim != 3
            or pixels.shape[2] != 3
        ):
            raise InputError(
                f"Image.pixels must be (H, W, 3) uint8, got {_describe(pixels)}: use Image.from_array"
            )
        if 0 in pixels.shape:
            raise InputError(f"{self.source or 'picture'} has no pixels: shape {pixels.shape}")
        object.__setattr__(self, "pixels", np.ascontiguousarray(pixels))
        if self.original_size == (0, 0):
            object.__setattr__(self, "original_size", pixels.shape[:2])

    @classmethod
    def open(
        cls,
        source: picture_file.Source | PIL.Image.Image | np.ndarray | Image,
        *,
        max_pixels: int | None = MAX_PIXELS,
    ) -> Image:
        """Read a picture from a path, bytes, binary file, Pillow image or array, upright and in RGB.

        EXIF orientation is applied, transparency is composited on white, CMYK is converted without a colour
        profile, 16-bit values keep their top 8 bits (rounded), float pictures in [0, 1] or [0, 255] are
        scaled and others stretched with a warning; animations give their first frame. A picture of more
        than ``max_pixels`` is reduced by a whole factor while it is read (JPEG inside the decoder);
        ``original_size`` remembers what it was. ``max_pixels=None`` never reduces.

        Raises:
            InputError: missing, a folder, empty, not a picture, damaged, or too large to decode at all.
        """
        if isinstance(source, Image):
            return source
        if isinstance(source, np.ndarray):
            return cls.from_array(source)
        if isinstance(source, PIL.Image.Image):
            return cls._from_pil(source, getattr(source, "filename", "") or "picture", max_pixels)
        with picture_file.open_picture(source) as (picture, name):
            return cls._from_pil(picture, name, max_pixels)

    @classmethod
    def from_array(cls, array: np.ndarray, *, source: str = "") -> Image:
        """From (H, W), (H, W, 1 | 2 | 3 | 4): bool, uint8, uint16 (full range), other integers in 0..255, or
        floats in [0, 1]. Two and four channels end in alpha, which is composited on white.

        Raises:
            InputError: another shape or type, values out of range, NaN.
        """
        return cls(array_to_rgb(np.asarray(array), source or "array"), source)

    @classmethod
    def from_float(cls, chw: np.ndarray, *, source: str = "") -> Image:
        """From (3, H, W) floats in [-1, 1], as networks give them; values a little outside are clipped."""
        chw = np.asarray(chw, dtype=np.float32)
        if chw.ndim != 3 or chw.shape[0] != 3 or not np.isfinite(chw).all():
            raise InputError(f"{source or 'array'} must be finite (3, H, W) floats, got {_describe(chw)}")
        return cls(np.rint(np.clip((chw.transpose(1, 2, 0) + 1) * 127.5, 0, 255)).astype(np.uint8), source)

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def key(self) -> str:
        """Short stable hash of size and pixels (16 hex digits)."""
        digest = hashlib.blake2b(repr(self.size).encode(), digest_size=8)
        digest.update(self.pixels.data)
        return digest.hexdigest()

    def resized(self, size: Size) -> Image:
        """Resampled to (height, width) with an antialiased bicubic filter; the proportions may change."""
        height, width = size
        if height < 1 or width < 1:
            raise InputError(f"size must be at least 1 x 1, got {height} x {width}")
        if size == self.size:
            return self
        picture = self.to_pil().resize((width, height), PIL.Image.Resampling.BICUBIC, reducing_gap=3.0)
        return Image(np.asarray(picture), self.source, self.original_size)

    def fitted(self, longest: int) -> Image:
        """Reduced so that the longer side is at most ``longest`` pixels; never enlarged."""
        height, width = self.size
        scale = longest / max(height, width)
        return (
            self
            if scale >= 1
            else self.resized((max(1, round(height * scale)), max(1, round(width * scale))))
        )

    def crop(self, box: Box) -> Image:
        """The part inside ``box`` (normalised xyxy), widened to whole pixels: never empty."""
        x0, y0, x1, y1 = pixel_window(box, self.size)
        return Image(self.pixels[y0:y1, x0:x1].copy(), self.source)

    def to_pil(self) -> PIL.Image.Image:
        """The same pixels as a Pillow image."""
        return PIL.Image.fromarray(self.pixels)

    def to_float(self) -> np.ndarray:
        """(3, H, W) float32 in [-1, 1]."""
        return np.ascontiguousarray(self.pixels.transpose(2, 0, 1), dtype=np.float32) / 127.5 - 1

    def encoded(self, format: str = "PNG", **options: object) -> bytes:
        """The picture as the bytes of a file in a Pillow ``format``."""
        buffer = io.BytesIO()
        try:
            self.to_pil().save(buffer, format, **({"quality": 92} | options))
        except (KeyError, OSError, ValueError) as error:
            raise InputError(
                f"cannot encode a {self.size[1]} x {self.size[0]} picture as {format}: {error}"
            ) from error
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str], **options: object) -> Path:
        """Write the picture, whole or not at all, in the format of the suffix; returns the path.

        Raises:
            InputError: unknown suffix, or the file cannot be written.
        """
        target = Path(path)
        PIL.Image.init()
        format = PIL.Image.EXTENSION.get(target.suffix.lower())
        if format is None or format not in PIL.Image.SAVE:
            raise InputError(
                f"cannot save {target}: unknown picture suffix {target.suffix!r}, use .png or .jpg"
            )
        data = self.encoded(format, **options)
        with atomic_path(target) as temporary:
            try:
                temporary.write_bytes(data)
            except OSError as error:
                raise InputError(f"cannot write {target}: {error.strerror or error}") from error
        return target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Image({self.size[1]} x {self.size[0]}{f', {self.source!r}' if self.source else ''})"

    @classmethod
    def _from_pil(cls, picture: PIL.Image.Image, name: str, max_pixels: int | None) -> Image:
        width, height = picture.size
        if not (width and height):
            raise InputError(f"{name} has no pixels: {width} x {height}")
        if max_pixels is not None and max_pixels < 1:
            raise InputError(f"max_pixels must be at least 1, got {max_pixels}")
        factor = 1 if max_pixels is None else _reduction(width, height, max_pixels)
        if factor > 1 and hasattr(picture, "draft"):  # JPEG decodes straight to 1/2, 1/4 or 1/8
            picture.draft(None, (-(-width // factor), -(-height // factor)))
        drafted = picture.size != (width, height)
        picture_file.decode(picture, name)
        if not drafted:  # TIFF turns itself upright while it decodes
            width, height = picture.size
        rest = 1 if max_pixels is None else _reduction(*picture.size, max_pixels)
        turn = picture_file.orientation(picture)
        pixels = turned(picture_to_rgb(picture, name, rest), turn)
        return cls(pixels, name, (width, height) if turn >= 5 else (height, width))


def _reduction(width: int, height: int, max_pixels: int) -> int:
    """Smallest whole factor that brings the picture (sides rounded up) to at most ``max_pixels``."""
    factor = max(1, int((width * height / max_pixels) ** 0.5))
    while -(-width // factor) * -(-height // factor) > max_pixels:
        factor += 1
    return factor


def _describe(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
