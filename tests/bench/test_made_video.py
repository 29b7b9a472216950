"""World-made videos in the official formats: exact evidence, deterministic, oracles at their closed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.bench.made import MAKERS, make
from lucida.bench.made_video import make_videozero
from lucida.bench.protocol import PROTOCOLS, Protocol, load_protocol
from lucida.bench.protocols.evidence import objects_iou
from lucida.bench.protocols.grounding import TemporalGrounding
from lucida.bench.protocols.streaming import StreamingBench
from lucida.bench.protocols.videozero import VideoZeroBench
from lucida.bench.protocols.videozero_joint import VideoZeroJoint
from lucida.bench.protocols.videozero_oracles import independent, sees
from lucida.bench.protocols.vstar import VSTaR
from lucida.media.errors import InputError
from lucida.media.video import Video
from lucida.metrics.geometry import spans_iou
from lucida.world.clips import ClipConfig, draw_clip

VIDEO = ("videozero", "vstar", "grounding", "ovo", "streaming")
CLIPS = 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("made")
    return {name: make(name, base / name, count=CLIPS) for name in VIDEO}


def bench(folders: dict[str, Path], name: str, **options: Any) -> Any:
    return load_protocol(name, folders["videozero" if name == "videozero-joint" else name], **options)


def rounded(protocol: Protocol, name: str, *, compat: bool = False) -> dict[str, float]:
    replies = protocol.baselines()[name]
    return {key: round(value, 6) for key, value in protocol.score(replies, compat=compat).summary.items()}


@pytest.mark.parametrize("name", [*VIDEO, "videozero-joint"])
def test_read_by_the_official_readers(folders: dict[str, Path], name: str) -> None:
    protocol = bench(folders, name)
    assert protocol.problems == () and len({r.cluster for r in protocol.requests()}) == CLIPS
    how = json.loads((protocol.data / "world.json").read_text())
    assert how["seed"] == 0 and how["world"] and "OpenMoji" in how["attribution"]
    assert set(MAKERS) <= set(PROTOCOLS)


@pytest.mark.parametrize("name", VIDEO)
def test_same_seed_same_files(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    again = make(name, tmp_path / "again", count=CLIPS)
    other = make(name, tmp_path / "other", count=1, seed=77)
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(folders[name]) for p in folders[name].rglob("*") if p.is_file())
    for file in files:
        if file.suffix != ".mp4":
            assert (again / file).read_bytes() == (folders[name] / file).read_bytes(), file
    assert load_protocol(name, other).revision != load_protocol(name, again).revision


def test_videos_are_h264_and_evidence_is_on_the_clock_of_their_frames(folders: dict[str, Path]) -> None:
    """Boxes hold at the very frame that is on screen at their time, in clips of constant and of variable rate."""
    found: VideoZeroBench = bench(folders, "videozero")
    rates = set()
    for name in dict.fromkeys(item.video for item in found.items):
        seed = int(name[5:11])
        with Video(found.data / "videos" / name) as video:
            times = video.times()
            assert video.duration == pytest.approx(20.0, abs=0.2) and video.work is not None
        assert b"avc1" in (found.data / "videos" / name).read_bytes()
        config = ClipConfig(jitter=0.2 if seed % 2 else 0.0)
        clip = draw_clip(seed, split="test", size=(128, 128), seconds=20.0, fps=8.0, config=config)
        assert times == pytest.approx(np.array(list(clip.times())), abs=1e-6)
        rates.add(bool(np.ptp(np.diff(times)) > 0.01))
        for item in found.items:
            for t, box in item.boxes if item.video == name else ():
                shown = float(times[np.searchsorted(times, t, side="right") - 1])
                assert 0 <= t - shown < 2e-4
                true = [clip.box(thing.index, shown) for thing in clip.objects]
                assert any(b is not None and np.abs(np.subtract(b, box)).max() < 1e-4 for b in true)
    assert rates == {True, False}


def test_videozero_oracles(folders: dict[str, Path]) -> None:
    """The facts file's oracles; what the whole video and the whole frame give is computed here by hand."""
    for unit in ("thousand", "normalised", "pixels"):
        found: VideoZeroBench = bench(folders, "videozero", unit=unit)
        items, n = found.items, len(found.items)
        timed = [item for item in items if item.windows]
        placed = [item for item in items if item.boxes]
        both = [item for item in timed if item.boxes]
        assert 0 < len(both) < min(len(timed), len(placed)) < n  # all four cases occur
        full = {"level1": 100, "level2": 100, "level3": 100, "tiou": 100, "level4": 100 * len(timed) / n,
                "viou": 100, "level5": 100 * len(both) / n}  # fmt: skip
        nothing = dict.fromkeys(full, 0.0)
        for compat in (False, True):
            expected = {
                "oracle-perfect": full,
                "oracle-wrong-evidence": full | dict.fromkeys(("tiou", "level4", "viou", "level5"), 0.0),
                "oracle-wrong-answer": nothing | {"tiou": 100, "viou": 100},
                "oracle-broken-format": nothing if compat else full, "empty": nothing,
            }  # fmt: skip
            for name, figures in expected.items():
                summary = rounded(found, name, compat=compat)
                assert {key: summary[key] for key in full} == pytest.approx(figures, abs=1e-4), (
                    name,
                    compat,
                    unit,
                )
        trivial = rounded(found, "commonest-answer-whole-video")
        shares = [sum(b - a for a, b in _union(item.windows)) / item.duration for item in timed]
        assert trivial["tiou"] == pytest.approx(100 * float(np.mean(shares)), abs=1e-4)
        frames = [
            np.mean([objects_iou(item.boxes_at(t), [(0.0, 0.0, 1.0, 1.0)]) for t in item.key_times])
            for item in placed
        ]
        assert trivial["viou"] == pytest.approx(100 * float(np.mean(frames)), abs=1e-3)
        answers = [item.answer for item in items]
        commonest = max(answers.count(answer) for answer in answers)
        assert trivial["level3"] == pytest.approx(100 * commonest / n)
        assert rounded(found, "oracle-reads-16-frames")["level3"] == pytest.approx(
            100 * sum(sees(item, 16) for item in items) / n
        )


def _union(windows: Any) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for a, b in sorted(windows):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return merged


def test_independent_answers_and_evidence_have_no_lift(tmp_path: Path) -> None:
    target = make_videozero(tmp_path / "many", clips=30, per_clip=8, size=(32, 32), seconds=16.0, fps=4.0)
    found: Any = load_protocol("videozero", target)
    summary = found.score(independent(found.items, 0.5, 0.5)).summary
    share = sum(bool(item.windows) for item in found.items) / len(found.items)
    error = 100 * (0.25 * 0.75 / len(found.items)) ** 0.5
    assert summary["level4"] == pytest.approx(25 * share, abs=3.5 * error)
    assert summary["level4 lift"] == pytest.approx(1.0, abs=3.5 * error / 25)


def test_tsv_and_json_hold_the_same(folders: dict[str, Path], tmp_path: Path) -> None:
    found = bench(folders, "videozero")
    (tmp_path / "VideoZeroBench_world.json").write_bytes(
        (found.data / "VideoZeroBench_world.json").read_bytes()
    )
    assert load_protocol("videozero", tmp_path).items == found.items  # type: ignore[attr-defined]


def test_joint_oracles(folders: dict[str, Path]) -> None:
    found: VideoZeroJoint = bench(folders, "videozero-joint")
    ceiling = 100 * sum(bool(item.windows) for item in found.items) / len(found.items)
    truth, heart = rounded(found, "oracle"), rounded(found, "oracle-by-heart")
    for summary in (truth, heart):
        assert summary["joint"] == pytest.approx(ceiling, abs=1e-4) and summary["lift"] == 1
        for name in ("answer", "tiou", "time precision", "time recall", "box precision", "box recall"):
            assert summary[name] == pytest.approx(100)
    changed = [{p: s[f"changed when {p}"] for p in ("removed", "random", "swapped")} for s in (truth, heart)]
    assert changed == [{"removed": 100, "random": 0, "swapped": 0}, {"removed": 0, "random": 0, "swapped": 0}]
    wrong = rounded(found, "oracle-wrong-evidence")
    assert wrong["answer"] == 100 and wrong["joint"] == wrong["tiou"] == 0 and "lift" not in wrong
    whole = rounded(found, "whole-video")
    shares = [spans_iou(list(i.windows), [(0.0, i.duration)]) for i in found.items if i.windows]
    assert whole["time recall"] == 100 and "changed when removed" not in whole
    assert whole["time precision"] == whole["tiou"] == pytest.approx(100 * float(np.mean(shares)), abs=1e-4)


def test_vstar_oracles(folders: dict[str, Path]) -> None:
    found: VSTaR = bench(folders, "vstar")
    n = len(found.items)
    columns = [f"{name}_chain{c}" for name in ("m_tiou", "m_viou") for c in (1, 2)]
    for compat in (False, True):
        truth, half = rounded(found, "oracle", compat=compat), rounded(found, "oracle-half", compat=compat)
        assert all(truth[name] == 100 for name in ("accuracy", "mAM", *columns)) and "mLGM" not in truth
        share = 100 * ((n + 1) // 2) / n
        assert all(half[name] == pytest.approx(share) for name in ("accuracy", "mAM", *columns))
        assert half["mLGM"] == pytest.approx(-100 * np.log(1 - share / 100), abs=1e-3)
    score = found.score(found.baselines()["oracle-half"])
    rows = [row.scores["mAM"] for row in score.rows]  # so that the headline has an interval
    assert 100 * float(np.mean(rows)) == pytest.approx(score.summary["mAM"])
    assert not any(rounded(found, "empty")[name] for name in ("accuracy", "mAM", "mLGM"))
    trivial = rounded(found, "whole-video-whole-frame")
    tiou = [(i.span[1] - i.span[0]) / i.duration for i in found.items]
    area = [
        np.mean([(b[2] - b[0]) * (b[3] - b[1]) / (i.size[0] * i.size[1]) for _, b in i.boxes])
        for i in found.items
    ]
    assert trivial["m_tiou_chain1"] == pytest.approx(100 * float(np.mean(tiou)), rel=1e-4)
    assert trivial["m_viou_chain1"] == pytest.approx(100 * float(np.mean(area)), rel=1e-4)
    for item in found.items:
        assert item.seconds == [second for second, _ in item.boxes]


@pytest.mark.parametrize("file", [None, "charades/charades_sta_test.txt", "tvgbench/tvgbench.json"])
def test_grounding_oracles(folders: dict[str, Path], file: str | None) -> None:
    found: TemporalGrounding = bench(folders, "grounding", **({} if file is None else {"file": file}))
    assert found.problems == () and len(found.items) > 20
    assert set(rounded(found, "oracle").values()) == {100.0}
    assert set(rounded(found, "empty").values()) == {0.0}
    assert any(len(item.windows) > 1 for item in found.items) == (file is None)
    if file != "charades/charades_sta_test.txt":  # which has no durations
        shares = [max((b - a) for a, b in item.windows) / item.duration for item in found.items]
        assert rounded(found, "whole-video")["mIoU"] == pytest.approx(100 * float(np.mean(shares)), abs=1e-4)


def test_ovo_oracles(folders: dict[str, Path]) -> None:
    found = bench(folders, "ovo")
    assert {query.task for query in found.queries} == {
        "EPM", "ASI", "HLD", "ACR", "ATR", "STU", "OJR", "REC", "SSR", "CRR",
    }  # fmt: skip
    for compat in (False, True):
        assert set(rounded(found, "oracle", compat=compat).values()) == {100.0}
    assert not any(rounded(found, "every-answer").values())
    loose = rounded(
        found, "every-answer", compat=True
    )  # as released: the truth anywhere in the reply is right
    assert all(loose[task] == 100 for task in ("EPM", "ASI", "ACR", "ATR", "STU", "OJR", "SSR", "CRR"))
    for task in ("EPM", "ATR"):
        part = [query for query in found.queries if query.task == task]
        share = 100 * sum(query.gold == "A" for query in part) / len(part)
        assert rounded(found, "always-A-Yes-1")[task] == pytest.approx(share, abs=1e-4)
    assert all(0 < request.media[0].span[1] <= 20 for request in found.requests() if request.media[0].span)


def test_streaming_oracles(folders: dict[str, Path]) -> None:
    found: StreamingBench = bench(folders, "streaming")
    assert {item.part for item in found.choices} == {"real", "omni", "sqa"} and found.alarms
    truth = rounded(found, "oracle")
    off = {"proactive false alarms": 0.0, "proactive seconds off": 0.0}
    assert truth == pytest.approx(dict.fromkeys(truth, 100.0) | off)
    eager = rounded(found, "always-A-yes")
    waits = np.array([item.moment - item.time - 1 for item in found.alarms])
    assert eager["proactive time"] == pytest.approx(100 * float(np.mean(waits <= 2)), abs=1e-4)
    assert eager["proactive seconds off"] == pytest.approx(float(np.mean(waits)), abs=1e-4)
    assert rounded(found, "random-no")["proactive time"] == 0
    chains = [item for item in found.choices if item.before]
    assert chains and all("last question" in item.question for item in chains)


@pytest.mark.parametrize("name", VIDEO)
def test_bad_numbers(tmp_path: Path, name: str) -> None:
    for wrong in ({"clips": 0}, {"seconds": 1.0}, {"seconds": 1e6}, {"size": (8, 8)}):
        with pytest.raises(InputError):
            MAKERS[name](tmp_path / "new", **wrong)
        assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="exists already"):
        MAKERS[name](tmp_path)
    with pytest.raises(InputError, match="the world makes"):
        make("nothing", tmp_path / "new")
