"""The training loop: plain PyTorch, one process or many, resumable at any step.

Nothing random lives outside (seed, step, process), so a run killed at any moment and started again on the same
processor, with the same number of threads and processes, ends with the same bits as one that was never interrupted.
(Some GPU kernels add in no fixed order; there the promise is the same data and noise, not the same bits.)

Several processes share each batch under DDP (see ``cluster.py`` for how they are started).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lucida.media.errors import InputError
from lucida.train.checkpoint import NAME, load_checkpoint, save_checkpoint
from lucida.train.cluster import Cluster, on_device
from lucida.train.dtype import DtypeChoice, choose_dtype
from lucida.train.folder import Log, RunFolder
from lucida.train.machine import cpu_name
from lucida.train.optimiser import Optimiser
from lucida.train.recipe import Recipe, task_class
from lucida.train.schedule import learning_rate, stage
from lucida.train.shares import seed_of
from lucida.train.stopping import stop_signal
from lucida.train.task import Task


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a call of :func:`train` ended.

    Attributes:
        steps: optimiser steps done so far, in this call and those before it.
        model: the exported folder, or None when the run stopped before its end.
        signal: number of the signal that stopped it, or 0.
        leads: whether this process wrote the files.
    """

    steps: int
    model: Path | None = None
    signal: int = 0
    leads: bool = True


def train(
    recipe: Recipe, folder: Path, *, device: str = "cpu", log: Log | None = None, until: int | None = None
) -> Outcome:
    """Run a recipe in ``folder`` from its checkpoint, or from the start.

    Args:
        folder: holds recipe.json, log.jsonl, checkpoint.pt, and at the end the model folder ``model``.
        log: called with every log row (already written to log.jsonl).
        until: stop with a checkpoint before this step; None runs to the end.

    Raises:
        InputError: the recipe, the folder or its checkpoint cannot be used, or the training diverged.
    """
    cluster = Cluster(device)
    with RunFolder(Path(folder), leads=cluster.leads, log=log) as run:
        trainer = _Trainer(recipe, run, cluster)
        outcome = trainer.run(until)
    cluster.close()
    return outcome


class _Trainer:
    """What one call of :func:`train` holds."""

    def __init__(self, recipe: Recipe, folder: RunFolder, cluster: Cluster) -> None:
        self.recipe, self.config, self.folder, self.cluster = recipe, recipe.run, folder, cluster
        torch.manual_seed(self.config.seed)  # of the weights
        self.task: Task = task_class(recipe.task)(recipe.settings, seed=self.config.seed)
        folder.claim(recipe)
        cluster.wait()
        state = load_checkpoint(folder.path)
        self.start = state["step"] if state else 0
        if cluster.leading(self.start) != self.start:
            raise InputError(f"{folder.path}: every process must see the same checkpoint in this folder")
        self.spent = float(state["seconds"]) if state else 0.0
        self.machine = {
            "cpu": cpu_name(),
            "device": cluster.device.type,
            "torch": str(torch.__version__),  # its own class would not be read back
            "threads": torch.get_num_threads(),
            "processes": cluster.processes,
        }
        before = state.get("machine", self.machine) if state else self.machine
        same = all(before.get(key) == self.machine[key] for key in ("cpu", "device", "torch"))
        self.begin = time.monotonic()
        self.dtype: DtypeChoice | None = None
        if state is not None and same and "dtype" in state:
            # Measured anew, a busy machine might choose otherwise, and the bits would differ.
            reason = f"{state['dtype']} as this run began: {state['why']}"
            autocast = torch.bfloat16 if state["dtype"] == "bf16" else None
            self.dtype = DtypeChoice(autocast=autocast, rates={}, reason=reason)
        self.module = self.task.module.to(cluster.device)
        self.ema = AveragedModel(self.module, multi_avg_fn=get_ema_multi_avg_fn(self.config.ema))
        self.optimiser = Optimiser(self.module, self.config)
        if state is not None:
            self._restore(state)
        folder.rewind(self.start)
        if state is not None:
            folder.write({"event": "resume", "step": self.start, "words": _changes(before, self.machine)})

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.module.load_state_dict(state["module"])
            self.ema.load_state_dict(state["ema"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError, KeyError) as error:
            why = " ".join(str(error).split())[:200]
            raise InputError(f"{self.folder.path / NAME}: does not fit this recipe's network: {why}") from error

    def run(self, until: int | None) -> Outcome:
        """From ``start`` to the end, to ``until``, or to a signal."""
        total, cluster, model = self.config.steps, self.cluster, self.folder.path / "model"
        if self.start == total and cluster.leading((model / "config.json").is_file()):
            self.folder.write({"event": "finished", "step": total, "words": f"{model} is already there"})
            return Outcome(steps=total, model=model, leads=cluster.leads)
        if cluster.leads:
            self.task.prepare(lambda words: self.folder.write({"event": "prepare", "words": words}))
        cluster.wait()
        if not cluster.leads:
            self.task.prepare(lambda words: None)
        # One process measures for all: they must not disagree.
        choice: DtypeChoice = cluster.leading(self.dtype or choose_dtype(self.config.dtype, cluster.device))
        self.dtype = choice
        sharing = {key: self.machine[key] for key in ("device", "processes", "threads")}
        self.folder.write({"event": "dtype", "words": choice.reason, **sharing})
        self.begin = time.monotonic()
        with stop_signal() as stopped:
            done = self._steps(until, stopped)
        # A launcher may pass a signal to one process only: they agree on it.
        number = cluster.largest(stopped[0] if stopped else 0)
        if done < total or number:
            self.folder.write({"event": "stopped", "step": done})
            return Outcome(steps=done, signal=number, leads=cluster.leads)
        if cluster.leads:
            probe = self.task.probe(self.ema.module)
            self.folder.write({"event": "probe", "step": total, **probe})
            facts = {"steps": total, "seconds": round(self._seconds), "dtype": choice.reason, "probe": probe}
            model = self.task.export(self.ema.module, model, facts)
        return Outcome(steps=total, model=model, leads=cluster.leads)

    @property
    def _seconds(self) -> float:
        """Time of training so far, all calls together."""
        return self.spent + time.monotonic() - self.begin

    def _steps(self, until: int | None, stopped: list[int]) -> int:
        """Train until the end, ``until`` or a signal, with a checkpoint there; returns the steps done."""
        config, cluster, total = self.config, self.cluster, self.config.steps
        wrapped = cluster.wrapped(self.module)
        saved, stepping = time.monotonic(), 0.0
        for step in range(self.start, total):
            if (until is not None and step >= until) or cluster.largest(len(stopped)):
                self._save(step)
                return step
            before = time.monotonic()
            row = self._step(wrapped, step)
            stepping += time.monotonic() - before
            if config.log_steps and (step % config.log_steps == 0 or step == total - 1):
                means = {name: round(cluster.mean(value), 6) for name, value in row.items()}
                speed = (step + 1 - self.start) / max(stepping, 1e-9)
                place = {"step": step, "of": total, "stage": stage(step, total, config.schedule)}
                times = {"seconds": round(self._seconds, 1), "steps_per_second": round(speed, 3)}
                left = round((total - 1 - step) / speed, 1)
                self.folder.write({"event": "step", **place, **means, **times, "seconds_left": left})
            if config.probe_steps and step and step % config.probe_steps == 0 and cluster.leads:
                # The others wait for this one at the next step.
                self.folder.write({"event": "probe", "step": step, **self.task.probe(self.ema.module)})
            late = time.monotonic() - saved > config.save_seconds
            if late if not config.save_steps else (step + 1) % config.save_steps == 0:
                self._save(step + 1)
                saved = time.monotonic()
        self._save(total)
        return total

    def _step(self, wrapped: nn.Module, step: int) -> dict[str, torch.Tensor]:
        """One optimiser step; returns what to log."""
        config, cluster = self.config, self.cluster
        rate = learning_rate(step, config.steps, config.schedule)
        self.optimiser.set_rate(rate)
        torch.manual_seed(seed_of(config.seed, step, cluster.rank))  # of dropout and the like
        batch = self.task.batch(step, cluster.rank, cluster.processes)
        if cluster.device.type != "cpu":
            batch = on_device(batch, cluster.device)
        assert self.dtype is not None
        autocast = self.dtype.autocast
        with torch.autocast(cluster.device.type, autocast, enabled=autocast is not None):
            losses, metrics = wrapped(batch)
        loss = losses.mean()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.module.parameters(), config.clip)
        # A bad loss in one process makes the averaged gradients, and so the norm, bad in all of them.
        value, size = float(loss.detach()), float(norm)
        if not (math.isfinite(value) and math.isfinite(size)):
            self._diverged(step, value, size, rate)
        self.optimiser.step()
        self.ema.update_parameters(self.module)
        return {"loss": loss.detach(), "norm": norm.detach(), "rate": torch.tensor(rate), **metrics}

    def _diverged(self, step: int, loss: float, norm: float, rate: float) -> None:
        words = f"loss is {loss} and its gradient's norm {norm} at step {step} (learning rate {rate:.3g})"
        self.folder.write({"event": "diverged", "step": step, "words": words})
        raise InputError(f"{self.recipe.name}: {words}: training diverged and the step was not taken; "
                         f"try a lower run.schedule.peak in another --out")  # fmt: skip

    def _save(self, step: int) -> None:
        if not self.cluster.leads:
            return
        assert self.dtype is not None
        state = {
            "module": self.module.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": step,
            "seconds": self._seconds,
            "machine": self.machine,
            "dtype": "bf16" if self.dtype.autocast is torch.bfloat16 else "fp32",
            "why": self.dtype.reason.rpartition(" as this run began: ")[2],
        }
        save_checkpoint(self.folder.path, state)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    changed = [f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]
    return f"bits may differ from an unbroken run: {', '.join(changed)}" if changed else ""


__all__ = ["Outcome", "train"]
