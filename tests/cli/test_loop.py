"""``lucida loop`` from end to end, with models that know nothing: the circle closes, and nothing is done twice."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lucida.cli.loop_record import read_record
from lucida.cli.main import main
from lucida.media import settings
from tests.systems.tiny import tiny_generator, tiny_segmenter

Captured = pytest.CaptureFixture[str]
PROMPTS = ("a red fox left of a blue umbrella", "Two yellow  cats")
ONCE = {"meta", "img"}


class Tags(HTMLParser):
    """Checks that tags close in order, and counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ONCE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> list[str]:
    folder = tmp_path_factory.mktemp("loop")
    return [
        "--draw-model", str(tiny_generator(folder / "generate")), "--segment-model",
        str(tiny_segmenter(folder / "segment")), "--describe-model", str(tiny), "--steps", "2",
        "--segment-steps", "1",
    ]  # fmt: skip


def test_the_circle_closes_and_is_taken_up_again(models: list[str], here: Path, capsys: Captured) -> None:
    assert main(["loop", PROMPTS[0], *models, "--out", "o"]) == 0
    first = capsys.readouterr()
    assert "drawing" in first.err and first.out.splitlines()[-1] == "o/index.html"
    name = next(path.stem for path in Path("o").glob("a-red-fox*.json"))
    assert {p.name for p in Path("o").iterdir()} == {
        f"{name}.json", f"{name}.png", f"{name}.map.png", "index.html", "loop.json",
    }  # fmt: skip
    before = Path(f"o/{name}.png").stat().st_mtime_ns
    assert main(["loop", *PROMPTS, *models, "--out", "o"]) == 0
    again = capsys.readouterr()
    assert "1/2 a red fox left of a blue umbrella: finished before" in again.err
    assert "2/2 Two yellow cats: drawing" in again.err
    assert Path(f"o/{name}.png").stat().st_mtime_ns == before
    assert again.out.splitlines()[0] == first.out.splitlines()[0]
    whole = json.loads(Path("o/loop.json").read_text())
    assert [p["prompt"] for p in whole["prompts"]] == [PROMPTS[0], "Two yellow cats"]
    assert whole["score"]["all"]["of"] == sum(p["of"] for p in whole["prompts"])
    record = json.loads(Path(f"o/{name}.json").read_text())
    assert len(record["questions"]) == 7 and len(record["checks"]) == record["score"]["all"]["of"]
    assert {check["witness"] for check in record["checks"]} == {"map", "regions", "caption", "answers"}
    page = Tags()
    page.feed(Path("o/index.html").read_text())
    assert not page.open and page.counts["article"] == 2 and page.counts["img"] == 6
    assert page.loaded and all(link.startswith("data:image/") for link in page.loaded)
    assert read_record(Path("o"), name, record["request"]) == record
    assert read_record(Path("o"), name, "another request") is None
    Path(f"o/{name}.map.png").unlink()
    assert read_record(Path("o"), name, record["request"]) is None, "its map is gone"


def test_without_a_segmenter_and_without_files(models: list[str], here: Path, capsys: Captured) -> None:
    given = [*models[:2], *models[4:]]
    assert main(["loop", PROMPTS[0], *given, "--segment-model", "none", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["map"] is None and record["classes"] == [] and record["models"]["segment"] is None
    assert {check["witness"] for check in record["checks"]} == {"regions", "caption", "answers"}
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "want a prompt"),
        (["hello there"], "names no thing of the world"),
        (["a fox", "--seed", "-1"], "--seed -1"),
        (["a fox", "--steps", "0"], "steps must be 1 to"),
        (["a fox", "--segment-steps", "0"], "--segment-steps 0"),
        (
            ["a fox", "--draw-model", "describe"],
            "--draw-model describe: runs the system 'describe', not a generator",
        ),
        (["a fox", "--segment-model", "tower"], "--segment-model tower: is a part, not a segmenter"),
        (["a fox", "--describe-model", "gone"], "made by: lucida train describe"),
        (["a fox", "--draw-model", "gone"], "lucida train generate, after lucida train tokenize"),
        (["a fox", "--segment-model", "gone"], "lucida train segment, or --segment-model none"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, models: list[str], here: Path, capsys: Captured
) -> None:
    pairs = [models[i : i + 2] for i in range(0, len(models), 2)]
    rest = [word for pair in pairs if pair[0] not in words for word in pair]
    assert main(["loop", *words, *rest]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err
    assert not list(here.iterdir())


def test_a_model_that_is_not_there_is_named(
    here: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "shipped", lambda name: None)
    assert main(["loop", "a red fox"]) == 2
    err = capsys.readouterr().err
    assert "--draw-model: no model named 'generate'" in err and "lucida train generate" in err
