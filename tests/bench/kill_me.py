"""A run in a process of its own, for the tests that kill it.

``python -m tests.bench.kill_me DATA OUT CACHE URL PROTOCOL [OPTION=NUMBER …]``
"""

from __future__ import annotations

import sys

from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions
from lucida.bench.models.endpoint import EndpointModel
from lucida.bench.protocol import load_protocol
from lucida.bench.runner import run
from tests.bench import toy


def main() -> None:
    data, out, cache, url, name, *options = sys.argv[1:]
    assert toy.PROTOCOLS["toy"]  # importing it has registered the toy
    protocol = load_protocol(
        name, data, **{key: int(value) for key, value in (one.split("=") for one in options)}
    )
    model = EndpointModel(f"{url}#fake", ModelOptions(concurrency=4))
    result = run(protocol, model, out, cache=Cache(cache, replies=False))
    sys.stdout.write(f"{result.asked} {result.replayed}\n")


if __name__ == "__main__":
    main()
