"""``lucida bench make``: benchmark data from the world, in the official format of a protocol."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Literal


def make(
    protocol: str,
    folder: Path,
    *,
    count: int | None = None,
    seed: int = 0,
    split: Literal["train", "val", "test", "test-pairs", "test-objects"] = "test",
    json: bool = False,
) -> None:
    """Make a protocol's data from the world: official files, real pictures and H.264 videos, exact truth.

    Args:
        protocol: its name (see: lucida bench list).
        folder: the new folder to write.
        count: how many pictures or clips; the default is enough for every kind of question.
        seed: of the first picture or clip; same seed, same data.
        split: which objects and colours may appear.
        json: print one JSON document instead of lines.

    Examples:
        lucida bench make videozero made --count 8
        lucida bench run videozero --data made --model oracle
    """
    from lucida.bench.made import make as make_data
    from lucida.bench.protocol import load_protocol

    target = make_data(protocol, folder, count=count, seed=seed, split=split)
    loaded = load_protocol(protocol, target)
    facts = {"protocol": protocol, "folder": str(target), "requests": len(loaded.requests()),
             "revision": loaded.revision, "baselines": list(loaded.baselines())}  # fmt: skip
    if json:
        print(json_module.dumps({"schema": "lucida/1", **facts}))
        return
    print(f"{target}: {loaded.title}, {facts['requests']} requests")
    print(f"try: lucida bench run {protocol} --data {target} --model oracle")
