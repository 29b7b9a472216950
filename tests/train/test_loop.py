"""The training loop on a toy: resuming bit for bit after any end, and refusing clearly what it cannot do."""

from __future__ import annotations

import json
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from lucida.cli.main import main
from lucida.media.errors import InputError
from lucida.train.loop import Outcome, train
from lucida.train.optimiser import parameter_groups
from lucida.train.recipe import load_recipe
from lucida.train.stopping import stop_signal
from tests.train.runs import await_step, curve, finish, kill_at, largest_difference, rows, start, state
from tests.train.toy import RECIPE


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE)
    return path


def go(recipe: Path, folder: Path, log: Any = None, until: int | None = None, **overrides: Any) -> Outcome:
    return train(load_recipe(recipe, overrides), folder, log=log, until=until)


def test_run(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    outcome = go(recipe, folder)
    assert outcome == Outcome(steps=40, model=folder / "model")
    assert {path.name for path in folder.iterdir()} == {"recipe.json", "log.jsonl", "checkpoint.pt", "model"}
    steps = rows(folder)
    assert [row["step"] for row in steps] == list(range(40))
    assert steps[-1]["loss"] < steps[0]["loss"] / 2
    assert steps[-1]["seconds_left"] == 0 < steps[0]["seconds_left"]
    assert [row["step"] for row in rows(folder, "probe")] == [15, 30, 40]
    assert json.loads((folder / "model" / "config.json").read_text())["trained"]["steps"] == 40


def test_averaged_weights_are_the_exported_ones(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "run")
    found = state(tmp_path / "run")
    for name in ("body.0.weight", "sometimes.bias"):
        assert torch.equal(found[f"model/{name}"], found[f"checkpoint/ema/module.{name}"])
        assert not torch.equal(found[f"model/{name}"], found[f"checkpoint/module/{name}"])
    assert float(found["model/calls"]) == 40  # a buffer is taken, not averaged


def test_stopping_and_going_on_is_bit_equal(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "whole")
    for until in (0, 3, 17, 17, 5, 39):
        outcome = go(recipe, tmp_path / "parts", until=until)
        assert outcome.model is None
    assert outcome.steps == 39
    assert go(recipe, tmp_path / "parts").steps == 40
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts")
    assert rows(tmp_path / "whole", "probe") == rows(tmp_path / "parts", "probe")


def test_until_behind_the_checkpoint_stops_at_once(recipe: Path, tmp_path: Path) -> None:
    assert go(recipe, tmp_path / "run", until=20).steps == 20
    assert go(recipe, tmp_path / "run", until=10).steps == 20
    assert go(recipe, tmp_path / "run", until=400).steps == 40


def test_a_finished_run_is_not_done_again(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "run")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.name != "log.jsonl"}
    assert go(recipe, tmp_path / "run").model == tmp_path / "run" / "model"
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*") if p.name != "log.jsonl"}
    assert [row["event"] for row in map(json.loads, (tmp_path / "run/log.jsonl").open())][-1] == "finished"


def test_a_kill_before_the_export_is_made_good(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "whole")
    go(recipe, tmp_path / "run")
    for path in (tmp_path / "run" / "model").iterdir():
        path.unlink()
    (tmp_path / "run" / "model").rmdir()
    go(recipe, tmp_path / "run")
    assert largest_difference(tmp_path / "whole", tmp_path / "run") == 0
    assert [row["step"] for row in rows(tmp_path / "run", "probe")] == [15, 30, 40]


@pytest.mark.slow
def test_killed_at_random_moments(recipe: Path, tmp_path: Path) -> None:
    """SIGKILL in a real process, twice; the first time there is no checkpoint yet."""
    slowly = ("--set", "pause=0.02")
    go(recipe, tmp_path / "whole", pause=0.02)
    rng = random.Random(1)
    for step in (rng.randrange(1, 6), rng.randrange(8, 36)):
        assert kill_at(recipe, tmp_path / "killed", step, *slowly)
    code, out, err = finish(start(recipe, tmp_path / "killed", *slowly))
    assert (code, out.strip()) == (0, str(tmp_path / "killed" / "model")), err
    assert "resume" in err and "step 39/40  decay  loss" in err and "0 s left" in err
    assert largest_difference(tmp_path / "whole", tmp_path / "killed") == 0
    assert curve(tmp_path / "whole") == curve(tmp_path / "killed")  # no step twice, none missing
    assert rows(tmp_path / "whole", "probe") == rows(tmp_path / "killed", "probe")


def test_asked_to_stop(recipe: Path, tmp_path: Path) -> None:
    def at_nine(row: dict[str, Any]) -> None:
        if row["event"] == "step" and row["step"] == 9:
            signal.raise_signal(signal.SIGTERM)

    go(recipe, tmp_path / "whole")
    outcome = go(recipe, tmp_path / "run", log=at_nine)
    assert outcome == Outcome(steps=10, signal=signal.SIGTERM)
    go(recipe, tmp_path / "run")
    assert largest_difference(tmp_path / "whole", tmp_path / "run") == 0


def test_asked_to_stop_in_the_last_step(recipe: Path, tmp_path: Path) -> None:
    """The export, which may take long, is left to the next call."""

    def at_the_end(row: dict[str, Any]) -> None:
        if row["event"] == "step" and row["step"] == 39:
            signal.raise_signal(signal.SIGINT)

    assert go(recipe, tmp_path / "run", log=at_the_end) == Outcome(steps=40, signal=signal.SIGINT)
    assert go(recipe, tmp_path / "run").model is not None


@pytest.mark.slow
def test_interrupted_on_the_command_line(recipe: Path, tmp_path: Path) -> None:
    folder, options = tmp_path / "run", ("--set", "pause=0.02")
    process = start(recipe, folder, *options)
    await_step(process, folder, 8)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, "")
    done = rows(folder, "stopped")[0]["step"]
    last = f"stopped after {done} of 40 steps; run the same command to go on: {folder}"
    assert err.splitlines()[-1] == last
    assert state(folder) and done == len(rows(folder)) < 40  # saved exactly there: no step is lost
    go(recipe, folder, pause=0.02)
    go(recipe, tmp_path / "whole", pause=0.02)
    assert largest_difference(tmp_path / "whole", folder) == 0


def test_a_second_interrupt_acts_at_once() -> None:
    with stop_signal() as caught:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert caught == [signal.SIGTERM, signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_in_another_thread(recipe: Path, tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(go(recipe, tmp_path / "run")))
    thread.start()
    thread.join()
    assert outcomes[0].steps == 40


def test_random_numbers_of_the_caller_do_not_matter(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "a")

    def meddle(row: dict[str, Any]) -> None:
        torch.rand(3)

    torch.rand(100)
    go(recipe, tmp_path / "b", log=meddle)
    assert largest_difference(tmp_path / "a", tmp_path / "b") == 0
    go(recipe, tmp_path / "c", **{"run.seed": 1})
    assert largest_difference(tmp_path / "a", tmp_path / "c") > 0


def test_the_log_forgets_what_is_done_again(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(recipe, folder, until=21)
    (folder / "log.jsonl").write_text("")
    with (folder / "log.jsonl").open("a") as file:
        for row in ({"event": "step", "step": 20}, {"event": "step", "step": 21}, {"event": "probe", "step": 30}):
            file.write(json.dumps(row) + "\n")
        file.write(json.dumps({"event": "prepare", "words": "kept"}) + "\n" + '{"event": "st')  # cut short by a kill
    go(recipe, folder, until=22)
    found = [json.loads(line) for line in (folder / "log.jsonl").open()]
    assert [row["event"] for row in found] == ["step", "prepare", "resume", "prepare", "dtype", "step", "stopped"]
    assert [row["step"] for row in found if row["event"] == "step"] == [20, 21]


def test_divergence_is_said_and_nothing_is_poisoned(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(InputError, match=r"loss is nan .* at step 10 .*diverged"):
        go(recipe, folder, nan_at=10)
    assert all(bool(torch.isfinite(value).all()) for value in state(folder).values())
    assert rows(folder, "diverged")[0]["step"] == 10 and len(rows(folder)) == 10
    with pytest.raises(InputError, match="loss is nan"):  # again, and still once in the log
        go(recipe, folder, nan_at=10)
    assert len(rows(folder, "diverged")) == 1


def test_no_logging_and_no_probes(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "run", **{"run.log_steps": 0, "run.probe_steps": 0, "run.steps": 3})
    assert not rows(tmp_path / "run") and len(rows(tmp_path / "run", "probe")) == 1


def test_saving_by_time(recipe: Path, tmp_path: Path) -> None:
    overrides = {"run.save_steps": 0, "run.save_seconds": 0, "nan_at": 10}
    with pytest.raises(InputError):
        go(recipe, tmp_path / "run", **overrides)
    assert int(torch.load(tmp_path / "run" / "checkpoint.pt")["step"]) == 10


def test_another_recipe_is_refused(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "run", until=1)
    with pytest.raises(InputError, match=r"another recipe \(run\.steps: 40 there, 41 here\); choose another --out"):
        go(recipe, tmp_path / "run", **{"run.steps": 41})
    with pytest.raises(InputError, match=r"settings.dropout: null there, 0.5 here"):
        go(recipe, tmp_path / "run", dropout=0.5)
    (tmp_path / "run" / "recipe.json").write_text("{")
    with pytest.raises(InputError, match=r"recipe.json: cannot be read"):
        go(recipe, tmp_path / "run")


def test_two_runs_in_one_folder_are_refused(recipe: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def second(row: dict[str, Any]) -> None:
        if row.get("step") == 5:
            with pytest.raises(InputError, match="another process is training in") as error:
                go(recipe, tmp_path / "run")
            refused.append(str(error.value))

    go(recipe, tmp_path / "run", log=second)
    assert len(refused) == 1


def test_leftovers_of_a_kill_are_removed(recipe: Path, tmp_path: Path) -> None:
    go(recipe, tmp_path / "run", until=1)
    (tmp_path / "run" / ".checkpoint.0123abcd.pt").write_bytes(b"half")
    go(recipe, tmp_path / "run", until=2)
    assert not list((tmp_path / "run").glob(".*"))


def one_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a command that ends with exit code 2."""
    assert main(["train", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("lucida: error: ")
    return line.removeprefix("lucida: error: ")


def test_bad_folders_and_checkpoints(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCIDA_DEVICE", "cpu")
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert one_line(capsys, str(recipe), "--out", str(blocked / "run")).startswith(f"cannot write {blocked}")
    folder = tmp_path / "run"
    go(recipe, folder, until=3)
    whole = (folder / "checkpoint.pt").read_bytes()
    for content in (b"", b"not a checkpoint", whole[: len(whole) // 2]):
        (folder / "checkpoint.pt").write_bytes(content)
        line = one_line(capsys, str(recipe), "--out", str(folder))
        assert line.startswith(f"{folder}/checkpoint.pt: not a") and line.endswith("move it away to start again")
    torch.save({"step": 3}, folder / "checkpoint.pt")
    assert "not a checkpoint of a training run" in one_line(capsys, str(recipe), "--out", str(folder))
    (folder / "checkpoint.pt").write_bytes(whole)
    data = torch.load(folder / "checkpoint.pt")
    data["module"]["body.0.weight"] = torch.zeros(2, 2)
    torch.save(data, folder / "checkpoint.pt")
    assert "does not fit this recipe's network" in one_line(capsys, str(recipe), "--out", str(folder))
    assert "--until must not be negative" in one_line(capsys, str(recipe), "--until", "-1")


def test_a_full_disk_keeps_the_old_checkpoint(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(recipe, tmp_path / "run", until=7)
    before = state(tmp_path / "run")

    def full(*_: object) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0\nmore")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"cannot write .*checkpoint.pt: \[enforce fail[^\n]*$"):
        go(recipe, tmp_path / "run")
    monkeypatch.undo()
    after = state(tmp_path / "run")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not list((tmp_path / "run").glob(".*"))


def test_the_number_format_is_kept_on_resume(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``auto`` measures; a busy machine might measure otherwise the second time, and the bits would change."""
    from lucida.train import dtype

    rates = {torch.float32: 100.0, torch.bfloat16: 400.0}
    monkeypatch.setattr(dtype, "matmul_rate", lambda kind, device: rates[kind])
    go(recipe, tmp_path / "whole", **{"run.dtype": "auto"})
    go(recipe, tmp_path / "parts", until=9, **{"run.dtype": "auto"})
    rates[torch.bfloat16] = 50.0
    for until in (12, None):
        go(recipe, tmp_path / "parts", until=until, **{"run.dtype": "auto"})
    assert largest_difference(tmp_path / "whole", tmp_path / "parts") == 0
    said = [row["words"] for row in rows(tmp_path / "parts", "dtype")]
    first = "bf16: matmul 100 GFLOP/s in fp32, 400 in bf16 (4.0x)"
    assert said == [first, *[f"bf16 as this run began: {first}"] * 2]


def test_another_machine_is_said(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lucida.train import loop

    go(recipe, tmp_path / "run", until=3)
    monkeypatch.setattr(loop, "cpu_name", lambda: "Abacus 3")
    go(recipe, tmp_path / "run", until=5)
    words = rows(tmp_path / "run", "resume")[0]["words"]
    assert words.startswith("bits may differ from an unbroken run: cpu ") and words.endswith("-> Abacus 3")


def test_matrices_decay_and_vectors_do_not() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    module[1].bias.requires_grad_(False)
    decaying, others = parameter_groups(module, 0.1)
    assert [p.shape for p in decaying["params"]] == [(2, 3)] and decaying["weight_decay"] == 0.1
    assert [p.shape for p in others["params"]] == [(2,), (2,)] and others["weight_decay"] == 0
