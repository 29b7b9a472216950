"""The engine end to end on a toy protocol: frames once, resume, cache, errors counted, saved equals in process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions, load_model
from lucida.bench.models.endpoint import EndpointModel
from lucida.bench.protocol import load_protocol
from lucida.bench.runner import RunOptions, RunResult, run
from lucida.bench.scoring import score_file, score_replies
from lucida.media.errors import InputError
from tests.bench.toy import FakeEndpoint, Toy, prompt_of, write_toy

FAST = ModelOptions(concurrency=4, retries=2, timeout=20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "data")


def asked(server: FakeEndpoint, data: Path, out: Path, cache: Cache, **options: object) -> tuple[Toy, RunResult]:
    protocol = Toy.load(data, levels=3)
    protocol.data = data
    model = EndpointModel(f"{server.url}#fake", FAST)
    return protocol, run(protocol, model, out, cache=cache, options=RunOptions(**options))  # pyright: ignore


def test_each_video_is_decoded_once_for_all_levels_and_models(data: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with FakeEndpoint() as server:
        _, result = asked(server, data, tmp_path / "run", cache)
        _, again = asked(server, data, tmp_path / "other", Cache(tmp_path / "cache", replies=False))
    assert (result.asked, result.decodes, result.errors) == (24, 2, 0)
    assert (again.asked, again.decodes) == (24, 0)
    body = server.bodies[0]
    kinds = [part["type"] for part in body["messages"][-1]["content"]]
    assert kinds == ["text", "image_url"] * 3 + ["text"]
    assert body["messages"][-1]["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert prompt_of(body).endswith("3 frames.")
    reply = result.replies["0/0"]
    assert len(reply.frame_times) == 3 and reply.frame_size == (24, 32) and reply.tokens == 2


def test_resume_repeats_nothing_and_the_cache_serves_another_run(data: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with FakeEndpoint() as server:
        _, first = asked(server, data, tmp_path / "run", cache, limit=3)
        _, second = asked(server, data, tmp_path / "run", cache)
        _, third = asked(server, data, tmp_path / "run", cache)
        _, cached = asked(server, data, tmp_path / "new", cache)
    assert (first.asked, second.asked, second.replayed) == (9, 15, 9)
    assert (third.asked, third.replayed, third.decodes) == (0, 24, 0)
    assert (cached.asked, cached.cached) == (0, 24)
    assert len(server.bodies) == 24
    assert cached.replies == third.replies


def test_a_saved_file_scores_without_a_model_and_equals_scoring_in_process(data: Path, tmp_path: Path) -> None:
    with FakeEndpoint(lambda body, n: "blue" if "7" in prompt_of(body) else "red") as server:
        protocol, result = asked(server, data, tmp_path / "run", Cache(tmp_path / "cache"))
    here = score_replies(protocol, result.replies)
    saved, _, problems = score_file(protocol, tmp_path / "run")
    assert saved == here and not problems
    assert here.summary["accuracy"] == pytest.approx(100 * 15 / 24)
    exported = {name: reply.raw for name, reply in result.replies.items()}
    (tmp_path / "flat.json").write_text(json.dumps(exported))
    assert score_file(protocol, tmp_path / "flat.json")[0] == here


def test_bad_files_and_rows_are_counted_and_named_never_a_crash(tmp_path: Path) -> None:
    data = write_toy(tmp_path / "data", broken='{"id": 0, "video": "v0.mp4", "answer": "red"}\nnot json\n')
    (data / "v1.mp4").write_bytes(b"this is no film")
    lines = (data / "toy.jsonl").read_text().splitlines()
    lines.insert(0, json.dumps({"id": "gone", "video": "gone.mp4", "answer": "red"}))
    (data / "toy.jsonl").write_text("\n".join(lines))
    with FakeEndpoint() as server:
        protocol, result = asked(server, data, tmp_path / "run", Cache(tmp_path / "cache"))
    assert [line.split(":")[0] for line in protocol.problems] == ["toy.jsonl line 10", "toy.jsonl line 11"]
    errors = {name: reply.error for name, reply in result.replies.items() if reply.error}
    assert len(errors) == result.errors == 15
    assert "gone.mp4" in (errors["gone/0"] or "") and "v1.mp4" in (errors["4/0"] or "")
    score = score_replies(protocol, result.replies)
    assert score.statuses["error"] == 15 and score.n == 27


def test_what_failed_is_asked_again_on_resume(data: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with FakeEndpoint(lambda body, n: (400, "no") if n <= 6 else "red") as server:
        _, first = asked(server, data, tmp_path / "run", cache)
        _, second = asked(server, data, tmp_path / "run", cache)
    assert (first.errors, second.errors, second.asked, second.replayed) == (6, 0, 6, 18)


def test_an_unreachable_endpoint_ends_the_run_with_one_line(data: Path, tmp_path: Path) -> None:
    with FakeEndpoint(lambda body, n: (401, "bad key")) as server, pytest.raises(InputError, match="bad key"):
        asked(server, data, tmp_path / "run", Cache(tmp_path / "cache"))


def test_oracles_and_files_are_models(data: Path, tmp_path: Path) -> None:
    protocol = load_protocol("toy", data)
    cache = Cache(tmp_path / "cache")
    result = run(protocol, load_model("oracle:perfect", protocol), tmp_path / "run", cache=cache)
    assert protocol.score(result.replies).summary["accuracy"] == 100
    again = run(protocol, load_model(f"file:{tmp_path / 'run'}", protocol), tmp_path / "two", cache=cache)
    assert {k: r.raw for k, r in again.replies.items()} == {k: r.raw for k, r in result.replies.items()}
    with pytest.raises(InputError, match="always red"):
        load_model("oracle:nobody", protocol)


def test_shards_part_the_clusters_and_read_back_as_one(data: Path, tmp_path: Path) -> None:
    protocol = load_protocol("toy", data)
    cache = Cache(tmp_path / "cache")
    sizes = []
    for index in range(2):
        model = load_model("oracle:perfect", protocol)
        options = RunOptions(shard=(index, 2))
        result = run(protocol, model, tmp_path / "run" / f"shard-{index}", cache=cache, options=options)
        sizes.append(len(result.replies))
    assert sum(sizes) == 8
    assert score_file(protocol, tmp_path / "run")[0].summary["accuracy"] == 100


def test_a_run_folder_is_refused_to_another_model(data: Path, tmp_path: Path) -> None:
    protocol = load_protocol("toy", data)
    cache = Cache(tmp_path / "cache")
    run(protocol, load_model("oracle:perfect", protocol), tmp_path / "run", cache=cache)
    with pytest.raises(InputError, match="holds a run with model"):
        run(protocol, load_model("oracle:always red", protocol), tmp_path / "run", cache=cache)
