"""``lucida bench score segment`` end to end: each data set's conventions, and each kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from lucida.cli.main import main

Captured = pytest.CaptureFixture[str]


def save(path: Path, values: Any, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.array(values)
    if path.suffix == ".npy":
        np.save(path, array)
        return path
    picture = PILImage.fromarray(array.astype(np.uint16 if mode == "I;16" else np.uint8))
    if mode == "P":
        picture.putpalette([i for i in range(256) for _ in range(3)])
    picture.save(path)
    return path


def scored(capsys: Captured, *arguments: str) -> dict[str, Any]:
    assert main(["bench", "score", "segment", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_ade20k_zero_is_not_scored(capsys: Captured) -> None:
    save(Path("gt/ADE_val_00000001.png"), [[0, 1, 1, 150]])  # void, class 0, class 0, class 149
    save(Path("train/ADE_val_00000001.png"), [[5, 0, 5, 149]])
    found = scored(capsys, "train", "gt", "--layout", "ade20k")
    # class 0: 1 of 2; class 5: 0 of 1; class 149: 1 of 1
    assert found["scores"]["miou"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert found["scores"]["pixel_accuracy"] == pytest.approx(2 / 3) and found["pixels"] == 3
    save(Path("label/ADE_val_00000001.png"), [[6, 1, 6, 150]])
    again = scored(capsys, "label", "gt", "--layout", "ade20k", "--ids", "label")
    assert again["scores"] == found["scores"]
    assert scored(capsys, "gt", "gt", "--layout", "ade20k", "--ids", "label")["scores"]["miou"] == 1


def test_cityscapes_both_numberings_and_folders_by_city(capsys: Captured) -> None:
    stem = "frankfurt_000000_000294"
    folder = Path("gt/frankfurt")
    save(folder / f"{stem}_gtFine_labelIds.png", [[7, 8, 33, 0, 4]])  # road, sidewalk, bicycle, void, void
    save(folder / f"{stem}_gtFine_instanceIds.png", [[7, 8, 33, 0, 4]])
    save(Path(f"p/frankfurt/{stem}_leftImg8bit.png"), [[0, 0, 18, 3, 3]])
    found = scored(capsys, "p", "gt", "--layout", "cityscapes")
    assert found["scores"]["miou"] == pytest.approx((1 / 2 + 0 + 1) / 3) and found["truth_ids"] == "label"
    assert [row["name"] for row in found["classes"] if row["iou"]] == ["road", "bicycle"]
    assert found["notes"] == ["gt: 1 other files were not read"]
    (folder / f"{stem}_gtFine_labelIds.png").unlink()
    save(folder / f"{stem}_gtFine_labelTrainIds.png", [[0, 1, 18, 255, 255]])
    again = scored(capsys, "p", "gt", "--layout", "cityscapes")
    assert again["scores"] == found["scores"] and again["truth_ids"] == "train"
    save(Path(f"q/{stem}_pred.npy"), [[7, 7, 33, 0, 0]])
    label = scored(capsys, "q", "gt", "--layout", "cityscapes", "--ids", "label")
    assert label["scores"] == found["scores"]


def test_cocostuff_raw_ids_skip_the_unused(capsys: Captured) -> None:
    save(Path("raw/000000000139.png"), [[0, 12, 181, 255]])  # train ids 0, 11, 170, void
    save(Path("p/000000000139.png"), [[0, 11, 170, 4]])
    assert scored(capsys, "p", "raw", "--layout", "cocostuff")["scores"]["miou"] == 1
    save(Path("made/000000000139_labelTrainIds.png"), [[0, 11, 170, 255]])
    found = scored(capsys, "p", "made", "--layout", "cocostuff")
    assert found["scores"]["miou"] == 1 and len(found["classes"]) == 171


def test_voc_palette_files_and_a_list(capsys: Captured) -> None:
    for name in ("2007_000033", "2007_000042", "2007_000061"):
        save(Path(f"gt/{name}.png"), [[0, 1, 255], [20, 20, 20]], mode="P")
    save(Path("p/2007_000033.png"), [[0, 1, 1], [20, 20, 0]], mode="P")
    save(Path("p/2007_000042.npy"), [[0, 1, 1], [20, 20, 0]])
    Path("val.txt").write_text("2007_000033\n2007_000042\n")
    found = scored(capsys, "p", "gt", "--layout", "voc", "--only", "val.txt")
    # over both: background 2 of 4, aeroplane 2 of 2, tvmonitor 4 of 6
    assert found["scores"]["miou"] == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)
    assert found["notes"] == ["1 pictures of gt are not in val.txt"]


def test_coco_panoptic_truth_is_colours_and_a_json(capsys: Captured) -> None:
    rgb = np.zeros((1, 4, 3), np.uint8)
    rgb[0, 1], rgb[0, 2], rgb[0, 3] = (7, 0, 0), (1, 1, 0), (0, 0, 1)  # segments 7, 257, 65536; 0 is void
    Path("gt").mkdir()
    PILImage.fromarray(rgb).save("gt/000000000139.png")
    segments = [{"id": 7, "category_id": 1}, {"id": 257, "category_id": 90}, {"id": 65536, "category_id": 1}]
    document = {
        "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}],
        "annotations": [{"file_name": "000000000139.png", "segments_info": segments}],
    }
    Path("gt.json").write_text(json.dumps(document))
    save(Path("p/000000000139.png"), [[1, 0, 1, 1]])
    found = scored(capsys, "p", "gt", "--layout", "coco")
    assert [row["iou"] for row in found["classes"]] == [pytest.approx(1 / 2), pytest.approx(1 / 2)]
    save(Path("l/000000000139.png"), [[0, 1, 90, 90]])
    again = scored(capsys, "l", "gt", "--layout", "coco", "--ids", "label")
    assert again["scores"] == found["scores"]


def test_lines_and_the_folder(capsys: Captured) -> None:
    save(Path("gt/a.png"), [[0, 1], [1, 255]])
    save(Path("p/a.png"), [[0, 1], [255, 0]])
    assert (
        main(["bench", "score", "segment", "p", "gt", "--layout", "plain", "--classes", "3", "--out", "o"])
        == 0
    )
    out = capsys.readouterr().out
    assert "mIoU             75.00  (2 of 3 classes occur)" in out and "undecided        33.33" in out
    assert json.loads(Path("o/score.json").read_text())["scores"]["miou"] == 0.75


def good() -> None:
    save(Path("gt/a.png"), [[0, 1], [1, 2]])
    save(Path("gt/b.png"), [[0, 1], [1, 2]])
    save(Path("p/a.png"), [[0, 1], [1, 2]])
    save(Path("p/b.png"), [[0, 1], [1, 2]])


def rgb() -> None:
    PILImage.new("RGB", (2, 2)).save("p/b.png")


def damaged() -> None:
    data = bytearray(Path("p/b.png").read_bytes())
    place = data.index(b"IDAT") + 4
    data[place : place + 4] = bytes(4)
    Path("p/b.png").write_bytes(data)


BAD: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "missing": (lambda: Path("p/b.png").unlink(), ("gt/b.png: no prediction for it in p",)),
    "extra": (lambda: save(Path("p/c.png"), [[0]]), ("p/c.png: no truth for it in gt",)),
    "size": (lambda: save(Path("p/b.png"), [[0, 1]]), ("p/b.png: 2x1 pixels", "gt/b.png has 2x2")),
    "range": (
        lambda: save(Path("p/b.png"), [[0, 1], [1, 3]]),
        ("p/b.png: id 3 is out of range", "0 to 2 or 255"),
    ),
    "truth": (lambda: save(Path("gt/b.png"), [[0, 1], [1, 3]]), ("gt/b.png: id 3 is out of range",)),
    "negative": (
        lambda: [Path("p/b.png").unlink(), save(Path("p/b.npy"), [[0, -1], [1, 1]])],
        ("p/b.npy: id -1",),
    ),
    "wide": (lambda: save(Path("p/b.png"), [[0, 1], [1, 2]], mode="I;16"), ("p/b.png: a 16-bit picture",)),
    "rgb": (rgb, ("p/b.png: a picture of mode RGB",)),
    "floats": (
        lambda: [Path("p/b.png").unlink(), save(Path("p/b.npy"), [[0.5]])],
        ("p/b.npy: want integers",),
    ),
    "twice": (lambda: save(Path("p/b.npy"), [[0]]), ("p/b.png: a second file for picture b",)),
    "damaged": (damaged, ("p/b.png is damaged",)),
    "words": (lambda: Path("p/b.png").write_text("words"), ("p/b.png is not a picture",)),
    "empty": (lambda: [path.unlink() for path in Path("p").iterdir()], ("p: no .png or .npy files",)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_line_each(name: str, capsys: Captured) -> None:
    spoil, words = BAD[name]
    good()
    spoil()
    assert main(["bench", "score", "segment", "p", "gt", "--layout", "plain", "--classes", "3"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("lucida: error: ") and err.count("\n") == 1, err
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["p"], "want two folders"),
        (["p", "gt"], "want --layout"),
        (["p", "gt", "--layout", "nothing"], "want ade20k, cityscapes"),
        (["p", "gt", "--layout", "plain"], "needs --classes"),
        (["p", "gt", "--layout", "voc", "--classes", "3"], "has its own classes"),
        (["p", "gone", "--layout", "voc"], "gone: no such folder"),
        (["p", "gt", "--layout", "cityscapes"], "*_gtFine_labelIds.png"),
        (["p", "gt", "--layout", "coco"], "no such file: gt.json"),
        (["p", "gt", "--layout", "voc", "--only", "gone.txt"], "gone.txt"),
        (["p", "gt", "--layout", "voc", "--data", "x"], "--data is of the other protocols"),
    ],
)
def test_bad_arguments_are_one_line_each(arguments: list[str], words: str, capsys: Captured) -> None:
    good()
    assert main(["bench", "score", "segment", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and words in err


def test_the_other_protocols_refuse_folders(capsys: Captured) -> None:
    assert main(["bench", "score", "gar-vqa", "p", "gt"]) == 2
    assert "want --data and --predictions" in capsys.readouterr().err
