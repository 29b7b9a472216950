"""``lucida draw`` from end to end, with a generator that draws nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lucida.cli.main import main
from lucida.media import load_document
from lucida.media.image import Image
from tests.systems.tiny import tiny_generator

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_generator(tmp_path_factory.mktemp("generator") / "tiny"))


def test_draw(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "draw",
        "A red fox!",
        "-n",
        "2",
        "--steps",
        "9",
        "--seed",
        "3",
        "--strip",
        "--preview",
        "--model",
        model,
    ]
    assert main([*words, "--out", "foxes"]) == 0
    assert capsys.readouterr().out.split() == ["foxes/a-red-fox-3.png", "foxes/a-red-fox-4.png"]
    stems = [f"a-red-fox-{seed}{end}" for seed in (3, 4) for end in (".json", ".png", ".strip.png")]
    stems.append("a-red-fox.sheet.png")
    assert sorted(p.name for p in Path("foxes").iterdir()) == sorted([*stems, "preview.png"])
    document = load_document("foxes/a-red-fox-4.json")
    assert (document.seed, document.nfe, document.size) == (4, 18, (32, 32))
    assert document.results[0].text == "A red fox!"
    strip = Image.open("foxes/a-red-fox-3.strip.png")
    assert strip.size[1] >= 8 * 128
    first = Path("foxes/a-red-fox-3.png").read_bytes()
    assert main([*words, "--out", "again"]) == 0
    assert Path("again/a-red-fox-3.png").read_bytes() == first


def test_json_writes_nothing(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "a cat", "--steps", "1", "--guidance", "1", "--json", "--model", model]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["nfe"] == 1 and document["plan"]["steps"] == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["  "], "prompt is empty"),
        (["a cat", "-n", "0"], "--count 0"),
        (["a cat", "--steps", "0"], "steps must be 1 to"),
        (["a cat", "--seed", "-1"], "--seed -1"),
        (["a cat", "--model", "tower"], "not a generator"),
        (["a cat", "--strip", "--json"], "give --out beside --json"),
        (["a " + "very " * 200 + "red cat"], "at most 80 can be read"),
    ],
)
def test_bad_input(
    words: list[str], said: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    given = words if "--model" in words else [*words, "--model", model]
    assert main(["draw", *given]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1
