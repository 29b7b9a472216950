"""A protocol of three-word questions on tiny films, and a fake endpoint, for tests of the engine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from lucida.bench.protocol import PROTOCOLS, Protocol
from lucida.bench.records import FramePlan, MediaRef, Reply, Request, Row
from lucida.media.errors import InputError

PLAN = FramePlan(kind="uniform", count=3, longest=32)


class Toy(Protocol):
    """Each line of ``toy.jsonl`` is {"id", "video", "answer"}; the reply must be the answer."""

    name = "toy"
    title = "Toy"
    licence = "none"
    headline = "accuracy"

    def __init__(self, items: Sequence[Mapping[str, Any]], levels: int, problems: Sequence[str]) -> None:
        self.items, self.levels, self.problems = items, levels, tuple(problems)

    @classmethod
    def load(cls, data: Path, *, levels: int = 1, **_: Any) -> Self:
        path = data / "toy.jsonl"
        if not path.exists():
            raise InputError(f"{path}: no such file")
        items, problems, seen = [], [], set()
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            try:
                item = json.loads(line)
                item["id"], item["video"], item["answer"]
            except (ValueError, KeyError, TypeError):
                problems.append(f"toy.jsonl line {number}: malformed")
                continue
            if item["id"] in seen:
                problems.append(f"toy.jsonl line {number}: id {item['id']!r} again")
                continue
            seen.add(item["id"])
            items.append(item)
        protocol = cls(items, levels, problems)
        protocol.sources = (path,)
        return protocol

    def requests(self) -> list[Request]:
        return [
            Request(
                id=f"{item['id']}/{level}", item=str(item["id"]), cluster=item["video"] or str(item["id"]),
                prompt=f"Say the word of {item['id']} at level {level}. {{{{frames}}}} frames.",
                media=(MediaRef(path=item["video"], kind="video"),) if item["video"] else (),
                frames=PLAN if item["video"] else FramePlan(), meta={"level": level, "domain": ["even", "odd"][n % 2]},
            )
            for n, item in enumerate(self.items)
            for level in range(self.levels)
        ]  # fmt: skip

    def score(self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Any = None) -> Any:
        gold = {str(item["id"]): item["answer"] for item in self.items}
        rows = []
        for request in self.requests():
            reply = replies.get(request.id)
            truth = gold[request.item]
            status = "missing"
            if reply is not None:
                status = "error" if reply.error else "ok" if reply.raw.strip() else "unparsed"
            right = reply is not None and status == "ok" and reply.raw.strip().lower() == truth
            rows.append(Row(
                id=request.id, item=request.item, cluster=request.cluster, scores={"accuracy": float(right)},
                status=status, parsed=reply.raw if reply else None, gold=truth, meta=request.meta,
            ))  # fmt: skip
        mean = 100 * sum(row.scores["accuracy"] for row in rows) / len(rows) if rows else 0.0
        return self.make_score(rows, {"accuracy": mean}, compat=compat, judge=judge)

    def baselines(self) -> dict[str, dict[str, Reply]]:
        gold = {str(item["id"]): item["answer"] for item in self.items}
        perfect = {r.id: Reply(id=r.id, raw=gold[r.item], model="oracle") for r in self.requests()}
        always = {r.id: Reply(id=r.id, raw="red", model="baseline") for r in self.requests()}
        return {"oracle-perfect": perfect, "always red": always}


PROTOCOLS.setdefault("toy", "tests.bench.toy:Toy")


def write_toy(folder: Path, count: int = 8, videos: int = 2, *, broken: str = "") -> Path:
    """A data folder of ``count`` items on ``videos`` films; answers alternate red, blue."""
    from tests.media.video_clips import even, film

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(videos):
        film(folder / f"v{number}.mp4", even(12 + number, fps=6.0), size=(48, 64))  # no two alike
    per = max(1, count // max(1, videos))
    lines = [
        {"id": n, "video": f"v{min(n // per, videos - 1)}.mp4" if videos else "", "answer": ["red", "blue"][n % 2]}
        for n in range(count)
    ]  # fmt: skip
    (folder / "toy.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n" + broken)
    return folder


class FakeEndpoint:
    """An OpenAI-compatible server on this machine. ``say(body, number)`` gives the text, or (code, message)."""

    def __init__(self, say: Callable[[dict[str, Any], int], Any] | None = None, *, delay: float = 0.0) -> None:
        self.say, self.delay = say or (lambda body, n: "red"), delay
        self.bodies: list[dict[str, Any]] = []
        self.begun = 0
        self.most = self._now = 0
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with owner._lock:
                    owner.begun += 1
                    number = owner.begun
                    owner._now += 1
                    owner.most = max(owner.most, owner._now)
                    owner.bodies.append(body)
                time.sleep(owner.delay)
                with owner._lock:
                    owner._now -= 1
                self.reply(owner.say(body, number))

            def reply(self, said: Any) -> None:
                code, document = 200, {}
                if isinstance(said, tuple):
                    code, document = said[0], {"error": {"message": said[1]}}
                else:
                    message = {"role": "assistant", "content": said}
                    document = {
                        "id": "x", "object": "chat.completion", "created": 0, "model": "fake",
                        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
                    }  # fmt: skip
                data = json.dumps(document).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if code == 429:
                    self.send_header("Retry-After", "0.05")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> FakeEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def prompt_of(body: dict[str, Any]) -> str:
    """The last text part of a chat request."""
    return body["messages"][-1]["content"][-1]["text"]
