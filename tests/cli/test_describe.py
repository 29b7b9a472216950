"""``lucida describe`` as a user meets it, with a tiny model that says nonsense."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from lucida.cli.describe_words import Word, join_pieces
from lucida.media import load_document, read_masks
from lucida.media.image import Image

Captured = pytest.CaptureFixture[str]


def documents(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_masks_and_boxes(run: Any, photo: Path) -> None:
    code, out, err = run("photo.png", "--masks", "one.png", "two.png", "--boxes", "0,0,0.5,1", "--json")
    assert code == 0
    [document] = documents(out)
    assert load_document(document).size == (60, 80)
    assert document["image"] == "photo.png" and document["seed"] == 0
    assert [entry["region"]["box"] for entry in document["results"]] == [
        pytest.approx([5 / 80, 10 / 60, 30 / 80, 40 / 60]),
        pytest.approx([50 / 80, 30 / 60, 75 / 80, 55 / 60]),
        [0, 0, 0.5, 1],
    ]
    assert 1 <= document["nfe"] <= 4 and document["token_forwards"] > 0
    for entry in document["results"]:
        assert all(0 <= sure <= 1 and 1 <= step <= 4 for _, sure, step in entry["words"])
        assert entry["steps"] == max(step for _, _, step in entry["words"])
    assert re.fullmatch(r"photo\.png: 3 regions, \d passes, [\d.]+ s\n", err)
    assert not Path("runs").exists(), "--json writes nothing"


def test_what_is_written(run: Any, photo: Path) -> None:
    code, out, err = run("photo.png", "--boxes", "0 0 .5 1", "0.5,0,1,1")
    assert code == 0
    assert re.fullmatch(r"      1  [01]\.\d\d  \S.*\n      2  [01]\.\d\d  \S.*\n", out)
    [folder] = (photo.parent / "runs" / "describe").iterdir()
    assert f"written to {folder.relative_to(photo.parent)}" in err
    files = {path.name for path in folder.iterdir()}
    assert files == {"photo.json", "photo.png", "photo.coco.json", "results.jsonl"}
    document = json.loads((folder / "photo.json").read_text())
    assert [" ".join(entry["text"].split()) for entry in document["results"]] == [
        line.strip().split("  ", 2)[2] for line in out.splitlines()
    ]
    masks = read_masks("coco", folder / "photo.coco.json", (60, 80))
    assert [region.rle for _, region in masks] == [entry["region"]["rle"] for entry in document["results"]]
    assert max(Image.open(folder / "photo.png").size) == 960


def test_neither_finds_regions_and_captions_the_picture(run: Any, photo: Path) -> None:
    code, out, _ = run("photo.png", "--json")
    assert code == 0
    [document] = documents(out)
    assert document["results"][0]["region"] is None
    assert len(document["results"]) > 1
    assert 2 <= document["nfe"] <= 8 + 4


def test_nothing_stands_out(run: Any, here: Path) -> None:
    """A single pixel has no regions: the whole picture is still described, and it is said why only that."""
    Image(np.full((1, 1, 3), 90, np.uint8)).save("dot.png")
    code, out, err = run("dot.png")
    assert code == 0
    assert out.startswith("picture  ") and out.count("\n") == 1
    assert "no regions stood out" in err
    code, out, _ = run("dot.png", "--json")
    assert "no regions stood out" in documents(out)[0]["note"]
    assert run("dot.png", "--boxes", "0,0,1,1")[0] == 0


def test_a_very_long_picture(run: Any, here: Path) -> None:
    Image(np.zeros((16, 20_000, 3), np.uint8)).save("long.png")
    code, _, _ = run("long.png", "--boxes", "0,0,0.001,1", "--out", "out")
    assert code == 0
    assert load_document("out/long.json").size == (16, 20_000)


def test_more_regions_than_fit_one_decode(run: Any, photo: Path) -> None:
    boxes = [f"{i / 80},0,{(i + 1) / 80},1" for i in range(70)]
    code, out, _ = run("photo.png", "--boxes", *boxes, "--json", "--steps", 2)
    assert code == 0
    [document] = documents(out)
    assert len(document["results"]) == 70 and 2 <= document["nfe"] <= 4


def test_regions_do_not_depend_on_their_neighbours(run: Any, photo: Path) -> None:
    both = documents(run("photo.png", "--masks", "one.png", "two.png", "--json")[1])[0]["results"]
    [alone] = documents(run("photo.png", "--masks", "two.png", "--json")[1])[0]["results"]
    assert both[1]["text"] == alone["text"]


@pytest.mark.parametrize(
    "options",
    [
        ["--style", 3],
        ["--steps", 1],
        ["--plan", "cosine", "--steps", 3],
        ["--plan", "threshold"],
        ["--no-hints"],
        ["--seed", 7],
    ],
)
def test_options(options: list[object], run: Any, photo: Path) -> None:
    code, out, _ = run("photo.png", "--masks", "one.png", "--json", *options)
    assert code == 0
    [document] = documents(out)
    steps = (
        options[options.index("--steps") + 1] if "--steps" in options else 16 if "threshold" in options else 4
    )
    assert 1 <= document["nfe"] <= steps
    assert document["seed"] == (7 if "--seed" in options else 0)


def test_a_question_is_asked_of_each_region(run: Any, photo: Path) -> None:
    code, out, _ = run("photo.png", "--masks", "one.png", "two.png", "--question", "what is it?", "--json")
    assert code == 0
    [document] = documents(out)
    assert document["question"] == "what is it?"
    labels = [[each["label"] for each in entry["evidence"]] for entry in document["results"]]
    assert labels == [["<1>"], ["<2>"]]
    assert document["nfe"] <= 4, "all regions in one decode"


def test_a_question_cites_regions(run: Any, photo: Path) -> None:
    arguments = ["photo.png", "--masks", "one.png", "two.png", "--question", "What is left of <2>?"]
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    [document] = documents(out)
    [answer] = document["results"]
    assert [each["label"] for each in answer["evidence"]] == ["<2>"]
    assert answer["evidence"][0]["region"]["box"][0] == 50 / 80
    code, out, _ = run(*arguments)
    assert out.startswith(" answer  ") and out.count("\n") == 1


def test_a_question_about_the_picture(run: Any, photo: Path) -> None:
    code, out, _ = run("photo.png", "--question", "how many things are there?", "--json")
    assert code == 0
    [answer] = documents(out)[0]["results"]
    assert answer["evidence"] == []


def test_coco(run: Any, photo: Path) -> None:
    segment = [[5, 10, 30, 10, 30, 40, 5, 40]]
    data = {
        "images": [{"id": 7, "file_name": "sub/photo.png", "height": 60, "width": 80},
                   {"id": 8, "file_name": "other.png", "height": 60, "width": 80}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "segmentation": segment},
                        {"id": 2, "image_id": 8, "category_id": 3, "bbox": [0, 0, 4, 4]}],
        "categories": [{"id": 3, "name": "brick"}],
    }  # fmt: skip
    Path("coco.json").write_text(json.dumps(data))
    code, out, _ = run("photo.png", "--coco", "coco.json", "--json", "--out", "out")
    assert code == 0
    [entry] = documents(out)[0]["results"]
    assert entry["region"]["box"] == pytest.approx([5 / 80, 10 / 60, 30 / 80, 40 / 60])
    assert [label for label, _ in read_masks("coco", "out/photo.coco.json")] == ["brick"]


def test_a_folder_is_taken_up_again(run: Any, photos: Path) -> None:
    first = run("photos", "--boxes", "0,0,1,1", "--out", "out", "--limit", 2)
    assert first[0] == 0 and len(first[1].splitlines()) == 2
    assert all(line.startswith("photos/") for line in first[1].splitlines())
    again = run("photos", "--boxes", "0,0,1,1", "--out", "out")
    assert again[0] == 0
    assert "2 of 3 were described before" in again[2]
    assert again[1].splitlines()[:2] == first[1].splitlines(), "what was described before is printed too"
    entries = documents(Path("out/results.jsonl").read_text())
    assert [entry["image"] for entry in entries] == ["photos/a.png", "photos/b.jpg", "photos/c.png"]
    assert all(load_document(entry).size == (24, 32) for entry in entries)
    # another request, or a changed picture, is not skipped
    assert "described before" not in run("photos", "--boxes", "0,0,1,0.5", "--out", "out")[2]
    Image(np.zeros((8, 8, 3), np.uint8)).save(photos / "a.png")
    assert "2 of 3 were described before" in run("photos", "--boxes", "0,0,1,0.5", "--out", "out")[2]
    assert load_document("out/a.json").size == (8, 8)


def test_one_bad_picture_does_not_stop_the_others(run: Any, photos: Path) -> None:
    whole = (photos / "b.jpg").read_bytes()
    (photos / "b.jpg").write_bytes(whole[: len(whole) // 2])
    code, out, err = run("photos", "--boxes", "0,0,1,1", "--out", "out")
    assert code == 2
    assert [line.split()[0] for line in out.splitlines()] == ["photos/a.png", "photos/c.png"]
    assert err.count("lucida: error: ") == 1 and "photos/b.jpg" in err
    assert "1 of 3 pictures could not be described" in err
    entries = {entry["image"]: entry for entry in documents(Path("out/results.jsonl").read_text())}
    assert "error" in entries["photos/b.jpg"] and not Path("out/b.json").exists()
    (photos / "b.jpg").write_bytes(whole)
    code, _, err = run("photos", "--boxes", "0,0,1,1", "--out", "out")
    assert code == 0 and "2 of 3 were described before" in err


def test_an_interrupted_folder(run: Any, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Image.open, []

    def interrupted(path: object, **options: object) -> Image:
        calls.extend([] if isinstance(path, Image) else [path])  # a look passes pictures on through it
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image, "open", interrupted)
    code, _, err = run("photos", "--boxes", "0,0,1,1", "--out", "out")
    assert code == 130 and err.endswith("lucida: interrupted\n")
    monkeypatch.setattr(Image, "open", real)
    [entry] = documents(Path("out/results.jsonl").read_text())
    assert load_document("out/a.json").size == (24, 32) and entry["image"] == "photos/a.png"
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "a.coco.json",
        "a.json",
        "a.png",
        "results.jsonl",
    ]
    with Path("out/results.jsonl").open("a") as file:
        file.write('{"schema": "lucida/1", "ima')  # a crash in the middle of a line
    code, _, err = run("photos", "--boxes", "0,0,1,1", "--out", "out")
    assert code == 0 and "1 of 3 were described before" in err
    lines = Path("out/results.jsonl").read_text().splitlines()
    assert len(lines) == 4 and all(load_document(json.loads(lines[i])).size for i in (0, 2, 3))


def test_a_full_disk(run: Any, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    code, _, err = run("photos", "--boxes", "0,0,1,1", "--out", "out")
    monkeypatch.undo()
    assert code == 2
    assert "No space left on device" in err.splitlines()[-1]
    assert not Path("out").exists(), "nothing was written, so nothing is left"


def test_outputs_never_replace_what_is_not_ours(run: Any, photo: Path) -> None:
    before = photo.read_bytes()
    code, _, _ = run("photo.png", "--boxes", "0,0,1,1", "--out", ".")
    assert code == 0
    assert photo.read_bytes() == before
    assert Path("photo.png.json").exists()


def test_two_pictures_of_one_name(run: Any, photo: Path) -> None:
    Image.open(photo).save("photo.jpg")
    assert run("photo.png", "photo.jpg", "--boxes", "0,0,1,1", "--out", "out")[0] == 0
    assert json.loads(Path("out/photo.json").read_text())["image"] == "photo.png"
    assert json.loads(Path("out/photo.jpg.json").read_text())["image"] == "photo.jpg"


def test_patterns(run: Any, photos: Path) -> None:
    code, out, _ = run("photos/*.png", "photos/a.png", "--boxes", "0,0,1,1", "--json")
    assert code == 0
    assert [document["image"] for document in documents(out)] == ["photos/a.png", "photos/c.png"]


def test_words_are_put_together() -> None:
    pieces = [
        ("a", 0.9, 1),
        ("red", 0.8, 2),
        ("pag", 0.7, 3),
        ("oda", 0.6, 1),
        (",", 0.5, 1),
        ("left", 1.0, 1),
    ]
    words = join_pieces("a red pagoda, left", pieces)
    assert words[2] == Word("pagoda", 0.6, 3)
    assert [(word.text, word.spaced) for word in words] == [
        ("a", True), ("red", True), ("pagoda", True), (",", False), ("left", True),
    ]  # fmt: skip
    assert "".join(" " * word.spaced + word.text for word in words).strip() == "a red pagoda, left"
    odd = [("\ufffd", 0.5, 1), ("\ufffd", 0.4, 2)]
    assert [word.text for word in join_pieces("é", odd)] == ["\ufffd", "\ufffd"]
    assert join_pieces("", []) == []


def test_the_live_canvas(tiny: Path, photo: Path) -> None:
    """On a terminal every pass shows a row per region; when it is over, nothing is left but what was said."""
    import lucida
    from lucida.cli.describe_look import Wishes, tell
    from lucida.cli.live import LiveCanvas
    from lucida.media import Region

    written = io.StringIO()
    model = lucida.load(str(tiny))
    with LiveCanvas(Console(file=written, force_terminal=True, width=90, height=8, _environ={})) as canvas:
        canvas.vocabulary = model.layout.vocabulary
        canvas.doing("looking")
        image = Image.open(photo)
        boxes = [(0, 0, 0.5, 1), (0.5, 0, 1, 1), *[(0, 0, 1, i / 9) for i in range(1, 7)]]
        regions = [Region.from_box(box, image.size) for box in boxes]
        told = tell(model, image, regions, [], Wishes(), canvas.see)
        canvas.say("done")
    shown = written.getvalue()
    assert "looking" in shown and "done" in shown
    for number in range(1, told.passes + 1):
        assert f"pass {number}," in shown
    assert "and 4 more" in shown, "eight rows do not fit a screen of eight lines"
    assert len(told.films) == 1 and len(told.films[0].events) == told.passes
    silent = io.StringIO()
    with LiveCanvas(Console(file=silent, width=90)) as canvas:
        canvas.vocabulary = model.layout.vocabulary
        canvas.doing("looking")
        tell(model, image, regions, [], Wishes(), canvas.see)
    assert silent.getvalue() == ""
