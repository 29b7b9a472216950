"""The training loop: plain PyTorch, one process or many, resumable at any step.

Run under ``accelerate launch`` the same recipe trains with DDP (or FSDP2 by accelerate's config); without accelerate
it is a single process. Nothing random lives outside (seed, step), so a run killed at any moment and started again on
the same machine ends with the same bits as one that was never interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.train.checkpoint import load_checkpoint, save_checkpoint
from lucida.train.dtype import choose_dtype
from lucida.train.recipe import Recipe, RunConfig, task_class
from lucida.train.schedule import learning_rate, stage
from lucida.train.task import Task

Log = Callable[[dict[str, Any]], None]


class Cluster:
    """The processes of this run: accelerate's when launched by it, otherwise just this one."""

    def __init__(self, device: str) -> None:
        self.accelerator: Any = None
        self.rank, self.processes, self.device = 0, 1, torch.device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            try:
                from accelerate import Accelerator, DistributedDataParallelKwargs
            except ImportError as error:
                raise InputError("several processes need the train extra: pip install 'camera-lucida[train]'") from error
            kwargs = DistributedDataParallelKwargs(find_unused_parameters=True)
            self.accelerator = Accelerator(cpu=device == "cpu", kwargs_handlers=[kwargs])
            self.rank, self.processes = self.accelerator.process_index, self.accelerator.num_processes
            self.device = self.accelerator.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def prepare(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """Wrap for several processes."""
        if self.accelerator is None:
            return module, optimiser
        return self.accelerator.prepare(module, optimiser)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean over processes."""
        return value if self.accelerator is None else self.accelerator.reduce(value, reduction="mean")

    def wait(self) -> None:
        """Until every process is here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay, vectors and scalars do not."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.dim() < 2], "weight_decay": 0.0},
    ]


@contextlib.contextmanager
def stop_signal() -> Iterator[list[int]]:
    """A list that becomes non-empty on SIGINT or SIGTERM, so that the loop can save and leave."""
    caught: list[int] = []
    previous = {s: signal.signal(s, lambda number, _: caught.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)


def train(recipe: Recipe, folder: Path, *, device: str = "cpu", log: Log | None = None, until: int | None = None) -> Path | None:
    """Run a recipe in ``folder`` from its checkpoint, or from the start.

    Args:
        folder: holds recipe.json, log.jsonl, checkpoint.pt, and at the end the model folder.
        log: called with every log row (already written to log.jsonl).
        until: stop (with a checkpoint) before this step; None runs to the end.

    Returns:
        The exported model folder, or None when the run was stopped before its end.
    """
    run = recipe.run
    cluster = Cluster(device)
    torch.manual_seed(run.seed)
    task: Task = task_class(recipe.task)(recipe.settings, seed=run.seed)
    write = _writer(folder, cluster.leads, log)
    if cluster.leads:
        _claim(folder, recipe)
        task.prepare(lambda words: write({"event": "prepare", "words": words}))
    cluster.wait()
    if not cluster.leads:
        task.prepare(lambda words: None)
    choice = choose_dtype(run.dtype, cluster.device)
    write({"event": "dtype", "words": choice.reason})
    module = task.module.to(cluster.device)
    ema = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(run.ema))
    optimiser = torch.optim.AdamW(parameter_groups(module, run.weight_decay), lr=run.schedule.peak, betas=run.betas)
    state = load_checkpoint(folder)
    start, spent = 0, 0.0
    if state is not None:
        module.load_state_dict(state["module"])
        ema.load_state_dict(state["ema"])
        optimiser.load_state_dict(state["optimiser"])
        start, spent = state["step"], state["seconds"]
        write({"event": "resume", "step": start})
    wrapped, optimiser = cluster.prepare(module, optimiser)

    def save(step: int, seconds: float) -> None:
        if cluster.leads:
            inner = getattr(optimiser, "optimizer", optimiser)
            save_checkpoint(folder, {"module": module.state_dict(), "ema": ema.state_dict(),
                                     "optimiser": inner.state_dict(), "step": step, "seconds": seconds})  # fmt: skip

    begin, saved = time.monotonic(), time.monotonic()
    with stop_signal() as stopped:
        for step in range(start, run.steps):
            if stopped or step == until:
                save(step, spent + time.monotonic() - begin)
                write({"event": "stopped", "step": step})
                return None
            row = _step(task, wrapped, module, optimiser, ema, cluster, run, step, choice.autocast)
            seconds = spent + time.monotonic() - begin
            if step % run.log_steps == 0 or step == run.steps - 1:
                values = {k: float(cluster.mean(v)) for k, v in row.items()}
                write({"event": "step", "step": step, "seconds": round(seconds, 1), "stage": stage(step, run.steps, run.schedule),
                       **{k: round(v, 6) for k, v in values.items()}})  # fmt: skip
            if run.probe_steps and step and step % run.probe_steps == 0 and cluster.leads:
                write({"event": "probe", "step": step, **task.probe(ema.module)})
            due = time.monotonic() - saved > run.save_seconds if not run.save_steps else (step + 1) % run.save_steps == 0
            if due:
                save(step + 1, seconds)
                saved = time.monotonic()
    seconds = spent + time.monotonic() - begin
    save(run.steps, seconds)
    if not cluster.leads:
        return None
    facts = {"steps": run.steps, "seconds": round(seconds), "dtype": choice.reason, "probe": task.probe(ema.module)}
    write({"event": "probe", "step": run.steps, **facts["probe"]})
    return task.export(ema.module, folder / "model", facts)


def _step(
    task: Task, wrapped: nn.Module, module: nn.Module, optimiser: Any, ema: AveragedModel, cluster: Cluster,
    run: RunConfig, step: int, autocast: torch.dtype | None,
) -> dict[str, torch.Tensor]:  # fmt: skip
    """One optimiser step; returns what to log."""
    rate = learning_rate(step, run.steps, run.schedule)
    for group in optimiser.param_groups:
        group["lr"] = rate
    batch = task.batch(step, cluster.rank, cluster.processes)
    with torch.autocast(cluster.device.type, autocast, enabled=autocast is not None):
        losses, metrics = wrapped(batch)
    loss = losses.mean()
    if not torch.isfinite(loss):
        raise FloatingPointError(f"loss is {float(loss)} at step {step}; the last checkpoint is before it")
    if cluster.accelerator is None:
        loss.backward()
    else:
        cluster.accelerator.backward(loss)
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), run.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    ema.update_parameters(module)
    return {"loss": loss.detach(), "norm": norm.detach(), "rate": torch.tensor(rate), **metrics}


def _writer(folder: Path, leads: bool, log: Log | None) -> Log:
    def write(row: dict[str, Any]) -> None:
        if not leads:
            return
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if log is not None:
            log(row)

    return write


def _claim(folder: Path, recipe: Recipe) -> None:
    """A folder belongs to one recipe: resuming with another is refused."""
    path = folder / "recipe.json"
    wanted = json.loads(json.dumps(asdict(recipe)))
    if path.exists():
        found = json.loads(path.read_text())
        if found != wanted:
            changed = sorted(k for k in wanted if found.get(k) != wanted[k])
            raise InputError(f"{folder} holds a run of another recipe (differs in {', '.join(changed)}); choose another --out")
        return
    atomic_write(path, json.dumps(wanted, indent=2) + "\n")
