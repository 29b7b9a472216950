"""Every pixel format Pillow or NumPy can hold, turned into RGB bytes with the full range mapped to 0..255."""

from __future__ import annotations

import warnings

import numpy as np
import PIL.Image

from lucida.media.errors import InputError

_STRIP_PIXELS = 1 << 22  # converted at a time, so that a huge picture never exists twice


def picture_to_rgb(picture: PIL.Image.Image, name: str, factor: int = 1) -> np.ndarray:
    """(H/factor, W/factor, 3) uint8 of a decoded picture, averaged over squares of pixels; sides round up.

    Works in strips: what exists beside the decoded picture is the result and one strip.
    """
    width, height = picture.size
    scale = _value_range(picture, name)
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), dtype=np.uint8)
    for top in range(0, height, rows):
        strip = picture if rows >= height else picture.crop((0, top, width, min(height, top + rows)))
        part = _strip_to_rgb(strip, scale)
        part = part.reduce(factor) if factor > 1 else part
        pixels[top // factor : top // factor + part.height] = np.asarray(part)
    return pixels


def array_to_rgb(array: np.ndarray, name: str) -> np.ndarray:
    """(H, W, 3) uint8 from an array; the accepted kinds are those of ``Image.from_array``.

    Raises:
        InputError: another shape or type, values out of range, NaN.
    """
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"{name} must be (H, W) or (H, W, 1 to 4), got shape {array.shape}")
    if 0 in array.shape:
        raise InputError(f"{name} has no pixels: shape {array.shape}")
    array = _array_to_bytes(array, name)
    if array.shape[2] in (2, 4):
        alpha = array[:, :, -1:].astype(np.uint16)
        array = array[:, :, :-1] * alpha + 255 * (255 - alpha)
        array = ((array + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo EXIF ``orientation`` (1 to 8) of an (H, W, ...) array."""
    if orientation >= 5:  # 5 to 8 are stored with rows and columns exchanged
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _array_to_bytes(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} must hold numbers, got {array.dtype}")
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{name} contains NaN or infinity")
    limit = 1 if array.dtype.kind == "f" else 255
    if low < 0 or high > limit:
        raise InputError(f"{name} must be in 0..{limit} for {array.dtype}, got {low:g}..{high:g}")
    return np.rint(array * (255 // limit)).astype(np.uint8)


def _value_range(picture: PIL.Image.Image, name: str) -> tuple[float, float] | None:
    """What maps to 0 and 255 in the wide modes; None for the modes that Pillow converts itself."""
    if picture.mode.startswith("I;16"):
        return 0.0, 65535.0
    if picture.mode not in ("I", "F"):
        return None
    if picture.mode == "I" and picture.format in ("PNG", "PPM"):  # these formats hold at most 16 bits
        return 0.0, 65535.0
    low, high = map(float, picture.getextrema())  # pyright: ignore[reportArgumentType]
    if not np.isfinite(np.asarray(picture)).all():
        raise InputError(f"{name} contains NaN or infinity")
    for limit in (1.0, 255.0) if picture.mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= limit:
            return 0.0, limit
    warnings.warn(
        f"{name}: values {low:g}..{high:g} have no known range and are stretched to 0..255", stacklevel=2
    )
    return low, high if high > low else low + 1


def _strip_to_rgb(strip: PIL.Image.Image, scale: tuple[float, float] | None) -> PIL.Image.Image:
    if scale is not None:
        low, high = scale
        values = (np.asarray(strip).astype(np.float64) - low) * (255 / (high - low))
        return PIL.Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")
    if strip.has_transparency_data:
        layer = strip.convert("RGBA")
        return PIL.Image.alpha_composite(PIL.Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return strip.convert("RGB")
