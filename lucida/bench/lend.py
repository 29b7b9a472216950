"""Our protocols as lmms-eval tasks: one YAML and one JSON-lines file of requests for each, written for a user's data.

lmms-eval finds tasks in folders (``--include_path``). The files hold ids only; what is asked and shown, and the score,
come from the protocols themselves, through :mod:`lucida.bench.lmms_eval_plugin`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lucida.bench.protocol import PROTOCOLS, Protocol, load_protocol
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

PREFIX = "lucida_"
BRIDGE = "lucida_lent"  # older versions look for functions beside the YAML only
_BRIDGE = '''"""What the tasks in this folder are made of; written by Lucida."""

from lucida.bench.lmms_eval_plugin import *  # noqa: F403
'''


@dataclass(kw_only=True)
class Lent:
    """What was written: the ``tasks`` by name with their number of requests, and why protocols were ``left_out``."""

    folder: Path
    tasks: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


class _Function(str):
    """``!function name`` in YAML."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Function, lambda dumper, value: dumper.represent_scalar("!function", str(value)))


def task_name(protocol: str) -> str:
    """The task's name in lmms-eval."""
    return PREFIX + protocol.replace("-", "_")


def data_of(name: str, root: Path) -> Path:
    """Where the files of a protocol are: ``root/NAME``, or ``root/FAMILY`` (``gar`` for ``gar-vqa``)."""
    own = root / name
    return own if own.is_dir() else root / name.split("-")[0]


def lend(data: str | Path, folder: str | Path) -> Lent:
    """Write tasks for every protocol whose official files are under ``data``.

    Args:
        data: a folder with one folder per protocol, see :func:`data_of`.
        folder: where to write; for ``--include_path``.

    Raises:
        InputError: ``data`` is no folder, or none of its folders can be read.
    """
    root, lent = Path(data).expanduser(), Lent(folder=Path(folder))
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    for name in PROTOCOLS:
        place = data_of(name, root)
        if not place.is_dir():
            lent.left_out[name] = f"no folder {name} in {root}"
            continue
        try:
            protocol = load_protocol(name, place.absolute())
        except InputError as error:
            lent.left_out[name] = str(error)
            continue
        lent.tasks[task_name(name)] = _write(protocol, lent.folder)
    if not lent.tasks:
        raise InputError(f"{root}: no protocol's files can be read: {'; '.join(lent.left_out.values())}")
    atomic_write(lent.folder / f"{BRIDGE}.py", _BRIDGE)
    return lent


def _write(protocol: Protocol, folder: Path) -> int:
    name, requests = task_name(protocol.name), protocol.requests()
    lines = [
        json.dumps({"id": request.id, "protocol": protocol.name, "data": str(protocol.data)}) for request in requests
    ]
    file = folder / f"{name}.jsonl"
    atomic_write(file, "\n".join(lines) + "\n")
    longest = max((request.max_tokens for request in requests), default=1)
    config = task_config(protocol, file.absolute(), longest)
    atomic_write(folder / f"{name}.yaml", yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
    return len(requests)


def task_config(protocol: Protocol, requests: Path, longest: int) -> dict[str, Any]:
    """The task's YAML as a mapping; a metric for each name in the protocol's summary."""

    def own(name: str) -> _Function:
        return _Function(f"{BRIDGE}.{name}")

    metrics: list[Mapping[str, Any]] = [
        {"metric": name, "aggregation": own("aggregate"), "higher_is_better": True}
        for name in protocol.score({}).summary
    ]
    return {
        "task": task_name(protocol.name), "tag": "lucida", "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(requests)}}, "test_split": "test",
        "output_type": "generate_until", "doc_to_visual": own("doc_to_visual"), "doc_to_text": own("doc_to_text"),
        "doc_to_messages": own("doc_to_messages"), "doc_to_target": "id", "process_results": own("process_results"),
        "generation_kwargs": {"max_new_tokens": longest, "temperature": 0, "do_sample": False},
        "metric_list": metrics, "metadata": [{"data": protocol.revision, "parser": protocol.parser}],
    }  # fmt: skip
