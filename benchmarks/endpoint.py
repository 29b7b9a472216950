"""How near the benchmark engine comes to what an endpoint allows: wall time against requests x delay / concurrency.

    python benchmarks/endpoint.py --items 500 --levels 5 --delay 1 --concurrency 16

The endpoint is a server in a process of its own that answers everything after a fixed delay. Frames (16 at 224 px) are
encoded in a first pass whose decodes are counted; the timed pass finds them in the cache, and its memory is watched.
The engine's own processor time per request is beside the wall time, because it is what stands between the two.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import socket
import tempfile
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import numpy as np

from lucida.bench.cache import Cache
from lucida.bench.frames import FrameStore
from lucida.bench.models import ModelOptions
from lucida.bench.models.endpoint import EndpointModel
from lucida.bench.protocol import Protocol
from lucida.bench.records import FramePlan, MediaRef, Reply, Request, Score
from lucida.bench.runner import run
from lucida.media.video import write_video
from lucida.train.claims import report

PLAN = FramePlan(kind="uniform", count=16, longest=224)


class Load(Protocol):
    """Questions with nothing to get right."""

    name, title = "load", "Load"

    def __init__(self, data: Path, items: int, levels: int, videos: int) -> None:
        self.data, self.items, self.levels, self.videos = data, items, levels, videos

    @classmethod
    def load(cls, data: Path, **options: Any) -> Self:
        return cls(data, **options)

    def requests(self) -> list[Request]:
        return [
            Request(id=f"{n}/{level}", item=str(n), cluster=str(n * self.videos // self.items), frames=PLAN,
                    prompt=f"question {n} at level {level}",
                    media=(MediaRef(path=f"{n * self.videos // self.items}.mp4", kind="video"),))
            for n in range(self.items)
            for level in range(self.levels)
        ]  # fmt: skip

    def score(self, replies: Mapping[str, Reply], **_: Any) -> Score:
        return self.make_score((), {}, compat=False)


def serve(listener: socket.socket, delay: float) -> None:
    """Answer every chat request after ``delay`` seconds."""
    message = {"role": "assistant", "content": "yes"}
    document = {"id": "x", "object": "chat.completion", "created": 0, "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
    data = json.dumps(document).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(delay)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket = listener
    server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("items", 500), ("levels", 5), ("videos", 50), ("concurrency", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--delay", type=float, default=1.0)
    wish = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listener, wish.delay), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k in range(wish.videos):
            noise = np.random.default_rng(k).integers(0, 255, (27, 48, 3), dtype=np.uint8)
            picture = np.kron(noise, np.ones((10, 10, 1), np.uint8))
            frames = ((t / 4, np.roll(picture, 7 * t, axis=1)) for t in range(64))
            write_video(folder / f"{k}.mp4", frames, fps=4)
        protocol = Load(folder, wish.items, wish.levels, wish.videos)
        cache = Cache(folder / "cache", replies=False)
        store = FrameStore(cache)
        begin = time.perf_counter()
        for request in protocol.requests():
            store.show(folder, request.media[0], PLAN)
        decoded = time.perf_counter() - begin
        options = ModelOptions(concurrency=wish.concurrency)
        model = EndpointModel(f"http://127.0.0.1:{listener.getsockname()[1]}/v1#m", options)
        before, tenth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [0]

        def say(done: int, total: int, _: object) -> None:
            if done == total // 10:
                tenth[0] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        cpu = time.process_time()
        result = run(protocol, model, folder / "run", cache=cache, say=say)
        cpu = time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    server.terminate()
    count = wish.items * wish.levels
    ideal = count * wish.delay / wish.concurrency
    print(f"{count} requests, {result.errors} errors, {wish.videos} videos, {store.decodes} decoded ({decoded:.1f} s)")
    print(f"wall {result.seconds:.1f} s, ideal {ideal:.1f} s, ratio {result.seconds / ideal:.3f}")
    print(f"decodes in this pass {result.decodes}, processor {1000 * cpu / count:.1f} ms per request")
    peaks = " / ".join(f"{peak / 1024:.0f}" for peak in (before, tenth[0], after))
    peaks = [peak / 1024 for peak in (before, tenth[0], after)]
    print(f"peak memory before / after a tenth / at the end: {' / '.join(f'{peak:.0f}' for peak in peaks)} MB")
    numbers = {
        "requests": count, "videos": wish.videos, "decodes": store.decodes, "decodes_in_timed_pass": result.decodes,
        "wall_seconds": result.seconds, "wall_over_ideal": result.seconds / ideal,
        "processor_ms_per_request": 1000 * cpu / count, "memory_growth_mb": peaks[2] - peaks[1],
    }  # fmt: skip
    one_each = store.decodes == wish.videos and result.decodes == 0
    report(numbers, {"every_request_answered": not result.errors, "one_decode_per_video_and_plan": one_each})


if __name__ == "__main__":
    main()
