"""The folder that ``describe`` and ``segment`` write and take up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucida.cli.results import RESULTS, Results, made_folder
from lucida.media.errors import InputError


def document(path: str) -> dict[str, Any]:
    return {"schema": "lucida/1", "image": path, "results": []}


def keep(results: Results, path: str, stamp: str = "s") -> None:
    results.keep(path, document(path), stamp, {".png": lambda file: file.write_bytes(b"png")})


def test_a_picture_is_done_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    keep(Results(out, [".png"], [".png"]), "a/x.jpg")
    again = Results(out, [".png"], [".png"])
    assert again.finished("a/x.jpg", "s") == document("a/x.jpg")
    assert again.finished("a/x.jpg", "other") is None and again.finished("b/x.jpg", "s") is None
    (out / "x.png").unlink()
    assert again.finished("a/x.jpg", "s") is None
    assert Results(out, [".png"]).finished("a/x.jpg", "s") is not None  # where nothing is needed beside the document


def test_names_never_meet(tmp_path: Path) -> None:
    """Two pictures of one stem, and a file that is somebody else's; the same picture keeps its name."""
    (tmp_path / "c.png").write_bytes(b"mine")
    results = Results(tmp_path, [".png"])
    for path in ("a/x.jpg", "b/x.jpg", "c/x.jpg", "a/x.jpg", "c.gif"):
        keep(results, path)
    lines = [json.loads(line) for line in (tmp_path / RESULTS).read_text().splitlines()]
    assert [line["name"] for line in lines] == ["x", "x.jpg", "x-2", "x", "c.gif"]
    assert (tmp_path / "c.png").read_bytes() == b"mine"


def test_what_a_crash_leaves_is_taken_over(tmp_path: Path) -> None:
    """A document without its line is written again under its name; a line cut short says nothing."""

    def crash(file: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Results(tmp_path, [".png"]).keep("x.jpg", document("x.jpg"), "s", {".png": crash})
    with (tmp_path / RESULTS).open("a") as file:
        file.write('{"image": "y.jpg", "na')
    results = Results(tmp_path, [".png"])
    assert results.finished("x.jpg", "s") is None is results.finished("y.jpg", "s")
    keep(results, "x.jpg")
    assert [path.name for path in sorted(tmp_path.iterdir())] == [RESULTS, "x.json", "x.png"]
    assert Results(tmp_path, [".png"]).finished("x.jpg", "s") == document("x.jpg")


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    results = Results(tmp_path, [])
    results.failed("x.jpg", "damaged")
    assert Results(tmp_path, []).finished("x.jpg", "s") is None and results.tidy()


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    assert not Results(tmp_path / "out", []).tidy() and not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write to --out .*file/out"):
        Results(tmp_path / "file" / "out", [])
    with pytest.raises(InputError, match=r"cannot write to --out .*file/out"):
        made_folder(tmp_path / "file" / "out", "demo")
