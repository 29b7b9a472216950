"""The segmenter: any size of picture, unknown pixels, the proposer, and the command with all its formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import lucida
from lucida.cli.main import main
from lucida.flow.codes import VOID
from lucida.media import InputError, Region, load_document
from lucida.media.image import Image
from lucida.models.store import load_model_files, save_model
from lucida.systems.segment.proposals import SegmentProposer, installed_proposer, parts, proposer_of, things
from lucida.systems.segment.sampling import walk
from lucida.systems.segment.system import Segmentation
from tests.systems.tiny import tiny_segmenter

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_segmenter(tmp_path_factory.mktemp("segmenter") / "model")


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Any:
    return lucida.load(str(folder))


def picture(height: int, width: int) -> Image:
    rng = np.random.default_rng(height * 1000 + width)
    coarse = rng.integers(0, 255, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return Image(np.kron(coarse, np.ones((8, 8, 1), np.uint8))[:height, :width])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (1, 1), (30, 200), (333, 90), (200, 201)])
def test_any_size(segmenter: Any, height: int, width: int) -> None:
    found = segmenter.segment(picture(height, width), steps=2)
    assert found.labels.shape == found.confidence.shape == (height, width)
    assert found.labels.dtype == np.uint8 and set(np.unique(found.labels)) <= {*range(64), VOID}
    assert found.confidence.min() > 0 and found.confidence.max() <= 1 + 1e-6
    assert found.passes == 2 and found.scores.sum(-1) == pytest.approx(1, abs=1e-4)
    assert sum(region.area for _, region, _ in found.present()) == height * width


def test_a_picture_is_looked_at_once_and_steps_are_checked(segmenter: Any) -> None:
    look = segmenter.look(picture(64, 128))
    first = look.segment(steps=1)
    assert look.segment(steps=1).labels.tobytes() == first.labels.tobytes()
    assert look.segment(steps=3, accumulate=True).passes == 3
    with pytest.raises(InputError, match="steps: want 1 to 256, got 0"):
        look.segment(steps=0)
    with pytest.raises(InputError, match="too long"):
        segmenter.look(picture(10, 200))


def test_accumulating_one_step_is_reading_its_end(segmenter: Any) -> None:
    seen = segmenter.look(picture(64, 64))._seen[0][0]
    source = torch.randn(1, 16, 16, segmenter.codes.shape[1])
    plain, summed = (
        walk(segmenter.network, seen, source, segmenter.codes, steps=1, accumulate=a) for a in (False, True)
    )
    assert summed.averaged is not None and plain.averaged is None
    assert torch.allclose(plain.probability, summed.averaged, atol=1e-6)
    thrice = walk(segmenter.network, seen, source, segmenter.codes, steps=3, accumulate=True)
    assert thrice.averaged is not None and torch.allclose(
        thrice.averaged.sum(-1), torch.ones(1, 16, 16), atol=1e-5
    )
    assert not torch.equal(thrice.averaged, thrice.probability)


def test_unknown_by_code_distance(folder: Path, tmp_path: Path) -> None:
    files = load_model_files(folder)
    config = {k: v for k, v in files.config.items() if k != "weights_sha256"} | {"unknown_over": 0.0}
    strict = lucida.load(str(save_model(tmp_path / "strict", files.tensors, config, files.card)))
    image = picture(64, 64)
    assert (strict.segment(image).labels == VOID).all()
    assert [name for name, _, _ in strict.segment(image).present()] == ["unknown"]
    named = strict.segment(image, unknown=False)
    config["unknown_over"] = 1e6
    lax = lucida.load(str(save_model(tmp_path / "lax", files.tensors, config, files.card)))
    assert (lax.segment(image).labels == named.labels).all() and (named.labels != VOID).all()


@pytest.mark.parametrize("arm", ["twin", "metric"])
def test_twins_take_one_pass(
    arm: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    twin = lucida.load(str(tiny_segmenter(tmp_path / arm, arm=arm)))
    image = picture(64, 64)
    assert twin.segment(image, steps=7).passes == 1
    assert (twin.segment(image, seed=1).labels == twin.segment(image, seed=2).labels).all()
    image.save("a.png")
    assert main(["segment", "a.png", "--model", f"./{arm}", "--steps", "2", "--json"]) == 0
    assert "--steps is ignored" in capsys.readouterr().err


def test_things_are_connected_parts_that_are_no_ground() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[2:12, 2:12], labels[20:38, 20:38], labels[2:10, 20:30], labels[0, 39] = 2, 2, 3, 3
    confidence = np.full((40, 40), 0.9, np.float32)
    confidence[2:10, 20:30] = 0.2  # not sure enough
    found = Segmentation(
        image=picture(40, 40), labels=labels, confidence=confidence, names=("a", "b", "c", "d"), grounds=2,
        scores=np.zeros((1, 1, 4), np.float32), passes=1, seconds=0.0, seed=0,
    )  # fmt: skip
    assert [region.area for region in things(found)] == [18 * 18, 10 * 10]
    assert [(part.name, round(part.confidence, 3)) for part in parts(found)] == [("c", 0.9), ("c", 0.9)]


def test_the_describer_takes_its_regions_from_a_proposer(segmenter: Any, tmp_path: Path) -> None:
    from tests.systems.tiny import tiny_describer

    image = picture(96, 128)
    wanted = [Region.from_box((0, 0, 0.5, 1), image.size)]

    class Fixed:
        def propose(self, image: Image) -> list[Region]:
            return wanted

    describer = lucida.load(str(tiny_describer(tmp_path / "describer")))
    own = describer.look(image).regions()
    describer.proposer = Fixed()
    assert describer.look(image).regions() == wanted and own != wanted
    regions = SegmentProposer(segmenter).propose(image)
    assert len(regions) <= 8 and all(region.size == image.size for region in regions)


def test_installed_weights_propose_when_they_say_so(home: Path, folder: Path) -> None:
    assert installed_proposer() is None
    files = load_model_files(folder)
    config = {k: v for k, v in files.config.items() if k != "weights_sha256"}
    save_model(home / "weights" / "segment", files.tensors, config, files.card)
    assert installed_proposer() is None, "they do not say so"
    save_model(home / "weights" / "segment", files.tensors, config | {"proposes": True}, files.card)
    assert isinstance(installed_proposer(), SegmentProposer)


def test_the_describer_is_told_who_proposes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """``--propose``: the regions described are those of the segmenter's class map; own and given ones are not."""
    from tests.systems.tiny import tiny_describer

    monkeypatch.chdir(tmp_path)
    picture(64, 64).save("a.png")
    wanted = [Region.from_box((0, 0, 0.5, 1), (64, 64))]
    monkeypatch.setattr(SegmentProposer, "propose", lambda self, image: wanted)
    model = ["--model", str(tiny_describer(tmp_path / "describer"))]

    def boxes(*words: str) -> list[list[float]]:
        assert main(["describe", "a.png", *model, "--json", "--no-hints", "--steps", "1", *words]) == 0
        results = json.loads(capsys.readouterr().out)["results"]
        return [entry["region"]["box"] for entry in results if entry["region"]]

    assert boxes("--propose", str(folder)) == [[0, 0, 0.5, 1]]
    assert boxes("--propose", "own") == boxes() != [[0, 0, 0.5, 1]]
    assert proposer_of("own") is None and isinstance(proposer_of(str(folder)), SegmentProposer)
    for words, said in (
        (["--propose", "gone"], "a segmenter is made by: lucida train segment"),
        (["--propose", "tower"], "--propose tower: is a part, not a segmenter"),
        (["--propose", "own", "--boxes", "0,0,1,1"], "regions are given"),
    ):
        assert main(["describe", "a.png", *model, *words]) == 2
        assert said in capsys.readouterr().err


def test_the_command_writes_every_format_and_carries_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    picture(48, 64).save("in/a.png")
    picture(64, 48).save("in/b.jpg")
    formats = "palette,overlay,rle,npy,confidence,scores"
    command = ["segment", "in", "--model", str(folder), "--steps", "2", "--format", formats, "--out", "o"]
    assert main(command) == 0
    first = capsys.readouterr()
    assert "in/a.png" in first.out and "written to o" in first.err
    endings = [".confidence.png", ".json", ".npy", ".overlay.png", ".png", ".rle.json", ".scores.npy"]
    names = sorted(path.name for path in Path("o").iterdir())
    assert names == sorted([*(stem + ending for stem in "ab" for ending in endings), "results.jsonl"])
    labels = np.load("o/a.npy")
    with PILImage.open("o/a.png") as saved:
        assert saved.mode == "P" and (np.asarray(saved) == labels).all()
        assert json.loads(saved.text["lucida-classes"])[0] == "plain ground"  # pyright: ignore
    document = load_document("o/a.json")
    assert document.size == (48, 64) and document.nfe == 2
    rebuilt = np.full(labels.shape, VOID)
    for row in json.loads(Path("o/a.rle.json").read_text()):
        rebuilt[Region.from_rle(row["segmentation"]).mask] = row["category_id"] - 1
    assert (rebuilt == labels).all()
    scores = np.load("o/a.scores.npy")
    assert scores.shape == (64, 16, 21) and scores.dtype == np.float16
    with PILImage.open("o/a.confidence.png") as saved:
        sure = lucida.load(str(folder)).segment("in/a.png", steps=2).confidence
        assert saved.mode == "L" and np.abs(np.asarray(saved) / 255 - sure).max() <= 0.51 / 255
    with PILImage.open("o/b.overlay.png") as saved:
        assert saved.size == (48, 64)
    before = {path.name: path.stat().st_mtime_ns for path in Path("o").glob("*.png")}
    assert main(command) == 0
    again = capsys.readouterr()
    assert again.out == first.out and "2 of 2 were segmented before" in again.err
    assert before == {path.name: path.stat().st_mtime_ns for path in Path("o").glob("*.png")}
    Path("o/b.npy").unlink()
    assert main(command) == 0 and Path("o/b.npy").exists()


def test_what_it_writes_can_be_scored(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    picture(64, 64).save("a.png")
    assert main(["segment", "a.png", "--model", str(folder), "--out", "o"]) == 0
    Path("p").mkdir(), Path("o/a.png").rename("p/a.png")
    capsys.readouterr()
    assert (
        main(["bench", "score", "segment", "p", "p", "--layout", "plain", "--classes", "64", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["scores"]["miou"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.png", "--format", "gif"], "--format gif: want palette, overlay"),
        (["a.png", "--steps", "0"], "--steps 0"),
        (["a.png", "--limit", "0"], "--limit 0"),
        (["a.png", "--model", "tower"], "model tower: a part, not a segmenter"),
        (["a.png", "--model", "describe"], "runs the system 'describe', not a segmenter"),
        (["gone.png"], "no such file: gone.png"),
        (["long.png"], "long.png: a picture of 200x10 is too long"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    words: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.chdir(tmp_path)
    picture(32, 32).save("a.png")
    picture(10, 200).save("long.png")
    given = arguments if "--model" in arguments else [*arguments, "--model", str(folder)]
    assert main(["segment", *given]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and words in err
    assert not Path("runs").exists() or not any(Path("runs").rglob("*.*"))
