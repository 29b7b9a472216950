"""The common test-suite: every registered system goes through it with a tiny model of its own making.

A new system needs an entry in ``tiny.TINY`` (how to make a tiny model by its own export) and one in ``CASES`` (what to
call); then all of this holds for it, or fails.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lucida
from lucida.canvas.plan import Plan
from lucida.cli.main import VERBS, main
from lucida.media import InputError, Region, load_document
from lucida.media.image import Image
from lucida.models.store import load_model_files, read_config, save_model
from lucida.systems.registry import SYSTEMS, system_class
from tests.systems.tiny import TINY

Captured = pytest.CaptureFixture[str]
Outputs = list[tuple[str, float]]  # (what was said, how sure)


@dataclass(frozen=True, kw_only=True)
class Case:
    """How the suite uses a system.

    Attributes:
        many: outputs for several inputs at once. one: the output for input number i alone. inputs: how many.
        seeded: outputs that are drawn with a seed.
        arguments: of the verb, for a picture ``picture.png``.
        verb: its words, where they are not the system's name alone. sees: whether it takes pictures.
    """

    inputs: int
    many: Callable[[Any], Outputs]
    one: Callable[[Any, int], Outputs]
    seeded: Callable[[Any, int], Outputs]
    arguments: Sequence[str]
    verb: Sequence[str] = ()
    sees: bool = True


def picture() -> Image:
    rng = np.random.default_rng(5)
    return Image(np.kron(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8)))


def regions(size: tuple[int, int]) -> list[Region]:
    boxes = [(0, 0, 0.5, 1), (0.5, 0, 1, 0.5), (0.2, 0.3, 0.9, 0.8), (0, 0, 1, 1)]
    return [Region.from_box(box, size) for box in boxes]


def describe(system: Any, chosen: Sequence[int], **options: Any) -> Outputs:
    look = system.look(picture())
    every = regions(look.image.size)
    return [(c.text, c.confidence) for c in look.describe([every[i] for i in chosen], **options)]


def segment(system: Any, chosen: Sequence[int], **options: Any) -> Outputs:
    found = [system.segment(np.rot90(picture().pixels, i).copy(), **options) for i in chosen]
    return [(hashlib.sha256(f.labels.tobytes()).hexdigest(), float(f.confidence.mean())) for f in found]


def tokenize(system: Any, chosen: Sequence[int], seed: int | None = None) -> Outputs:
    posterior = system.encode([np.rot90(picture().pixels, i).copy() for i in chosen])
    found = posterior.mean if seed is None else posterior.sample(torch.Generator().manual_seed(seed))
    return [(str(int(z[:, 0].argmax())), float(z.mean())) for z in found]


def generate(system: Any, prompts: Sequence[str], seed: int = 0) -> Outputs:
    drawn = [system.draw(prompt, seed=seed).latents for prompt in prompts]
    return [(str(int(z[0, 0].argmax())), float(z.mean())) for z in drawn]


PROMPTS = ["a red fox", "two blue cats", "a car"]
CASES: dict[str, Case] = {
    "describe": Case(
        inputs=4,
        many=lambda system: describe(system, range(4)),
        one=lambda system, i: describe(system, [i]),
        seeded=lambda system, seed: describe(system, range(4), seed=seed, plan=Plan(steps=4, temperature=2.0)),
        arguments=["--boxes", "0,0,0.5,1", "0.5,0,1,1"],
    ),
    "segment": Case(
        inputs=3,
        many=lambda system: segment(system, range(3)),
        one=lambda system, i: segment(system, [i]),
        seeded=lambda system, seed: segment(system, range(2), seed=seed),
        arguments=["--steps", "2"],
    ),
    "tokenize": Case(
        inputs=4,
        many=lambda system: tokenize(system, range(4)),
        one=lambda system, i: tokenize(system, [i]),
        seeded=lambda system, seed: tokenize(system, range(4), seed),
        arguments=[],
        verb=["tokenize", "reconstruct"],
    ),
    "generate": Case(
        inputs=3,
        many=lambda system: [out for i in range(3) for out in generate(system, PROMPTS[:1], i)],
        one=lambda system, i: [
            (str(int(z[0].argmax())), float(z.mean())) for z in system.draw(PROMPTS[0], count=3).latents[i : i + 1]
        ],
        seeded=lambda system, seed: generate(system, PROMPTS, seed),
        arguments=["--steps", "2"],
        verb=["draw"],
        sees=False,
    ),
}  # fmt: skip


def verb(name: str) -> list[str]:
    return list(CASES[name].verb or [name])


each = pytest.mark.parametrize("name", sorted(SYSTEMS))


def same(a: Outputs, b: Outputs) -> None:
    """Equal words; confidences up to what other shapes of a matrix product round differently."""
    assert [text for text, _ in a] == [text for text, _ in b]
    assert [sure for _, sure in a] == pytest.approx([sure for _, sure in b], abs=1e-4)


@pytest.fixture(scope="module")
def loaded(tiny_models: dict[str, Path]) -> dict[str, Any]:
    return {name: lucida.load(str(folder)) for name, folder in tiny_models.items()}


def test_every_system_takes_part() -> None:
    assert set(SYSTEMS) == set(TINY) == set(CASES), "tests/systems: add the system to tiny.TINY and to CASES"
    assert {verb(name)[0] for name in SYSTEMS} <= set(VERBS), "every system has a verb"


def test_an_unknown_system_is_named() -> None:
    with pytest.raises(InputError, match="no system named 'paint'"):
        system_class("paint")


@each
def test_its_export_is_a_model(name: str, tiny_models: dict[str, Path], loaded: dict[str, Any]) -> None:
    folder = tiny_models[name]
    assert {path.name for path in folder.iterdir()} >= {"model.safetensors", "config.json", "card.md"}
    assert read_config(folder)["system"] == name
    assert isinstance(loaded[name], system_class(name))
    assert load_model_files(folder).card.startswith("# ")


@each
def test_save_and_load_change_nothing(
    name: str, tiny_models: dict[str, Path], loaded: dict[str, Any], tmp_path: Path
) -> None:
    files = load_model_files(tiny_models[name])
    config = {key: value for key, value in files.config.items() if key != "weights_sha256"}
    again = lucida.load(str(save_model(tmp_path / "again", files.tensors, config, files.card)))
    assert CASES[name].many(again) == CASES[name].many(loaded[name]), "bit for bit"


@each
def test_a_batch_equals_its_singles(name: str, loaded: dict[str, Any]) -> None:
    case, system = CASES[name], loaded[name]
    singles = [output for i in range(case.inputs) for output in case.one(system, i)]
    same(case.many(system), singles)
    assert len({text for text, _ in singles}) > 1, "inputs that all look alike would prove nothing"


@each
def test_a_seed_decides(name: str, loaded: dict[str, Any]) -> None:
    case, system = CASES[name], loaded[name]
    assert case.seeded(system, 3) == case.seeded(system, 3)
    assert case.seeded(system, 3) != case.seeded(system, 4)


@each
def test_its_verb(
    name: str, tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: Any, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    picture().save("picture.png")
    given = "picture.png" if CASES[name].sees else "a red fox"
    arguments = [*verb(name), given, *CASES[name].arguments, "--model", str(tiny_models[name]), "--json"]
    said = []
    for _ in range(2):
        assert main(arguments) == 0
        document = json.loads(capsys.readouterr().out)
        assert load_document(document).image == ("picture.png" if CASES[name].sees else "a-red-fox-0.png")
        said.append([entry["text"] for entry in document["results"]])
    assert said[0] == said[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.png"], "--json writes nothing"


@pytest.mark.parametrize("name", sorted(name for name in SYSTEMS if CASES[name].sees))
def test_its_verb_refuses_bad_pictures(
    name: str, tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: Any, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    data = picture().encoded("JPEG")
    Path("cut.jpg").write_bytes(data[: len(data) // 2])
    Path("words.png").write_text("words")
    for bad in ("missing.png", "cut.jpg", "words.png", "."):
        if bad == ".":
            Path("cut.jpg").unlink(), Path("words.png").unlink()
        assert main([*verb(name), bad, "--model", str(tiny_models[name]), "--json"]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("lucida: error: ") and err.count("\n") == 1


@each
@pytest.mark.parametrize("damage", ["weights", "config", "network", "other"])
def test_a_damaged_model_is_refused(
    name: str, damage: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    files = load_model_files(tiny_models[name])
    config = {key: value for key, value in files.config.items() if key != "weights_sha256"}
    tensors = dict(files.tensors)
    if damage == "network":  # a field that the network does not know
        config["network"] = {**config["network"], "wings": 2}
    elif damage == "other":  # whole files of another network
        tensors.pop(sorted(tensors)[0])
    folder = save_model(tmp_path / "damaged", tensors, config, files.card)
    if damage == "weights":
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    elif damage == "config":
        (folder / "config.json").write_text(
            json.dumps({"system": name, **{k: config[k] for k in list(config)[:1]}})
        )
    with pytest.raises(InputError) as caught:
        lucida.load(str(folder))
    assert "\n" not in str(caught.value)
