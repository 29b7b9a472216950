"""Pictures of every kind become upright RGB; values by hand."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucida.media import Image, InputError
from lucida.media.rgb import turned


def file_of(picture: PIL.Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def gradient(height: int = 6, width: int = 9) -> np.ndarray:
    rows, columns = np.indices((height, width))
    return np.stack(
        [rows * 255 // max(height - 1, 1), columns * 255 // max(width - 1, 1), (rows + columns) * 7], -1
    ).astype(np.uint8)


def png_of(values: np.ndarray, colour_type: int) -> bytes:
    """A 16-bit PNG of (H, W, C) uint16, which Pillow cannot write itself."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


# sources


def test_every_source_gives_the_same_picture(tmp_path: Path) -> None:
    pixels = gradient()
    path = tmp_path / "a.png"
    path.write_bytes(file_of(PIL.Image.fromarray(pixels)))
    with path.open("rb") as stream:
        opened = [Image.open(path), Image.open(str(path)), Image.open(path.read_bytes()), Image.open(stream)]
    opened += [Image.open(PIL.Image.fromarray(pixels)), Image.open(pixels), Image.open(opened[0])]
    for image in opened:
        assert (
            (image.pixels == pixels).all()
            and image.pixels.flags.c_contiguous
            and image.pixels.dtype == np.uint8
        )
        assert image == opened[0] and hash(image) == hash(opened[0]) and image.key == opened[0].key
        assert image.size == image.original_size == (6, 9)
    assert opened[0].source == str(path)


def test_a_stream_is_read_from_where_it_stands_and_left_open() -> None:
    stream = io.BytesIO(b"header" + file_of(PIL.Image.fromarray(gradient())))
    stream.seek(6)
    assert Image.open(stream).size == (6, 9)
    assert not stream.closed


# modes


def test_transparency_lies_on_white() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    expected = [[255, 255, 255], [127, 127, 127], [0, 0, 0]]
    for picture in (PIL.Image.fromarray(rgba), PIL.Image.fromarray(rgba[:, :, 2:], "LA")):
        assert Image.open(file_of(picture)).pixels[0].tolist() == expected
    for array in (rgba, rgba[:, :, 2:]):
        assert Image.from_array(array).pixels[0].tolist() == expected


def test_a_palette_with_a_transparent_entry() -> None:
    picture = PIL.Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert Image.open(file_of(picture)).pixels[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    transparent = Image.open(file_of(picture, transparency=1))
    assert transparent.pixels[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    key = Image.open(file_of(PIL.Image.fromarray(np.array([[7, 9]], np.uint8)), transparency=7))
    assert key.pixels[0].tolist() == [[255, 255, 255], [9, 9, 9]]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 129, 32768, 65535]], np.uint16)
    expected = [0, 0, 1, 128, 255]
    for image in (Image.open(file_of(PIL.Image.fromarray(values))), Image.from_array(values)):
        assert image.pixels[0, :, 0].tolist() == expected and (np.ptp(image.pixels, axis=2) == 0).all()
    assert Image.open(file_of(PIL.Image.fromarray(values), "TIFF")).pixels[0, :, 0].tolist() == expected


def test_sixteen_bit_colour() -> None:
    values = np.array([[[65535, 0, 32768], [256, 512, 65280]]], np.uint16)
    image = Image.open(png_of(values, 2))
    np.testing.assert_allclose(image.pixels.astype(int), values / 257, atol=1)
    clear = np.concatenate([values, np.array([[[65535], [0]]], np.uint16)], axis=2)
    assert Image.open(png_of(clear, 6)).pixels[0, 1].tolist() == [255, 255, 255]


def test_float_pictures() -> None:
    def opened(values: list[float]) -> list[int]:
        return (
            Image.open(file_of(PIL.Image.fromarray(np.array([values], np.float32)), "TIFF"))
            .pixels[0, :, 0]
            .tolist()
        )

    assert opened([0, 0.5, 1]) == [0, 128, 255]
    assert opened([0, 100, 255]) == [0, 100, 255]
    with pytest.warns(UserWarning, match="no known range"):
        assert opened([-10, 0, 990]) == [0, 3, 255]


def test_whole_number_pictures_of_32_bits() -> None:
    picture = PIL.Image.fromarray(np.array([[0, 65535]], np.int32))
    assert Image.open(file_of(picture, "TIFF")).pixels[0, :, 0].tolist() == [0, 255]
    with pytest.warns(UserWarning, match="no known range"):
        assert Image.open(
            file_of(PIL.Image.fromarray(np.array([[5, 5]], np.int32) * 100000), "TIFF")
        ).size == (1, 2)


@pytest.mark.parametrize(("mode", "tolerance"), [("CMYK", 3), ("YCbCr", 4), ("RGB", 3), ("L", 3)])
def test_jpeg_of_every_mode(mode: str, tolerance: int) -> None:
    flat = PIL.Image.new("RGB", (32, 32), (200, 120, 40)).convert(mode)
    image = Image.open(file_of(flat, "JPEG", quality=95))
    expected = np.asarray(flat.convert("RGB")).astype(int)
    assert abs(image.pixels.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("mode", ["1", "HSV", "LAB", "CMYK"])
def test_other_modes(mode: str) -> None:
    picture = PIL.Image.fromarray(gradient())
    source = PIL.Image.new("LAB", (9, 6), (128, 128, 128)) if mode == "LAB" else picture.convert(mode)
    assert Image.open(source).size == (6, 9)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [PIL.Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    data = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert Image.open(data).pixels[0, 0].tolist() == [255, 0, 0]


# orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_exif_turns_the_picture(orientation: int, format: str) -> None:
    picture = PIL.Image.fromarray(gradient())
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    data = file_of(picture, format, exif=exif, **options)
    expected = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data)))
    image = Image.open(data)
    assert (image.pixels == np.asarray(expected.convert("RGB"))).all()
    assert image.size == image.original_size == ((9, 6) if orientation >= 5 else (6, 9))


def test_turning_by_hand() -> None:
    pixels = np.array([[1, 2, 3], [4, 5, 6]])
    assert turned(pixels, 6).tolist() == [[4, 1], [5, 2], [6, 3]]  # stored lying on its left side
    assert turned(pixels, 3).tolist() == [[6, 5, 4], [3, 2, 1]]


def test_nonsense_in_exif_is_no_reason_to_fail() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 77
    assert Image.open(file_of(PIL.Image.fromarray(gradient()), exif=exif)).size == (6, 9)
    broken = file_of(
        PIL.Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0II*\0garbage that is no directory"
    )
    assert Image.open(broken).size == (6, 9)


# reading reduced


@pytest.mark.parametrize(
    ("format", "orientation"), [("PNG", 1), ("JPEG", 1), ("JPEG", 6), ("TIFF", 6), ("PNG", 8)]
)
def test_large_pictures_are_reduced_and_remember(format: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    source = PIL.Image.fromarray(gradient(300, 500))
    image = Image.open(file_of(source, format, exif=exif), max_pixels=10_000)
    full = Image.open(file_of(source, format, exif=exif), max_pixels=None)
    assert (
        full.size
        == image.original_size
        == full.original_size
        == ((500, 300) if orientation >= 5 else (300, 500))
    )
    assert 2_000 < image.size[0] * image.size[1] <= 10_000
    assert image.size[0] / image.size[1] == pytest.approx(full.size[0] / full.size[1], rel=0.05)
    difference = image.resized((20, 20)).pixels.astype(int) - full.resized((20, 20)).pixels
    assert abs(difference).mean() < 4


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 400))
def test_no_more_pixels_than_asked_for(height: int, width: int, limit: int) -> None:
    image = Image.open(PIL.Image.new("L", (width, height), 77), max_pixels=limit)
    assert image.size[0] * image.size[1] <= limit and image.original_size == (height, width)
    assert (image.pixels == 77).all()


def test_reduction_is_the_mean_over_squares() -> None:
    values = np.arange(36, dtype=np.uint8).reshape(6, 6)
    image = Image.open(PIL.Image.fromarray(values), max_pixels=9)
    np.testing.assert_allclose(image.pixels[:, :, 0], values.reshape(3, 2, 3, 2).mean(axis=(1, 3)), atol=0.5)


@pytest.mark.parametrize("shape", [(20_000, 30), (3, 20_000), (20_000, 1)])
def test_twenty_thousand_pixels_long(shape: tuple[int, int]) -> None:
    image = Image.open(file_of(PIL.Image.new("RGB", shape[::-1], "teal")))
    assert image.size == shape


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_twenty_thousand_squared(format: str, tmp_path: Path) -> None:
    path = tmp_path / "huge"
    PIL.Image.new("L", (20_000, 20_000), 90).save(
        path, format, **({} if format == "JPEG" else {"compress_level": 1})
    )
    image = Image.open(path, max_pixels=1_000_000)
    assert image.original_size == (20_000, 20_000) and image.size in ((1000, 1000), (834, 834))
    assert abs(image.pixels.astype(int) - 90).max() <= 1
    assert PIL.Image.MAX_IMAGE_PIXELS is not None, "Pillow's own limit is back in place"


def test_one_pixel() -> None:
    image = Image.open(file_of(PIL.Image.new("RGB", (1, 1), "red")))
    assert image.size == (1, 1) and image.crop((0, 0, 1, 1)) == image and image.resized((3, 2)).size == (3, 2)


# arrays


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9).map(lambda s: (*s, 3))))
def test_floats_and_bytes_agree(pixels: np.ndarray) -> None:
    image = Image.from_array(pixels)
    assert Image.from_array(pixels / 255) == image
    assert Image.from_float(image.to_float()) == image
    assert Image.from_array(pixels.astype(np.int64)) == image
    assert image.to_float().shape == (3, *image.size) and abs(image.to_float()).max() <= 1


def test_grey_and_bool_arrays() -> None:
    assert Image.from_array(np.array([[True, False]])).pixels[0].tolist() == [[255] * 3, [0] * 3]
    assert Image.from_array(np.full((2, 3, 1), 9, np.uint8)).pixels.shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 5)), "shape"),
        (np.zeros(7), "shape"),
        (np.zeros((0, 4)), "no pixels"),
        (np.array([[0.0, np.nan]]), "NaN"),
        (np.array([[0.0, np.inf]]), "infinity"),
        (np.array([[-1.0, 1.0]]), r"0\.\.1"),
        (np.array([[0, 256]]), r"0\.\.255"),
        (np.array([["red"]]), "numbers"),
        (np.array([[1j]]), "numbers"),
    ],
)
def test_bad_arrays(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Image.open(array)


def test_the_constructor_takes_rgb_bytes_only() -> None:
    for pixels in (
        np.zeros((2, 2)),
        np.zeros((2, 2, 3)),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
    ):
        with pytest.raises(InputError):
            Image(pixels)
    image = Image(np.zeros((4, 6, 3), np.uint8)[:, ::2])
    assert image.pixels.flags.c_contiguous
    with pytest.raises(dataclasses.FrozenInstanceError):
        image.source = "x"  # type: ignore[misc]
    with pytest.raises(InputError, match="finite"):
        Image.from_float(np.full((3, 2, 2), np.nan))


# crops and resizing


def test_crops_hold_whole_pixels() -> None:
    image = Image(gradient(10, 10))
    assert (image.crop((0.2, 0.1, 0.5, 0.4)).pixels == image.pixels[1:4, 2:5]).all()
    assert image.crop((0.21, 0.11, 0.49, 0.39)).size == (3, 3)
    assert image.crop((0.99, 0.99, 1, 1)).size == (1, 1)
    with pytest.raises(InputError, match="--pixels"):
        image.crop((2, 1, 5, 4))


def test_sizes() -> None:
    image = Image(gradient(40, 80))
    assert image.fitted(20).size == (10, 20) and image.fitted(100) is image
    assert image.resized((40, 80)) is image and image.resized((5, 7)).original_size == (40, 80)
    with pytest.raises(InputError, match="at least 1 x 1"):
        image.resized((0, 5))
    with pytest.raises(InputError, match="max_pixels"):
        Image.open(PIL.Image.new("L", (2, 2)), max_pixels=0)


# writing


def test_saving(tmp_path: Path) -> None:
    image = Image(gradient())
    assert Image.open(image.save(tmp_path / "new" / "a.png")) == image
    assert Image.open(image.save(tmp_path / "a.webp", lossless=True)) == image
    assert Image.open(image.encoded("PNG")) == image
    assert Image.open(image.save(tmp_path / "a.jpg")).size == image.size
    with pytest.raises(InputError, match="unknown picture suffix"):
        image.save(tmp_path / "a.xyz")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        image.save(tmp_path / "file" / "a.png")
    assert {path.name for path in tmp_path.iterdir()} == {"new", "a.webp", "a.jpg", "file"}
