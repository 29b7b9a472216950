"""The machine a number was measured on, in a few words that travel with the number."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's model name, or its architecture where the system does not tell."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Cores, processor, GPU if any, PyTorch and its threads, and the number type the probe picks."""
    import torch

    from lucida.train.dtype import choose_dtype

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "cores": cores(),
        "cpu": cpu_name(),
        **({"gpu": gpu} if gpu else {}),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "dtype": choose_dtype().reason,
    }
