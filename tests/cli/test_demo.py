"""``lucida demo``: one page that needs nothing else, with the truth beside what the model says."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.cli.main import main
from lucida.cli.page_anchor import anchors
from lucida.cli.page_truth import asked_of, is_right, marks, scene_of, things_of, truth_of
from lucida.media import Region, settings
from lucida.media.image import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
Captured = pytest.CaptureFixture[str]
VOID = {"meta", "img", "input", "br", "hr", "link"}


def only(examples: Path, weights: Path) -> Any:
    """``settings.shipped`` with other examples and weights."""
    real, other = settings.shipped, {"examples": examples, "weights": weights}
    return lambda name: other[name] if name in other else real(name)


@pytest.fixture(scope="module")
def tower_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shipped weights of which only the tower is there."""
    folder, shipped = tmp_path_factory.mktemp("weights"), settings.shipped("weights")
    assert shipped is not None
    (folder / "tower").symlink_to(shipped / "tower")
    return folder


class Reader(HTMLParser):
    """Counts tags, checks that they close in order, and keeps what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.loaded: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        values = dict(attrs)
        self.attributes.append((tag, values))
        self.loaded += [str(values[name]) for name in ("src", "srcset", "data", "poster") if name in values]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture(scope="module")
def some_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One photograph and one scene."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("cat.json", "cat.jpg", "scene-2.json", "scene-2.png", "SOURCES.md", "outlines.json"):
        shutil.copy(EXAMPLES / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def made(
    some_examples: Path, tower_alone: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """The folder of a page and the page."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "shipped", only(some_examples, tower_alone))
        arguments = ["--out", str(folder), "--hero", str(folder / "hero.png"), "--model", str(tiny)]
        assert main(["demo", *arguments]) == 0
    yield folder, (folder / "index.html").read_text(encoding="utf-8")


def test_the_page_is_whole_and_needs_nothing_else(made: tuple[Path, str]) -> None:
    folder, page = made
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    assert reader.counts["article"] == 2
    assert reader.counts["img"] == 3, "a photograph with two kinds of regions, and a scene"
    assert reader.loaded and all(link.startswith("data:image/") for link in reader.loaded)
    assert "link" not in reader.counts and "@import" not in page and "url(" not in page
    assert {path.name for path in folder.iterdir()} == {"index.html", "hero.png"}
    assert "prefers-color-scheme: dark" in page and "width=device-width" in page
    ids = [values["id"] for _, values in reader.attributes if "id" in values]
    assert len(ids) == len(set(ids))
    assert {values["data-box"] for _, values in reader.attributes if "data-box" in values} == set(ids)


def test_the_page_says_where_pictures_come_from(made: tuple[Path, str]) -> None:
    reader = Reader()
    reader.feed(made[1])
    for words in (
        "scikit-image 0.26.0",
        "chelsea.png",
        "Stéfan van der Walt",
        "CC0",
        "OpenMoji",
        "CC BY-SA 4.0",
    ):
        assert words in reader.text
    assert "label: left eye" in reader.text
    assert "truth: a large blue crab" in reader.text
    assert "0 steps" in reader.text, "what the card says of the training"
    assert re.search(r"5 regions in one decode: \d forward passes, [\d,]+ tokens read, [\d.]+ s", reader.text)


def test_every_cell_of_the_canvas_is_there(made: tuple[Path, str]) -> None:
    """As many cells per row as slots; each has the pass it was settled in, and guesses only before that."""
    rows = re.findall(r"<div class=cells>(.*?)</div>", made[1])
    assert len(rows) >= 4 + 1 + 5
    for row in rows:
        cells = re.findall(r"<i ([^>]*)>([^<]*)</i>", row)
        assert len(cells) == 8
        for attributes, _ in cells:
            found = re.search(r"data-p=(\d)", attributes)
            assert found is not None and 1 <= int(found[1]) <= 4
            guesses = re.search(r"data-g='([^']*)'", attributes)
            assert guesses is None or len(
                json.loads(guesses[1].replace("&quot;", '"').replace("&#x27;", "'"))
            ) < int(found[1])


def test_what_is_not_there_is_said_in_a_line(made: tuple[Path, str]) -> None:
    for name in ("segment", "generate", "tokenize"):
        assert made[1].count(f"Not here: no model called {name}.") == 1
    assert "lucida train tokenize, then lucida train generate" in made[1]


def test_classes_drawings_and_latents_are_shown_where_their_models_are(
    some_examples: Path, tower_alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lucida.cli import demo_parts
    from tests.systems.tiny import tiny_generator, tiny_segmenter, tiny_tokenizer

    for name, make in (
        ("tokenize", tiny_tokenizer),
        ("generate", tiny_generator),
        ("segment", tiny_segmenter),
    ):
        make(tmp_path / "weights" / name)
    monkeypatch.setenv("LUCIDA_HOME", str(tmp_path))
    monkeypatch.setattr(settings, "shipped", only(some_examples, tower_alone))
    monkeypatch.setattr(demo_parts, "STEPS", 3)
    did: list[str] = []
    reader = Reader()
    reader.feed(demo_parts.sections(some_examples, [some_examples / "scene-2.json"], did.append))
    assert not reader.open and did == [
        "every pixel has a class",
        "drawn from a sentence",
        "through latents and back",
    ]
    assert reader.counts["section"] == 3 and reader.counts["img"] == 2 + (3 + 2) + 2
    assert "Not here" not in reader.text and "PSNR" in reader.text and demo_parts.PROMPTS[0] in reader.text
    (tmp_path / "weights" / "generate-tokenizer" / "model.safetensors").unlink()
    assert "Not here: no model called" in demo_parts.sections(some_examples, [], did.append)


def test_the_hero_picture(made: tuple[Path, str]) -> None:
    hero = Image.open(made[0] / "hero.png")
    assert hero.size[1] == 1800 and 600 < hero.size[0] < 2400
    assert hero.pixels[-4:].std(axis=(0, 1)).max() < 1, "nothing is cut off below"


def test_stdout_is_the_path(
    here: Path, tiny: Path, some_examples: Path, tower_alone: Path, capsys: Captured, monkeypatch: Any
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(settings, "shipped", only(some_examples, tower_alone))
    monkeypatch.setattr("lucida.cli.page_run.documents", lambda folder: [folder / "scene-2.json"])
    assert main(["demo", "--open", "--model", str(tiny)]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"runs/demo/[\d-]+/index\.html\n", out)
    assert opened == [(here / out.strip()).as_uri()]
    assert re.fullmatch(r"1 pictures? in [\d.]+ s\n", err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nonesuch"], "no model named 'nonesuch'"),
        (["--model", "tower"], "model tower: not a describer"),
        (["--out", "words.txt/page"], "cannot write"),
    ],
)
def test_bad_input(
    arguments: list[str],
    message: str,
    here: Path,
    tiny: Path,
    some_examples: Path,
    tower_alone: Path,
    capsys: Captured,
    monkeypatch: Any,
) -> None:
    Path("words.txt").write_text("words")
    if "--model" not in arguments:
        arguments = [*arguments, "--model", str(tiny)]
        monkeypatch.setattr(settings, "shipped", only(some_examples, tower_alone))
        monkeypatch.setattr("lucida.cli.page_run.documents", lambda folder: [folder / "scene-2.json"])
    assert main(["demo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("lucida: error") == 1


def test_without_examples(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(settings, "shipped", lambda name: None)
    assert main(["demo"]) == 2
    assert "examples are not here" in capsys.readouterr().err


def scenes() -> list[tuple[list[Region], list[str]]]:
    found = []
    for number in (1, 2, 3):
        data = json.loads((EXAMPLES / f"scene-{number}.json").read_text())
        regions = [Region.from_rle(entry["rle"]) for entry in data["regions"]]
        found.append((regions, [entry["label"] for entry in data["regions"]]))
    return found


def test_the_truth_is_that_of_the_drawn_scenes() -> None:
    """What is worked out from masks and labels alone is what the world drew."""
    from lucida.world.language import caption
    from lucida.world.scene import draw_scene

    make = runpy.run_path(str(EXAMPLES / "make.py"))
    for seed, (regions, labels) in zip(make["SCENES"], scenes(), strict=True):
        drawn, ours = draw_scene(seed, split="test", size=make["SCENE_SIZE"]), scene_of(regions, labels)
        for a, b in zip(drawn.objects, ours.objects, strict=True):
            assert (a.noun, a.colour, a.size, a.place, a.area) == (b.noun, b.colour, b.size, b.place, b.area)
            assert a.centre == pytest.approx(b.centre)
            assert truth_of(ours, a.index) == caption(drawn, a.index, 0)
        assert set(drawn.relations) == set(ours.relations)


def test_marks_and_questions() -> None:
    regions, labels = scenes()[0]
    scene = scene_of(regions, labels)
    assert all(right for _, right in marks(truth_of(scene, 0), scene, 0))
    assert dict(marks("a small yellow bat at the top left", scene, 0)) == {
        "noun": True, "colour": True, "size": False, "place": True, "relation": False,
    }  # fmt: skip
    assert "colour" not in dict(marks("a present", scene, labels.index("present")))
    assert "a yellow bat" in things_of(scene)
    asked = asked_of(scene, 0, 4)
    assert 2 <= len(asked) <= 4
    assert all(question.cites and is_right(question, question.answer) for question in asked)
    assert not any(is_right(question, "mumble") for question in asked)


def test_numbers_lie_inside_their_regions_and_apart() -> None:
    size = (90, 120)
    outer = Region.from_box((0.1, 0.1, 0.9, 0.9), size)
    inner = Region.from_box((0.3, 0.3, 0.7, 0.7), size)
    ring = Region.from_mask(outer.mask & ~inner.mask)
    for regions in (
        [outer, inner],
        [inner, outer],
        [ring, inner],
        [outer, outer],
        [Region.from_box((0, 0, 0.01, 0.01), size)],
    ):
        found = anchors(regions)
        for region, (x, y) in zip(regions, found, strict=True):
            grown = Region.from_box(
                (max(x - 0.02, 0), max(y - 0.02, 0), min(x + 0.02, 1), min(y + 0.02, 1)), size
            )
            assert (grown.mask & region.mask).any()
        if len(found) == 2:
            assert np.hypot(found[0][0] - found[1][0], found[0][1] - found[1][1]) > 0.05
