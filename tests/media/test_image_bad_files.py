"""Whatever is wrong with a picture file: one line that names it."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media import Image, InputError, picture_file


def refused(source: object, *parts: str) -> str:
    with pytest.raises(InputError) as error:
        Image.open(source)  # type: ignore[arg-type]
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


def noise(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


FILES = {
    "png": noise("PNG"),
    "jpg": noise("JPEG"),
    "gif": noise("GIF"),
    "webp": noise("WEBP"),
    "tif": noise("TIFF", compression="tiff_lzw"),
    "bmp": noise("BMP"),
}


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    refused(tmp_path / "missing.jpg", "no such file", "missing.jpg")
    refused(tmp_path, "is a folder", str(tmp_path))
    (tmp_path / "empty.png").write_bytes(b"")
    refused(tmp_path / "empty.png", "empty (0 bytes)", "empty.png")
    (tmp_path / "notes.jpg").write_text("these are my notes, not a photograph\n" * 50)
    refused(tmp_path / "notes.jpg", "not a picture", "notes.jpg")
    refused(tmp_path / "file.jpg" / "below.jpg", "below.jpg")
    refused("a\0b.png", "cannot read")
    refused(b"", "empty")
    refused(b"\x00" * 100, "not a picture")
    refused(io.BytesIO(b""), "empty")
    refused(io.StringIO("text"), "binary mode")
    refused(42, "int")
    refused(None, "NoneType")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(FILES["png"])
    path.chmod(0)
    refused(path, "cannot read", "secret.png", "Permission")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_device_is_read_like_a_stream() -> None:
    refused("/dev/null", "empty (0 bytes)", "/dev/null")


@pytest.mark.parametrize("suffix", FILES)
def test_files_cut_short(suffix: str, tmp_path: Path) -> None:
    data = FILES[suffix]
    for share in (0.02, 0.1, 0.5, 0.9):
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(data[: int(len(data) * share)])
        refused(path, f"cut.{suffix}")


@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_bytes_never_give_another_error(suffix: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[suffix])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, min(len(damaged), 400) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(bytes(damaged), max_pixels=100_000)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert image.pixels.shape == (*image.size, 3)


@given(st.binary(min_size=1, max_size=200))
def test_random_bytes(data: bytes) -> None:
    with pytest.raises(InputError, match="picture bytes"):
        Image.open(data)


def test_formats_that_start_other_programs_are_not_tried() -> None:
    refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not a picture")
    assert not {"EPS", "WMF"} & set(picture_file.FORMATS)


def test_more_pixels_than_memory_holds(tmp_path: Path) -> None:
    """A PNG may claim any size in its header: refused before a byte of it is unpacked."""
    data = bytearray(FILES["png"])
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(data)
    refused(tmp_path / "bomb.png", "too large to decode", "60000 x 60000", "bomb.png")


def test_running_out_of_memory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: PIL.Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    refused(FILES["png"], "does not fit in memory")


def test_nan_in_a_float_picture() -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.array([[0.5, np.nan]], np.float32)).save(buffer, "TIFF")
    refused(buffer.getvalue(), "NaN")
