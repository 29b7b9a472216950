"""Parts of a benchmark, figures composed of several means, shared costs: what a summary must not get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lucida.bench.cache import Cache
from lucida.bench.compare import compare
from lucida.bench.made import make
from lucida.bench.models.saved import SavedModel
from lucida.bench.prepare import Prepared
from lucida.bench.protocol import Protocol, load_protocol
from lucida.bench.protocols.masks import MaskBench
from lucida.bench.protocols.vstar import VSTaR
from lucida.bench.records import Reply, Request, Row
from lucida.bench.runner import run
from lucida.bench.scoring import composites, costs, score_document, score_file, score_replies
from lucida.cli.bench_run import lines_of
from lucida.media.errors import InputError
from tests.bench.toy import Toy, write_toy

MADE = {"dlc": "dlc", "ovo": "ovo", "streaming": "streaming", "videozero-joint": "videozero", "parabench": "parabench"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("made")
    return {data: make(data, base / data, count=2, seed=3) for data in dict.fromkeys(MADE.values())}


def oracle(protocol: Protocol) -> dict[str, Reply]:
    return dict(protocol.baselines()["oracle"])


@pytest.mark.parametrize("name", MADE)
def test_the_first_items_are_scored_alone_and_the_score_says_so(folders: dict[str, Path], name: str) -> None:
    whole, part = (load_protocol(name, folders[MADE[name]]) for _ in range(2))
    part.first(1)
    items = {request.item for request in part.requests()}
    assert items == {next(iter(whole.requests())).item}
    score = part.score(oracle(whole))
    assert {row.item for row in score.rows} == items and score.statuses["missing"] == 0
    assert "only the first 1 of" in score.notes[0] and score.provenance["items"].startswith("the first 1 of")
    assert score.provenance["prompts"] != whole.score({}).provenance["prompts"]
    assert set(part.baselines()["oracle"]) <= set(whole.baselines()["oracle"])
    whole.first(10**6)  # more than there are: everything, and nothing to say
    assert whole.part == "" and len(whole.requests()) > len(part.requests())
    with pytest.raises(InputError, match="limit is 0"):
        part.first(0)


def test_composed_figures_are_those_of_the_summary(folders: dict[str, Path]) -> None:
    for name, figure in (("dlc", "mean"), ("ovo", "total"), ("parabench", "overall")):
        protocol = load_protocol(name, folders[name])
        half = {key: reply for n, (key, reply) in enumerate(oracle(protocol).items()) if n % 2}
        score = protocol.score(half)
        found = composites(type(protocol), score.rows, draws=200)[figure]
        assert 100 * found["mean"] == pytest.approx(score.summary[figure], abs=1e-9)
        assert found["low"] <= found["mean"] <= found["high"] and found["clusters"] >= 1
        document = score_document(protocol, score, half, draws=200)
        assert f"95 % interval of {figure}" in "\n".join(lines_of(document))


def test_mlgm_by_hand() -> None:
    means = {"accuracy": 0.61, "tiou_chain1": 0.245, "tiou_chain2": 0.24, "viou_chain1": 0.254, "viou_chain2": 0.06}
    found = VSTaR.composed({name: np.array([value]) for name, value in means.items()})
    assert 100 * float(found["mLGM"][0]) == pytest.approx(46.6, abs=0.1)  # the published row of Open-o3 7B
    assert VSTaR.composed({"accuracy": np.array([0.5])}) == {}
    assert np.isinf(VSTaR.composed({name: np.array([1.0]) for name in means})["mLGM"][0])


def test_composed_intervals_draw_whole_clusters() -> None:
    rows = [Row(id=str(n), item=str(n), cluster=str(n // 2), scores={"positive": v, "negative": 1.0})
            for n, v in enumerate((0.0, 0.0, 1.0, 1.0))]  # fmt: skip
    found = composites(MaskBench, rows)["mean"]
    assert (found["mean"], found["low"], found["high"]) == (0.75, 0.5, 1.0)
    judged = [replace(row, scores={**row.scores, "judged_positive": 1.0}) for row in rows]
    assert composites(MaskBench, judged)["judged_mean"]["mean"] == 1.0


def test_comparison_of_composed_figures(folders: dict[str, Path]) -> None:
    protocol = load_protocol("dlc", folders["dlc"])
    documents = [
        score_document(protocol, protocol.score(replies), replies, draws=50)
        for replies in (oracle(protocol), protocol.baselines()["oracle-class-name"])
    ]
    found = {one.score: one for one in compare(*documents, draws=200)}
    gap = documents[0]["score"]["summary"]["mean"] - documents[1]["score"]["summary"]["mean"]
    assert 100 * found["mean"].difference.mean == pytest.approx(gap)
    assert found["mean"].wins == found["mean"].ties == 0 and found["mean"].difference.low > 0
    assert compare(*documents, score="mean", draws=50)[0].score == "mean"
    with pytest.raises(InputError, match="want one of mean"):
        compare(*documents, score="nothing")


def test_a_shared_decode_is_counted_once() -> None:
    shared = {"regions": 3.0, "passes": 6.0, "decode_seconds": 0.9, "token_forwards": 300.0, "look_seconds": 0.3}
    replies = {str(n): Reply(id=str(n), raw="x", seconds=0.4, tokens=4, cost=shared) for n in range(3)}
    replies["alone"] = Reply(id="alone", raw="x", seconds=1.0, tokens=4, cost={"regions": 1.0, "passes": 2.0})
    found = costs(replies)
    assert found["passes"]["total"] == pytest.approx(8) and found["seconds"]["total"] == pytest.approx(2.2)
    assert found["decode_seconds"]["total"] == pytest.approx(0.9)
    assert found["token_forwards"]["total"] == pytest.approx(300)
    assert found["look_seconds"]["total"] == pytest.approx(0.3)
    assert found["tokens per pass"]["mean"] == pytest.approx(2.0)
    assert "regions" not in found and found["regions per decode"]["mean"] == pytest.approx(2.5)


class Same(Toy):
    """All levels ask the same."""

    def requests(self) -> list[Request]:
        return [replace(one, prompt=f"Say {one.item}.") for one in super().requests()]


class Echo:
    """Says its prompt."""

    name, identity, shows, concurrency, batches = "echo", {"echo": 1}, "nothing", 1, False

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        return [one.reply(one.prompt, model=self.name) for one in requests]


def test_a_folder_read_alone_gives_the_score_of_its_last_run(tmp_path: Path) -> None:
    """Requests that ask the same share a reply, and each of them is in the log under its own id."""
    data, cache = write_toy(tmp_path / "data"), Cache(tmp_path / "cache")
    protocol = Same.load(data, levels=3)
    protocol.data = data
    run(protocol, Echo(), tmp_path / "first", cache=cache)
    for _ in range(2):
        result = run(protocol, Echo(), tmp_path / "second", cache=cache)
        assert result.asked == 0
        saved, replies, _ = score_file(protocol, tmp_path / "second")
        assert set(replies) == {one.id for one in protocol.requests()}
        assert saved == score_replies(protocol, result.replies)
    # The same ids with other prompts come in between: the log's last lines are again those of the last run.
    other = Toy.load(data, levels=3)
    other.data = data
    run(other, Echo(), tmp_path / "second", cache=cache)
    run(protocol, Echo(), tmp_path / "second", cache=cache)
    _, replies, _ = score_file(protocol, tmp_path / "second")
    assert {reply.raw for reply in replies.values()} == {f"Say {one.item}." for one in protocol.requests()}


def test_saved_replies_to_equal_questions_stay_their_own(tmp_path: Path) -> None:
    data = write_toy(tmp_path / "data")
    protocol = Same.load(data, levels=3)
    protocol.data = data
    saved = {one.id: Reply(id=one.id, raw=f"reply to {one.id}") for one in protocol.requests()}
    for folder in ("first", "second"):
        result = run(protocol, SavedModel("saved", saved), tmp_path / folder, cache=Cache(tmp_path / "cache"))
        assert {key: reply.raw for key, reply in result.replies.items()} == {k: r.raw for k, r in saved.items()}
