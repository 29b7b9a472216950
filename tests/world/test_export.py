"""COCO export, preview, and the command line of the world."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lucida.cli.world import app
from lucida.media.errors import InputError
from lucida.world.export import export_coco
from lucida.world.fingerprint import world_fingerprint
from lucida.world.preview import preview_sheet, scene_document
from lucida.world.scene import draw_scene


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_coco(tmp_path_factory.mktemp("export") / "coco", 4, split="val", first=10, size=(96, 128))


def test_pycocotools_reads_what_was_drawn(exported: Path) -> None:
    from pycocotools.coco import COCO

    coco = COCO(str(exported / "annotations.json"))
    assert len(coco.getImgIds()) == 4
    for image in coco.loadImgs(coco.getImgIds()):
        scene = draw_scene(image["seed"], split="val", size=(96, 128))
        from PIL import Image

        assert np.array_equal(np.asarray(Image.open(exported / image["file_name"])), scene.pixels)
        rows = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        assert len(rows) == len(scene.objects)
        for row, thing, mask in zip(rows, scene.objects, scene.masks, strict=True):
            assert np.array_equal(coco.annToMask(row).astype(bool), mask)
            x, y, w, h = row["bbox"]
            assert mask[y : y + h, x : x + w].sum() == row["area"] == mask.sum()
            assert coco.loadCats(row["category_id"])[0]["name"] == thing.noun
            assert row["attributes"]["colour"] == thing.colour
            assert thing.noun in row["caption"]
        assert image["caption"]


def test_document_names_world_and_licence(exported: Path) -> None:
    document = json.loads((exported / "annotations.json").read_text())
    assert document["info"]["fingerprint"] == world_fingerprint()
    assert "OpenMoji" in document["info"]["attribution"]
    assert len({row["id"] for row in document["annotations"]}) == len(document["annotations"])


def test_bad_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="count is 0"):
        export_coco(tmp_path / "new", 0)
    with pytest.raises(InputError, match="exists already"):
        export_coco(tmp_path, 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        export_coco(tmp_path / "file" / "new", 1)
    with pytest.raises(InputError, match="16x16"):
        export_coco(tmp_path / "small", 1, size=(16, 16))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_preview_sheet_and_document() -> None:
    scenes = [draw_scene(seed, size=(64, 64)) for seed in range(3)]
    assert preview_sheet(scenes).pixels.shape[2] == 3
    document = json.loads(json.dumps(scene_document(scenes[0])))
    assert document["size"] == [64, 64] and len(document["objects"]) == len(scenes[0].objects)


def test_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = {"result_action": "return_value"}
    app(["preview", "--seeds", "2", "--size", "64", "--out", "sheet.png"], **run)
    assert capsys.readouterr().out.strip() == "sheet.png" and (tmp_path / "sheet.png").is_file()
    app(["preview", "--seeds", "1", "--size", "64", "--json", "--split", "test-pairs"], **run)
    document = json.loads(capsys.readouterr().out)
    assert document["sheet"] is None and document["scenes"][0]["split"] == "test-pairs"
    app(["export", "--out", "set", "--count", "2", "--size", "64"], **run)
    assert capsys.readouterr().out.strip() == "set" and (tmp_path / "set" / "annotations.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "sheet.png"]
    with pytest.raises(InputError, match="--seeds 0"):
        app(["preview", "--seeds", "0"], **run)
    with pytest.raises(InputError, match="nowhere"):
        app(["preview", "--cutouts", "nowhere"], **run)
