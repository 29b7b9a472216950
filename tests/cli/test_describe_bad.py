"""``lucida describe`` with input that is wrong: one clear line, exit code 2, nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.cli.main import main
from lucida.media.image import Image

Captured = pytest.CaptureFixture[str]

BAD = [
    ([], "want a picture"),
    (["missing.png"], "no such file: missing.png"),
    (["photo.png", "missing.png"], "no such file: missing.png"),
    (["missing*.png"], "nothing matches missing*.png"),
    (["empty"], "folder empty: no pictures"),
    (["nothing.png"], "nothing.png is empty"),
    (["cut.jpg"], "cut.jpg is damaged or cut short"),
    (["words.png"], "words.png is not a picture"),
    (["photo.png", "--masks", "missing.png"], "no such mask file: missing.png"),
    (["photo.png", "--masks", "black.png"], "black.png is an empty mask"),
    (["photo.png", "--masks", "small.png"], "small.png is 4 x 4 pixels but its picture is 80 x 60"),
    (["photo.png", "--masks", "words.png"], "words.png is not a picture"),
    (["photo.png", "--masks", "empty"], "empty is a folder"),
    (["photo.png", "one.png", "--masks", "one.png"], "--masks belong to one picture"),
    (["photo.png", "--boxes", "10,10,40,30"], "give --pixels"),
    (["photo.png", "--boxes", "0,0,0.5,1", "0,0,1.5,1"], "--boxes 2 (0, 0, 1.5, 1) has a value over 1"),
    (["photo.png", "--boxes", "-0.1,0,0.5,1"], "-0.1,0,0.5,1"),
    (["photo.png", "--boxes=-0.1,0,0.5,1"], "--boxes 1 (-0.1, 0, 0.5, 1) is outside"),
    (["photo.png", "--boxes", "0.5,0,0.1,1"], "is inverted"),
    (["photo.png", "--boxes", "0.5,0,0.5,1"], "has no area"),
    (["photo.png", "--boxes", "nan,0,0.5,1"], "NaN"),
    (["photo.png", "--boxes", "0,0,1"], "--boxes 1: want four numbers x0,y0,x1,y1, got '0,0,1'"),
    (["photo.png", "--boxes", "0", "0", "1", "1"], "want four numbers"),
    (["photo.png", "--boxes", "a,b,c,d"], "want four numbers"),
    (["photo.png", "--boxes", "0,0,90,60", "--pixels"], "is outside the picture of 80 x 60 pixels"),
    (["photo.png", "--boxes", "0,0,inf,60", "--pixels"], "NaN or infinity"),
    (["photo.png", "--pixels"], "--pixels"),
    (["photo.png", "--coco", "missing.json"], "no such file: missing.json"),
    (["photo.png", "--coco", "words.png"], "is not JSON"),
    (["photo.png", "--coco", "list.json"], "list.json is not a COCO document"),
    (["photo.png", "--coco", "other.json"], "other.json has no picture named photo.png"),
    (["photo.png", "--coco", "bare.json"], "bare.json has no annotations for photo.png"),
    (["photo.png", "--question", " "], "--question is empty"),
    (["photo.png", "--question", "what is <1>?"], "--question cites <1>, but no regions are given"),
    (["photo.png", "--masks", "one.png", "--question", "what is <2>?"], "cites <2>, but there is 1 region"),
    (["photo.png", "--style", "6"], "--style 6"),
    (["photo.png", "--steps", "0"], "--steps 0"),
    (["photo.png", "--limit", "0"], "--limit 0"),
    (["photo.png", "--plan", "magic"], "magic"),
    (["photo.png", "--boxes", "0,0,1,1", "--out", "words.png"], "cannot write to --out words.png"),
    (["photo.png", "--boxes", "0,0,1,1", "--out", "words.png/out"], "cannot write to --out words.png/out"),
    (["photos", "--out", "photos"], "--out photos is the folder of the pictures"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"), BAD, ids=lambda value: value if isinstance(value, str) else ""
)
def test_bad_input(arguments: list[str], message: str, run: Any, photo: Path, photos: Path) -> None:
    """One clear line, exit code 2, nothing on stdout, nothing written."""
    Path("empty").mkdir()
    Path("nothing.png").touch()
    Path("words.png").write_text("words")
    Path("list.json").write_text("[]")
    jpeg = Image.open(photo).encoded("JPEG")
    Path("cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    Image(np.zeros((60, 80, 3), np.uint8)).save("black.png")
    Image(np.full((4, 4, 3), 255, np.uint8)).save("small.png")
    picture = {"id": 1, "file_name": "other.png", "height": 60, "width": 80}
    rest: dict[str, list[object]] = {"annotations": [], "categories": []}
    Path("other.json").write_text(json.dumps({"images": [picture], **rest}))
    Path("bare.json").write_text(json.dumps({"images": [picture | {"file_name": "photo.png"}], **rest}))
    before = set(photo.parent.rglob("*"))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("lucida: error: ") and err.count("\n") == 1
    assert set(photo.parent.rglob("*")) - {photo.parent / "runs", photo.parent / "runs/describe"} == before


def test_unknown_model(photo: Path, capsys: Captured) -> None:
    assert main(["describe", "photo.png", "--model", "nonesuch"]) == 2
    assert "no model named 'nonesuch'" in capsys.readouterr().err
    assert main(["describe", "photo.png", "--model", "tower"]) == 2
    assert "model tower: a part, not a describer" in capsys.readouterr().err
