"""A run in a process of its own, for the test that kills it: ``python -m tests.bench.kill_me DATA OUT CACHE URL``."""

from __future__ import annotations

import sys
from pathlib import Path

from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions
from lucida.bench.models.endpoint import EndpointModel
from lucida.bench.runner import run
from tests.bench.toy import Toy


def main() -> None:
    data, out, cache, url = sys.argv[1:]
    protocol = Toy.load(Path(data), levels=2)
    protocol.data = Path(data)
    model = EndpointModel(f"{url}#fake", ModelOptions(concurrency=4))
    result = run(protocol, model, out, cache=Cache(cache, replies=False))
    sys.stdout.write(f"{result.asked} {result.replayed}\n")


if __name__ == "__main__":
    main()
