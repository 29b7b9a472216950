"""Importing the room costs nothing, and every name it promises is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lucida.media


def test_importing_media_imports_nothing_heavy() -> None:
    heavy = ("numpy", "PIL", "av", "torch", "pycocotools")
    code = f"import sys, lucida.media; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_regions_import_the_codec_when_first_used() -> None:
    code = "import sys, lucida.media as m; m.Image, m.Region, m.annotate; print('pycocotools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", lucida.media.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(lucida.media, name) is not None and name in dir(lucida.media)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="nothing_like_this"):
        lucida.media.nothing_like_this  # noqa: B018
