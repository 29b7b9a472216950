"""Reports and pages: the headline first, examples in words, the check of a published table, the list of protocols."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gar_page import Judged, choose, whole_page
from benchmarks.gar_pictures import cards_of, head_of, judged, load_models, says
from lucida.bench.made import make
from lucida.bench.protocol import PROTOCOLS, load_protocol
from lucida.bench.protocols.gar import GARCaption
from lucida.bench.records import Reply, Row
from lucida.bench.report import Scored, headline_tiles, report
from lucida.bench.report_examples import pick
from lucida.bench.scoring import score_document
from lucida.cli.main import main


def test_the_headline_stands_first_with_what_bounds_it(tmp_path: Path) -> None:
    protocol = load_protocol("dlc", make("dlc", tmp_path / "dlc", count=3))
    replies = {
        key: Reply(id=key, raw=reply.raw, seconds=0.5, tokens=8, cost={"regions": 1.0, "passes": 4.0})
        for key, reply in protocol.baselines()["oracle"].items()
    }
    first = next(iter(replies))
    replies[first] = Reply(id=first, raw="", seconds=0.5, tokens=0)
    document = score_document(protocol, protocol.score(replies), replies, draws=100, model="half")
    tiles = {name: (figure, more) for name, figure, more in headline_tiles(document, len(replies))}
    assert list(tiles) == ["mean", "n", "ceiling", "best trivial baseline", "not read", "cost of an item"]
    assert tiles["mean"][1].startswith("95 %") and tiles["best trivial baseline"] == ("0.0", "empty")
    assert tiles["not read"][1] == "1 unparsed" and tiles["cost of an item"][0] == "0.5 s"
    run = Scored(name="half", document=document, compat=None, protocol=protocol, replies=replies)
    page = report([run])
    for words in ("Scripted oracles on this data", "empty description", 'class="chip unparsed"', "<span>asked</span>",
                  "Describe the marked region in detail.", "tokens per pass"):  # fmt: skip
        assert words in page
    assert page.index("class=\"tiles\"") < page.index("<h3>Summary</h3>") < page.index("<h3>Examples</h3>")


def test_examples_that_nothing_can_pass_come_last() -> None:
    rows = [Row(id=f"{n}", item=f"{n}", cluster="a", scores={"x": 0.0}, gold=None if n < 5 else {"answer": "1"})
            for n in range(8)]  # fmt: skip
    assert [row.id for row in pick(rows, "x", 3)] == ["5", "6", "7"]


def test_check_flags_the_three_misprinted_rows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["bench", "check"]) == 0
    told = capsys.readouterr().out
    assert told.count("misprint") == 3 and "3 of 17 rows cannot be right" in told
    row = {"accuracy": 50, "mAM": 50, "mLGM": 69.3}
    row |= {f"m_{kind}_chain{n}": 50 for kind in ("tiou", "viou") for n in (1, 2)}
    (tmp_path / "mine.json").write_text(json.dumps({"right": row, "wrong": {**row, "mLGM": 50}}))
    assert main(["bench", "check", "--table", str(tmp_path / "mine.json"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [one["verdict"] for one in rows] == ["agrees", "misprint"]
    (tmp_path / "bad.json").write_text(json.dumps({"right": {**row, "mAM": "fifty"}}))
    assert main(["bench", "check", "--table", str(tmp_path / "bad.json")]) == 2
    assert "mAM of 'right' is 'fifty'" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROTOCOLS)
def test_list_tells_files_and_options(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["bench", "list", name, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["protocol"]
    assert facts["name"] == name and facts["headline"] and facts["about"] and facts["reads"]
    assert "Raises" not in facts["reads"]


def test_all_failed_is_said_and_exits_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make("dlc", tmp_path / "dlc", count=2)
    (tmp_path / "none.json").write_text(json.dumps({"somebody else's": "a hat"}))
    command = ["bench", "run", "dlc", "--data", "dlc", "--model", "file:none.json", "--cache", "cache"]
    assert main(command) == 1
    told = capsys.readouterr()
    assert "all 2 requests failed, the first: not in file:none.json" in told.err
    assert "error in 2 rows: not in file:none.json" in told.out
    assert (tmp_path / "runs/bench/dlc/file-none.json/score.json").exists()


def test_naming_is_of_what_the_caption_is_of() -> None:
    assert head_of("a small car at the top right, above a flower engine") == "a small car "
    assert says(head_of("a medium bird at the left"), "bird") and not says("a birdcage", "bird")
    known = {"a": Judged(near=0.9), "b": Judged(near=0.1, named=True), "c": Judged(near=float("nan"), placed=True)}
    assert choose(known, 1) == (["b"], ["a"]) and choose(known, 5)[0] == ["b"]


def test_gar_page_shows_every_arm_on_every_picture(tmp_path: Path) -> None:
    bench = load_protocol("gar-caption-detailed", make("gar-caption-detailed", tmp_path / "gar", count=4))
    assert isinstance(bench, GARCaption)
    arms = {name: {item.key: Reply(id=item.key, raw=f"{name} sees a <b>") for item in bench.items}
            for name in ("describe", "describe-twin")}  # fmt: skip

    def encode(texts: list[str]) -> np.ndarray:
        return np.eye(len(texts), 64, dtype=np.float32)

    known = judged(bench, arms["describe"], encode)  # pyright: ignore[reportArgumentType]
    sections = cards_of(bench, arms, known)
    page = whole_page([], ["part"], [["detailed"]], sections)
    assert page.count('class="card"') == sum(len(cards) for _, cards in sections) > 0
    assert page.count("describe-twin sees a &lt;b&gt;") == page.count('class="card"')
    assert "data:image/jpeg;base64," in page


def test_a_model_that_is_missing_is_named() -> None:
    models, missing = load_models(["no-such-describer"])
    assert not models and missing == [missing[0]] and missing[0].startswith("no-such-describer: no model named")
