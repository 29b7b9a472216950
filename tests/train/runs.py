"""Starting, killing and comparing training runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from lucida.train.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
CLOCK = ("seconds", "steps_per_second", "seconds_left")  # of a log row: differ between equal runs


def start(recipe: Path, out: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """``lucida train`` as a process of its own."""
    command = [sys.executable, "-m", "lucida", "train", str(recipe), "--out", str(out), *options]
    kept = {name: value for name, value in os.environ.items() if name not in LAUNCHED}
    kept = {**kept, "LUCIDA_DEVICE": "cpu", **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=kept, stdout=pipe, stderr=pipe, text=True)


def start_two(recipe: Path, out: Path, *options: str) -> list[subprocess.Popen[str]]:
    """Two processes of one run, with the environment that ``torchrun`` gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [start(recipe, out, *options, **shared, RANK=rank, LOCAL_RANK=rank) for rank in ("0", "1")]


def finish(process: subprocess.Popen[str], timeout: float = 150) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"no end after {timeout} s:\n{err}") from None
    return process.returncode, out, err


def rows(folder: Path, event: str = "step") -> list[dict[str, Any]]:
    """Rows of a run's log."""
    path = folder / "log.jsonl"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # whole lines only
    return [row for row in map(json.loads, lines) if row["event"] == event]


def await_step(process: subprocess.Popen[str], folder: Path, step: int, timeout: float = 150) -> None:
    """Until the run has logged ``step`` or a later one."""
    end = time.monotonic() + timeout
    while not any(row["step"] >= step for row in rows(folder)):
        assert process.poll() is None, finish(process)[2]
        if time.monotonic() > end:
            process.kill()
            raise AssertionError(f"step {step} was not reached after {timeout} s:\n{finish(process)[2]}")
        time.sleep(0.005)


def kill_at(recipe: Path, folder: Path, step: int, *options: str, timeout: float = 150) -> bool:
    """Run until the log shows ``step``, then SIGKILL; False if the run had ended before."""
    process = start(recipe, folder, *options)
    await_step(process, folder, step, timeout)
    process.kill()
    return finish(process)[0] == -9


def state(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a run's checkpoint and of its exported model, by path."""
    checkpoint = load_checkpoint(folder)
    assert checkpoint is not None
    found: dict[str, torch.Tensor] = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, torch.Tensor):
            found[name] = value
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{name}/{key}")
        elif isinstance(value, list | tuple):
            for i, item in enumerate(value):
                walk(item, f"{name}/{i}")

    walk(checkpoint, "checkpoint")
    model = folder / "model" / "model.safetensors"
    if model.is_file():
        walk(load_file(model), "model")
    return found


def largest_difference(a: Path, b: Path) -> float:
    """Of all numbers of two runs: checkpoint (weights, average, optimiser) and exported model; 0 if bit-equal."""
    first, second = state(a), state(b)
    assert first.keys() == second.keys()
    if all(torch.equal(first[name], second[name]) for name in first):
        return 0.0
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


def curve(folder: Path) -> list[dict[str, Any]]:
    """The logged steps without their times."""
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows(folder)]
