"""Recipes: what is written becomes a config, and what does not fit is refused in one clear line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from lucida.cli.main import main
from lucida.media.errors import InputError
from lucida.train.plain import build
from lucida.train.recipe import RunConfig, find_recipe, load_recipe, task_class
from tests.train.toy import RECIPE, ToyTask

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes(path: Path, home: Path) -> None:
    """Every recipe parses, its task can be made from it, and its header says what, with what, and how."""
    recipe = load_recipe(path.stem)
    assert recipe.name == path.stem
    folder = home / "cutouts" / "tuxpaint"  # as if fetched; nothing but names is read before training
    folder.mkdir(parents=True)
    (folder / "cat_1.png").touch()
    task = task_class(recipe.task)(recipe.settings, seed=recipe.run.seed)
    assert sum(p.numel() for p in task.module.parameters()) < 12_500_000  # 25 MB in fp16
    assert recipe.run.schedule.warmup + recipe.run.schedule.decay < recipe.run.steps
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert "Makes" in header and f"lucida train {path.stem}" in header


def test_there_are_recipes() -> None:
    assert "describe" in [path.stem for path in SHIPPED]
    with pytest.raises(InputError, match=r"no recipe named 'describ' \(there are: .*describe.*\)"):
        find_recipe("describ")


def test_values(recipe: Path) -> None:
    loaded = load_recipe(recipe)
    assert loaded.name == "toy" and loaded.settings == {}
    assert task_class(loaded.task) is ToyTask
    run = loaded.run
    assert (run.steps, run.schedule.peak, run.schedule.final, run.betas) == (40, 0.01, 0.05, (0.9, 0.98))


def test_overrides(recipe: Path) -> None:
    changes = {"run.steps": 5, "run.schedule.peak": "1e-3", "run.betas": [0.8, 0.9], "deep.new.thing": True}
    loaded = load_recipe(recipe, changes)
    assert (loaded.run.steps, loaded.run.schedule.peak, loaded.run.betas) == (5, 1e-3, (0.8, 0.9))
    assert loaded.run.schedule.warmup == 5  # the rest stays
    assert loaded.settings == {"deep": {"new": {"thing": True}}}
    assert load_recipe(recipe).run.steps == 40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run.stepps": 3}, "run: no setting 'stepps'; there are steps, schedule"),
        ({"run.steps": "many"}, "run.steps: want a whole number, got 'many'"),
        ({"run.steps": 3.5}, "run.steps: want a whole number, got 3.5"),
        ({"run.steps": True}, "run.steps: want a whole number, got True"),
        ({"run.steps": None}, "run.steps: want a whole number, got None"),
        ({"run.steps": 0}, "run: steps must be at least 1, got 0"),
        ({"run.save_steps": -1}, "run: save_steps must not be negative, got -1"),
        ({"run.ema": 1}, "run: ema must lie in [0, 1), got 1.0"),
        ({"run.betas": [0.9, 1.5]}, "run: betas must lie in [0, 1), got 1.5"),
        ({"run.betas": [0.9]}, "run.betas: want a list of 2, got [0.9]"),
        ({"run.betas": 0.9}, "run.betas: want a list, got 0.9"),
        ({"run.betas": ["a", 0.9]}, "run.betas[0]: want a number, got 'a'"),
        ({"run.clip": 0}, "run: clip must be above 0, got 0.0"),
        ({"run.clip": "nan"}, "run.clip: want a number, got 'nan'"),
        ({"run.clip": False}, "run.clip: want a number, got False"),
        ({"run.dtype": "fp16"}, "run.dtype: want one of auto, bf16, fp32, got 'fp16'"),
        ({"run.schedule": 3}, "run.schedule: want a mapping, got 3"),
        ({"run.schedule.warm": 3}, "run.schedule: no setting 'warm'"),
        ({"run.steps.more": 3}, "run.steps.more does not name a setting (steps has none inside)"),
        ({"run": 3}, "run: want a mapping, got 3"),
        ({"run": {}}, "run: needs the setting steps"),
        ({"task": 3}, "task: want package.module:Class, got 3"),
    ],
)
def test_refused(recipe: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        load_recipe(recipe, change)
    assert words in str(error.value) and str(recipe) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "want a mapping with the keys task and run"),
        (b"- 1", "want a mapping"),
        (b"task: x:Y", "needs the key run"),
        (b"run: {steps: 1}", "needs the key task"),
        (b"task: [", "not YAML"),
        (b"task: x:Y\nrun: {steps: 1}\n3: 4", "want words for keys, got 3"),
        (b"task: \xff\xfe", "recipe"),
        (b"task: !!python/object:os.system x", "not YAML"),
    ],
)
def test_not_a_recipe(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_recipe(path)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.at.all:Task", "no module nowhere"),
        ("tests.train.toy:Missing", "module tests.train.toy has no Missing"),
        ("tests.train.toy", "want package.module:Class"),
        (":Task", "want package.module:Class"),
    ],
)
def test_no_such_task(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        task_class(name)


def test_a_package_that_the_task_needs_is_another_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the command line can name the extra that brings it."""
    (tmp_path / "needy_task.py").write_text("import accelerate.not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"accelerate.not_there_at_all"):
        task_class("needy_task:Task")


@dataclass(frozen=True, kw_only=True)
class Inner:
    level: Literal["low", "high"] = "low"


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = Inner()
    names: tuple[str, ...] = ()
    sizes: dict[str, int] | None = None
    anything: Any = None


def test_plain_values_of_every_kind() -> None:
    values = {"inner": {"level": "high"}, "names": ["a", "b"], "sizes": {"x": 3}, "anything": [1]}
    made = build(Outer, values, "here")
    assert made == Outer(inner=Inner(level="high"), names=("a", "b"), sizes={"x": 3}, anything=[1])
    assert build(Outer, {"sizes": None}, "here").sizes is None
    for values, words in (
        ({"inner": {"level": "middle"}}, r"here.inner.level: want one of low, high, got 'middle'"),
        ({"names": [1]}, r"here.names\[0\]: want text"),
        ({"sizes": {"x": "y"}}, r"here.sizes.x: want a whole number, got 'y'"),
        ({"sizes": 3}, r"here.sizes: want a mapping, got 3"),
    ):
        with pytest.raises(InputError, match=words):
            build(Outer, values, "here")
    assert build(RunConfig, {"steps": 1}, "run").ema == 0.999


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no recipe named 'nothing'"),
        (["missing.yaml"], "recipe missing.yaml: no such file"),
        (["{recipe}", "--set", "run.steps"], "--set 'run.steps': want name=value"),
        (["{recipe}", "--set", "=3"], "--set '=3': want name=value"),
        (["{recipe}", "--set", "run..steps=3"], "want name=value"),
        (["{recipe}", "--set", "run.steps=[1"], "--set 'run.steps=[1': '[1' is not YAML"),
        (["{recipe}", "--set", "run.steps="], "run.steps: want a whole number, got ''"),
        (["{recipe}", "--set", "rows=x", "--out", "{out}"], "recipe.rows: want a whole number, got 'x'"),
        (["{recipe}", "--set", "task=a.b:C", "--out", "{out}"], "task 'a.b:C': no module a"),
        (["describe", "--out", "{out}"], "run `lucida world fetch` first"),
        (["describe", "--out", "{out}", "--set", "bank.cutouts=nowhere"], "nowhere is not a folder"),
        (["describe", "--out", "{out}", "--set", "network.heads=3", "--set", "bank.cutouts="], "recipe.network: width"),
        (["describe", "--out", "{out}", "--set", "visibility=full", "--set", "bank.cutouts="], "recipe.visibility"),
        (["describe", "--out", "{out}", "--set", "layout.cover=25", "--set", "bank.cutouts="], "layout: side must"),
        (["describe", "--out", "{out}", "--set", "samples.kinds=[1, 2, 3]", "--set", "bank.cutouts="], "samples.kinds"),
    ],
)
def test_on_the_command_line(
    arguments: list[str], words: str, recipe: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line that names what is wrong, and nothing written."""
    filled = [argument.format(recipe=recipe, out=tmp_path / "out") for argument in arguments]
    assert main(["train", *filled]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert words in line and captured.out == ""
    assert not (tmp_path / "out").exists() and not list(home.iterdir())
