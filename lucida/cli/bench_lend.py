"""``lucida bench lend``: our protocols as lmms-eval tasks, for data that lies here."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path


def lend(*, data: Path, out: Path, json: bool = False) -> None:
    """Write lmms-eval tasks for the official files in a folder; run them with: lmms-eval --include_path OUT.

    Args:
        data: a folder with one folder per protocol: dlc, paradlc, gar, videozero, vstar, grounding, ovo, streaming.
        out: where to write the tasks.
        json: print one JSON document instead of lines.

    Examples:
        lucida bench lend --data benchmarks --out tasks
    """
    from lucida.bench.lend import lend as lend_tasks

    lent = lend_tasks(data, out)
    for name, why in lent.left_out.items():
        sys.stderr.write(f"left out: {name}: {why}\n")
    if json:
        facts = {"tasks": lent.tasks, "left_out": lent.left_out, "folder": str(out)}
        print(json_module.dumps({"schema": "lucida/1", **facts}, indent=2))
        return
    for name, count in lent.tasks.items():
        print(f"{name}  {count} requests")
