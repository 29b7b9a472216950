"""Shares of a run in processes of their own: a real launch, every request once, scored together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lucida.bench.cache import Cache
from lucida.bench.models.saved import oracle_model
from lucida.bench.runner import RunOptions, run
from lucida.cli.bench_run import shard_of
from lucida.cli.main import main
from tests.bench.toy import Toy, write_toy

ROOT = Path(__file__).resolve().parents[2]


def test_shares_are_disjoint_even_and_keep_a_film_together(tmp_path: Path) -> None:
    protocol = Toy.load(write_toy(tmp_path / "data", 10, 5), levels=2)
    protocol.data = tmp_path / "data"
    seen: list[str] = []
    for index in range(2):
        done = run(
            protocol, oracle_model("perfect", protocol), tmp_path / f"shard-{index}", cache=Cache(tmp_path / "c"),
            options=RunOptions(shard=(index, 2)),
        )  # fmt: skip
        films = {request.cluster for request in protocol.requests() if request.id in done.replies}
        assert films == {f"v{n}.mp4" for n in range(index, 5, 2)}
        seen += done.replies
    assert Counter(seen) == Counter({request.id: 1 for request in protocol.requests()})


@pytest.mark.slow
def test_accelerate_launch_starts_two_and_their_shares_are_scored_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    pytest.importorskip("accelerate")
    item = {"mask_rles": [{"size": [2, 2], "counts": "04"}], "question": "What does <Prompt0> do?"}
    items = [{**item, "image": f"{n}.png", "answer": f"It sleeps {n} hours."} for n in range(9)]
    (tmp_path / "GAR-Bench-Caption-Simple.json").write_text(json.dumps(items))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    quiet = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    files = ["--data", str(tmp_path), "--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    command = ["-m", "lucida", "bench", "run", "gar-caption-simple", "--model", "oracle:oracle", *files]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUCIDA_SHAPES": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *quiet, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    logs = sorted((tmp_path / "run").glob("shard-*/replies.jsonl"))
    assert [len(log.read_text().splitlines()) for log in logs] == [5, 4]
    again = ["bench", "score", "gar-caption-simple", "--data", str(tmp_path), "--json"]
    assert main([*again, "--predictions", str(tmp_path / "run")]) == 0
    score = json.loads(capsys.readouterr().out)["score"]
    assert score["n"] == 9 and score["summary"]["accuracy"] == 100 and score["statuses"]["missing"] == 0


def test_a_launch_that_starts_one_process_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "ACCELERATE_USE_CPU"):
        monkeypatch.delenv(name, raising=False)
    assert shard_of() is None and capsys.readouterr().err == ""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert shard_of() is None and "one process only" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert shard_of() == (1, 3)
