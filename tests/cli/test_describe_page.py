"""``lucida describe --page``, and the official annotation files as regions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucida.cli.describe_annotations import as_coco
from lucida.media import InputError, Region

RLES = [Region.from_box(box, (60, 80)).rle for box in ((0, 0, 0.5, 1), (0.5, 0, 1, 1))]
GAR = [
    {"image": "images/photo.jpg", "subject_name": "cat", "object_name": "mat", "mask_rles": RLES},
    {"image": "images/photo.jpg", "mask_rles": RLES[:1]},
]
PARADLC = [{"file_name": "photo.png", "height": 60, "width": 80, "image_id": "1", "annotations": [
    {"index": i, "category_name": name, "mask_rle": rle} for i, (name, rle) in enumerate(zip("ab", RLES, strict=True))
]}]  # fmt: skip


@pytest.mark.parametrize(("data", "labels"), [(GAR, ["cat", "mat"]), (PARADLC, ["a", "b"])])
def test_official_annotations_are_regions(data: Any, labels: list[str], run: Any, photo: Path) -> None:
    """Each mask once, with its label; a picture may be in another format than the file says."""
    Path("official.json").write_text(json.dumps(data))
    code, out, err = run("photo.png", "--coco", "official.json", "--json", "--out", "out")
    assert code == 0, err
    results = json.loads(out)["results"]
    assert [entry["region"]["rle"] for entry in results] == RLES
    document = json.loads(Path("out/photo.coco.json").read_text())
    names = {each["id"]: each["name"] for each in document["categories"]}
    assert [names[each["category_id"]] for each in document["annotations"]] == labels


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "the list is empty"),
        ("text", "want an object or a list of records, got str"),
        ([{"mask_rles": []}], r"x\[0\]: image is missing"),
        ([{"image": "a", "mask_rles": [7]}], r"x\[0\].mask_rles\[0\] is not a run-length mask"),
        ([{"file_name": "a", "annotations": [3]}], "is not a list of objects"),
        ([*PARADLC, {"annotations": []}], r"x\[1\]: file_name is missing"),
    ],
)
def test_bad_annotations(data: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        as_coco(data, "x")


def test_coco_stays_as_it_is() -> None:
    data = {"images": [], "annotations": [], "categories": []}
    assert as_coco(data, "x") is data


def test_the_page(run: Any, photo: Path) -> None:
    """Captions word by word with the pass each was written in, the canvas, the whole picture's caption."""
    code, _, _ = run("photo.png", "--out", "out", "--page")
    assert code == 0
    page = Path("out/index.html").read_text()
    document = json.loads(Path("out/photo.json").read_text())
    assert page.count('class="n at"') == len(document["results"]) - 1 > 0
    assert "whole picture" in page and "data-passes=" in page and "sure" in page
    assert "http://" not in page and 'src="data:image' in page


def test_the_page_of_questions(run: Any, photo: Path) -> None:
    """One answer per region stands beside it; an answer about several stands below."""
    arguments = ("photo.png", "--masks", "one.png", "two.png", "--out", "out", "--page", "--question")
    assert run(*arguments, "what is it?")[0] == 0
    page = Path("out/index.html").read_text()
    assert page.count('class="n at"') == 2 and "whole picture" not in page
    assert run(*arguments, "is <1> like <2>?")[0] == 0
    page = Path("out/index.html").read_text()
    assert "<h3>Questions</h3>" in page and "truth:" not in page


def test_a_page_needs_a_folder(run: Any, photo: Path) -> None:
    code, out, err = run("photo.png", "--json", "--page")
    assert (code, out) == (2, "") and "--page needs a folder" in err
