"""The processes of a training run: one, or several that share every batch and agree on everything else.

Several are started by ``torchrun`` or, on GPUs, ``accelerate launch``; both say so in the environment. They train with
DDP. (``accelerate launch --cpu --num_processes 2`` starts only one unless it is given MPI: use ``torchrun``.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from lucida.media.errors import InputError

# The first process may build a feature bank for an hour while the others wait for it. One that dies is noticed by the
# launcher, which ends the rest, so patience costs nothing.
_PATIENCE = timedelta(hours=24)


class Cluster:
    """The processes of this run: accelerate's when several were launched, otherwise just this one.

    Attributes:
        rank, processes: which of how many this is.
        device: where this process trains.

    Raises:
        InputError: accelerate is missing, or is configured for something else than DDP.
    """

    def __init__(self, device: str) -> None:
        self.accelerator: Any = None
        self.rank, self.processes, self.device = 0, 1, torch.device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            try:
                from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
            except ImportError as error:
                why = "several processes need the train extra: pip install 'camera-lucida[train]'"
                raise InputError(why) from error
            ddp = DistributedDataParallelKwargs(find_unused_parameters=True)  # a step need not use every modality
            handlers = [ddp, InitProcessGroupKwargs(timeout=_PATIENCE)]
            # The recipe decides the number format, not accelerate's own configuration.
            self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no", kwargs_handlers=handlers)
            kind = str(self.accelerator.distributed_type.value)
            if not kind.startswith("MULTI_"):
                raise InputError(f"accelerate is configured for {kind}: Lucida trains with plain DDP so far")
            self.rank, self.processes = self.accelerator.process_index, self.accelerator.num_processes
            self.device = self.accelerator.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass averages gradients over the processes; its parameters stay the same."""
        return module if self.accelerator is None else self.accelerator.prepare_model(module)

    def mean(self, value: Tensor) -> float:
        """Mean over processes."""
        if self.accelerator is None:
            return float(value)
        total = value.detach().float().to(self.device).clone()
        torch.distributed.all_reduce(total)
        return float(total) / self.processes

    def largest(self, value: int) -> int:
        """The largest of all processes' values; all of them must ask."""
        if self.accelerator is None:
            return value
        most = torch.tensor(value, device=self.device)
        torch.distributed.all_reduce(most, op=torch.distributed.ReduceOp.MAX)
        return int(most)

    def leading(self, value: Any) -> Any:
        """What the first process has; ``value`` is any small picklable thing."""
        if self.accelerator is None:
            return value
        box = [value]
        torch.distributed.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def wait(self) -> None:
        """Until every process is here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def close(self) -> None:
        """Wait for all and end the connection between them."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()
            self.accelerator.end_training()


def on_device(value: Any, device: torch.device) -> Any:
    """A batch with all its tensors on ``device``: tensors inside dataclasses, mappings, tuples and lists are found."""
    if isinstance(value, Tensor):
        return value.to(device)
    if is_dataclass(value) and not isinstance(value, type):
        moved = {f.name: on_device(getattr(value, f.name), device) for f in fields(value) if f.init}
        return replace(value, **moved)
    if isinstance(value, Mapping):
        return {key: on_device(item, device) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(on_device(item, device) for item in value)
    return value
