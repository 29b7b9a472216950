"""``kill -9`` at random moments of a real process: nothing lost, nothing repeated."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.bench.toy import FakeEndpoint, prompt_of, write_toy

ROOT = Path(__file__).resolve().parents[2]
ITEMS, LEVELS, CONCURRENCY = 60, 2, 4


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_killed_at_random_and_started_again(tmp_path: Path) -> None:
    data, out = write_toy(tmp_path / "data", ITEMS, 2), tmp_path / "run"
    log = out / "replies.jsonl"
    rng = random.Random(5)
    kills = 0
    with FakeEndpoint(lambda body, n: f"reply to {prompt_of(body)}", delay=0.1) as server:
        arguments = [str(data), str(out), str(tmp_path / "cache"), server.url]
        command = [sys.executable, "-m", "tests.bench.kill_me", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUCIDA_SHAPES": "0"}
        for _ in range(2):
            before, begun = len(lines(log)), time.monotonic()
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            while time.monotonic() - begun < 90:
                text = log.read_text() if log.exists() else ""
                if text.count("\n") > before + 3 or process.poll() is not None:
                    break
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += process.returncode == -signal.SIGKILL
        survived = {row["id"]: row for row in map(json.loads, log.read_text().split("\n")[:-1])}
        answered_before = {row["id"]: prompt_of_id(row["id"]) for row in survived.values()}
        sent_before = len(server.bodies)
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=120)
        late = [prompt_of(body) for body in server.bodies[sent_before:]]
    assert done.returncode == 0
    assert kills == 2 and 8 <= len(survived) < ITEMS * LEVELS
    asked, replayed = map(int, done.stdout.split())
    assert replayed == len(survived) and asked == ITEMS * LEVELS - replayed
    # nothing repeated: what was logged before is not asked again, and the log has each request once
    assert not [text for start in answered_before.values() for text in late if text.startswith(start)]
    rows = lines(log)
    assert Counter(row["id"] for row in rows) == Counter({f"{n}/{k}": 1 for n in range(ITEMS) for k in range(LEVELS)})
    # nothing lost: every line is whole, its own, and the ones from before are as they were
    for row in rows:
        assert row["raw"].startswith(f"reply to {prompt_of_id(row['id'])}") and len(row["frame_times"]) == 3
    assert {row["id"]: row for row in rows if row["id"] in survived} == survived
    # at most what was in flight at a kill was sent twice
    assert len(server.bodies) <= ITEMS * LEVELS + kills * CONCURRENCY


def prompt_of_id(name: str) -> str:
    item, level = name.split("/")
    return f"Say the word of {item} at level {level}."
