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
from typing import Any

from lucida.bench.made import make
from lucida.bench.protocol import load_protocol
from lucida.bench.records import Request
from lucida.bench.scoring import score_file
from tests.bench.toy import FakeEndpoint, prompt_of, write_toy

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "LUCIDA_SHAPES": "0"}
ITEMS, LEVELS, CONCURRENCY = 60, 2, 4


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def killed_twice(arguments: list[str], log: Path, rng: random.Random) -> tuple[int, list[str]]:
    """Start a run and kill it at a random moment, twice: how many kills struck, and the command."""
    command = [sys.executable, "-m", "tests.bench.kill_me", *arguments]
    kills = 0
    for _ in range(2):
        before, begun = len(lines(log)), time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        while time.monotonic() - begun < 90:
            text = log.read_text() if log.exists() else ""
            if text.count("\n") > before + 3 or process.poll() is not None:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += process.returncode == -signal.SIGKILL
    return kills, command


def test_killed_at_random_and_started_again(tmp_path: Path) -> None:
    data, out = write_toy(tmp_path / "data", ITEMS, 2), tmp_path / "run"
    log = out / "replies.jsonl"
    with FakeEndpoint(lambda body, n: f"reply to {prompt_of(body)}", delay=0.1) as server:
        arguments = [str(data), str(out), str(tmp_path / "cache"), server.url, "toy", "levels=2"]
        kills, command = killed_twice(arguments, log, random.Random(5))
        survived = {row["id"]: row for row in map(json.loads, log.read_text().split("\n")[:-1])}
        answered_before = {row["id"]: prompt_of_id(row["id"]) for row in survived.values()}
        sent_before = len(server.bodies)
        done = subprocess.run(
            command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, timeout=120
        )
        late = [prompt_of(body) for body in server.bodies[sent_before:]]
    assert done.returncode == 0
    assert kills == 2 and 8 <= len(survived) < ITEMS * LEVELS
    asked, replayed = map(int, done.stdout.split())
    assert replayed == len(survived) and asked == ITEMS * LEVELS - replayed
    # nothing repeated: what was logged before is not asked again, and the log has each request once
    assert not [text for start in answered_before.values() for text in late if text.startswith(start)]
    rows = lines(log)
    assert Counter(row["id"] for row in rows) == Counter(
        {f"{n}/{k}": 1 for n in range(ITEMS) for k in range(LEVELS)}
    )
    # nothing lost: every line is whole, its own, and the ones from before are as they were
    for row in rows:
        assert row["raw"].startswith(f"reply to {prompt_of_id(row['id'])}") and len(row["frame_times"]) == 3
    assert {row["id"]: row for row in rows if row["id"] in survived} == survived
    # at most what was in flight at a kill was sent twice
    assert len(server.bodies) <= ITEMS * LEVELS + kills * CONCURRENCY


def test_killed_on_made_videos_scores_as_if_it_had_not_been(tmp_path: Path) -> None:
    """VideoZeroBench on real H.264 files: the killed run ends with the score of one that was left alone."""
    data = make("videozero", tmp_path / "data", count=3)
    protocol = load_protocol("videozero", data, frames=4, height=32)
    truth = {
        prompt_of_request(r): protocol.baselines()["oracle-perfect"][r.id].raw for r in protocol.requests()
    }

    def say(body: dict[str, Any], number: int) -> str:  # right to some, wrong to others, the same every time
        found = [text for prompt, text in truth.items() if prompt_of(body).endswith(prompt)]
        return found[0] if len(found) == 1 and len(prompt_of(body)) % 3 else "unknown"

    with FakeEndpoint(say, delay=0.1) as server:
        common = [server.url, "videozero", "frames=4", "height=32"]
        log = tmp_path / "killed" / "replies.jsonl"
        kills, command = killed_twice(
            [str(data), str(log.parent), str(tmp_path / "cache"), *common], log, random.Random(8)
        )
        sent = len(server.bodies)
        done = subprocess.run(
            command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, timeout=120
        )
        again = len(server.bodies) - sent
        whole = [*command[:3], str(data), str(tmp_path / "whole"), str(tmp_path / "cache"), *common]
        subprocess.run(whole, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True, timeout=120)
    asked, replayed = map(int, done.stdout.split())
    assert done.returncode == 0 and kills == 2 and replayed >= 8 and asked == again
    assert Counter(row["id"] for row in lines(log)) == Counter(request.id for request in protocol.requests())
    scores = [score_file(protocol, folder)[0] for folder in (log.parent, tmp_path / "whole")]
    assert scores[0] == scores[1] and 0 < scores[0].summary["level3"] < 100


def prompt_of_request(request: Request) -> str:
    """The end of a prompt, behind what is filled in about the video."""
    return request.prompt.rpartition("evenly spaced.\n")[2]


def prompt_of_id(name: str) -> str:
    item, level = name.split("/")
    return f"Say the word of {item} at level {level}."
