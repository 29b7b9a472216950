"""V-STaR: the published table made again, oracles, the quirks as released and mended."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lucida.bench.judge import Question, Refusal
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.vstar import VSTaR
from lucida.bench.protocols.vstar_table import check_table, log_geometric_mean, published, summarise
from lucida.bench.records import Reply
from lucida.media.errors import InputError


def row(**fields: Any) -> dict[str, Any]:
    return {
        "vid": "a", "domain": "Sports", "fps": 25, "width": 200, "height": 100, "frame_count": 2500,
        "question": "What?",
        "chain": "", "object": "dog", "answer": "A dog", "temporal_question": "When?", "timestamps": [10, 30],
        "spatial_question": "Where?", "spatial_question_2": "Where then?",
        "bboxes": [
            {"timestamp": s, "frame_index": 25 * s, "xmin": 20, "ymin": 10, "xmax": 120, "ymax": 60} for s in (10, 11)
        ],
        **fields,
    }  # fmt: skip


def made(folder: Path, rows: list[Any], **options: Any) -> VSTaR:
    (folder / "V_STaR_test.json").write_text(json.dumps(rows))
    found = load_protocol("vstar", folder, **options)
    assert isinstance(found, VSTaR)
    return found


def test_published_table_flags_three_rows() -> None:
    checks = {check.model: check for check in check_table()}
    assert len(checks) == 17
    bad = {model: check.why for model, check in checks.items() if check.verdict == "misprint"}
    assert bad == {
        "Oryx-1.5-7B": "mAM and mLGM are swapped", "InternVL-2.5-8B": "mLGM recomputes to 22.5",
        "Qwen3-VL-32B": "an accuracy of 57.4 gives both printed figures",
    }  # fmt: skip
    near = {model for model, check in checks.items() if check.verdict == "near"}
    assert near == {"Video-LLaMA3", "TRACE"}
    mended = summarise({**published()["Qwen3-VL-32B"], "accuracy": 57.5})
    assert (round(mended["mAM"], 1), round(mended["mLGM"], 1)) == (33.9, 45.6)


def test_log_geometric_mean_by_hand() -> None:
    assert log_geometric_mean(0.5, 0.5, 0.5) == pytest.approx(math.log(2))
    assert log_geometric_mean(1 - math.exp(-3), 0, 0) == pytest.approx(1)
    assert log_geometric_mean(0.1, 1.0, 0.1) == math.inf


@pytest.mark.parametrize("compat", [False, True])
def test_oracles(tmp_path: Path, compat: bool) -> None:
    bench = made(tmp_path, [row(vid=f"v{n}") for n in range(4)])
    base = bench.baselines()
    perfect = bench.score(base["oracle"], compat=compat)
    assert perfect.summary["mAM"] == pytest.approx(100) and "mLGM" not in perfect.summary
    assert any("infinite" in note for note in perfect.notes)
    half = bench.score(base["oracle-half"], compat=compat).summary
    assert half["mAM"] == pytest.approx(50) and half["mLGM"] == pytest.approx(100 * math.log(2))
    assert half["all three_chain1"] == half["R1@0.7_chain2"] == half["AP@0.9_chain1"] == 50
    trivial = bench.score(base["whole-video-whole-frame"], compat=compat).summary
    assert trivial["m_tiou_chain1"] == trivial["m_tiou_chain2"] == pytest.approx(20)
    assert trivial["m_viou_chain1"] == pytest.approx(25) and trivial["accuracy"] == 0
    nothing = bench.score({}, compat=compat)
    assert nothing.statuses["missing"] == 4 and nothing.summary["mAM"] == 0


def test_requests(tmp_path: Path) -> None:
    bench = made(tmp_path, [row()])
    prompts = {request.id: request.prompt for request in bench.requests()}
    assert list(prompts) == ["0/what", "0/chain1-when", "0/chain1-where", "0/chain2-where", "0/chain2-when"]
    assert "10, 11, 12" in prompts["0/chain1-where"] and "200 by 100" in prompts["0/chain1-where"]
    assert (
        "2 seconds of your choice" in prompts["0/chain2-where"]
        and "[20, 10, 120, 60]" in prompts["0/chain2-when"]
    )
    assert "{{duration}}" in prompts["0/chain1-when"]  # for the engine
    assert bench.requests()[0].media[0].path == "videos/a.mp4"


def column(bench: VSTaR, name: str, reply: Reply, *, compat: bool) -> float:
    what = Reply(id="0/what", raw="dog")
    return bench.score({"0/what": what, reply.id: reply}, compat=compat).rows[0].scores[name]


@pytest.mark.parametrize(
    ("text", "as_released", "mended"),
    [("[10, 30]", 1, 1), ("10 s to 30 s", 1, 1), ("From 0:10 to 0:30", 0, 1), ("In video 2: 10 to 30", 0, 1),
     ("10 to 30, or 40 to 50", 0, 0), ("[30, 40]", 0, 0), ("none", 0, 0), ("[10, 20]", 0.5, 0.5)],
)  # fmt: skip
def test_spans(tmp_path: Path, text: str, as_released: float, mended: float) -> None:
    bench = made(tmp_path, [row()])
    reply = Reply(id="0/chain1-when", raw=text)
    assert column(bench, "tiou_chain1", reply, compat=True) == pytest.approx(as_released)
    assert column(bench, "tiou_chain1", reply, compat=False) == pytest.approx(mended)


def test_boxes_and_their_units(tmp_path: Path) -> None:
    bench = made(tmp_path, [row()])
    shown = {str(s): [10, 5, 60, 30] for s in (10, 11)}  # the same box in a frame of half the size
    reply = Reply(id="0/chain2-where", raw=json.dumps(shown), unit="pixels", frame_size=(50, 100))
    assert column(bench, "viou_chain2", reply, compat=False) == pytest.approx(1)
    assert column(bench, "viou_chain2", reply, compat=True) < 0.3  # the rescaling that is never called
    mille = Reply(
        id="0/chain2-where", raw='So: {"10 s": [100, 100, 600, 600], "12": [1, 1, 2, 2]}', unit="thousand"
    )
    assert column(bench, "viou_chain2", mille, compat=False) == pytest.approx(0.5)  # second 11 is missing
    several = Reply(id="0/chain1-where", raw='{"10": [[0, 0, 1, 1], [20, 10, 120, 60]], "11": "?"}')
    for compat in (False, True):
        assert column(bench, "viou_chain1", several, compat=compat) == pytest.approx(0.5)
    void = Reply(id="0/chain1-where", raw='{"10": [20, 10')
    assert bench.score({void.id: void}).rows[0].scores["viou_chain1"] == 0


def test_items_without_an_answer(tmp_path: Path) -> None:
    bench = made(tmp_path, [row(vid="a"), row(vid="b")])
    oracle = dict(bench.baselines()["oracle"])
    for call in ("what", "chain1-when"):
        del oracle[f"1/{call}"]
    released, mended = bench.score(oracle, compat=True), bench.score(oracle)
    assert released.summary["accuracy"] == mended.summary["accuracy"] == 50
    assert released.summary["m_tiou_chain1"] == 100 and mended.summary["m_tiou_chain1"] == 50
    assert mended.statuses["missing"] == 1


class Fixed:
    name = "fixed"

    def __init__(self, word: str | None) -> None:
        self.word = word

    def choose(self, question: Question) -> str:
        if self.word is None:
            raise Refusal
        assert question.options == ("0", "1", "2", "3") and "A dog" in question.prompt
        return self.word


@pytest.mark.parametrize(("word", "right"), [("3", 100), ("2", 100), ("1", 0), (None, 0)])
def test_judge(tmp_path: Path, word: str | None, right: float) -> None:
    bench = made(tmp_path, [row()])
    replies = {**bench.baselines()["oracle-half"], "0/what": Reply(id="0/what", raw="some hound")}
    score = bench.score(replies, judge=Fixed(word))
    assert score.summary["accuracy"] == 0 and score.judged is not None and score.judged["accuracy"] == right
    assert score.statuses["refused"] == (word is None)


def test_the_same_words_need_no_judge(tmp_path: Path) -> None:
    bench = made(tmp_path, [row()])
    score = bench.score(bench.baselines()["oracle"], judge=Fixed(None))
    assert score.judged is not None and score.judged["accuracy"] == 100 and score.statuses["refused"] == 0
    released = bench.score(bench.baselines()["oracle"], judge=Fixed("1"), compat=True)  # there the judge says it all
    assert released.judged is not None and released.judged["accuracy"] == 0


def test_bad_rows_are_named(tmp_path: Path) -> None:
    gone = row()
    del gone["answer"]
    bad = [gone, row(bboxes=[]), row(timestamps=[5, 1]), 3, row(fps=0)]
    bench = made(tmp_path, [*bad, row()])
    assert [item.id for item in bench.items] == ["5"] and len(bench.problems) == 6
    with pytest.raises(InputError):
        made(tmp_path, bad)
    with pytest.raises(InputError, match="unknown option"):
        made(tmp_path, [row()], nope=1)
